#include "domain/order_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <string>

namespace waybill {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;

const TimePoint now = from_unix_ms(5'000);

Product product(const char* id, MinorUnits price, bool active = true) {
    Product made;
    made.id = ProductId{id};
    made.name = std::string("the ") + id;
    made.price = price;
    made.active = active;
    return made;
}

RequestedLine line(std::string id, std::int64_t quantity) { return {ProductId{std::move(id)}, quantity}; }

NewOrder order_of(std::vector<RequestedLine> lines) {
    NewOrder order;
    order.order_id = OrderId{"o1"};
    order.user_id = UserId{"u1"};
    order.lines = std::move(lines);
    return order;
}

std::vector<std::string> pointers_of(const Result<std::vector<RequestedLine>>& result) {
    std::vector<std::string> pointers;
    if (result) return pointers;
    EXPECT_EQ(result.error().code, ErrorCode::validation_failed);
    for (const FieldProblem& problem : result.error().fields) pointers.push_back(problem.pointer);
    return pointers;
}

TEST(MergeLines, one_line_for_each_product_in_the_order_of_first_appearance) {
    const std::vector<RequestedLine> sent{line("b", 1), line("a", 2), line("b", 3)};
    const auto merged = merge_lines(sent);
    ASSERT_TRUE(merged);
    EXPECT_THAT(*merged, ElementsAre(line("b", 4), line("a", 2)));
}

TEST(MergeLines, names_every_line_that_is_wrong) {
    const struct {
        const char* rule;
        std::vector<RequestedLine> lines;
        std::vector<std::string> pointers;
    } cases[] = {
        {"no line", {}, {"/items"}},
        {"too many lines, even of one product", std::vector<RequestedLine>(101, line("a", 1)), {"/items"}},
        {"as many as there may be", std::vector<RequestedLine>(100, line("a", 100)), {}},
        {"quantity zero", {line("a", 0)}, {"/items/0/quantity"}},
        {"quantity negative", {line("a", 2), line("a", -1)}, {"/items/1/quantity"}},
        {"quantity largest", {line("a", 10'000)}, {}},
        {"quantity too large", {line("a", 10'001)}, {"/items/0/quantity"}},
        {"quantity too large after merging", {line("b", 1), line("a", 10'000), line("a", 1)}, {"/items/1/quantity"}},
        {"sum beyond int64",
         {line("a", std::numeric_limits<std::int64_t>::max()), line("a", std::numeric_limits<std::int64_t>::max())},
         {"/items/0/quantity", "/items/1/quantity"}},
        {"no ids",
         {line("", 1), line("a b", 1), line("c", 0)},
         {"/items/0/productId", "/items/1/productId", "/items/2/quantity"}},
    };
    for (const auto& c : cases) EXPECT_EQ(pointers_of(merge_lines(c.lines)), c.pointers) << c.rule;
}

TEST(ResolveLocation, takes_the_named_one_or_the_only_one) {
    const std::optional<std::string> unnamed;
    const struct {
        std::optional<std::string> requested;
        std::vector<std::string> known;
        std::optional<std::string> expected;
    } cases[] = {
        {"delhi", {"bangalore", "delhi"}, "delhi"},
        {"delhi", {"bangalore"}, {}},
        {"delhi", {}, {}},
        {"", {"bangalore"}, {}},
        {unnamed, {"bangalore"}, "bangalore"},
        {unnamed, {}, {}},
        {unnamed, {"bangalore", "delhi"}, {}},
    };
    for (const auto& c : cases) {
        const auto location = resolve_location(c.requested, c.known);
        ASSERT_EQ(location.has_value(), c.expected.has_value());
        if (location) {
            EXPECT_EQ(*location, *c.expected);
        } else {
            EXPECT_EQ(location.error().code, ErrorCode::unknown_location);
        }
    }
}

TEST(OrderPlan, prices_each_line_from_the_catalogue) {
    const Product lamp = product("lamp", 150);
    const Product rope = product("rope", 7);
    const LineFacts facts[] = {{&lamp, 2}, {&rope, 100}};
    const auto planned = plan_order(order_of({line("lamp", 2), line("rope", 3)}), "delhi", facts, now);
    ASSERT_TRUE(planned);

    Order expected;
    expected.id = OrderId{"o1"};
    expected.user_id = UserId{"u1"};
    expected.location = "delhi";
    expected.lines = {{ProductId{"lamp"}, "the lamp", 2, 150}, {ProductId{"rope"}, "the rope", 3, 7}};
    expected.total = 321;
    expected.created_at = now;
    EXPECT_EQ(*planned, expected);
}

TEST(OrderPlan, the_largest_order_does_not_overflow) {
    const Product gold = product("gold", unit_price_max);
    std::vector<RequestedLine> lines;
    for (std::size_t i = 0; i < order_lines_max; ++i)
        lines.push_back(line("gold" + std::to_string(i), line_quantity_max));
    const std::vector<LineFacts> facts(order_lines_max, LineFacts{&gold, line_quantity_max});
    const auto planned = plan_order(order_of(lines), "delhi", facts, now);
    ASSERT_TRUE(planned);
    EXPECT_EQ(planned->total, 1'000'000'000'000'000'000);
}

TEST(OrderPlan, refuses_a_product_that_does_not_exist) {
    const Product lamp = product("lamp", 150);
    const LineFacts facts[] = {{&lamp, 9}, {nullptr, 0}};
    const auto planned = plan_order(order_of({line("lamp", 1), line("ghost", 1)}), "delhi", facts, now);
    ASSERT_FALSE(planned);
    EXPECT_EQ(planned.error().code, ErrorCode::unknown_product);
    EXPECT_THAT(planned.error().detail, ::testing::HasSubstr("ghost"));
}

TEST(OrderPlan, refuses_an_inactive_product) {
    const Product lamp = product("lamp", 150, false);
    const LineFacts facts[] = {{&lamp, 9}};
    const auto planned = plan_order(order_of({line("lamp", 1)}), "delhi", facts, now);
    ASSERT_FALSE(planned);
    EXPECT_EQ(planned.error().code, ErrorCode::unknown_product);
}

TEST(OrderPlan, refuses_another_total_and_tells_its_own) {
    const Product lamp = product("lamp", 150);
    const LineFacts facts[] = {{&lamp, 9}};
    NewOrder order = order_of({line("lamp", 2)});
    order.expected_total = 300;
    EXPECT_TRUE(plan_order(order, "delhi", facts, now));
    order.expected_total = 299;
    const auto planned = plan_order(order, "delhi", facts, now);
    ASSERT_FALSE(planned);
    EXPECT_EQ(planned.error().code, ErrorCode::total_mismatch);
    EXPECT_EQ(planned.error().expected_total_minor, 300);
}

TEST(OrderPlan, refuses_what_the_stock_cannot_cover_and_lists_every_shortage) {
    const Product lamp = product("lamp", 150);
    const Product rope = product("rope", 7);
    const Product sail = product("sail", 9);
    const LineFacts facts[] = {{&lamp, 1}, {&rope, 3}, {&sail, 0}};
    const auto planned = plan_order(order_of({line("lamp", 2), line("rope", 3), line("sail", 1)}), "delhi", facts, now);
    ASSERT_FALSE(planned);
    EXPECT_EQ(planned.error().code, ErrorCode::insufficient_stock);
    EXPECT_THAT(planned.error().shortages,
                ElementsAre(Shortage{ProductId{"lamp"}, 2, 1}, Shortage{ProductId{"sail"}, 1, 0}));
}

TEST(OrderPlan, the_first_refusal_that_applies_is_the_answer) {
    const Product lamp = product("lamp", 150);
    NewOrder order = order_of({line("lamp", 2)});
    order.expected_total = 1;
    const LineFacts absent[] = {{nullptr, 0}};
    const LineFacts short_of[] = {{&lamp, 1}};
    EXPECT_EQ(plan_order(order, "delhi", absent, now).error().code, ErrorCode::unknown_product);
    EXPECT_EQ(plan_order(order, "delhi", short_of, now).error().code, ErrorCode::total_mismatch);
}

TEST(OrderPlan, needs_one_fact_for_each_line) {
    EXPECT_THROW((void)plan_order(order_of({line("lamp", 1)}), "delhi", {}, now), std::logic_error);
}

}  // namespace
}  // namespace waybill
