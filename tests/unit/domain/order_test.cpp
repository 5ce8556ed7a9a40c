#include "domain/order.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <utility>

namespace waybill {
namespace {

using enum OrderStatus;

constexpr std::array all{pending, processing, processed, failed, cancelled};

Order placed() {
    Order order;
    order.id = OrderId{"o1"};
    order.user_id = UserId{"u1"};
    order.location = "bangalore";
    order.lines = {{ProductId{"lamp"}, "Lamp", 2, 150}};
    order.total = 300;
    order.created_at = from_unix_ms(1'000);
    return order;
}

Order failed_order() {
    Order order = placed();
    order.status = failed;
    order.processing_at = from_unix_ms(2'000);
    order.finished_at = from_unix_ms(3'000);
    order.reason = "broken in transit";
    return order;
}

TEST(OrderStatus, has_the_words_of_the_wire) {
    const std::pair<OrderStatus, const char*> words[] = {{pending, "Pending"},
                                                         {processing, "Processing"},
                                                         {processed, "Processed"},
                                                         {failed, "Failed"},
                                                         {cancelled, "Cancelled"}};
    for (const auto& [status, word] : words) {
        EXPECT_EQ(to_text(status), word);
        EXPECT_EQ(parse_order_status(word), status);
    }
    for (const char* other : {"", "pending", "PENDING", "Done", "Pending "}) EXPECT_FALSE(parse_order_status(other));
}

TEST(OrderStatus, goes_one_way) {
    const std::set<std::pair<OrderStatus, OrderStatus>> allowed{
        {pending, processing}, {pending, cancelled}, {processing, processed}, {processing, failed}};
    for (const OrderStatus from : all) {
        for (const OrderStatus to : all) {
            EXPECT_EQ(may_become(from, to), allowed.contains({from, to})) << to_text(from) << " to " << to_text(to);
        }
    }
}

TEST(OrderStatus, is_terminal_when_nothing_can_follow) {
    for (const OrderStatus from : all) {
        bool has_successor = false;
        for (const OrderStatus to : all) has_successor = has_successor || may_become(from, to);
        EXPECT_EQ(is_terminal(from), !has_successor) << to_text(from);
    }
}

TEST(Order, was_updated_at_its_last_change) {
    Order order = placed();
    EXPECT_EQ(order.updated_at(), from_unix_ms(1'000));
    order.processing_at = from_unix_ms(2'000);
    EXPECT_EQ(order.updated_at(), from_unix_ms(2'000));
    order.finished_at = from_unix_ms(3'000);
    EXPECT_EQ(order.updated_at(), from_unix_ms(3'000));
}

TEST(Order, timeline_tells_each_state_with_its_time_and_reason) {
    EXPECT_EQ(timeline_of(placed()), (std::vector<StatusChange>{{pending, from_unix_ms(1'000), ""}}));
    EXPECT_EQ(timeline_of(failed_order()),
              (std::vector<StatusChange>{{pending, from_unix_ms(1'000), ""},
                                         {processing, from_unix_ms(2'000), ""},
                                         {failed, from_unix_ms(3'000), "broken in transit"}}));
}

TEST(Order, timeline_of_a_cancelled_order_knows_no_processing) {
    Order order = placed();
    order.status = cancelled;
    order.finished_at = from_unix_ms(1'500);
    EXPECT_EQ(timeline_of(order),
              (std::vector<StatusChange>{{pending, from_unix_ms(1'000), ""}, {cancelled, from_unix_ms(1'500), ""}}));
}

TEST(Order, as_placed_forgets_all_that_came_after) { EXPECT_EQ(as_placed(failed_order()), placed()); }

}  // namespace
}  // namespace waybill
