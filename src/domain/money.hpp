// Money is int64 minor units inside and an exact decimal on the wire. No floating point touches it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/error.hpp"

namespace waybill {

using MinorUnits = std::int64_t;

// A unit price is 0 to 10^12 minor units, so that 100 lines of 10,000 pieces stay below 2^63.
inline constexpr MinorUnits unit_price_max = 1'000'000'000'000;

// ISO 4217: the alphabetic code and the number of fraction digits.
struct Currency {
    std::string code = "INR";
    int fraction_digits = 2;
    bool operator==(const Currency&) const = default;
};

// Empty when the code is not an active ISO 4217 currency.
[[nodiscard]] std::optional<Currency> find_currency(std::string_view code);

// The text of a JSON number (RFC 8259, 6) to minor units, exactly. "4324", "4324.00" and
// "4.324e3" are the same amount. Errors (validation_failed): more fraction digits than the currency
// has, negative, not a number, beyond int64.
[[nodiscard]] Result<MinorUnits> parse_amount(std::string_view number, const Currency& currency);

// "4324.00" for 432400 in a currency with two fraction digits.
[[nodiscard]] std::string format_amount(MinorUnits amount, const Currency& currency);

}  // namespace waybill
