// An order and its life: Pending -> Processing -> Processed | Failed, and Pending -> Cancelled.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/error.hpp"
#include "domain/ids.hpp"
#include "domain/money.hpp"
#include "domain/product.hpp"
#include "domain/time.hpp"
#include "domain/trace.hpp"

namespace waybill {

inline constexpr std::size_t order_lines_max = 100;
inline constexpr std::int64_t line_quantity_max = 10'000;

enum class OrderStatus : std::uint8_t { pending, processing, processed, failed, cancelled };

// The words of the wire: Pending, Processing, Processed, Failed, Cancelled.
[[nodiscard]] std::string_view to_text(OrderStatus status);
[[nodiscard]] std::optional<OrderStatus> parse_order_status(std::string_view text);

[[nodiscard]] bool is_terminal(OrderStatus status);
[[nodiscard]] bool may_become(OrderStatus from, OrderStatus to);

// Name and unit price are those of the moment of ordering.
struct OrderLine {
    ProductId product_id;
    std::string name;
    std::int64_t quantity = 0;
    MinorUnits unit_price = 0;
    [[nodiscard]] MinorUnits total() const { return unit_price * quantity; }
    bool operator==(const OrderLine&) const = default;
};

struct Order {
    OrderId id;
    UserId user_id;
    std::string location;
    std::vector<OrderLine> lines;
    MinorUnits total = 0;
    OrderStatus status = OrderStatus::pending;
    TimePoint created_at{};
    std::optional<TimePoint> processing_at{};  // first claim
    std::optional<TimePoint> finished_at{};    // terminal state
    std::string reason{};                      // why it failed or was cancelled; may be empty
    TraceContext trace{};                      // of the request that placed it

    [[nodiscard]] TimePoint updated_at() const { return finished_at.value_or(processing_at.value_or(created_at)); }
    // When a change that happens now is said to have happened: a clock that was set back, or is
    // another machine's, must not let an order end before it began.
    [[nodiscard]] TimePoint changed_at(TimePoint now) const { return std::max(now, updated_at()); }
    // Whether stock comes back when it ends other than processed.
    [[nodiscard]] bool took_stock() const { return location != no_location; }
    bool operator==(const Order&) const = default;
};

struct StatusChange {
    OrderStatus status = OrderStatus::pending;
    TimePoint at{};
    std::string reason;
    bool operator==(const StatusChange&) const = default;
};

// Oldest first. The states and times of the order hold it all, since life goes one way.
[[nodiscard]] std::vector<StatusChange> timeline_of(const Order& order);

// The order as it was when it was answered 201: what a replay shows, whatever came after.
[[nodiscard]] Order as_placed(Order order);

}  // namespace waybill
