#include "http/query.hpp"

#include <charconv>

#include "app/page.hpp"
#include "domain/percent.hpp"
#include "domain/user.hpp"
#include "http/problem.hpp"

namespace waybill::http {

namespace {

// The part of `text` before `separator`, which is taken away together with it.
std::string_view take_until(std::string_view& text, char separator) {
    const std::size_t end = text.find(separator);
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return part;
}

}  // namespace

std::optional<std::string> decode_query_text(std::string_view text) {
    std::optional<std::string> decoded = decode_percent(text);
    if (decoded && !count_code_points(*decoded)) return std::nullopt;
    return decoded;
}

std::size_t QueryReader::limit() {
    const std::optional<std::string> text = find("limit");
    if (!text) return page_limit_default;
    std::size_t value = 0;
    const char* end = text->data() + text->size();
    const auto parsed = std::from_chars(text->data(), end, value);
    if (parsed.ec == std::errc{} && parsed.ptr == end && value >= 1 && value <= page_limit_max) return value;
    refuse("limit", "out-of-range", "The limit must be 1 to " + std::to_string(page_limit_max) + ".");
    return page_limit_default;
}

std::optional<PageKey> QueryReader::after(CursorOf list) {
    const std::optional<std::string> text = find("cursor");
    if (!text) return std::nullopt;
    std::optional<PageKey> key = read_cursor(list, *text);
    bad_cursor_ = !key;
    return key;
}

std::optional<StockLevel> QueryReader::after_stock() {
    const std::optional<std::string> text = find("cursor");
    if (!text) return std::nullopt;
    std::optional<StockLevel> key = read_stock_cursor(*text);
    bad_cursor_ = !key;
    return key;
}

std::optional<OrderStatus> QueryReader::order_status() {
    const std::optional<std::string> text = find("status");
    if (!text) return std::nullopt;
    const std::optional<OrderStatus> status = parse_order_status(*text);
    if (!status) {
        refuse("status", "unknown-status", "The status must be Pending, Processing, Processed, Failed or Cancelled.");
    }
    return status;
}

std::optional<std::string> QueryReader::id(std::string_view name) {
    std::optional<std::string> text = find(name);
    if (text && !is_valid_id(*text)) {
        refuse(name, "invalid-id", "An id is 1 to 64 characters A-Z, a-z, 0-9, '_' or '-'.");
    }
    return text;
}

std::optional<std::string> QueryReader::location() {
    std::optional<std::string> text = find("location");
    if (text && !is_valid_location(*text)) {
        refuse("location", "invalid-location", "A location is 1 to 64 characters A-Z, a-z, 0-9, '_' or '-'.");
    }
    return text;
}

std::optional<Response> QueryReader::refusal(const Request& request) const {
    if (!problems_.empty()) {
        return problem(request, Error{ErrorCode::validation_failed, problems_.front().message, problems_});
    }
    if (bad_cursor_) {
        return problem(request, Error{ErrorCode::bad_cursor, "The cursor must come from a nextCursor of this list."});
    }
    return std::nullopt;
}

std::optional<std::string> QueryReader::find(std::string_view name) {
    std::optional<std::string> found;
    std::string_view rest = query_;
    while (!rest.empty()) {
        std::string_view value = take_until(rest, '&');
        const std::string_view raw_name = take_until(value, '=');
        if (decode_query_text(raw_name) != name) continue;
        std::optional<std::string> decoded = decode_query_text(value);
        if (!decoded) refuse(name, "bad-encoding", "The parameter is not percent-encoded UTF-8.");
        if (found) refuse(name, "repeated", "The parameter may come once.");
        found = std::move(decoded).value_or("");
    }
    return found;
}

void QueryReader::refuse(std::string_view name, std::string code, std::string message) {
    problems_.push_back({std::string("/").append(name), std::move(code), std::move(message)});
}

}  // namespace waybill::http
