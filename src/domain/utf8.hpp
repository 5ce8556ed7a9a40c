// UTF-8 (RFC 3629): the shortest form only, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace waybill {

// Octets of the code point at the front, 1 to 4; 0 when there is none, or it is not well formed.
[[nodiscard]] std::size_t utf8_sequence_length(std::string_view text);

// Whether the text, which is UTF-8, holds one of U+0000 to U+001F and U+007F to U+009F.
[[nodiscard]] bool has_control_character(std::string_view text);

}  // namespace waybill
