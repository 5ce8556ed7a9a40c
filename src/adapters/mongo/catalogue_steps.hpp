// The reads and writes of products and stock that several transactions have in common. All throw when a
// document is not as it must be.
#pragma once

#include <cstdint>
#include <span>

#include "adapters/mongo/transactions.hpp"
#include "domain/product.hpp"

namespace waybill::mongo {

[[nodiscard]] std::uint64_t read_catalogue_version(const View& catalogue);
[[nodiscard]] std::uint64_t find_catalogue_version(Transaction& transaction);

// Belongs to every change of a product; returns the new version.
std::uint64_t raise_catalogue_version(Transaction& transaction);

// Makes the locations too, where they are new.
void put_stock(Transaction& transaction, std::span<const StockLevel> levels);

}  // namespace waybill::mongo
