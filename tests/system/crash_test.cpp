#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <signal.h>
#include <thread>

#include "tests/system/checks.hpp"
#include "tests/system/fulfilment_server.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

const std::string orders = "/api/v1/orders";
constexpr int clients = 6;

struct Attempt {
    std::string body;    // of the request
    std::string answer;  // of the 201; empty while the outcome is not known
};

// Every order that clients have tried to place, by key.
class Ledger {
public:
    void begin(const std::string& key, const std::string& body) {
        const std::lock_guard lock(mutex_);
        attempts_[key].body = body;
    }
    void acknowledge(const std::string& key, const std::string& answer) {
        const std::lock_guard lock(mutex_);
        attempts_[key].answer = answer;
        ++acknowledged_;
    }
    [[nodiscard]] std::map<std::string, Attempt> attempts() const {
        const std::lock_guard lock(mutex_);
        return attempts_;
    }
    [[nodiscard]] int acknowledged() const { return acknowledged_; }

private:
    mutable std::mutex mutex_;
    std::map<std::string, Attempt> attempts_;
    std::atomic<int> acknowledged_{0};
};

// Places orders until the server is gone.
void buy_until_cut_off(Shop& shop, const Customer& customer, const std::vector<std::string>& products,
                       const std::string& prefix, Ledger& ledger) {
    HttpClient http = shop.client();
    for (int i = 0;; ++i) {
        const std::string key = prefix + "-" + std::to_string(i);
        const std::string body = order_of(products[static_cast<std::size_t>(i) % products.size()], i % 5 + 1);
        ledger.begin(key, body);
        const Answer answer = http.post(orders, body, with(customer.auth(), "Idempotency-Key", key));
        if (answer.status == 0) return;
        ASSERT_EQ(answer.status, 201) << answer.body;
        ledger.acknowledge(key, answer.body);
        if (i % 4 == 3) (void)http.post(orders + "/" + answer.text("orderId") + "/cancel", "", customer.auth());
    }
}

std::map<std::string, boost::json::value> orders_by_id(Shop& shop, const Customer& customer) {
    std::map<std::string, boost::json::value> found;
    for (const auto& order : list_all(shop, customer.auth(), orders)) found.emplace(text_of(order, "orderId"), order);
    return found;
}

void expect_all_acknowledged(Shop& shop, const Customer& customer, const Ledger& ledger) {
    const auto found = orders_by_id(shop, customer);
    for (const auto& [key, attempt] : ledger.attempts()) {
        if (attempt.answer.empty()) continue;
        const boost::json::value placed = boost::json::parse(attempt.answer);
        const auto order = found.find(text_of(placed, "orderId"));
        ASSERT_NE(order, found.end()) << "lost: " << attempt.answer;
        EXPECT_EQ(order->second.at("items"), placed.at("items"));
        EXPECT_EQ(order->second.at("totalAmount"), placed.at("totalAmount"));
        EXPECT_EQ(order->second.at("createdAt"), placed.at("createdAt"));
    }
}

// What was asked without an answer is asked again: there is one order or none, and then one.
void repeat_unknown(Shop& shop, const Customer& customer, Ledger& ledger) {
    HttpClient http = shop.client();
    for (const auto& [key, attempt] : ledger.attempts()) {
        if (!attempt.answer.empty()) continue;
        const Answer answer = http.post(orders, attempt.body, with(customer.auth(), "Idempotency-Key", key));
        ASSERT_EQ(answer.status, 201) << answer.body;
        ledger.acknowledge(key, answer.body);
    }
}

bool all_terminal(Shop& shop, const Customer& customer) {
    for (const auto& [id, order] : orders_by_id(shop, customer)) {
        if (!is_terminal(text_of(order, "status"))) return false;
    }
    return true;
}

void expect_settled_and_conserved(Shop& shop, const Customer& customer, const Customer& admin,
                                  const std::vector<std::string>& products, long stock, const Ledger& ledger) {
    EXPECT_TRUE(eventually([&] { return all_terminal(shop, customer); }, 60'000));
    const auto found = list_all(shop, customer.auth(), orders);
    EXPECT_EQ(found.size(), ledger.attempts().size()) << "an order that nobody asked for, or one too few";
    for (const std::string& product : products) {
        EXPECT_EQ(shop.available(admin, product) + quantity_held(found, product), stock);
    }
    EXPECT_TRUE(eventually([&] { return shop.mails().size() >= found.size(); }));
    EXPECT_EQ(shop.mails().size(), found.size());
    for (const auto& order : found) {
        std::string state = text_of(order, "status");
        state[0] = static_cast<char>(state[0] - 'A' + 'a');
        EXPECT_EQ(shop.mails(text_of(order, "orderId") + "-" + state + ".eml").size(), 1u);
    }
}

TEST(Crash, ten_kills_under_load_lose_nothing_and_double_nothing) {
    Shop shop({"--jwt-expires-in", "1h", "--work-lease", "3s", "--work-heartbeat", "1s", "--fulfilment-timeout", "2s"});
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    constexpr long stock = 100'000;
    const std::vector<std::string> products{shop.add_product(admin, "One", "10.50", stock),
                                            shop.add_product(admin, "Two", "0.99", stock)};
    Ledger ledger;
    // How many orders a round acknowledges before its kill; 0 kills during the recovery.
    const std::vector<int> rounds{40, 1, 0, 90, 7, 0, 0, 60, 23, 120};
    for (std::size_t round = 0; round < rounds.size(); ++round) {
        const int target = ledger.acknowledged() + rounds[round];
        std::vector<std::jthread> threads;
        for (int i = 0; i < clients; ++i) {
            threads.emplace_back([&, prefix = std::to_string(round) + "-" + std::to_string(i)] {
                buy_until_cut_off(shop, customer, products, prefix, ledger);
            });
        }
        EXPECT_TRUE(eventually([&] { return ledger.acknowledged() >= target; }, 60'000));
        shop.kill();
        threads.clear();
        shop.start();
        if (rounds[round] == 0) continue;  // and killed again before anything is looked at
        expect_all_acknowledged(shop, customer, ledger);
        repeat_unknown(shop, customer, ledger);
    }
    repeat_unknown(shop, customer, ledger);
    expect_all_acknowledged(shop, customer, ledger);
    expect_settled_and_conserved(shop, customer, admin, products, stock, ledger);
    EXPECT_EQ(shop.terminate(), 0) << shop.log();
}

TEST(Crash, an_order_that_was_being_fulfilled_is_called_again_with_the_same_key) {
    FulfilmentServer service;
    service.hold();
    Shop shop(service.flags({"--work-lease", "2s", "--work-heartbeat", "500ms", "--fulfilment-timeout", "1500ms"}));
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    const std::string id = shop.client().post(orders, demo_order, customer.auth()).text("orderId");
    ASSERT_TRUE(eventually([&] { return !service.calls().empty(); }));
    await_status(shop, customer.auth(), id, "Processing");
    shop.kill();
    service.release();
    shop.start();
    await_status(shop, customer.auth(), id, "Processed");
    await_mail(shop, id, "processed");
    const auto calls = service.calls();
    ASSERT_EQ(calls.size(), 2u);
    EXPECT_EQ(calls[0].order_id(), id);
    EXPECT_EQ(calls[1].order_id(), id);
    EXPECT_EQ(calls[0].body, calls[1].body);
    EXPECT_EQ(shop.available(admin, std::string{first_product}), demo_stock - 1);
}

// I9, from outside: the lease ends while the process stands still, so its answer comes too late.
TEST(Crash, a_server_that_was_stopped_beyond_its_lease_settles_each_order_once) {
    FulfilmentServer service;
    service.hold();
    Shop shop(service.flags({"--work-lease", "1s", "--work-heartbeat", "300ms", "--fulfilment-timeout", "900ms",
                             "--work-backoff-min", "10ms", "--work-backoff-max", "50ms", "--work-poll-every", "20ms"}));
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    const std::string id = shop.client().post(orders, demo_order, customer.auth()).text("orderId");
    ASSERT_TRUE(eventually([&] { return !service.calls().empty(); }));
    shop.pause();
    service.release();
    HttpClient silent(shop.port(), 1'200);  // longer than the lease
    EXPECT_EQ(silent.get("/livez").status, 0);
    shop.signal(SIGCONT);
    await_status(shop, customer.auth(), id, "Processed");
    await_mail(shop, id, "processed");
    EXPECT_EQ(shop.available(admin, std::string{first_product}), demo_stock - 1);
    for (const auto& call : service.calls()) EXPECT_EQ(call.order_id(), id);
}

// I15: every lease of the order ends with the process.
TEST(Crash, an_order_that_kills_its_worker_fails_once_and_leaves_a_dead_letter) {
    FulfilmentServer service;
    service.hold();
    Shop shop(service.flags({"--work-lease", "1s", "--work-heartbeat", "300ms", "--fulfilment-timeout", "900ms",
                             "--attempts-max", "2", "--work-poll-every", "20ms"}));
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    const std::string id = shop.client().post(orders, demo_order, customer.auth()).text("orderId");
    const auto has_failed = [&] {
        return shop.client().get(orders + "/" + id, customer.auth()).text("status") == "Failed";
    };
    int kills = 0;
    for (std::size_t seen = 0; kills < 6 && !has_failed(); ++kills) {
        ASSERT_TRUE(eventually([&] { return service.calls().size() > seen || has_failed(); }));
        shop.kill();
        seen = service.calls().size();
        shop.start();
    }
    EXPECT_GE(kills, 1);
    const Answer failed = await_status(shop, customer.auth(), id, "Failed");
    EXPECT_FALSE(failed.text("reason").empty());
    EXPECT_EQ(shop.available(admin, std::string{first_product}), demo_stock);
    await_mail(shop, id, "failed");
    const auto letters = list_all(shop, admin.auth(), "/api/v1/admin/dead-letters");
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_EQ(text_of(letters[0], "orderId"), id);
    EXPECT_EQ(text_of(letters[0], "kind"), "process_order");
    const std::string letter = "/api/v1/admin/dead-letters/" + text_of(letters[0], "id");
    HttpClient http = shop.client();
    expect_problem(http.post(letter + "/requeue", "", admin.auth()), 409, "invalid-transition");
    EXPECT_EQ(http.post(letter + "/discard", "", admin.auth()).status, 200);
    expect_problem(http.post(letter + "/discard", "", admin.auth()), 404, "not-found");
    EXPECT_EQ(http.get(orders + "/" + id, customer.auth()).text("status"), "Failed");
    EXPECT_EQ(shop.available(admin, std::string{first_product}), demo_stock);
}

}  // namespace
}  // namespace waybill::system_test
