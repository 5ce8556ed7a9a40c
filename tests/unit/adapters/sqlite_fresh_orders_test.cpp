#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

#include "adapters/sqlite/fresh_orders.hpp"

namespace waybill::sqlite {
namespace {

constexpr Milliseconds at_once{0};
constexpr Milliseconds for_ever{1'000'000'000};

FreshOrder fresh(std::uint64_t sequence, std::int64_t quantity, const std::string& user = "u1") {
    const std::string id = "o" + std::to_string(sequence);
    Order order{.id = OrderId(id),
                .user_id = UserId(user),
                .location = "blr",
                .lines = {{ProductId("p1"), "Tea", quantity, 250}}};
    return std::make_shared<const JournaledOrder>(
        JournaledOrder{sequence, std::move(order), IdempotencyKey{"key-" + id, {}}});
}

std::int64_t taken(const FreshOrders& orders, std::uint64_t absorbed) {
    return FreshOrders::View(orders).taken(ProductId("p1"), "blr", absorbed);
}

TEST(FreshOrders, what_leaves_is_counted_by_who_reads_the_tables_from_before_and_not_by_who_reads_them_after) {
    FreshOrders orders(10);
    orders.publish({fresh(11, 1), fresh(12, 2)});
    ASSERT_EQ(orders.next(2, at_once, {}).size(), 2u);
    orders.publish({fresh(13, 4)});
    EXPECT_EQ(taken(orders, 10), 7) << "none of them is there";
    EXPECT_EQ(taken(orders, 12), 4) << "those that leave are there";
    orders.absorbed();
    EXPECT_EQ(taken(orders, 12), 4);
    ASSERT_EQ(orders.next(2, at_once, {}).front()->sequence, 13u);
    EXPECT_EQ(taken(orders, 13), 0);
    orders.absorbed();
    EXPECT_EQ(taken(orders, 13), 0);
}

TEST(FreshOrders, a_group_that_did_not_arrive_is_tried_again_as_it_was) {
    FreshOrders orders(0);
    orders.publish({fresh(1, 1)});
    ASSERT_EQ(orders.next(10, at_once, {}).size(), 1u);
    orders.publish({fresh(2, 2)});
    ASSERT_EQ(orders.next(10, at_once, {}).size(), 1u);
    EXPECT_EQ(taken(orders, 0), 3);
    EXPECT_EQ(taken(orders, 1), 2);
}

// More products than are kept while nothing is taken of them.
FreshOrder huge(std::uint64_t sequence) {
    JournaledOrder made = *fresh(sequence, 1);
    for (int i = 0; i < 70'000; ++i) made.order.lines.push_back({ProductId("q" + std::to_string(i)), "Tea", 1, 250});
    return std::make_shared<const JournaledOrder>(std::move(made));
}

TEST(FreshOrders, what_waits_stays_counted_when_idle_products_are_forgotten) {
    FreshOrders orders(0);
    orders.publish({huge(1), fresh(2, 2)});
    ASSERT_EQ(orders.next(1, at_once, {}).size(), 1u);
    orders.absorbed();
    EXPECT_EQ(taken(orders, 1), 2);
    ASSERT_EQ(orders.next(1, at_once, {}).size(), 1u);
    EXPECT_EQ(taken(orders, 1), 2);
    EXPECT_EQ(taken(orders, 2), 0);
    orders.absorbed();
    EXPECT_EQ(taken(orders, 2), 0);
}

TEST(FreshOrders, knows_each_order_by_id_and_key_until_it_has_left) {
    FreshOrders orders(0);
    orders.publish({fresh(1, 1), fresh(2, 1)});
    ASSERT_EQ(orders.next(1, at_once, {}).size(), 1u);
    orders.absorbed();
    const FreshOrders::View view(orders);
    EXPECT_FALSE(view.find(OrderId("o1")));
    EXPECT_FALSE(view.find(UserId("u1"), "key-o1"));
    EXPECT_EQ(view.find(OrderId("o2"))->sequence, 2u);
    EXPECT_EQ(view.find(UserId("u1"), "key-o2")->sequence, 2u);
    EXPECT_FALSE(view.find(UserId("u2"), "key-o2")) << "keys are the user's own";
}

TEST(FreshOrders, a_user_waits_for_his_own_orders_only) {
    FreshOrders orders(0);
    orders.publish({fresh(1, 1, "u1"), fresh(2, 1, "u2")});
    EXPECT_EQ(orders.newest_of(UserId("u1")), 1u);
    EXPECT_EQ(orders.newest_of(UserId("u3")), 0u);
    EXPECT_EQ(orders.newest(), 2u);
    ASSERT_EQ(orders.next(1, at_once, {}).size(), 1u);
    orders.absorbed();
    EXPECT_EQ(orders.newest_of(UserId("u1")), 0u);
    EXPECT_TRUE(orders.wait_until_absorbed(1, at_once));
    EXPECT_EQ(orders.wait_until_absorbed(2, at_once).error().code, ErrorCode::unavailable);
}

TEST(FreshOrders, who_waits_is_told_why_they_are_stuck) {
    FreshOrders orders(0);
    orders.publish({fresh(1, 1)});
    ASSERT_EQ(orders.next(1, at_once, {}).size(), 1u);
    orders.stuck({ErrorCode::unavailable, "The disk of the store is full."});
    EXPECT_EQ(orders.wait_until_absorbed(1, at_once).error().detail, "The disk of the store is full.");
    EXPECT_EQ(orders.wait_for_room(10, at_once).error().detail, "The disk of the store is full.");
    orders.absorbed();
    EXPECT_TRUE(orders.wait_until_absorbed(1, at_once));
    EXPECT_TRUE(orders.wait_for_room(10, at_once));
}

TEST(FreshOrders, the_first_lingers_until_there_are_enough_to_leave_with_it) {
    FreshOrders orders(0);
    orders.publish({fresh(1, 1)});
    auto leaving = std::async(std::launch::async, [&] { return orders.next(2, for_ever, {}).size(); });
    orders.publish({fresh(2, 1)});
    EXPECT_EQ(leaving.get(), 2u);
}

TEST(FreshOrders, nobody_lingers_while_somebody_waits) {
    FreshOrders orders(0);
    orders.publish({fresh(1, 1)});
    auto waiting = std::async(std::launch::async, [&] { return orders.wait_until_absorbed(1, for_ever).has_value(); });
    EXPECT_EQ(orders.next(2, for_ever, {}).size(), 1u);
    orders.absorbed();
    EXPECT_TRUE(waiting.get());
}

TEST(FreshOrders, a_stop_ends_the_lingering) {
    FreshOrders orders(0);
    orders.publish({fresh(1, 1)});
    std::stop_source stop;
    auto leaving = std::async(std::launch::async, [&] { return orders.next(2, for_ever, stop.get_token()).size(); });
    stop.request_stop();
    EXPECT_EQ(leaving.get(), 0u);
}

TEST(FreshOrders, a_stop_wakes_who_waits_for_the_next) {
    FreshOrders orders(0);
    std::stop_source stop;
    stop.request_stop();
    EXPECT_TRUE(orders.next(1, at_once, stop.get_token()).empty());
    EXPECT_TRUE(orders.wait_for_stop(Milliseconds{60'000}, stop.get_token()));
}

}  // namespace
}  // namespace waybill::sqlite
