#include "domain/order_plan.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace waybill {

namespace {

bool is_valid_quantity(std::int64_t quantity) { return quantity >= 1 && quantity <= line_quantity_max; }

FieldProblem quantity_problem(std::size_t index) {
    return {"/items/" + std::to_string(index) + "/quantity", "out-of-range",
            "The quantity of a product must be 1 to " + std::to_string(line_quantity_max) + "."};
}

FieldProblem product_id_problem(std::size_t index) {
    return {"/items/" + std::to_string(index) + "/productId", "invalid-id",
            "A product id is 1 to 64 characters A-Z, a-z, 0-9, '_' or '-'."};
}

FieldProblem line_count_problem() {
    return {"/items", "out-of-range", "An order has 1 to " + std::to_string(order_lines_max) + " items."};
}

Error invalid_order(std::vector<FieldProblem> problems) {
    return Error{
        .code = ErrorCode::validation_failed, .detail = problems.front().message, .fields = std::move(problems)};
}

std::optional<FieldProblem> check_line(const RequestedLine& line, std::size_t index) {
    if (!is_valid_id(line.product_id.text)) return product_id_problem(index);
    if (!is_valid_quantity(line.quantity)) return quantity_problem(index);
    return std::nullopt;
}

bool is_sold(const LineFacts& facts) { return facts.product != nullptr && facts.product->active; }

std::vector<Shortage> find_shortages(const NewOrder& order, std::span<const LineFacts> facts) {
    std::vector<Shortage> shortages;
    for (std::size_t i = 0; i < facts.size(); ++i) {
        const RequestedLine& line = order.lines[i];
        if (line.quantity > facts[i].available) {
            shortages.push_back({line.product_id, line.quantity, facts[i].available});
        }
    }
    return shortages;
}

std::vector<OrderLine> price_lines(const NewOrder& order, std::span<const LineFacts> facts) {
    std::vector<OrderLine> lines;
    lines.reserve(facts.size());
    for (std::size_t i = 0; i < facts.size(); ++i) {
        lines.push_back(
            {order.lines[i].product_id, facts[i].product->name, order.lines[i].quantity, facts[i].product->price});
    }
    return lines;
}

}  // namespace

Result<std::vector<RequestedLine>> merge_lines(std::span<const RequestedLine> lines) {
    if (lines.empty() || lines.size() > order_lines_max) return fail(invalid_order({line_count_problem()}));

    std::vector<RequestedLine> merged;
    std::vector<std::size_t> first_index;  // where each merged line first appeared
    std::vector<FieldProblem> problems;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (auto problem = check_line(lines[i], i)) {
            problems.push_back(std::move(*problem));
            continue;
        }
        const auto same = std::ranges::find(merged, lines[i].product_id, &RequestedLine::product_id);
        if (same == merged.end()) {
            merged.push_back(lines[i]);
            first_index.push_back(i);
        } else {
            same->quantity += lines[i].quantity;
        }
    }
    for (std::size_t i = 0; i < merged.size(); ++i) {
        if (!is_valid_quantity(merged[i].quantity)) problems.push_back(quantity_problem(first_index[i]));
    }
    if (!problems.empty()) return fail(invalid_order(std::move(problems)));
    return merged;
}

Result<std::string> resolve_location(const std::optional<std::string>& requested, std::span<const std::string> known) {
    if (requested) {
        if (std::ranges::find(known, *requested) != known.end()) return *requested;
        return fail(ErrorCode::unknown_location, "There is no such location.");
    }
    if (known.size() == 1) return known.front();
    if (known.empty()) return fail(ErrorCode::unknown_location, "The shop has no location yet.");
    return fail(ErrorCode::unknown_location, "The shop has several locations; the order must name one.");
}

Result<Order> plan_order(const NewOrder& order, std::string location, std::span<const LineFacts> facts, TimePoint now) {
    if (facts.size() != order.lines.size()) throw std::logic_error("plan_order: one fact for each line");

    const auto unknown = std::ranges::find_if_not(facts, is_sold);
    if (unknown != facts.end()) {
        const auto index = static_cast<std::size_t>(unknown - facts.begin());
        return fail(ErrorCode::unknown_product, "The product " + order.lines[index].product_id.text + " is not sold.");
    }

    Order planned;
    planned.lines = price_lines(order, facts);
    for (const OrderLine& line : planned.lines) planned.total += line.total();
    if (order.expected_total && *order.expected_total != planned.total) {
        return fail(Error{.code = ErrorCode::total_mismatch,
                          .detail = "The total differs from the one that was sent.",
                          .expected_total_minor = planned.total});
    }

    auto shortages = find_shortages(order, facts);
    if (!shortages.empty()) {
        return fail(Error{.code = ErrorCode::insufficient_stock,
                          .detail = "There is not enough stock for this order.",
                          .shortages = std::move(shortages)});
    }
    planned.id = order.order_id;
    planned.user_id = order.user_id;
    planned.location = std::move(location);
    planned.created_at = now;
    planned.trace = order.trace;
    return planned;
}

}  // namespace waybill
