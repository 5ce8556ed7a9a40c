#include "domain/order.hpp"

#include <array>
#include <utility>

namespace waybill {

namespace {

constexpr std::array all_statuses{OrderStatus::pending, OrderStatus::processing, OrderStatus::processed,
                                  OrderStatus::failed, OrderStatus::cancelled};

}  // namespace

std::string_view to_text(OrderStatus status) {
    switch (status) {
        case OrderStatus::pending:
            return "Pending";
        case OrderStatus::processing:
            return "Processing";
        case OrderStatus::processed:
            return "Processed";
        case OrderStatus::failed:
            return "Failed";
        case OrderStatus::cancelled:
            return "Cancelled";
    }
    std::unreachable();
}

std::optional<OrderStatus> parse_order_status(std::string_view text) {
    for (const OrderStatus status : all_statuses) {
        if (to_text(status) == text) return status;
    }
    return std::nullopt;
}

bool is_terminal(OrderStatus status) {
    switch (status) {
        case OrderStatus::pending:
        case OrderStatus::processing:
            return false;
        case OrderStatus::processed:
        case OrderStatus::failed:
        case OrderStatus::cancelled:
            return true;
    }
    std::unreachable();
}

bool may_become(OrderStatus from, OrderStatus to) {
    switch (from) {
        case OrderStatus::pending:
            return to == OrderStatus::processing || to == OrderStatus::cancelled;
        case OrderStatus::processing:
            return to == OrderStatus::processed || to == OrderStatus::failed;
        case OrderStatus::processed:
        case OrderStatus::failed:
        case OrderStatus::cancelled:
            return false;
    }
    std::unreachable();
}

std::vector<StatusChange> timeline_of(const Order& order) {
    std::vector<StatusChange> changes{{OrderStatus::pending, order.created_at, {}}};
    if (order.processing_at) changes.push_back({OrderStatus::processing, *order.processing_at, {}});
    if (order.finished_at) changes.push_back({order.status, *order.finished_at, order.reason});
    return changes;
}

Order as_placed(Order order) {
    order.status = OrderStatus::pending;
    order.processing_at.reset();
    order.finished_at.reset();
    order.reason.clear();
    return order;
}

}  // namespace waybill
