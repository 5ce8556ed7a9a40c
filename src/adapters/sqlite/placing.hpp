// The decision about one batch of orders: which are placed, which repeat one that is, which are
// refused. It writes nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "adapters/sqlite/connection.hpp"
#include "adapters/sqlite/fresh_orders.hpp"
#include "domain/error.hpp"
#include "ports/store_types.hpp"

namespace waybill::sqlite {

// Rows of each kind that are remembered from batch to batch.
inline constexpr std::size_t rows_remembered_max = 65'536;

// What one state of the tables says of itself.
struct TablesVersion {
    std::uint64_t absorbed = 0;  // the newest order that they hold
    std::uint64_t catalogue = 0;
    std::uint64_t stock = 0;
    bool operator==(const TablesVersion&) const = default;
};

[[nodiscard]] TablesVersion select_version(Connection& db);

// What earlier batches read, so that a popular product is not read for each of them. It holds for as
// long as the versions of catalogue and stock that it was read with; the stock is that after every
// order that was accepted since. Not thread-safe.
class PlacingMemory {
public:
    using Locations = std::vector<std::string>;

    // Forgets what no longer holds. Before each batch.
    void adopt(const TablesVersion& present);

    // After a batch that was accepted and then was not made durable.
    void forget_stock();

    std::unordered_map<ProductId, Product> products;  // without their descriptions
    std::unordered_map<ProductId, std::map<std::string, std::int64_t>> available;
    std::map<std::optional<std::string>, Locations> locations;  // by what was requested

private:
    TablesVersion version_;
};

// One result for each order, in order. Those of `rest_on_accepted` (and no other) hold only once
// `accepted`, whose sequence numbers follow one another, is durable.
struct PlannedBatch {
    std::vector<Result<PlacedOrder>> results;
    std::vector<std::size_t> rest_on_accepted;
    std::vector<FreshOrder> accepted;
};

// What one batch is decided with: the orders on their way, what is remembered, and the number of the
// first order that it accepts.
struct PlacingFacts {
    const FreshOrders::View& fresh;
    PlacingMemory& memory;
    std::uint64_t next_sequence = 0;
};

// Reads one state of the tables, and `facts` for what they lack. Throws SqliteError, and
// std::runtime_error where the store is not as it must be.
[[nodiscard]] PlannedBatch plan_batch(Connection& db, const PlacingFacts& facts, std::span<const NewOrder> orders,
                                      TimePoint now);

}  // namespace waybill::sqlite
