// The writes that placing, cancelling and settling an order have in common. All run inside a
// transaction of the caller and throw when a row is not as it must be.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "adapters/sqlite/rows.hpp"
#include "adapters/sqlite/write_queue.hpp"

namespace waybill::sqlite {

[[nodiscard]] std::string_view as_bytes(const RequestHash& hash);

[[nodiscard]] std::optional<Order> select_order(Connection& db, const OrderId& id);
[[nodiscard]] std::optional<WorkItem> select_work(Connection& db, const WorkId& id);

// Due at once. False: there is such an item already, and it stays as it is.
[[nodiscard]] bool insert_work(Connection& db, const WorkId& id, WorkKind kind, const OrderId& order_id,
                               const std::string& mail_to, TimePoint now);
void delete_work(Connection& db, const WorkId& id);

// Belongs to every change of stock but that of a new order.
void raise_stock_version(Connection& db);

// Keeps a dead letter of an item that is deleted. The epoch stays with it, so that a requeued item
// never meets an old holder's lease.
void bury(Transaction& transaction, const WorkItem& item, const std::string& reason, int attempts);

// Moves `order` to a terminal state, also in memory; gives its stock back unless it was processed;
// queues the mail to its user, if there still is one.
void finish_order(Transaction& transaction, Order& order, OrderStatus status, const std::string& reason);

}  // namespace waybill::sqlite
