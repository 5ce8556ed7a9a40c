#include "domain/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace waybill {

namespace {

// The well-formed sequences of Unicode, table 3-7: the first byte gives the length and the range of
// the second; the others are 80 to BF.
struct Form {
    std::uint8_t first_low, first_high, second_low, second_high;
    std::size_t length;
};
constexpr std::array<Form, 8> long_forms{{{0xc2, 0xdf, 0x80, 0xbf, 2},
                                          {0xe0, 0xe0, 0xa0, 0xbf, 3},
                                          {0xe1, 0xec, 0x80, 0xbf, 3},
                                          {0xed, 0xed, 0x80, 0x9f, 3},
                                          {0xee, 0xef, 0x80, 0xbf, 3},
                                          {0xf0, 0xf0, 0x90, 0xbf, 4},
                                          {0xf1, 0xf3, 0x80, 0xbf, 4},
                                          {0xf4, 0xf4, 0x80, 0x8f, 4}}};

}  // namespace

std::size_t utf8_sequence_length(std::string_view text) {
    if (text.empty()) return 0;
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    const auto is_within = [](std::uint8_t value, std::uint8_t low, std::uint8_t high) {
        return value >= low && value <= high;
    };
    const std::uint8_t first = byte(0);
    if (first < 0x80) return 1;
    const auto form = std::ranges::find_if(
        long_forms, [&](const Form& candidate) { return is_within(first, candidate.first_low, candidate.first_high); });
    if (form == long_forms.end() || text.size() < form->length) return 0;
    if (!is_within(byte(1), form->second_low, form->second_high)) return 0;
    for (std::size_t i = 2; i < form->length; ++i) {
        if (!is_within(byte(i), 0x80, 0xbf)) return 0;
    }
    return form->length;
}

// UTF-8 writes U+0080 to U+009F as C2 80 to C2 9F.
bool has_control_character(std::string_view text) {
    std::uint8_t previous = 0;
    for (const char c : text) {
        const auto octet = static_cast<std::uint8_t>(c);
        if (octet < 0x20 || octet == 0x7f) return true;
        if (previous == 0xc2 && octet < 0xa0) return true;
        previous = octet;
    }
    return false;
}

}  // namespace waybill
