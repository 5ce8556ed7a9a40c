#include <gtest/gtest.h>

#include <atomic>

#include "tests/system/checks.hpp"
#include "tests/system/fulfilment_server.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

const std::string orders = "/api/v1/orders";

TEST(Stock, eight_buyers_of_the_last_fifty_units_buy_exactly_fifty) {
    Shop shop;
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    const std::string product = shop.add_product(admin, "Hot", "10", 50);
    std::atomic<int> sold{0};
    run_parallel(8, [&](int) {
        HttpClient http = shop.client();
        for (int tries = 0; tries < 100; ++tries) {
            const Answer answer = http.post(orders, order_of(product, 1), customer.auth());
            if (answer.status != 201) {
                expect_problem(answer, 409, "insufficient-stock");
                return;
            }
            ++sold;
        }
    });
    EXPECT_EQ(sold, 50);
    EXPECT_EQ(shop.available(admin, product), 0);
    const auto placed = list_all(shop, customer.auth(), orders);
    EXPECT_EQ(placed.size(), 50u);
    EXPECT_EQ(quantity_held(placed, product), 50);
}

// A refused line must give back what its neighbours took.
TEST(Stock, an_order_that_is_refused_for_one_line_takes_nothing_for_the_others) {
    Shop shop;
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    const std::string plenty = shop.add_product(admin, "Plenty", "10", 100);
    const std::string scarce = shop.add_product(admin, "Scarce", "10", 1);
    const std::string both =
        R"({"items":[{"productId":")" + plenty + R"(","quantity":2},{"productId":")" + scarce + R"(","quantity":1}]})";
    std::atomic<int> placed{0};
    run_parallel(8, [&](int) {
        HttpClient http = shop.client();
        for (int i = 0; i < 5; ++i) {
            if (http.post(orders, both, customer.auth()).status == 201) ++placed;
        }
    });
    EXPECT_EQ(placed, 1);
    EXPECT_EQ(shop.available(admin, plenty), 98);
    EXPECT_EQ(shop.available(admin, scarce), 0);
}

// Cancels race with the worker, and with each other.
TEST(Stock, is_conserved_under_orders_cancels_refusals_and_restocks) {
    std::atomic<int> calls{0};
    FulfilmentServer service([&](const FulfilmentCall&) {
        return ++calls % 3 == 0 ? FulfilmentAnswer{422, R"({"reason":"No."})"} : FulfilmentAnswer{};
    });
    Shop shop(service.flags({"--fulfilment-in-flight-max", "1"}));  // slow enough for cancels to win
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    const std::string product = shop.add_product(admin, "Mixed", "10", 1'000);
    std::atomic<long> restocked{0};
    std::atomic<int> cancelled{0};
    run_parallel(8, [&](int index) {
        HttpClient http = shop.client();
        for (int i = 1; i <= 15; ++i) {
            const Answer placed = http.post(orders, order_of(product, i % 4 + 1), customer.auth());
            ASSERT_EQ(placed.status, 201) << placed.body;
            if ((i + index) % 2 == 0) {
                const std::string cancel = orders + "/" + placed.text("orderId") + "/cancel";
                const int first = http.post(cancel, "", customer.auth()).status;
                EXPECT_TRUE(first == 200 || first == 409) << first;
                EXPECT_EQ(http.post(cancel, "", customer.auth()).status, first);
                cancelled += first == 200 ? 1 : 0;
            }
            if (i % 5 == 0 && http.post("/api/v1/inventory/" + product + "/bangalore/adjust",
                                        R"({"delta":7,"reason":"delivery"})", admin.auth())
                                      .status == 200) {
                restocked += 7;
            }
        }
    });
    EXPECT_GT(cancelled, 0);
    const auto all_terminal = [&] {
        for (const auto& order : list_all(shop, customer.auth(), orders)) {
            if (!is_terminal(text_of(order, "status"))) return false;
        }
        return true;
    };
    EXPECT_TRUE(eventually(all_terminal, 60'000));
    const auto placed = list_all(shop, customer.auth(), orders);
    EXPECT_EQ(placed.size(), 120u);
    EXPECT_EQ(shop.available(admin, product) + quantity_held(placed, product), 1'000 + restocked);
    for (const auto& order : placed) {
        const std::string id = text_of(order, "orderId");
        EXPECT_TRUE(eventually([&] { return shop.mails(id).size() == 1; })) << id;
    }
}

TEST(Stock, comes_back_once_for_a_cancelled_order) {
    WAYBILL_EMBEDDED_ONLY("two workers have a place each");
    FulfilmentServer service;
    service.hold();
    Shop shop(service.flags({"--fulfilment-in-flight-max", "1", "--fulfilment-timeout", "14s"}));
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    const std::string product = shop.add_product(admin, "Kept", "10", 100);
    HttpClient http = shop.client();
    // The only place is taken, so the next order stays Pending.
    const std::string blocker = http.post(orders, order_of(second_product, 1), customer.auth()).text("orderId");
    await_status(shop, customer.auth(), blocker, "Processing");
    const std::string id = http.post(orders, order_of(product, 7), customer.auth()).text("orderId");
    EXPECT_EQ(shop.available(admin, product), 93);
    std::atomic<int> done{0};
    run_parallel(4, [&](int) {
        const Answer cancelled = shop.client().post(orders + "/" + id + "/cancel", "", customer.auth());
        EXPECT_EQ(cancelled.status, 200) << cancelled.body;
        EXPECT_EQ(cancelled.text("status"), "Cancelled");
        ++done;
    });
    EXPECT_EQ(shop.available(admin, product), 100);
    shop.kill();
    shop.start();
    EXPECT_EQ(shop.client().post(orders + "/" + id + "/cancel", "", customer.auth()).status, 200);
    EXPECT_EQ(shop.available(admin, product), 100);
    EXPECT_FALSE(await_mail(shop, id, "cancelled").text.empty());
    service.release();
}

}  // namespace
}  // namespace waybill::system_test
