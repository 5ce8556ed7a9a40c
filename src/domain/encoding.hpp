// Compact, versioned bytes for what a store keeps in one column and a cache in one entry.
// Decoding answers empty for anything that it did not write itself: a truncated, foreign or newer
// form is a cache miss, and in a store a broken invariant.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/order.hpp"
#include "domain/product.hpp"

namespace waybill {

[[nodiscard]] std::string encode_lines(const std::vector<OrderLine>& lines);
[[nodiscard]] std::optional<std::vector<OrderLine>> decode_lines(std::string_view bytes);

[[nodiscard]] std::string encode_order(const Order& order);
[[nodiscard]] std::optional<Order> decode_order(std::string_view bytes);

[[nodiscard]] std::string encode_product(const Product& product);
[[nodiscard]] std::optional<Product> decode_product(std::string_view bytes);

[[nodiscard]] std::string encode_products(const std::vector<Product>& products);
[[nodiscard]] std::optional<std::vector<Product>> decode_products(std::string_view bytes);

}  // namespace waybill
