#include "domain/hex.hpp"

namespace waybill {

namespace {

void append_pair(std::string& out, std::uint8_t byte, std::string_view digits) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
}

}  // namespace

void append_hex(std::string& out, std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) append_pair(out, byte, hex_digits);
}

void append_hex(std::string& out, char octet) { append_pair(out, static_cast<std::uint8_t>(octet), hex_digits); }

void append_upper_hex(std::string& out, char octet) {
    append_pair(out, static_cast<std::uint8_t>(octet), upper_hex_digits);
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
    std::string text;
    text.reserve(2 * bytes.size());
    append_hex(text, bytes);
    return text;
}

std::string to_hex(std::string_view octets) {
    return to_hex({reinterpret_cast<const std::uint8_t*>(octets.data()), octets.size()});
}

}  // namespace waybill
