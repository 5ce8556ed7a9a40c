#include "http/request_checks.hpp"

#include <algorithm>

namespace waybill::http {

namespace {

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_host_character(char c) {
    return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') ||
           std::string_view("-._~:[]%!$&'()*+,;=").find(c) != std::string_view::npos;
}

constexpr std::size_t length_digits_max = 18;  // below 2^63

bool is_length(std::string_view value) {
    return !value.empty() && value.size() <= length_digits_max && std::ranges::all_of(value, is_digit);
}

}  // namespace

bool equal_names(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::ranges::equal(a, b, {}, to_lower, to_lower);
}

std::string_view find_head_fault(const HeaderList& headers, bool http_1_1) {
    std::size_t hosts = 0;
    std::size_t lengths = 0;
    std::size_t encodings = 0;
    for (const auto& [name, value] : headers) {
        if (equal_names(name, "host")) {
            ++hosts;
            if (!std::ranges::all_of(value, is_host_character)) return "The Host header is not valid.";
        } else if (equal_names(name, "content-length")) {
            ++lengths;
            if (!is_length(value)) return "The Content-Length header is not valid.";
        } else if (equal_names(name, "transfer-encoding")) {
            ++encodings;
            if (!equal_names(value, "chunked")) return "The Transfer-Encoding header is not supported.";
        }
    }
    if (hosts > 1) return "There is more than one Host header.";
    if (hosts == 0 && http_1_1) return "The Host header is missing.";
    if (lengths > 1) return "There is more than one Content-Length header.";
    if (encodings > 1) return "There is more than one Transfer-Encoding header.";
    if (encodings > 0 && lengths > 0) return "Transfer-Encoding and Content-Length exclude each other.";
    if (encodings > 0 && !http_1_1) return "HTTP/1.0 knows no Transfer-Encoding.";
    return {};
}

TargetParts split_target(std::string_view target) {
    if (target == "*") return {target, {}};
    if (target.find('#') != std::string_view::npos) return {};
    bool absolute = false;
    for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
        if (!equal_names(target.substr(0, scheme.size()), scheme)) continue;
        const std::size_t end = target.find_first_of("/?", scheme.size());
        if (end == scheme.size()) return {};
        absolute = true;
        target = end == std::string_view::npos ? std::string_view("/") : target.substr(end);
        break;
    }
    const std::size_t mark = target.find('?');
    TargetParts parts{target.substr(0, mark), {}};
    if (mark != std::string_view::npos) parts.query = target.substr(mark + 1);

    if (absolute && parts.path.empty()) parts.path = "/";
    if (!parts.path.starts_with('/')) return {};
    return parts;
}

}  // namespace waybill::http
