// Octets as pairs of hexadecimal digits (RFC 4648, 8), in lower case unless the name says otherwise.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace waybill {

inline constexpr std::string_view hex_digits = "0123456789abcdef";
inline constexpr std::string_view upper_hex_digits = "0123456789ABCDEF";

// Of either case; -1 for what is no digit.
constexpr int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

void append_hex(std::string& out, std::span<const std::uint8_t> bytes);
void append_hex(std::string& out, char octet);
void append_upper_hex(std::string& out, char octet);

[[nodiscard]] std::string to_hex(std::span<const std::uint8_t> bytes);
[[nodiscard]] std::string to_hex(std::string_view octets);

}  // namespace waybill
