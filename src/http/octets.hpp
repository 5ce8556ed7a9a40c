// Asks eight octets of a text at a time whether one of them is of a kind.
//
// A word of eight octets is mapped to marks: its result is not zero when one of them is of the kind.
// Which of them is not told: behind the first, a borrow may mark others too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace waybill::http {

inline constexpr std::uint64_t every_octet = 0x0101010101010101;
inline constexpr std::uint64_t high_bits = every_octet * 0x80;

// Below 0x20.
constexpr std::uint64_t mark_controls(std::uint64_t word) { return (word - every_octet * 0x20) & ~word & high_bits; }

constexpr std::uint64_t mark_equal(std::uint64_t word, char wanted) {
    const std::uint64_t zero_where_equal = word ^ every_octet * static_cast<unsigned char>(wanted);
    return (zero_where_equal - every_octet) & ~zero_where_equal & high_bits;
}

constexpr std::uint64_t mark_beyond_ascii(std::uint64_t word) { return word & high_bits; }

// `mark` takes a word; what is asked of an octet that fills no word is filled with letters.
template <class Mark>
bool has_octet(std::string_view text, Mark mark) {
    const auto load = [](const char* from, std::size_t size) {
        std::uint64_t word = every_octet * 'a';
        std::memcpy(&word, from, size);
        return word;
    };
    constexpr std::size_t step = sizeof(std::uint64_t);
    if (text.empty()) return false;  // and may point nowhere
    if (text.size() < step) return mark(load(text.data(), text.size())) != 0;
    for (std::size_t at = 0; at + step <= text.size(); at += step) {
        if (mark(load(text.data() + at, step)) != 0) return true;
    }
    return mark(load(text.data() + text.size() - step, step)) != 0;  // some of them once more
}

inline bool has_control(std::string_view text) { return has_octet(text, mark_controls); }

}  // namespace waybill::http
