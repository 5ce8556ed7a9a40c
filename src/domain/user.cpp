#include "domain/user.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace waybill {

namespace {

constexpr std::size_t email_local_length_max = 64;  // RFC 5321, 4.5.3.1.1
constexpr std::size_t host_label_length_max = 63;   // RFC 1035, 2.3.4

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_atom_character(char c) { return is_letter_or_digit(c) || std::string_view{"!#$%&'*+-/=?^_`{|}~"}.contains(c); }

bool is_host_character(char c) { return is_letter_or_digit(c) || c == '-'; }

bool is_atom(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_atom_character); }

bool is_host_label(std::string_view text) {
    return !text.empty() && text.size() <= host_label_length_max && std::ranges::all_of(text, is_host_character) &&
           text.front() != '-' && text.back() != '-';
}

bool every_part(std::string_view text, bool (*accepts)(std::string_view)) {
    for (std::size_t dot = text.find('.'); dot != std::string_view::npos; dot = text.find('.')) {
        if (!accepts(text.substr(0, dot))) return false;
        text.remove_prefix(dot + 1);
    }
    return accepts(text);
}

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The well-formed sequences of Unicode, table 3-7: the first byte gives the length and the range of
// the second; the others are 80 to BF.
struct Utf8Form {
    std::uint8_t first_low, first_high, second_low, second_high;
    std::size_t length;
};
constexpr std::array<Utf8Form, 9> utf8_forms{{{0x00, 0x7f, 0, 0, 1},
                                              {0xc2, 0xdf, 0x80, 0xbf, 2},
                                              {0xe0, 0xe0, 0xa0, 0xbf, 3},
                                              {0xe1, 0xec, 0x80, 0xbf, 3},
                                              {0xed, 0xed, 0x80, 0x9f, 3},
                                              {0xee, 0xef, 0x80, 0xbf, 3},
                                              {0xf0, 0xf0, 0x90, 0xbf, 4},
                                              {0xf1, 0xf3, 0x80, 0xbf, 4},
                                              {0xf4, 0xf4, 0x80, 0x8f, 4}}};

// Octets of the code point at the front; 0 when it is not well formed.
std::size_t code_point_length(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    const auto* form = std::ranges::find_if(utf8_forms, [&](const Utf8Form& candidate) {
        return byte(0) >= candidate.first_low && byte(0) <= candidate.first_high;
    });
    if (form == utf8_forms.end() || text.size() < form->length) return 0;
    if (form->length > 1 && (byte(1) < form->second_low || byte(1) > form->second_high)) return 0;
    for (std::size_t i = 2; i < form->length; ++i) {
        if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
    }
    return form->length;
}

}  // namespace

std::string_view to_text(Role role) {
    switch (role) {
        case Role::customer:
            return "customer";
        case Role::admin:
            return "admin";
    }
    std::unreachable();
}

std::optional<Role> parse_role(std::string_view text) {
    if (text == to_text(Role::customer)) return Role::customer;
    if (text == to_text(Role::admin)) return Role::admin;
    return std::nullopt;
}

std::optional<std::string> normalize_email(std::string_view text) {
    if (text.size() > email_length_max) return std::nullopt;
    const std::size_t at = text.find('@');
    if (at == std::string_view::npos || at > email_local_length_max) return std::nullopt;
    if (!every_part(text.substr(0, at), is_atom)) return std::nullopt;
    if (!every_part(text.substr(at + 1), is_host_label)) return std::nullopt;
    std::string address{text};
    std::ranges::transform(address, address.begin(), to_lower);
    return address;
}

std::optional<std::size_t> count_code_points(std::string_view text) {
    std::size_t count = 0;
    while (!text.empty()) {
        const std::size_t length = code_point_length(text);
        if (length == 0) return std::nullopt;
        text.remove_prefix(length);
        ++count;
    }
    return count;
}

}  // namespace waybill
