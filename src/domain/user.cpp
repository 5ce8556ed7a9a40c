#include "domain/user.hpp"

#include <algorithm>
#include <charconv>
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

// =?charset?encoding?text?= (RFC 2047): no program should decode one in an address, some do.
bool has_encoded_word(std::string_view text) {
    const std::size_t begin = text.find("=?");
    return begin != std::string_view::npos && text.find("?=", begin + 2) != std::string_view::npos;
}

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

constexpr std::string_view bcrypt_letters = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t bcrypt_salt_length = 22;

// Letters of 6 bits each; the last one has `spare_bits` that must be zero, since verifying drops them.
bool is_bcrypt_text(std::string_view text, unsigned spare_bits) {
    return text.find_first_not_of(bcrypt_letters) == std::string_view::npos &&
           bcrypt_letters.find(text.back()) % (1U << spare_bits) == 0;
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
    if (at > email_local_length_max) return std::nullopt;  // npos too
    if (!every_part(text.substr(0, at), is_atom)) return std::nullopt;
    if (has_encoded_word(text)) return std::nullopt;
    if (!every_part(text.substr(at + 1), is_host_label)) return std::nullopt;
    std::string address{text};
    std::ranges::transform(address, address.begin(), to_lower);
    return address;
}

bool is_bcrypt_hash(std::string_view text) {
    if (text.size() != bcrypt_hash_length || !text.starts_with("$2")) return false;
    if (!std::string_view{"aby"}.contains(text[2]) || text[3] != '$' || text[6] != '$') return false;
    int cost = 0;
    const auto [stop, problem] = std::from_chars(text.data() + 4, text.data() + 6, cost);
    if (problem != std::errc{} || stop != text.data() + 6 || cost < 4 || cost > bcrypt_cost_max) return false;
    const std::string_view salt = text.substr(7, bcrypt_salt_length);
    const std::string_view hash = text.substr(7 + bcrypt_salt_length);
    return is_bcrypt_text(salt, 4) && is_bcrypt_text(hash, 2);  // 128 and 184 bits
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
