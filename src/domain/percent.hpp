// Percent-encoding of what stands in a URI (RFC 3986, 2.1).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace waybill {

inline constexpr std::size_t percent_escape_length = 3;

// The octet that the escape at the front of `text` stands for: '%' and two digits of either case.
// Empty when there is none.
[[nodiscard]] std::optional<char> read_percent_escape(std::string_view text);

// Decoded once; empty when a '%' begins no escape. The outcome may be any octets. '+' is a plus.
[[nodiscard]] std::optional<std::string> decode_percent(std::string_view text);

}  // namespace waybill
