// The reads and writes of products and stock that several transactions have in common. All throw when a row
// is not as it must be.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "adapters/sqlite/connection.hpp"
#include "domain/product.hpp"

namespace waybill::sqlite {

[[nodiscard]] std::optional<Product> select_product(Connection& db, const ProductId& id);

[[nodiscard]] std::uint64_t select_catalogue_version(Connection& db);

// Belongs to every change of a product; returns the new version.
std::uint64_t raise_catalogue_version(Connection& db);

void insert_product(Connection& db, const Product& product);

// Makes the location too, where it is new, and raises the stock version.
void put_stock(Connection& db, const ProductId& id, const std::string& location, std::int64_t available);

}  // namespace waybill::sqlite
