#include "domain/ids.hpp"

#include <algorithm>

#include "domain/hex.hpp"

namespace waybill {

namespace {

constexpr std::array<bool, 256> id_characters = [] {
    std::array<bool, 256> found{};
    for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")) {
        found[static_cast<unsigned char>(c)] = true;
    }
    return found;
}();

bool is_id_character(char c) { return id_characters[static_cast<unsigned char>(c)]; }

}  // namespace

bool is_valid_id(std::string_view text) {
    return !text.empty() && text.size() <= id_length_max && std::ranges::all_of(text, is_id_character);
}

std::string make_uuid_v7(TimePoint now, std::span<const std::uint8_t, 10> random) {
    const auto ms = static_cast<std::uint64_t>(to_unix_ms(now));
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < 6; ++i) bytes[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
    std::ranges::copy(random, bytes.begin() + 6);
    bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x70);  // version 7
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);  // variant 10

    const std::span<const std::uint8_t> all = bytes;
    std::string text;
    text.reserve(36);
    append_hex(text, all.subspan(0, 4));
    text += '-';
    append_hex(text, all.subspan(4, 2));
    text += '-';
    append_hex(text, all.subspan(6, 2));
    text += '-';
    append_hex(text, all.subspan(8, 2));
    text += '-';
    append_hex(text, all.subspan(10, 6));
    return text;
}

std::string make_object_id(TimePoint now, std::span<const std::uint8_t, 8> random) {
    const auto seconds = static_cast<std::uint32_t>(to_unix_ms(now) / 1'000);
    std::array<std::uint8_t, 12> bytes{};
    for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(seconds >> (24 - 8 * i));
    std::ranges::copy(random, bytes.begin() + 4);
    return to_hex(bytes);
}

}  // namespace waybill
