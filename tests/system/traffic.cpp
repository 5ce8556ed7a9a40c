#include "tests/system/traffic.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/system/checks.hpp"

namespace waybill::system_test {

namespace {

namespace json = boost::json;

const std::string orders = "/api/v1/orders";
constexpr std::size_t clients = 4;
constexpr long stock = 100'000;
constexpr int settle_timeout_ms = 60'000;
// Between an answer and the next order of a client, so that a fault meets traffic and not a flood.
constexpr std::chrono::milliseconds pace{20};

// 503 says when to come again; 504 says that it may have been done; none: the process was killed.
bool may_be_answered(const Answer& answer) {
    if (answer.status == 503) return !answer.header("retry-after").empty();
    return answer.status == 0 || answer.status == 201 || answer.status == 504;
}

}  // namespace

Traffic::Traffic(Shop& shop) : shop_(shop), customer_(shop.register_customer()), admin_(shop.make_admin()) {
    products_ = {shop.add_product(admin_, "One", "10.50", stock), shop.add_product(admin_, "Two", "0.99", stock)};
}

Traffic::~Traffic() { stop(); }

void Traffic::start() {
    ++round_;
    for (std::size_t i = 0; i < clients; ++i) {
        threads_.emplace_back([this, i](const std::stop_token& stop) { place_until_stopped(i, stop); });
    }
}

void Traffic::stop() {
    for (std::jthread& thread : threads_) thread.request_stop();
    threads_.clear();
}

void Traffic::place_until_stopped(std::size_t client, const std::stop_token& stop) {
    const std::string prefix = std::to_string(round_) + "-" + std::to_string(client) + "-";
    for (int i = 0; !stop.stop_requested(); ++i) {
        // Anew each time: a process that was killed comes back on another port.
        HttpClient http = shop_.set().client((client + static_cast<std::size_t>(i)) % 2);
        place(http, prefix + std::to_string(i),
              order_of(products_[static_cast<std::size_t>(i) % products_.size()], i % 5 + 1));
        std::unique_lock lock(mutex_);
        stopped_.wait_for(lock, stop, pace, [] { return false; });
    }
}

void Traffic::place(HttpClient& http, const std::string& key, const std::string& body) {
    {
        const std::lock_guard lock(mutex_);
        attempts_[key].body = body;
    }
    const Answer answer = http.post(orders, body, with(customer_.auth(), "Idempotency-Key", key));
    EXPECT_TRUE(may_be_answered(answer)) << answer.status << " " << answer.body;
    ++asked_;
    if (answer.status != 201) return;
    const std::lock_guard lock(mutex_);
    attempts_[key].answer = answer.body;
    ++accepted_;
}

Traffic::Counts Traffic::counts() const { return {asked_, accepted_}; }

void Traffic::await_accepted(int more) {
    const int target = accepted_ + more;
    EXPECT_TRUE(eventually([&] { return accepted_ >= target; })) << "no orders are accepted";
}

std::map<std::string, Traffic::Attempt> Traffic::attempts() const {
    const std::lock_guard lock(mutex_);
    return attempts_;
}

void Traffic::repeat_unknown() {
    HttpClient http = shop_.client();
    for (const auto& [key, attempt] : attempts()) {
        if (!attempt.answer.empty()) continue;
        EXPECT_TRUE(eventually([&] {
            place(http, key, attempt.body);
            return !attempts().at(key).answer.empty();
        })) << key
            << " is never accepted";
    }
}

void Traffic::expect_settled() {
    stop();
    repeat_unknown();
    HttpClient http = shop_.client();
    const auto none_is = [&](const std::string& status) {
        return http.get(orders + "?limit=1&status=" + status, customer_.auth()).body.find(R"("data":[])") !=
               std::string::npos;
    };
    EXPECT_TRUE(eventually([&] { return none_is("Pending") && none_is("Processing"); }, settle_timeout_ms));
    expect_orders_and_stock();
    expect_mails();
    EXPECT_TRUE(list_all(shop_, admin_.auth(), "/api/v1/admin/dead-letters").empty());
}

void Traffic::expect_orders_and_stock() {
    std::map<std::string, json::value> found;
    const json::array listed = list_all(shop_, customer_.auth(), orders);
    for (const json::value& order : listed) {
        found.emplace(text_of(order, "orderId"), order);
        EXPECT_EQ(text_of(order, "status"), "Processed") << json::serialize(order);
        EXPECT_LE(text_of(order, "createdAt"), text_of(order, "updatedAt"));
    }
    const auto asked = attempts();
    EXPECT_EQ(found.size(), asked.size()) << "an order that nobody asked for, or one too few";
    for (const auto& [key, attempt] : asked) {
        if (attempt.answer.empty()) continue;
        const json::value placed = json::parse(attempt.answer);
        const auto order = found.find(text_of(placed, "orderId"));
        ASSERT_NE(order, found.end()) << "lost: " << attempt.answer;
        for (const char* member : {"items", "totalAmount", "createdAt"}) {
            EXPECT_EQ(order->second.at(member), placed.at(member));
        }
    }
    for (const std::string& product : products_) {
        EXPECT_EQ(shop_.available(admin_, product) + quantity_held(listed, product), stock);
    }
}

void Traffic::expect_mails() {
    const std::size_t expected = attempts().size();
    std::map<std::string, std::string> by_identity;
    std::size_t copies = 0;
    const auto read = [&] {
        const auto mails = shop_.set().mails();
        by_identity.clear();
        copies = mails.size();
        for (const SentMail& mail : mails) {
            const auto [first, is_new] = by_identity.emplace(mail.identity, mail.raw);
            EXPECT_EQ(first->second, mail.raw) << "copies of a mail differ";
        }
        return by_identity.size() >= expected;
    };
    EXPECT_TRUE(eventually(read, settle_timeout_ms)) << by_identity.size() << " of " << expected;
    EXPECT_EQ(by_identity.size(), expected);
    for (const auto& [key, attempt] : attempts()) {
        const std::string id = text_of(json::parse(attempt.answer), "orderId");
        EXPECT_TRUE(by_identity.contains(id + "-processed")) << id;
    }
    extra_mails_ = copies - by_identity.size();
}

}  // namespace waybill::system_test
