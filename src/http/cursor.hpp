// Where the next page of a list starts, as opaque text: base64url (RFC 4648, 5) of a version, the
// list and its key. A cursor is no secret and gives no right; one that we cannot have made is empty.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/product.hpp"
#include "ports/store_types.hpp"

namespace waybill::http {

enum class CursorOf : char { orders = 'o', products = 'p', dead_letters = 'd' };

[[nodiscard]] std::string make_cursor(CursorOf list, const PageKey& key);
[[nodiscard]] std::optional<PageKey> read_cursor(CursorOf list, std::string_view cursor);

[[nodiscard]] std::string make_stock_cursor(const StockLevel& last);
[[nodiscard]] std::optional<StockLevel> read_stock_cursor(std::string_view cursor);

}  // namespace waybill::http
