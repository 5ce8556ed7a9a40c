#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <utility>

#include "tests/system/checks.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

// Generous beside what it takes, and far below what a loop that polls would need.
constexpr int soon_ms = 20'000;
const std::vector<std::string> hardly_polls{"--work-poll-every", "60s"};

long ms_since(std::chrono::steady_clock::time_point start) {
    return static_cast<long>(
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count());
}

TEST(Walk, an_order_is_priced_processed_and_mailed) {
    Shop shop(hardly_polls);
    const Customer customer = shop.register_customer("example@gmail.com");
    HttpClient http = shop.client();
    const Answer placed = http.post("/api/v1/orders", demo_order, customer.auth());
    const auto answered = std::chrono::steady_clock::now();
    ASSERT_EQ(placed.status, 201) << placed.body;
    expect_common_headers(placed);
    EXPECT_EQ(placed.header("content-type"), "application/json");
    const std::string id = placed.text("orderId");
    EXPECT_EQ(placed.header("location"), "/api/v1/orders/" + id);
    EXPECT_EQ(placed.text("status"), "Pending");
    EXPECT_EQ(placed.text("message"), "Order created successfully");
    EXPECT_EQ(placed.text("location"), "bangalore");
    EXPECT_EQ(placed.text("currency"), "INR");
    EXPECT_EQ(placed.text("createdAt"), placed.text("updatedAt"));
    EXPECT_TRUE(placed.text("createdAt").ends_with('Z'));
    EXPECT_NE(placed.body.find(R"("totalAmount":4324.00)"), std::string::npos) << placed.body;
    const boost::json::value body = placed.json();
    ASSERT_EQ(body.at("items").as_array().size(), 2u);
    EXPECT_EQ(text_of(body.at("items").at(0), "productId"), first_product);
    EXPECT_EQ(body.at("items").at(1).at("quantity").to_number<long>(), 2);
    for (const auto& item : body.at("items").as_array()) {
        EXPECT_FALSE(text_of(item, "name").empty());
        EXPECT_TRUE(item.as_object().contains("unitPrice") && item.as_object().contains("lineTotal"));
    }

    await_status(shop, customer.auth(), id, "Processed", soon_ms);
    const long processed_ms = ms_since(answered);
    ASSERT_TRUE(eventually([&] { return shop.mails(id + "-processed.eml").size() == 1; }, soon_ms));
    std::printf("from 201 to Processed %ld ms, to the mail %ld ms\n", processed_ms, ms_since(answered));
    const MailText mail = await_mail(shop, id, "processed");
    EXPECT_NE(mail.head.find("To: example@gmail.com"), std::string::npos) << mail.head;
    EXPECT_NE((mail.head + "\r\n").find("X-Waybill-Mail-Id: " + id + "-processed\r\n"), std::string::npos) << mail.head;
    EXPECT_NE(mail.head.find("Subject: "), std::string::npos);
    for (const std::string* part : {&mail.text, &mail.html}) {
        EXPECT_NE(part->find(id), std::string::npos) << *part;
        EXPECT_NE(part->find("4324.00"), std::string::npos) << *part;
        for (const auto& item : body.at("items").as_array()) {
            EXPECT_NE(part->find(text_of(item, "name")), std::string::npos) << *part;
        }
    }
    EXPECT_EQ(shop.terminate(), 0) << shop.log();
}

TEST(Walk, the_timeline_tells_every_change_in_order) {
    Shop shop;
    const Customer customer = shop.register_customer();
    HttpClient http = shop.client();
    const std::string id = http.post("/api/v1/orders", demo_order, customer.auth()).text("orderId");
    const Answer order = await_status(shop, customer.auth(), id, "Processed");
    const Answer timeline = http.get("/api/v1/orders/" + id + "/timeline", customer.auth());
    ASSERT_EQ(timeline.status, 200);
    const boost::json::value value = timeline.json();
    const auto& changes = value.at("data").as_array();
    ASSERT_EQ(changes.size(), 3u) << timeline.body;
    EXPECT_EQ(text_of(changes[0], "status"), "Pending");
    EXPECT_EQ(text_of(changes[1], "status"), "Processing");
    EXPECT_EQ(text_of(changes[2], "status"), "Processed");
    EXPECT_EQ(text_of(changes[0], "at"), order.text("createdAt"));
    EXPECT_EQ(text_of(changes[2], "at"), order.text("updatedAt"));
    EXPECT_LE(text_of(changes[0], "at"), text_of(changes[1], "at"));
    EXPECT_LE(text_of(changes[1], "at"), text_of(changes[2], "at"));
}

TEST(Walk, both_prefixes_give_the_same_bodies) {
    Shop shop;
    const Customer customer = shop.register_customer();
    HttpClient http = shop.client();
    const Headers keyed = with(customer.auth(), "Idempotency-Key", "walk");
    const Answer placed = http.post("/api/v1/orders", demo_order, keyed);
    const Answer replayed = http.post("/api/orders", demo_order, keyed);
    ASSERT_EQ(placed.status, 201);
    EXPECT_EQ(replayed.status, 201);
    EXPECT_EQ(replayed.body, placed.body);
    EXPECT_EQ(replayed.header("location"), placed.header("location"));

    const std::string id = placed.text("orderId");
    await_status(shop, customer.auth(), id, "Processed");
    const std::string product{first_product};
    for (const std::string& path : {std::string{"/products"}, "/products/" + product, "/orders/" + id,
                                    std::string{"/orders"}, "/orders/" + id + "/timeline", std::string{"/me"}}) {
        const Answer versioned = http.get("/api/v1" + path, customer.auth());
        const Answer plain = http.get("/api" + path, customer.auth());
        EXPECT_EQ(versioned.status, 200) << path;
        EXPECT_EQ(plain.status, 200) << path;
        EXPECT_EQ(plain.body, versioned.body) << path;
    }
    const std::string account = R"({"email":"other@example.com","password":"secret"})";
    EXPECT_EQ(http.post("/api/auth/register", account).status, 201);
    EXPECT_EQ(http.post("/api/auth/login", account).status, 200);
    expect_problem(http.post("/api/v1/auth/register", account), 409, "email-taken");
}

TEST(Walk, head_answers_as_get_without_a_body) {
    Shop shop;
    HttpClient http = shop.client();
    for (const char* path : {"/livez", "/readyz", "/health", "/metrics", "/api/v1/products"}) {
        const Answer head = http.send("HEAD", path);
        EXPECT_EQ(head.status, 200) << path;
        EXPECT_TRUE(head.body.empty()) << path;
        EXPECT_GT(std::atoi(head.header("content-length").c_str()), 0) << path;
        expect_common_headers(head);
        EXPECT_EQ(http.get(path).status, 200) << path;
    }
}

TEST(Walk, a_finished_order_comes_from_the_cache_with_the_same_body) {
    Shop shop;
    const Customer customer = shop.register_customer();
    HttpClient http = shop.client();
    const std::string id = http.post("/api/v1/orders", demo_order, customer.auth()).text("orderId");
    await_status(shop, customer.auth(), id, "Processed");
    const Answer first = http.get("/api/v1/orders/" + id, customer.auth());
    const Answer second = http.get("/api/v1/orders/" + id, customer.auth());
    EXPECT_EQ(second.header("x-cache"), "HIT");
    EXPECT_EQ(second.body, first.body);
    const Customer stranger = shop.register_customer();
    expect_problem(http.get("/api/v1/orders/" + id, stranger.auth()), 404, "not-found");
}

TEST(Walk, lists_are_paged_newest_first_and_filtered) {
    Shop shop;
    const Customer customer = shop.register_customer();
    HttpClient http = shop.client();
    std::vector<std::pair<std::string, std::string>> placed;  // by time and id: some may be of one millisecond
    for (int i = 0; i < 5; ++i) {
        const Answer answer = http.post("/api/v1/orders", demo_order, customer.auth());
        placed.emplace_back(answer.text("createdAt"), answer.text("orderId"));
    }
    std::ranges::sort(placed, std::greater());
    for (const auto& [time, id] : placed) await_status(shop, customer.auth(), id, "Processed");
    std::vector<std::pair<std::string, std::string>> listed;
    std::string cursor;
    do {
        const Answer page =
            http.get("/api/v1/orders?limit=2" + (cursor.empty() ? "" : "&cursor=" + cursor), customer.auth());
        ASSERT_EQ(page.status, 200) << page.body;
        const boost::json::value value = page.json();
        for (const auto& order : value.at("data").as_array()) {
            listed.emplace_back(text_of(order, "createdAt"), text_of(order, "orderId"));
        }
        cursor = text_of(value, "nextCursor");
    } while (!cursor.empty());
    EXPECT_EQ(listed, placed);
    EXPECT_EQ(list_all(shop, customer.auth(), "/api/v1/orders?status=Processed").size(), 5u);
    EXPECT_TRUE(list_all(shop, customer.auth(), "/api/v1/orders?status=Failed").empty());
}

int rank_of(const std::string& status) {
    if (status == "Pending") return 0;
    return status == "Processing" ? 1 : 2;
}

// I6: neither the store nor the cache shows an older state after a newer one.
TEST(Walk, what_a_reader_sees_of_an_order_never_goes_back) {
    Shop shop;
    const Customer customer = shop.register_customer();
    HttpClient http = shop.client();
    for (int round = 0; round < 10; ++round) {
        const std::string id = http.post("/api/v1/orders", demo_order, customer.auth()).text("orderId");
        run_parallel(4, [&](int) {
            HttpClient reader = shop.client();
            std::string last = "Pending";
            EXPECT_TRUE(eventually([&] {
                const std::string now = reader.get("/api/v1/orders/" + id, customer.auth()).text("status");
                EXPECT_GE(rank_of(now), rank_of(last)) << now << " after " << last;
                last = now;
                return last == "Processed";
            }));
        });
    }
}

TEST(Walk, requests_on_one_connection_are_answered_in_their_order) {
    Shop shop;
    HttpClient http = shop.client();
    std::string requests;
    for (int i = 0; i < 20; ++i) {
        const std::string path = i % 2 == 0 ? "/livez" : "/api/v1/products";
        requests += "GET " + path + " HTTP/1.1\r\nHost: a\r\nX-Request-Id: number-" + std::to_string(i) + "\r\n\r\n";
    }
    const std::string answers = http.exchange_raw(requests);
    std::size_t from = 0;
    for (int i = 0; i < 20; ++i) {
        const std::size_t found = answers.find("X-Request-Id: number-" + std::to_string(i) + "\r\n", from);
        ASSERT_NE(found, std::string::npos) << i << " is missing or out of order";
        from = found;
    }
}

TEST(Walk, metrics_with_an_address_of_their_own_are_not_served_to_customers) {
    Shop shop({"--metrics-listen", "127.0.0.1:0"});
    HttpClient http = shop.client();
    expect_problem(http.get("/metrics"), 404, "not-found");
    EXPECT_EQ(http.get("/readyz").status, 200);
    EXPECT_EQ(shop.terminate(), 0) << shop.log();
}

}  // namespace
}  // namespace waybill::system_test
