// Finds the end of a request head in what has arrived so far, and refuses early what no two readers
// of a stream would understand alike (RFC 9112, 2.2 and 5.2). What stands inside the lines is the
// parser's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace waybill::http {

class HeadScanner {
public:
    struct Limits {
        std::size_t request_line_bytes_max = 8u << 10;
        std::size_t header_bytes_max = 16u << 10;
        std::size_t header_fields_max = 100;
    };
    enum class Found : std::uint8_t {
        need_more,
        complete,
        no_http,          // the first byte begins no method
        bare_line_feed,   // LF without CR
        folded,           // a line that begins with a space or tab
        line_too_long,    // the request line
        fields_too_large  // their bytes or their number
    };

    explicit HeadScanner(const Limits& limits) : limits_(limits) {}

    // `bytes` is the whole stream since the head's first byte; each call sees the former ones again.
    [[nodiscard]] Found scan(std::string_view bytes);

    // Of a complete head, with its empty line.
    [[nodiscard]] std::size_t size() const { return line_start_; }
    [[nodiscard]] std::size_t fields() const { return lines_ - 1; }

    void reset() { line_start_ = request_line_end_ = lines_ = 0; }

private:
    [[nodiscard]] Found check_size(std::size_t arrived) const;

    Limits limits_;
    std::size_t line_start_ = 0;
    std::size_t request_line_end_ = 0;
    std::size_t lines_ = 0;
};

}  // namespace waybill::http
