// The decision whether an order can be placed, from the facts that a store read in its transaction.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "domain/error.hpp"
#include "domain/order.hpp"
#include "domain/product.hpp"

namespace waybill {

struct RequestedLine {
    ProductId product_id;
    std::int64_t quantity = 0;
    bool operator==(const RequestedLine&) const = default;
};

using RequestHash = std::array<std::uint8_t, 32>;  // SHA-256

// Scoped to the user. The hash covers method, path without its prefix, and the raw body.
struct IdempotencyKey {
    std::string key;
    RequestHash request_hash{};
};

// What a customer asks for. The id is made before the first attempt, so that a repeat after an
// unknown commit is recognised.
struct NewOrder {
    OrderId order_id;
    UserId user_id;
    std::optional<std::string> location;       // absent: the only location there is
    std::vector<RequestedLine> lines;          // merged: one line for each product
    std::optional<MinorUnits> expected_total;  // what the customer saw
    std::optional<IdempotencyKey> idempotency;
    TraceContext trace{};
};

// Lines of one product become one line, in the order of first appearance. Errors
// (validation_failed): no line, more than order_lines_max lines as sent, a quantity outside 1 to
// line_quantity_max after merging, an id that is none.
[[nodiscard]] Result<std::vector<RequestedLine>> merge_lines(std::span<const RequestedLine> lines);

// `known` needs no more than two names to decide. Errors: unknown_location.
[[nodiscard]] Result<std::string> resolve_location(const std::optional<std::string>& requested,
                                                   std::span<const std::string> known);

// What the store knows of one line's product. Null: no such product.
struct LineFacts {
    const Product* product = nullptr;
    std::int64_t available = 0;
};

// `facts` are in the order of `order.lines`. Refusals, first match: unknown_product (absent or
// inactive), total_mismatch (with expected_total_minor), insufficient_stock (with every shortage).
[[nodiscard]] Result<Order> plan_order(const NewOrder& order, std::string location, std::span<const LineFacts> facts,
                                       TimePoint now);

}  // namespace waybill
