#include "http/head_scanner.hpp"

#include <gtest/gtest.h>

#include <string>

namespace waybill::http {

namespace {

using Found = HeadScanner::Found;
constexpr HeadScanner::Limits small{.request_line_bytes_max = 32, .header_bytes_max = 64, .header_fields_max = 3};

Found scan_whole(const std::string& bytes) { return HeadScanner(small).scan(bytes); }

// The answer of the first byte that gives one, as a trickling client would see it.
Found scan_byte_by_byte(const std::string& bytes) {
    HeadScanner scanner(small);
    for (std::size_t size = 1; size <= bytes.size(); ++size) {
        const Found found = scanner.scan(std::string_view(bytes).substr(0, size));
        if (found != Found::need_more) return found;
    }
    return Found::need_more;
}

TEST(HeadScanner, finds_the_end_or_the_first_fault) {
    const struct {
        std::string bytes;
        Found expected;
    } cases[] = {
        {"", Found::need_more},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r", Found::need_more},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Found::complete},
        {"GET / HTTP/1.1\r\n\r\n", Found::complete},
        {"\x16\x03\x01", Found::no_http},
        {" GET / HTTP/1.1\r\n", Found::no_http},
        {"GET / HTTP/1.1\nHost: a\r\n\r\n", Found::bare_line_feed},
        {"GET / HTTP/1.1\r\nHost: a\n\n", Found::bare_line_feed},
        {"GET / HTTP/1.1\r\nHost: a\r\n\n", Found::bare_line_feed},
        {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", Found::folded},
        {"GET / HTTP/1.1\r\nHost: a\r\n\tfolded\r\n\r\n", Found::folded},
        {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", Found::folded},
        {"GET /" + std::string(16, 'a') + " HTTP/1.1\r\n\r\n", Found::complete},
        {"GET /" + std::string(17, 'a') + " HTTP/1.1\r\n\r\n", Found::line_too_long},
        {"GET /" + std::string(40, 'a'), Found::line_too_long},
        {"GET / HTTP/1.1\r\nA: " + std::string(57, 'a') + "\r\n\r\n", Found::complete},
        {"GET / HTTP/1.1\r\nA: " + std::string(58, 'a') + "\r\n\r\n", Found::fields_too_large},
        {"GET / HTTP/1.1\r\nA: " + std::string(70, 'a'), Found::fields_too_large},
        {"GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", Found::complete},
        {"GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n", Found::fields_too_large},
    };
    for (const auto& row : cases) {
        EXPECT_EQ(scan_whole(row.bytes), row.expected) << row.bytes;
        EXPECT_EQ(scan_byte_by_byte(row.bytes), row.expected) << row.bytes;
    }
}

TEST(HeadScanner, leaves_what_follows_the_head) {
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";
    HeadScanner scanner(small);
    EXPECT_EQ(scanner.scan(head + "body\nof anything"), Found::complete);
    EXPECT_EQ(scanner.size(), head.size());
}

}  // namespace

}  // namespace waybill::http
