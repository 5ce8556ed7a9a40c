#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>

#include "adapters/local/local.hpp"
#include "adapters/sqlite/sqlite.hpp"
#include "tests/system/checks.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

constexpr std::size_t order_count = 100'000;
constexpr std::size_t batch_orders = 256;

// Writes through the store itself, which is quicker than as many requests.
void place_in_store(const std::filesystem::path& data_dir, const UserId& user) {
    const auto clock = local::make_system_clock();
    const auto log = local::make_stream_log(stderr, LogLevel::warn, local::LogFormat::text, *clock);
    sqlite::SqliteOptions options;
    options.data_dir = data_dir;
    const auto store = sqlite::open_sqlite_store(options, *clock, *log);
    ASSERT_TRUE(store.has_value()) << store.error().detail;
    std::vector<NewOrder> batch;
    for (std::size_t i = 0; i < order_count; ++i) {
        NewOrder order;
        std::array<char, 32> id{};
        std::snprintf(id.data(), id.size(), "restart-%08zu", i);
        order.order_id = OrderId{id.data()};
        order.user_id = user;
        order.lines = {{ProductId{std::string{first_product}}, 1}, {ProductId{std::string{third_product}}, 2}};
        order.idempotency = IdempotencyKey{id.data(), {}};
        batch.push_back(std::move(order));
        if (batch.size() < batch_orders && i + 1 < order_count) continue;
        for (const auto& placed : (*store)->place_orders(batch))
            ASSERT_TRUE(placed.has_value()) << placed.error().detail;
        batch.clear();
    }
}

TEST(Restart, with_a_hundred_thousand_unfinished_orders_serves_at_once) {
    Shop shop({"--jwt-expires-in", "1h"});
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    const UserId user{shop.client().get("/api/v1/me", customer.auth()).text("userId")};
    ASSERT_EQ(shop.terminate(), 0);
    ASSERT_NO_FATAL_FAILURE(place_in_store(shop.data_dir(), user));
    for (const char* start : {"a clean end", "a kill"}) {
        const auto began = std::chrono::steady_clock::now();
        shop.start();
        EXPECT_EQ(shop.client().get("/readyz").status, 200);
        const auto took = std::chrono::steady_clock::now() - began;
        std::printf("ready %ld ms after the start that follows %s\n",
                    static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()), start);
        const Answer placed = shop.client().post("/api/v1/orders", demo_order, customer.auth());
        EXPECT_EQ(placed.status, 201) << placed.body;
        EXPECT_EQ(shop.client().get("/api/v1/orders?limit=100", customer.auth()).status, 200);
        shop.kill();
    }
    shop.start();
    EXPECT_EQ(shop.available(admin, std::string{first_product}), demo_stock - static_cast<long>(order_count) - 2);
}

}  // namespace
}  // namespace waybill::system_test
