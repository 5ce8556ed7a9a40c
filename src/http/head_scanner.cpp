#include "http/head_scanner.hpp"

namespace waybill::http {

namespace {

// No method that is in use begins with anything else, while TLS and most binary protocols do.
bool begins_method(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

}  // namespace

HeadScanner::Found HeadScanner::scan(std::string_view bytes) {
    if (bytes.empty()) return Found::need_more;
    if (!begins_method(bytes.front())) return Found::no_http;
    for (;;) {
        if (lines_ > 0 && line_start_ < bytes.size() && (bytes[line_start_] == ' ' || bytes[line_start_] == '\t'))
            return Found::folded;
        const std::size_t line_feed = bytes.find('\n', line_start_);
        if (line_feed == std::string_view::npos) return check_size(bytes.size());
        if (line_feed == line_start_ || bytes[line_feed - 1] != '\r') return Found::bare_line_feed;
        const bool empty = line_feed == line_start_ + 1;
        line_start_ = line_feed + 1;
        if (lines_ == 0) request_line_end_ = line_start_;
        if (check_size(line_start_) != Found::need_more) return check_size(line_start_);
        if (empty) return Found::complete;
        if (++lines_ > limits_.header_fields_max + 1) return Found::fields_too_large;
    }
}

HeadScanner::Found HeadScanner::check_size(std::size_t arrived) const {
    const std::size_t request_line = lines_ == 0 && request_line_end_ == 0 ? arrived : request_line_end_;
    if (request_line > limits_.request_line_bytes_max) return Found::line_too_long;
    if (arrived - request_line > limits_.header_bytes_max) return Found::fields_too_large;
    return Found::need_more;
}

}  // namespace waybill::http
