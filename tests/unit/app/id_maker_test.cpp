#include "app/id_maker.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/support/fake_clock.hpp"

namespace waybill {
namespace {

TEST(IdMaker, ids_are_valid_and_differ_though_time_stands_still) {
    testing::FakeClock clock;
    IdMaker ids(clock);
    std::set<std::string> made;
    for (int i = 0; i < 100; ++i) {
        made.insert({ids.make_order_id().text, ids.make_session_id().text, ids.make_user_id().text,
                     ids.make_product_id().text});
    }
    EXPECT_EQ(made.size(), 400U);
    for (const std::string& id : made) EXPECT_TRUE(is_valid_id(id));
}

TEST(IdMaker, orders_and_sessions_are_uuids_users_and_products_24_hex_digits) {
    testing::FakeClock clock;
    clock.set_now(from_unix_ms(0x0123'4567'89ab));
    IdMaker ids(clock);
    EXPECT_EQ(ids.make_order_id().text.substr(0, 15), "01234567-89ab-7");
    EXPECT_EQ(ids.make_session_id().text.size(), 36U);
    EXPECT_EQ(ids.make_user_id().text.size(), 24U);
    EXPECT_EQ(ids.make_product_id().text.size(), 24U);
}

}  // namespace
}  // namespace waybill
