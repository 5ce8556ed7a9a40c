// Orders: place, find, list, cancel.
#include <algorithm>
#include <tuple>

#include "adapters/sqlite/order_steps.hpp"
#include "adapters/sqlite/sqlite_store.hpp"

namespace waybill::sqlite {

namespace {

// ---- lists

bool is_newer(const Order& a, const Order& b) { return std::tie(a.created_at, a.id) > std::tie(b.created_at, b.id); }

// The key that lies before every row, so that a first page needs no statement of its own.
PageKey start_of(const std::optional<PageKey>& after) { return after.value_or(PageKey{TimePoint::max(), {}}); }

std::vector<Order> list_with_status(Connection& db, OrderStatus status, const PageKey& from, std::size_t limit) {
    return read_all(db.query("SELECT * FROM orders WHERE status = ?1 AND (created_at, order_id) < (?2, ?3)"
                             " ORDER BY created_at DESC, order_id DESC LIMIT ?4",
                             status, from.created_at, from.id, limit),
                    read_order);
}

// Every status has its own run of the index; the newest of all are among the newest of each.
std::vector<Order> list_all(Connection& db, const PageKey& from, std::size_t limit) {
    std::vector<Order> all;
    for (const OrderStatus status : {OrderStatus::pending, OrderStatus::processing, OrderStatus::processed,
                                     OrderStatus::failed, OrderStatus::cancelled}) {
        for (Order& order : list_with_status(db, status, from, limit)) all.push_back(std::move(order));
    }
    std::ranges::sort(all, is_newer);
    all.resize(std::min(all.size(), limit));
    return all;
}

// With a status this reads on through the user's own orders until the page is full.
std::vector<Order> list_of_user(Connection& db, const UserId& user_id, const std::optional<OrderStatus>& status,
                                const PageKey& from, std::size_t limit) {
    return read_all(db.query("SELECT * FROM orders INDEXED BY orders_by_user WHERE user_id = ?1"
                             " AND (created_at, order_id) < (?2, ?3) AND (?4 IS NULL OR status = ?4)"
                             " ORDER BY created_at DESC, order_id DESC LIMIT ?5",
                             user_id, from.created_at, from.id, status, limit),
                    read_order);
}

}  // namespace

std::vector<Result<PlacedOrder>> SqliteStore::place_orders(std::span<const NewOrder> orders) {
    if (orders.empty()) return {};
    if (!order_log_) return {orders.size(), fail(ErrorCode::unavailable, "Only the server takes orders.")};
    return order_log_->place(orders.size(), [&](const PlacingFacts& facts) {
        return read([&](Connection& db) { return plan_batch(db, facts, orders, clock_.now()); });
    });
}

Result<Order> SqliteStore::cancel_order(const OrderId& id, const std::optional<UserId>& owner) {
    if (order_log_) {
        if (Result<void> taken = order_log_->wait_until_absorbed(id); !taken) return std::unexpected(taken.error());
    }
    return write([&](Transaction& transaction) -> Result<Order> {
        std::optional<Order> order = select_order(transaction.db, id);
        if (!order || (owner && order->user_id != *owner)) {
            return fail(ErrorCode::not_found, "There is no such order.");
        }
#ifdef WAYBILL_MUTANT_RELEASE_WITHOUT_UNIQUENESS
        for (const OrderLine& line : is_terminal(order->status) ? order->lines : std::vector<OrderLine>{}) {
            transaction.db.run(
                "UPDATE inventory SET available = available + ?3 WHERE product_id = ?1 AND location = ?2",
                line.product_id, order->location, line.quantity);
        }
#endif
        if (order->status == OrderStatus::cancelled) return *std::move(order);
        if (!may_become(order->status, OrderStatus::cancelled)) {
            return fail(ErrorCode::invalid_transition, "The order can no longer be cancelled.");
        }
        delete_work(transaction.db, process_work_id(id));
        finish_order(transaction, *order, OrderStatus::cancelled, {});
        return *std::move(order);
    });
}

Result<std::optional<Order>> SqliteStore::find_order(const OrderId& id) {
    // Asked first: what is no longer fresh then is in the tables.
    const FreshOrder fresh = order_log_ ? order_log_->find(id) : nullptr;
    Result<std::optional<Order>> stored = read([&](Connection& db) { return select_order(db, id); });
    if (fresh && stored && !*stored) return fresh->order;
    return stored;
}

Result<std::vector<Order>> SqliteStore::list_orders(const OrderFilter& filter, const std::optional<PageKey>& after,
                                                    std::size_t limit) {
    const Result<void> taken =
        filter.user_id && order_log_ ? order_log_->wait_until_absorbed(*filter.user_id) : wait_until_absorbed();
    if (!taken) return std::unexpected(taken.error());
    const PageKey from = start_of(after);
    return read([&](Connection& db) {
        if (filter.user_id) return list_of_user(db, *filter.user_id, filter.status, from, limit);
        if (filter.status) return list_with_status(db, *filter.status, from, limit);
        return list_all(db, from, limit);
    });
}

}  // namespace waybill::sqlite
