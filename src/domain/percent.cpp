#include "domain/percent.hpp"

#include <algorithm>

#include "domain/hex.hpp"

namespace waybill {

std::optional<char> read_percent_escape(std::string_view text) {
    if (text.size() < percent_escape_length || text[0] != '%') return std::nullopt;
    const int high = hex_value(text[1]);
    const int low = hex_value(text[2]);
    if (high < 0 || low < 0) return std::nullopt;
    return static_cast<char>(high * 16 + low);
}

std::optional<std::string> decode_percent(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    while (!text.empty()) {
        const std::size_t plain = std::min(text.find('%'), text.size());
        decoded += text.substr(0, plain);
        text.remove_prefix(plain);
        if (text.empty()) break;
        const std::optional<char> octet = read_percent_escape(text);
        if (!octet) return std::nullopt;
        decoded += *octet;
        text.remove_prefix(percent_escape_length);
    }
    return decoded;
}

}  // namespace waybill
