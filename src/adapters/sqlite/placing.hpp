// The decision about one batch of orders: which are placed, which repeat one that is, which are
// refused. It writes nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "adapters/sqlite/connection.hpp"
#include "adapters/sqlite/fresh_orders.hpp"
#include "domain/error.hpp"
#include "ports/store_types.hpp"

namespace waybill::sqlite {

// One result for each order, in order. Those of `rest_on_accepted` (and no other) hold only once
// `accepted`, whose sequence numbers follow one another, is durable.
struct PlannedBatch {
    std::vector<Result<PlacedOrder>> results;
    std::vector<std::size_t> rest_on_accepted;
    std::vector<FreshOrder> accepted;
};

// Reads one state of the tables, and `fresh` for what they lack. The first accepted order gets the
// number after the newest of both. Throws SqliteError, and std::runtime_error where the store is not
// as it must be.
[[nodiscard]] PlannedBatch plan_batch(Connection& db, const FreshOrders::View& fresh, std::uint64_t next_sequence,
                                      std::span<const NewOrder> orders, TimePoint now);

// The newest order that the tables hold.
[[nodiscard]] std::uint64_t select_absorbed(Connection& db);

}  // namespace waybill::sqlite
