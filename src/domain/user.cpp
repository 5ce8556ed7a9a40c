#include "domain/user.hpp"

#include <algorithm>
#include <utility>

#include "domain/utf8.hpp"

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
    if (at > email_local_length_max) return std::nullopt;  // npos too
    if (!every_part(text.substr(0, at), is_atom)) return std::nullopt;
    if (!every_part(text.substr(at + 1), is_host_label)) return std::nullopt;
    std::string address{text};
    std::ranges::transform(address, address.begin(), to_lower);
    return address;
}

std::optional<std::size_t> count_code_points(std::string_view text) {
    std::size_t count = 0;
    while (!text.empty()) {
        const std::size_t length = utf8_sequence_length(text);
        if (length == 0) return std::nullopt;
        text.remove_prefix(length);
        ++count;
    }
    return count;
}

}  // namespace waybill
