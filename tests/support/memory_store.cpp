#include "tests/support/memory_store.hpp"

#include <stdexcept>

#include "tests/support/newest_first.hpp"

namespace waybill::testing {

MemoryStore::MemoryStore(Clock& clock, Milliseconds ahead_max) : clock_(clock), ahead_max_(ahead_max) {}

Result<void> MemoryStore::ping() { return {}; }

std::vector<Result<PlacedOrder>> MemoryStore::place_orders(std::span<const NewOrder> orders) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    std::vector<Result<PlacedOrder>> results;
    for (const NewOrder& order : orders) results.push_back(place(order, now));
    return results;
}

Result<PlacedOrder> MemoryStore::place(const NewOrder& order, TimePoint now) {
    if (order.idempotency) {
        const auto record = idempotency_.find({order.user_id, order.idempotency->key});
        if (record != idempotency_.end()) {
            const auto* placed = std::get_if<OrderId>(&record->second.success);
            if (placed == nullptr || record->second.request_hash != order.idempotency->request_hash) {
                return fail(ErrorCode::idempotency_key_reused, "This key was used for another request.");
            }
            return PlacedOrder{as_placed(orders_.at(*placed)), true};
        }
    }
    if (const auto known = orders_.find(order.order_id); known != orders_.end()) {
        return PlacedOrder{as_placed(known->second), true};
    }

    Result<Order> planned = plan(order, now);
    if (!planned) return std::unexpected(planned.error());
    for (const OrderLine& line : planned->lines) stock_.at({line.product_id, planned->location}) -= line.quantity;
    if (order.idempotency) {
        idempotency_[{order.user_id, order.idempotency->key}] = {order.idempotency->request_hash, planned->id, now};
    }
    const WorkId work_id = process_work_id(planned->id);
    work_[work_id] = make_item(work_id, WorkKind::process_order, planned->id, now);
    orders_[planned->id] = *planned;
    return PlacedOrder{*planned, false};
}

Result<Order> MemoryStore::plan(const NewOrder& order, TimePoint now) const {
    const Result<std::string> location = resolve_location(order.location, locations());
    if (!location) return std::unexpected(location.error());
    std::vector<LineFacts> facts;
    for (const RequestedLine& line : order.lines) {
        const auto product = products_.find(line.product_id);
        facts.push_back(
            {product == products_.end() ? nullptr : &product->second, available({line.product_id, *location})});
    }
    return plan_order(order, *location, facts, now);
}

std::vector<std::string> MemoryStore::locations() const {
    std::map<std::string, bool> seen;
    for (const auto& [key, level] : stock_) seen[key.second] = true;
    std::vector<std::string> names;
    for (const auto& [name, present] : seen) names.push_back(name);
    return names;
}

std::int64_t MemoryStore::available(const StockKey& key) const {
    const auto level = stock_.find(key);
    return level == stock_.end() ? 0 : level->second;
}

void MemoryStore::return_stock(const Order& order) {
    for (const OrderLine& line : order.lines) stock_.at({line.product_id, order.location}) += line.quantity;
}

void MemoryStore::finish(Order& order, OrderStatus status, std::string reason, TimePoint now) {
    if (!may_become(order.status, status)) throw std::logic_error("an order would go a forbidden way");
    order.finished_at = order.changed_at(now);
    order.status = status;
    order.reason = std::move(reason);
    if (status != OrderStatus::processed && order.took_stock()) return_stock(order);

    const WorkId mail_id = mail_work_id(order.id, status);
    WorkItem mail = make_item(mail_id, WorkKind::send_mail, order.id, now);
    const auto user = users_.find(order.user_id);
    if (user != users_.end()) mail.mail_to = user->second.email;
    mail.mail_order = order;
    if (!work_.emplace(mail_id, std::move(mail)).second) throw std::logic_error("a mail would be queued twice");
}

MemoryStore::WorkItem MemoryStore::make_item(WorkId id, WorkKind kind, const OrderId& order_id, TimePoint now) {
    WorkItem item;
    item.id = std::move(id);
    item.kind = kind;
    item.order_id = order_id;
    item.ready_at = now;
    item.created_at = now;
    item.number = ++items_made_;
    return item;
}

Result<Order> MemoryStore::cancel_order(const OrderId& id, const std::optional<UserId>& owner) {
    const std::lock_guard lock(mutex_);
    const auto found = orders_.find(id);
    if (found == orders_.end() || (owner && found->second.user_id != *owner)) {
        return fail(ErrorCode::not_found, "There is no such order.");
    }
    Order& order = found->second;
    if (order.status == OrderStatus::cancelled) return order;
    if (!may_become(order.status, OrderStatus::cancelled)) {
        return fail(ErrorCode::invalid_transition, "The order can no longer be cancelled.");
    }
    work_.erase(process_work_id(id));
    finish(order, OrderStatus::cancelled, "", clock_.now());
    return order;
}

Result<std::optional<Order>> MemoryStore::find_order(const OrderId& id) {
    const std::lock_guard lock(mutex_);
    const auto found = orders_.find(id);
    if (found == orders_.end()) return std::optional<Order>{};
    return found->second;
}

Result<std::vector<Order>> MemoryStore::list_orders(const OrderFilter& filter, const std::optional<PageKey>& after,
                                                    std::size_t limit) {
    const std::lock_guard lock(mutex_);
    std::vector<Order> rows;
    for (const auto& [id, order] : orders_) {
        if (filter.user_id && order.user_id != *filter.user_id) continue;
        if (filter.status && order.status != *filter.status) continue;
        rows.push_back(order);
    }
    return page_newest_first(std::move(rows), after, limit);
}

}  // namespace waybill::testing
