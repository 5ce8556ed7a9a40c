// What Prometheus reads, held against the tools and files that read it.
#include <gtest/gtest.h>

#include <sys/wait.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sqlite3.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/system/checks.hpp"
#include "tests/system/fulfilment_server.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

const std::string orders = "/api/v1/orders";

std::vector<std::string> metrics_of_all(Shop& shop) {
    if (parts_of_tests() == Parts::embedded) return {shop.client().get("/metrics").body};
    std::vector<std::string> all;
    for (const ServerProcess* process : shop.set().processes()) {
        all.push_back(HttpClient(process->port()).get("/metrics").body);
    }
    return all;
}

// -1 where it is not shown.
double value_of(const std::string& metrics, const std::string& sample) {
    const std::size_t at = ("\n" + metrics).find("\n" + sample + " ");
    return at == std::string::npos ? -1 : std::stod(metrics.substr(at + sample.size()));
}

struct Checked {
    int status = -1;
    std::string said;
};

// tests/watch/watch.py over what every process shows.
Checked check_live(const std::vector<std::string>& shown) {
    const std::filesystem::path folder = make_folder();
    std::string command = "/usr/bin/python3 " WAYBILL_SOURCE_DIR "/tests/watch/watch.py live " WAYBILL_SOURCE_DIR;
    command += parts_of_tests() == Parts::embedded ? " embedded" : " production";
    for (std::size_t i = 0; i < shown.size(); ++i) {
        const std::filesystem::path file = folder / std::to_string(i);
        std::ofstream(file) << shown[i];
        command += " " + file.string();
    }
    Checked checked;
    std::FILE* output = ::popen((command + " 2>&1").c_str(), "r");
    for (int c = std::fgetc(output); c != EOF; c = std::fgetc(output)) checked.said += static_cast<char>(c);
    const int status = ::pclose(output);
    checked.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    std::filesystem::remove_all(folder);
    return checked;
}

TEST(Metrics, promtool_the_alerts_and_the_dashboard_find_what_they_expect) {
    Shop shop;
    const Customer customer = shop.register_customer();
    await_mail(shop, shop.client().post(orders, demo_order, customer.auth()).text("orderId"), "processed");
    const Checked checked = check_live(metrics_of_all(shop));
    EXPECT_EQ(checked.status, 0) << checked.said;
    EXPECT_EQ(checked.said, "nothing to say\n");
}

TEST(Metrics, say_what_the_administrator_is_told) {
    Shop shop;
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    HttpClient http = shop.client();
    for (int i = 0; i < 3; ++i) ASSERT_EQ(http.post(orders, demo_order, customer.auth()).status, 201);
    expect_problem(http.post(orders, order_of("nothing", 1), customer.auth()), 422, "unknown-product");
    const std::string sold_out = shop.add_product(admin, "Rare", "10", 1);
    expect_problem(http.post(orders, order_of(sold_out, 2), customer.auth()), 409, "insufficient-stock");

    const std::map<std::string, std::string> names{{"ordersPlaced", "waybill_orders_placed_total"},
                                                   {"ordersRefused", "waybill_orders_refused_total"},
                                                   {"stockRefusals", "waybill_stock_refusals_total"},
                                                   {"ordersOverloaded", "waybill_orders_overloaded_total"}};
    const boost::json::value told = http.get("/api/v1/admin/stats", admin.auth()).json();
    const std::string metrics = http.get("/metrics").body;
    for (const auto& [word, name] : names) {
        EXPECT_EQ(value_of(metrics, name), told.at("countsSinceStart").at(word).to_number<double>()) << word;
    }
    EXPECT_EQ(value_of(metrics, "waybill_orders_placed_total"), 3);
    EXPECT_EQ(value_of(metrics, "waybill_stock_refusals_total"), 1);
    EXPECT_EQ(value_of(metrics, R"(waybill_http_problems_total{code="unknown-product"})"), 1);
}

TEST(MetricsOfOneProcess, show_a_partner_that_is_away_and_the_work_that_waits_for_it) {
    std::atomic<bool> answers{false};
    FulfilmentServer service([&](const FulfilmentCall&) { return FulfilmentAnswer{answers ? 200 : 503, "{}"}; });
    Shop shop(Parts::embedded, service.flags({"--work-backoff-max", "200ms", "--work-poll-every", "20ms"}));
    const Customer customer = shop.register_customer();
    HttpClient http = shop.client();
    const std::string id = http.post(orders, demo_order, customer.auth()).text("orderId");
    const auto shows = [&](const std::string& sample, auto holds) {
        return eventually([&] { return holds(value_of(http.get("/metrics").body, sample)); });
    };
    const std::string up = R"(waybill_dependency_up{dependency="fulfilment"})";
    const std::string waiting = R"(waybill_work_items{kind="process_order"})";
    const std::string age = R"(waybill_work_oldest_age_seconds{kind="process_order"})";
    EXPECT_TRUE(shows(up, [](double value) { return value == 0; }));
    EXPECT_NE(http.get("/readyz").body.find(R"("degraded":["fulfilment"])"), std::string::npos);
    EXPECT_TRUE(shows(waiting, [](double value) { return value == 1; }));
    EXPECT_TRUE(shows(age, [](double value) { return value > 0; }));
    EXPECT_TRUE(shows(R"(waybill_work_retries_total{kind="process_order"})", [](double value) { return value > 1; }));

    answers = true;
    await_status(shop, customer.auth(), id, "Processed");
    EXPECT_TRUE(shows(up, [](double value) { return value == 1; }));
    EXPECT_TRUE(shows(waiting, [](double value) { return value == 0; }));
    const std::string done = R"(waybill_work_tries_total{kind="process_order",outcome="done"})";
    EXPECT_EQ(value_of(http.get("/metrics").body, done), 1);
}

// Any other process that writes for long does this to the tables.
class HeldTables {
public:
    explicit HeldTables(const std::filesystem::path& database) {
        if (sqlite3_open(database.c_str(), &db_) != SQLITE_OK) throw std::runtime_error("the tables cannot be opened");
        sqlite3_busy_timeout(db_, 30'000);
        if (!run("BEGIN IMMEDIATE")) throw std::runtime_error(sqlite3_errmsg(db_));
    }
    ~HeldTables() {
        run("ROLLBACK");
        sqlite3_close(db_);
    }
    HeldTables(const HeldTables&) = delete;
    HeldTables& operator=(const HeldTables&) = delete;

private:
    bool run(const char* sql) { return sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK; }
    sqlite3* db_ = nullptr;
};

TEST(MetricsOfOneProcess, show_the_orders_that_the_tables_have_not_taken) {
    Shop shop;
    const Customer customer = shop.register_customer();
    HttpClient http = shop.client();
    const auto in_journal = [&] { return value_of(http.get("/metrics").body, "waybill_orders_in_journal"); };
    EXPECT_EQ(in_journal(), 0);
    {
        const HeldTables held(shop.data_dir() / "waybill.db");
        for (int i = 0; i < 3; ++i) ASSERT_EQ(http.post(orders, demo_order, customer.auth()).status, 201);
        EXPECT_EQ(in_journal(), 3);
    }
    EXPECT_TRUE(eventually([&] { return in_journal() == 0; }));
}

}  // namespace
}  // namespace waybill::system_test
