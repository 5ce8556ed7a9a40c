#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>

#include "tests/system/checks.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

const std::string orders = "/api/v1/orders";

Headers keyed(const Customer& customer, const std::string& key) {
    return with(customer.auth(), "Idempotency-Key", key);
}

void expect_replay(const Answer& replayed, const Answer& first) {
    EXPECT_EQ(replayed.status, 201) << replayed.body;
    EXPECT_EQ(replayed.body, first.body);
    EXPECT_EQ(replayed.header("location"), first.header("location"));
    EXPECT_EQ(replayed.header("idempotent-replayed"), "true");
}

TEST(Idempotency, the_same_request_gets_the_first_answer_whatever_came_between) {
    Shop shop;
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    const Headers headers = keyed(customer, "order-1");
    const Answer first = shop.client().post(orders, demo_order, headers);
    ASSERT_EQ(first.status, 201) << first.body;
    EXPECT_TRUE(first.header("idempotent-replayed").empty());
    expect_replay(shop.client().post(orders, demo_order, headers), first);

    await_status(shop, customer.auth(), first.text("orderId"), "Processed");
    expect_replay(shop.client().post(orders, demo_order, headers), first);

    ASSERT_EQ(shop.client()
                  .send("PATCH", "/api/v1/products/" + std::string{first_product}, R"({"price":1,"name":"Renamed"})",
                        admin.auth())
                  .status,
              200);
    expect_replay(shop.client().post(orders, demo_order, headers), first);

    ASSERT_EQ(shop.terminate(), 0) << shop.log();
    shop.start();
    expect_replay(shop.client().post(orders, demo_order, headers), first);

    shop.kill();
    shop.start();
    expect_replay(shop.client().post(orders, demo_order, headers), first);
    EXPECT_EQ(list_all(shop, customer.auth(), orders).size(), 1u);
    EXPECT_EQ(shop.available(admin, std::string{first_product}), demo_stock - 1);
}

TEST(Idempotency, a_cancelled_order_is_replayed_as_it_was_placed) {
    Shop shop;
    const Customer customer = shop.register_customer();
    const Headers headers = keyed(customer, "order-1");
    HttpClient http = shop.client();
    const Answer first = http.post(orders, demo_order, headers);
    (void)http.post(orders + "/" + first.text("orderId") + "/cancel", "", customer.auth());
    expect_replay(http.post(orders, demo_order, headers), first);
    EXPECT_EQ(list_all(shop, customer.auth(), orders).size(), 1u);
}

TEST(Idempotency, another_body_with_the_same_key_is_refused) {
    Shop shop;
    const Customer customer = shop.register_customer();
    HttpClient http = shop.client();
    ASSERT_EQ(http.post(orders, demo_order, keyed(customer, "order-1")).status, 201);
    expect_problem(http.post(orders, order_of(second_product, 1), keyed(customer, "order-1")), 422,
                   "idempotency-key-reused");
    expect_problem(http.post(orders, demo_order + " ", keyed(customer, "order-1")), 422, "idempotency-key-reused");
    EXPECT_EQ(list_all(shop, customer.auth(), orders).size(), 1u);
}

TEST(Idempotency, sixteen_at_once_make_one_order_and_sixteen_equal_answers) {
    Shop shop;
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    for (int round = 0; round < 10; ++round) {
        std::mutex mutex;
        std::multiset<std::string> bodies;
        int replayed = 0;
        run_parallel(16, [&](int) {
            HttpClient http = shop.client();
            const Answer answer = http.post(orders, demo_order, keyed(customer, "burst-" + std::to_string(round)));
            const std::lock_guard lock(mutex);
            EXPECT_EQ(answer.status, 201) << answer.body;
            bodies.insert(answer.body);
            replayed += answer.header("idempotent-replayed") == "true" ? 1 : 0;
        });
        EXPECT_EQ(bodies.count(*bodies.begin()), 16u);
        EXPECT_EQ(replayed, 15);
    }
    EXPECT_EQ(list_all(shop, customer.auth(), orders).size(), 10u);
    EXPECT_EQ(shop.available(admin, std::string{first_product}), demo_stock - 10);
}

TEST(Idempotency, twins_with_different_bodies_make_one_order) {
    Shop shop;
    const Customer customer = shop.register_customer();
    std::atomic<int> placed{0};
    std::atomic<int> refused{0};
    run_parallel(16, [&](int index) {
        HttpClient http = shop.client();
        const std::string body = order_of(index % 2 == 0 ? first_product : second_product, 1);
        const Answer answer = http.post(orders, body, keyed(customer, "twins"));
        if (answer.status == 201) {
            ++placed;
        } else {
            expect_problem(answer, 422, "idempotency-key-reused");
            ++refused;
        }
    });
    EXPECT_EQ(placed, 8);
    EXPECT_EQ(refused, 8);
    EXPECT_EQ(list_all(shop, customer.auth(), orders).size(), 1u);
}

TEST(Idempotency, another_users_equal_key_is_independent) {
    Shop shop;
    const Customer one = shop.register_customer();
    const Customer two = shop.register_customer();
    HttpClient http = shop.client();
    const Answer first = http.post(orders, demo_order, keyed(one, "shared"));
    const Answer second = http.post(orders, demo_order, keyed(two, "shared"));
    EXPECT_EQ(first.status, 201);
    EXPECT_EQ(second.status, 201);
    EXPECT_NE(first.text("orderId"), second.text("orderId"));
    EXPECT_TRUE(second.header("idempotent-replayed").empty());
    EXPECT_EQ(list_all(shop, two.auth(), orders).size(), 1u);
}

TEST(Idempotency, the_key_of_a_refused_request_is_free) {
    Shop shop;
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    const std::string scarce = shop.add_product(admin, "Scarce", "10", 0);
    HttpClient http = shop.client();
    const Headers headers = keyed(customer, "again");
    expect_problem(http.post(orders, "{", headers), 400, "malformed-json");
    expect_problem(http.post(orders, order_of("nothing", 1), headers), 422, "unknown-product");
    expect_problem(http.post(orders, order_of(scarce, 1), headers), 409, "insufficient-stock");
    ASSERT_EQ(
        http.post("/api/v1/inventory/" + scarce + "/bangalore/adjust", R"({"delta":1,"reason":"new"})", admin.auth())
            .status,
        200);
    const Answer placed = http.post(orders, order_of(scarce, 1), headers);
    EXPECT_EQ(placed.status, 201) << placed.body;
    EXPECT_TRUE(placed.header("idempotent-replayed").empty());
}

TEST(Idempotency, orders_without_a_key_are_all_placed) {
    Shop shop;
    const Customer customer = shop.register_customer();
    run_parallel(8, [&](int) { EXPECT_EQ(shop.client().post(orders, demo_order, customer.auth()).status, 201); });
    EXPECT_EQ(list_all(shop, customer.auth(), orders).size(), 8u);
}

TEST(Idempotency, stock_changes_are_replayed_too) {
    Shop shop;
    const Customer admin = shop.make_admin();
    const std::string product = shop.add_product(admin, "Counted", "10", 10);
    const std::string stock = "/api/v1/inventory/" + product + "/bangalore";
    HttpClient http = shop.client();
    const Headers adjust = keyed(admin, "adjust-1");
    const std::string delta = R"({"delta":5,"reason":"found"})";
    const Answer first = http.post(stock + "/adjust", delta, adjust);
    EXPECT_EQ(first.body, R"({"available":15,"previous":10})");
    EXPECT_EQ(http.send("PUT", stock, R"({"available":100})", keyed(admin, "put-1")).body,
              R"({"available":100,"previous":15})");
    shop.kill();
    shop.start();
    HttpClient after = shop.client();
    const Answer replayed = after.post(stock + "/adjust", delta, adjust);
    EXPECT_EQ(replayed.status, 200);
    EXPECT_EQ(replayed.body, first.body);
    EXPECT_EQ(replayed.header("idempotent-replayed"), "true");
    EXPECT_EQ(after.send("PUT", stock, R"({"available":100})", keyed(admin, "put-1")).body,
              R"({"available":100,"previous":15})");
    EXPECT_EQ(shop.available(admin, product), 100);
    expect_problem(after.post(stock + "/adjust", R"({"delta":6,"reason":"found"})", adjust), 422,
                   "idempotency-key-reused");
    expect_problem(after.send("PUT", stock, R"({"available":1})", adjust), 422, "idempotency-key-reused");
    EXPECT_EQ(shop.available(admin, product), 100);
}

}  // namespace
}  // namespace waybill::system_test
