// Shows a batch of orders to SQL as a table, so that one statement takes all of them: a statement for
// each order spends a quarter of its time on starting and ending.
//
//   SELECT … FROM fresh_orders(?1)     ?1: a FreshBatch
//
// The columns are order_id, user_id, location, lines, total, created_at, key and request_hash (NULL
// where the order has no key), process_id and mail_id (of the work items that an order can have), and
// trace (NULL where there is none).
// Source: sqlite.org/vtab.html (eponymous-only tables) and sqlite.org/bindptr.html.
#pragma once

#include <span>

#include "adapters/sqlite/connection.hpp"
#include "adapters/sqlite/fresh_orders.hpp"

namespace waybill::sqlite {

using FreshBatch = std::span<const FreshOrder>;

// A bound value; the batch outlives the statement.
[[nodiscard]] Pointer as_pointer(const FreshBatch& batch);

// For each connection that uses it, before the first statement. Throws SqliteError.
void add_fresh_table(Connection& db);

}  // namespace waybill::sqlite
