#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/system/checks.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

const std::string orders = "/api/v1/orders";

Answer patch(Shop& shop, const Customer& admin, const std::string& id, const std::string& body) {
    return shop.client().send("PATCH", "/api/v1/products/" + id, body, admin.auth());
}

TEST(Products, are_made_shown_and_listed) {
    Shop shop;
    const Customer admin = shop.make_admin();
    HttpClient http = shop.client();
    const Answer made =
        http.post("/api/v1/products", R"({"name":"Kettle","description":"Boils.","price":1499.5})", admin.auth());
    ASSERT_EQ(made.status, 201) << made.body;
    EXPECT_NE(made.body.find(R"("price":1499.50,"currency":"INR","active":true)"), std::string::npos) << made.body;
    const std::string id = made.text("productId");
    EXPECT_EQ(http.get("/api/v1/products/" + id).body, made.body);
    const auto listed = list_all(shop, {}, "/api/v1/products");
    ASSERT_EQ(listed.size(), 4u);
    EXPECT_EQ(listed[0], made.json()) << "newest first";
}

TEST(Products, a_price_that_was_changed_prices_the_next_order) {
    Shop shop;
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    const std::string id = shop.add_product(admin, "Kettle", "10", 100);
    HttpClient http = shop.client();
    const Answer before = http.post(orders, order_of(id, 3), customer.auth());
    EXPECT_NE(before.body.find(R"("totalAmount":30.00)"), std::string::npos) << before.body;
    for (int cents = 11; cents < 31; ++cents) {
        const std::string price = "10." + std::to_string(cents);
        ASSERT_EQ(patch(shop, admin, id, R"({"price":)" + price + "}").status, 200);
        const Answer shown = http.get("/api/v1/products/" + id);
        EXPECT_NE(shown.body.find(R"("price":)" + price), std::string::npos) << shown.body;
        const Answer placed = http.post(orders, order_of(id, 1), customer.auth());
        EXPECT_NE(placed.body.find(R"("totalAmount":)" + price), std::string::npos) << placed.body;
    }
    const Answer kept = http.get(orders + "/" + before.text("orderId"), customer.auth());
    EXPECT_NE(kept.body.find(R"("totalAmount":30.00)"), std::string::npos) << kept.body;
}

TEST(Products, that_are_inactive_are_neither_listed_nor_sold) {
    Shop shop;
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    const std::string id = shop.add_product(admin, "Kettle", "10", 100);
    HttpClient http = shop.client();
    EXPECT_EQ(list_all(shop, {}, "/api/v1/products").size(), 4u);
    ASSERT_EQ(patch(shop, admin, id, R"({"active":false})").status, 200);
    EXPECT_EQ(list_all(shop, {}, "/api/v1/products").size(), 3u);
    expect_problem(http.post(orders, order_of(id, 1), customer.auth()), 422, "unknown-product");
    ASSERT_EQ(patch(shop, admin, id, R"({"active":true})").status, 200);
    EXPECT_EQ(http.post(orders, order_of(id, 1), customer.auth()).status, 201);
    expect_problem(patch(shop, admin, "nothing", R"({"price":1})"), 404, "not-found");
    expect_problem(patch(shop, admin, id, R"({"prize":1})"), 422, "unknown-field");
}

TEST(Inventory, is_listed_set_and_adjusted) {
    Shop shop;
    const Customer admin = shop.make_admin();
    const std::string id = shop.add_product(admin, "Kettle", "10", 5);
    const std::string stock = "/api/v1/inventory/" + id + "/bangalore";
    HttpClient http = shop.client();
    EXPECT_EQ(list_all(shop, admin.auth(), "/api/v1/inventory").size(), 4u);
    EXPECT_EQ(list_all(shop, admin.auth(), "/api/v1/inventory?location=bangalore").size(), 4u);
    EXPECT_TRUE(list_all(shop, admin.auth(), "/api/v1/inventory?location=mumbai").empty());
    EXPECT_EQ(http.post(stock + "/adjust", R"({"delta":-2,"reason":"broken"})", admin.auth()).body,
              R"({"available":3,"previous":5})");
    expect_problem(http.post(stock + "/adjust", R"({"delta":-4,"reason":"broken"})", admin.auth()), 422,
                   "validation-failed");
    EXPECT_EQ(shop.available(admin, id), 3);
    EXPECT_EQ(http.send("PUT", stock, R"({"available":9})", admin.auth()).body, R"({"available":9,"previous":3})");
}

TEST(Inventory, an_administrator_sees_the_orders_of_all) {
    Shop shop;
    const Customer one = shop.register_customer();
    const Customer two = shop.register_customer();
    const Customer admin = shop.make_admin();
    HttpClient http = shop.client();
    const std::string id = http.post(orders, demo_order, one.auth()).text("orderId");
    ASSERT_EQ(http.post(orders, demo_order, two.auth()).status, 201);
    EXPECT_EQ(list_all(shop, admin.auth(), orders).size(), 2u);
    const std::string user = http.get("/api/v1/me", one.auth()).text("userId");
    EXPECT_EQ(list_all(shop, admin.auth(), orders + "?userId=" + user).size(), 1u);
    EXPECT_EQ(list_all(shop, two.auth(), orders + "?userId=" + user).size(), 1u);
    EXPECT_NE(text_of(list_all(shop, two.auth(), orders + "?userId=" + user)[0], "orderId"), id);
    EXPECT_EQ(http.get(orders + "/" + id, admin.auth()).status, 200);
}

// A shop whose mails cannot be written: where the folder of the day should be, there is a file.
class BlockedMail {
public:
    explicit BlockedMail(Shop& shop) : shop_(shop), customer(shop.register_customer()) {
        const Answer user = shop.client().get("/api/v1/me", customer.auth());
        day_ = shop.data_dir() / "mail" / user.text("createdAt").substr(0, 10);
        std::ofstream(day_) << "in the way";
    }
    void unblock() const { std::filesystem::remove(day_); }
    // Places an order and waits for the dead letter of its mail.
    std::string dead_letter_of_order(const Customer& admin) {
        order_id = shop_.client().post(orders, demo_order, customer.auth()).text("orderId");
        await_status(shop_, customer.auth(), order_id, "Processed");
        std::string id;
        EXPECT_TRUE(eventually([&] {
            for (const auto& letter : list_all(shop_, admin.auth(), "/api/v1/admin/dead-letters")) {
                if (text_of(letter, "orderId") == order_id) id = text_of(letter, "id");
            }
            return !id.empty();
        })) << shop_.log();
        return id;
    }

private:
    Shop& shop_;
    std::filesystem::path day_;

public:
    Customer customer;
    std::string order_id;
};

const std::vector<std::string> hasty_mail{"--mail-deadline",    "200ms", "--work-backoff-min", "20ms",
                                          "--work-backoff-max", "50ms",  "--work-poll-every",  "20ms"};

TEST(DeadLetters, of_mails_are_listed_requeued_and_discarded_over_http) {
    WAYBILL_EMBEDDED_ONLY("blocks the mail folder of a data directory");
    Shop shop(hasty_mail);
    const Customer admin = shop.make_admin();
    BlockedMail mail(shop);
    const std::string first = mail.dead_letter_of_order(admin);
    const std::string first_order = mail.order_id;
    const std::string second = mail.dead_letter_of_order(admin);
    const auto letters = list_all(shop, admin.auth(), "/api/v1/admin/dead-letters");
    ASSERT_EQ(letters.size(), 2u);
    EXPECT_EQ(text_of(letters[0], "id"), second) << "newest first";
    EXPECT_EQ(text_of(letters[1], "kind"), "send_mail");
    EXPECT_FALSE(text_of(letters[1], "reason").empty());
    HttpClient http = shop.client();
    const boost::json::value stats = http.get("/api/v1/admin/stats", admin.auth()).json();
    EXPECT_EQ(stats.at("deadLetters").to_number<int>(), 2);

    mail.unblock();
    const std::string path = "/api/v1/admin/dead-letters/";
    EXPECT_EQ(http.post(path + first + "/requeue", "", admin.auth()).status, 200);
    await_mail(shop, first_order, "processed");
    EXPECT_EQ(http.post(path + second + "/discard", "", admin.auth()).status, 200);
    EXPECT_TRUE(list_all(shop, admin.auth(), "/api/v1/admin/dead-letters").empty());
    expect_problem(http.post(path + second + "/requeue", "", admin.auth()), 404, "not-found");
    EXPECT_TRUE(shop.mails(mail.order_id).empty());
    EXPECT_EQ(http.get(orders + "/" + mail.order_id, mail.customer.auth()).text("status"), "Processed");
    EXPECT_EQ(shop.available(admin, std::string{first_product}), demo_stock - 2);
}

TEST(DeadLetters, are_handled_by_commands_beside_the_running_server) {
    WAYBILL_EMBEDDED_ONLY("blocks the mail folder of a data directory");
    Shop shop(hasty_mail);
    const Customer admin = shop.make_admin();
    const std::string folder = shop.data_dir().string();
    const auto letters = [&](const std::string& command, const std::string& id) {
        std::vector<std::string> arguments{"dead-letters", command, "--data-dir", folder};
        if (!id.empty()) arguments.push_back(id);
        return run_waybill(arguments);
    };
    EXPECT_EQ(letters("ls", "").out, "no dead letters\n");
    BlockedMail mail(shop);
    const std::string first = mail.dead_letter_of_order(admin);
    const std::string first_order = mail.order_id;
    const std::string second = mail.dead_letter_of_order(admin);
    const ProcessResult listed = letters("ls", "");
    EXPECT_EQ(listed.exit_status, 0) << listed.err;
    EXPECT_LT(listed.out.find(second), listed.out.find(first)) << listed.out;
    mail.unblock();
    EXPECT_EQ(letters("requeue", first).exit_status, 0);
    await_mail(shop, first_order, "processed");
    EXPECT_EQ(letters("discard", second).exit_status, 0);
    const ProcessResult unknown = letters("discard", second);
    EXPECT_EQ(unknown.exit_status, 1);
    EXPECT_TRUE(unknown.err.starts_with("waybill: ")) << unknown.err;
    EXPECT_EQ(letters("ls", "").out, "no dead letters\n");
}

TEST(Commands, write_beside_the_running_server) {
    Shop shop;
    const auto create = [&](const std::string& email, const std::string& password) {
        return shop.run({"user", "create", "--email", email, "--name", "Eve"}, password + "\n");
    };
    const ProcessResult made = create("eve@example.com", "secret");
    EXPECT_EQ(made.exit_status, 0) << made.err;
    EXPECT_NE(made.out.find("eve@example.com"), std::string::npos);
    const Answer login = shop.client().post("/api/v1/auth/login", R"({"email":"eve@example.com","password":"secret"})");
    EXPECT_EQ(login.status, 200) << login.body;
    EXPECT_EQ(text_of(login.json().at("user"), "role"), "customer");
    const ProcessResult twice = create("EVE@example.com", "secret");
    EXPECT_EQ(twice.exit_status, 1);
    EXPECT_TRUE(twice.err.starts_with("waybill: ")) << twice.err;
    EXPECT_EQ(create("adam@example.com", "short").exit_status, 1);
    EXPECT_EQ(create("nonsense", "secret").exit_status, 1);
    const ProcessResult seeded = shop.run({"seed"});
    EXPECT_EQ(seeded.exit_status, 0) << seeded.err;
    EXPECT_NE(seeded.out.find("left alone"), std::string::npos) << seeded.out;
    EXPECT_EQ(shop.client().get("/readyz").status, 200);
}

TEST(Commands, seed_fills_an_empty_catalogue) {
    WAYBILL_EMBEDDED_ONLY("about a second data directory");
    Shop shop;
    const std::string folder = (shop.data_dir() / "other").string();
    const ProcessResult seeded = run_waybill({"seed", "--data-dir", folder});
    EXPECT_EQ(seeded.exit_status, 0) << seeded.err;
    EXPECT_NE(seeded.out.find("three demo products"), std::string::npos) << seeded.out;
}

TEST(Stats, tell_work_counts_and_rates) {
    WAYBILL_EMBEDDED_ONLY("each process counts what it did itself");
    Shop shop;
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    const std::string id = shop.client().post(orders, demo_order, customer.auth()).text("orderId");
    await_mail(shop, id, "processed");
    boost::json::value stats;
    EXPECT_TRUE(eventually([&] {
        stats = shop.client().get("/api/v1/admin/stats", admin.auth()).json();
        return stats.at("countsSinceStart").at("mailsSent").to_number<int>() == 1;
    }));
    EXPECT_EQ(stats.at("countsSinceStart").at("ordersPlaced").to_number<int>(), 1);
    EXPECT_EQ(stats.at("countsSinceStart").at("ordersProcessed").to_number<int>(), 1);
    EXPECT_EQ(stats.at("deadLetters").to_number<int>(), 0);
    EXPECT_EQ(stats.at("orderBatches").at("count").to_number<int>(), 1);
    for (const auto& kind : stats.at("work").as_array()) EXPECT_EQ(kind.at("depth").to_number<int>(), 0);
}

// Each line of the text format: a comment, or a name with optional labels and a number.
void expect_metrics(const Answer& answer) {
    ASSERT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    std::size_t samples = 0;
    for (std::size_t start = 0; start < answer.body.size();) {
        const std::size_t end = answer.body.find('\n', start);
        ASSERT_NE(end, std::string::npos) << "the last line does not end";
        const std::string line = answer.body.substr(start, end - start);
        start = end + 1;
        if (line.starts_with("# HELP ") || line.starts_with("# TYPE ")) continue;
        const std::size_t space = line.rfind(' ');
        ASSERT_NE(space, std::string::npos) << line;
        EXPECT_TRUE(line.starts_with("waybill_") || line.starts_with("process_")) << line;
        char* rest = nullptr;
        (void)std::strtod(line.c_str() + space, &rest);
        EXPECT_EQ(*rest, '\0') << line;
        ++samples;
    }
    EXPECT_GT(samples, 10u);
}

TEST(Metrics, can_be_read_and_have_moved) {
    Shop shop;
    const Customer customer = shop.register_customer();
    const std::string id = shop.client().post(orders, demo_order, customer.auth()).text("orderId");
    await_mail(shop, id, "processed");
    const Answer metrics = shop.client().get("/metrics");
    expect_metrics(metrics);
    EXPECT_NE(metrics.body.find("waybill_orders_placed_total 1"), std::string::npos) << metrics.body;
    EXPECT_EQ(metrics.body.find(id), std::string::npos) << "an id is a label";
}

}  // namespace
}  // namespace waybill::system_test
