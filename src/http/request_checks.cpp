#include "http/request_checks.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <string>

namespace waybill::http {

namespace {

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_alphanumeric(char c) { return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z'); }

bool is_name_character(char c) { return is_alphanumeric(c) || std::string_view("-._~").contains(c); }

bool is_ipv6_address(std::string_view text) {
    in6_addr ignored{};
    return !text.contains('\0') && inet_pton(AF_INET6, std::string(text).c_str(), &ignored) == 1;
}

constexpr std::size_t port_digits_max = 5;

// A name or address, and a port. Percent-encoded names and their sub-delimiters are no host of ours.
bool is_host(std::string_view text) {
    std::size_t end = 0;
    if (text.starts_with('[')) {
        end = text.find(']');
        if (end == std::string_view::npos || !is_ipv6_address(text.substr(1, end - 1))) return false;
        ++end;
    } else {
        end = std::min(text.find(':'), text.size());
        if (end == 0 || !std::ranges::all_of(text.substr(0, end), is_name_character)) return false;
    }
    if (end == text.size()) return true;
    const std::string_view port = text.substr(end + 1);
    return text[end] == ':' && port.size() <= port_digits_max && std::ranges::all_of(port, is_digit);
}

constexpr std::size_t length_digits_max = 18;  // below 2^63

bool is_length(std::string_view value) {
    if (value.empty() || value.size() > length_digits_max) return false;
    if (value.front() == '0' && value.size() > 1) return false;  // some readers take it for octal
    return std::ranges::all_of(value, is_digit);
}

// The characters of a URI: unreserved, reserved but '#', and '%' (RFC 3986, 2).
constexpr std::array<bool, 256> target_characters = [] {
    std::array<bool, 256> known{};
    for (unsigned char c = '!'; c < 0x7f; ++c) known[c] = true;
    for (const char c : std::string_view("\"#<>\\^`{|}")) known[static_cast<unsigned char>(c)] = false;
    return known;
}();

bool is_target_character(char c) { return target_characters[static_cast<unsigned char>(c)]; }

// What a head may hold once.
struct Singles {
    std::size_t hosts = 0;
    std::size_t lengths = 0;
    std::size_t encodings = 0;
    std::size_t types = 0;
    std::size_t authorizations = 0;
};

// Counts the field, and says what is wrong with it alone. Few names are as long as one of these.
std::string_view count_field(Singles& singles, std::string_view name, std::string_view value) {
    switch (name.size()) {
        case 4:
            if (!equal_names(name, "host")) return {};
            ++singles.hosts;
            return value.empty() || is_host(value) ? "" : "The Host header is not valid.";
        case 12:
            if (equal_names(name, "content-type")) ++singles.types;
            return {};
        case 13:
            if (equal_names(name, "authorization")) ++singles.authorizations;
            return {};
        case 14:
            if (!equal_names(name, "content-length")) return {};
            ++singles.lengths;
            return is_length(value) ? "" : "The Content-Length header is not valid.";
        case 17:
            if (!equal_names(name, "transfer-encoding")) return {};
            ++singles.encodings;
            return equal_names(value, "chunked") ? "" : "The Transfer-Encoding header is not supported.";
        default:
            return {};
    }
}

}  // namespace

bool equal_names(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::ranges::equal(a, b, {}, to_lower, to_lower);
}

std::string_view trim_ows(std::string_view text) {
    while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
    while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
    return text;
}

std::vector<std::string_view> list_members(const HeaderList& headers, std::string_view wanted) {
    std::vector<std::string_view> members;
    for (const auto& [name, value] : headers) {
        if (name.size() != wanted.size() || !equal_names(name, wanted)) continue;
        for (std::size_t at = 0; at <= value.size();) {
            const std::size_t end = std::min(value.find(',', at), value.size());
            const std::string_view member = trim_ows(value.substr(at, end - at));
            if (!member.empty()) members.push_back(member);
            at = end + 1;
        }
    }
    return members;
}

std::string_view find_head_fault(const HeaderList& headers, bool http_1_1) {
    Singles found;
    for (const auto& [name, value] : headers) {
        if (const std::string_view fault = count_field(found, name, value); !fault.empty()) return fault;
    }
    if (found.hosts > 1) return "There is more than one Host header.";
    if (found.hosts == 0 && http_1_1) return "The Host header is missing.";
    if (found.lengths > 1) return "There is more than one Content-Length header.";
    if (found.encodings > 1) return "There is more than one Transfer-Encoding header.";
    if (found.encodings > 0 && found.lengths > 0) return "Transfer-Encoding and Content-Length exclude each other.";
    if (found.encodings > 0 && !http_1_1) return "HTTP/1.0 knows no Transfer-Encoding.";
    if (found.types > 1) return "There is more than one Content-Type header.";
    if (found.authorizations > 1) return "There is more than one Authorization header.";
    return {};
}

Expectation find_expectation(const HeaderList& headers, bool http_1_1) {
    Expectation found = Expectation::none;
    if (!http_1_1) return found;
    for (const std::string_view member : list_members(headers, "expect")) {
        if (!equal_names(member, "100-continue")) return Expectation::unknown;
        found = Expectation::go_on;
    }
    return found;
}

bool asks_to_close(const HeaderList& headers) {
    return std::ranges::any_of(list_members(headers, "connection"),
                               [](std::string_view member) { return equal_names(member, "close"); });
}

bool is_chunk_extension(std::string_view text) {
    return std::ranges::all_of(text,
                               [](char c) { return (static_cast<unsigned char>(c) >= ' ' && c != 0x7f) || c == '\t'; });
}

bool leaves_quote_open(std::string_view unread) {
    if (unread.starts_with("\r\n")) unread.remove_prefix(2);
    const std::size_t end = unread.find("\r\n");
    if (end == std::string_view::npos) return false;
    bool open = false;
    for (std::size_t i = 0; i < end; ++i) {
        if (unread[i] == '"') open = !open;
        if (unread[i] == '\\' && open) ++i;
    }
    return open;
}

TargetParts split_target(std::string_view target) {
    if (target == "*") return {target, {}};
    if (!std::ranges::all_of(target, is_target_character)) return {};
    TargetParts parts;
    if (!target.starts_with('/')) {
        for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
            if (!equal_names(target.substr(0, scheme.size()), scheme)) continue;
            const std::size_t end = std::min(target.find_first_of("/?", scheme.size()), target.size());
            parts.authority = target.substr(scheme.size(), end - scheme.size());
            target.remove_prefix(end);
            break;
        }
        if (!is_host(parts.authority)) return {};
    }
    const std::size_t mark = target.find('?');
    parts.path = target.substr(0, mark);
    if (mark != std::string_view::npos) parts.query = target.substr(mark + 1);
    if (parts.path.empty()) parts.path = "/";
    return parts;
}

}  // namespace waybill::http
