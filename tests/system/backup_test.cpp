// `waybill backup` beside a server that takes orders, and `waybill restore` after it is gone.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include "domain/time.hpp"
#include "tests/system/checks.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

namespace fs = std::filesystem;

std::string now_text() { return format_rfc3339(std::chrono::floor<Milliseconds>(std::chrono::system_clock::now())); }

struct Acknowledged {
    std::string body;  // of the 201
    std::string at;    // when it was there
};

// Orders of several clients, until the server is gone.
class Customers {
public:
    Customers(Shop& shop, const Customer& customer) {
        for (int client = 0; client < 4; ++client) {
            threads_.emplace_back([&shop, customer, client, this] {
                HttpClient http = shop.client();
                for (int i = 0;; ++i) {
                    const Answer answer = http.post(
                        "/api/v1/orders", demo_order,
                        with(customer.auth(), "Idempotency-Key", std::to_string(client) + "-" + std::to_string(i)));
                    if (answer.status == 0) return;
                    EXPECT_EQ(answer.status, 201) << answer.body;
                    const std::lock_guard lock(mutex_);
                    acknowledged_[answer.text("orderId")] = {answer.body, now_text()};
                    ++count_;
                }
            });
        }
    }
    [[nodiscard]] int count() const { return count_; }
    std::map<std::string, Acknowledged> wait() {
        threads_.clear();
        return acknowledged_;
    }

private:
    std::mutex mutex_;
    std::map<std::string, Acknowledged> acknowledged_;
    std::atomic<int> count_{0};
    std::vector<std::jthread> threads_;
};

std::string value_of(const std::string& report, const std::string& name) {
    const std::size_t at = report.find(name);
    if (at == std::string::npos) return {};
    const std::size_t begin = report.find_first_not_of(' ', at + name.size());
    return report.substr(begin, report.find_first_of(" \n", begin) - begin);
}

std::string number_of(const std::string& report, const std::string& name) {
    std::string plain = value_of(report, name);
    std::erase(plain, ',');
    return plain;
}

// The part of a 201 that stays the same for good.
std::string items_of(const boost::json::value& order) {
    return boost::json::serialize(order.at("items")) + boost::json::serialize(order.at("totalAmount"));
}

TEST(Backup, under_load_holds_every_order_that_was_answered_before_the_moment_it_names) {
    WAYBILL_EMBEDDED_ONLY("MongoDB has tools of its own");
    Shop shop({"--rate-limit-api", "0"});
    const Customer customer = shop.register_customer("ada@example.com");
    const fs::path folder = make_folder();
    const fs::path file = folder / "shop.backup";
    Customers customers(shop, customer);
    ASSERT_TRUE(eventually([&] { return customers.count() > 60; }));
    const ProcessResult taken = shop.run({"backup", file.string()});
    ASSERT_EQ(taken.exit_status, 0) << taken.err;
    const int then = customers.count();
    ASSERT_TRUE(eventually([&] { return customers.count() > then + 20; }));
    shop.kill();
    const auto acknowledged = customers.wait();
    const std::string moment = value_of(taken.out, "complete up to");
    ASSERT_EQ(moment.size(), 24u) << taken.out;

    const fs::path data = folder / "restored";
    const ProcessResult restored = run_waybill({"restore", file.string(), "--data-dir", data.string()});
    ASSERT_EQ(restored.exit_status, 0) << restored.err;
    EXPECT_EQ(value_of(restored.out, "complete up to"), moment);
    ServerProcess server(folder, "restored",
                         {"serve", "--data-dir", data.string(), "--listen", "127.0.0.1:0", "--rate-limit-api", "0"});
    server.start();
    HttpClient http(server.port());
    // The secret came along: the token of the first server is good here.
    ASSERT_EQ(http.get("/api/v1/me", customer.auth()).status, 200);

    int present = 0;
    int due = 0;
    for (const auto& [id, order] : acknowledged) {
        const Answer found = http.get("/api/v1/orders/" + id, customer.auth());
        const bool must_be_there = order.at < moment;
        due += must_be_there ? 1 : 0;
        EXPECT_TRUE(found.status == 200 || !must_be_there) << id << " of " << order.at << ", moment " << moment;
        if (found.status != 200) continue;
        ++present;
        EXPECT_EQ(items_of(found.json()), items_of(boost::json::parse(order.body)));
    }
    EXPECT_GT(due, 50);
    // What was not answered before the server died may be there too, whole.
    std::string cursor;
    long orders = 0;
    do {
        const Answer page = http.get("/api/v1/orders?limit=100" + cursor, customer.auth());
        ASSERT_EQ(page.status, 200);
        orders += static_cast<long>(page.json().at("data").as_array().size());
        cursor = page.text("nextCursor").empty() ? "" : "&cursor=" + page.text("nextCursor");
    } while (!cursor.empty());
    EXPECT_GE(orders, present);
    EXPECT_EQ(std::to_string(orders), number_of(taken.out, "  orders"));
    EXPECT_EQ(std::to_string(3 * demo_stock - 3 * orders), number_of(taken.out, "products        3,"));
    fs::remove_all(folder);
}

TEST(Backup, is_not_restored_beside_a_server_and_restoring_can_be_undone) {
    WAYBILL_EMBEDDED_ONLY("MongoDB has tools of its own");
    Shop shop;
    const Customer customer = shop.register_customer();
    const fs::path folder = make_folder();
    const fs::path file = folder / "shop.backup";
    ASSERT_EQ(shop.run({"backup", file.string()}).exit_status, 0);
    const ProcessResult again = shop.run({"backup", file.string()});
    EXPECT_EQ(again.exit_status, 1);
    EXPECT_NE(again.err.find("--force"), std::string::npos) << again.err;
    EXPECT_EQ(shop.run({"backup", file.string(), "--force"}).exit_status, 0);
    const std::string id = shop.client().post("/api/v1/orders", demo_order, customer.auth()).text("orderId");

    const ProcessResult refused = shop.run({"restore", file.string()});
    EXPECT_EQ(refused.exit_status, 1);
    EXPECT_NE(refused.err.find("Another Waybill server (process " + std::to_string(shop.pid())), std::string::npos)
        << refused.err;
    EXPECT_EQ(shop.client().get("/api/v1/orders/" + id, customer.auth()).status, 200);

    shop.kill();
    const ProcessResult restored = shop.run({"restore", file.string()});
    ASSERT_EQ(restored.exit_status, 0) << restored.err;
    shop.start();
    EXPECT_EQ(shop.client().get("/api/v1/orders/" + id, customer.auth()).status, 404);
    ASSERT_EQ(shop.client().post("/api/v1/orders", demo_order, customer.auth()).status, 201);
    // Its log and its journal stay.
    shop.kill();

    const std::string replaced = value_of(restored.out, "is kept in");
    ASSERT_FALSE(replaced.empty()) << restored.out;
    EXPECT_NE(restored.out.find("waybill restore '" + replaced + "' --data-dir '" + shop.data_dir().string() + "'"),
              std::string::npos)
        << restored.out;
    const ProcessResult undone = shop.run({"restore", replaced});
    ASSERT_EQ(undone.exit_status, 0) << undone.err;
    shop.start();
    EXPECT_EQ(shop.client().get("/api/v1/orders/" + id, customer.auth()).status, 200);
    fs::remove_all(folder);
}

TEST(Backup, on_mongo_names_its_tools) {
    for (const std::string command : {"backup", "restore"}) {
        const ProcessResult result = run_waybill(
            {command, "file"}, {}, {"MONGO_URI=mongodb://127.0.0.1:1/", "JWT_SECRET=" + std::string(40, 'k')});
        EXPECT_EQ(result.exit_status, 1);
        EXPECT_NE(result.err.find(command == "backup" ? "mongodump" : "mongorestore"), std::string::npos) << result.err;
    }
    EXPECT_FALSE(fs::exists("file"));
}

}  // namespace
}  // namespace waybill::system_test
