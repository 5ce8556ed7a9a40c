#include "http/media_type.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "http/request_checks.hpp"

namespace waybill::http {

namespace {

bool is_token_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").contains(c);
}

// Empty when there is none.
std::string_view take_token(std::string_view& rest) {
    const auto end = std::ranges::find_if_not(rest, is_token_character);
    const std::string_view token = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
    rest.remove_prefix(token.size());
    return token;
}

// `rest` begins with the quote.
std::optional<std::string> take_quoted(std::string_view& rest) {
    std::string text;
    for (std::size_t i = 1; i < rest.size(); ++i) {
        if (rest[i] == '"') {
            rest.remove_prefix(i + 1);
            return text;
        }
        if (rest[i] == '\\' && ++i == rest.size()) break;
        text += rest[i];
    }
    return std::nullopt;
}

bool fits(std::string_view name, std::string_view value) {
    return !equal_names(name, "charset") || equal_names(value, "utf-8");
}

// `rest` begins with the name.
bool take_parameter(std::string_view& rest) {
    const std::string_view name = take_token(rest);
    if (name.empty() || !rest.starts_with('=')) return false;
    rest.remove_prefix(1);
    if (rest.starts_with('"')) {
        const std::optional<std::string> text = take_quoted(rest);
        return text && fits(name, *text);
    }
    const std::string_view text = take_token(rest);
    return !text.empty() && fits(name, text);
}

}  // namespace

bool is_json_type(std::string_view value) {
    const std::size_t type_end = std::min(value.find(';'), value.size());
    if (!equal_names(trim_ows(value.substr(0, type_end)), "application/json")) return false;
    std::string_view rest = value.substr(type_end);
    while (!rest.empty()) {
        if (!rest.starts_with(';')) return false;
        rest = trim_ows(rest.substr(1));
        if (rest.empty() || rest.starts_with(';')) continue;
        if (!take_parameter(rest)) return false;
        rest = trim_ows(rest);
    }
    return true;
}

}  // namespace waybill::http
