#include "http/request_checks.hpp"

#include <gtest/gtest.h>

#include <string>

namespace waybill::http {

namespace {

TEST(RequestChecks, optional_white_space_is_spaces_and_tabs_at_the_ends) {
    EXPECT_EQ(trim_ows(" \t a \t b\t "), "a \t b");
    EXPECT_EQ(trim_ows("\r a\v"), "\r a\v");
    EXPECT_EQ(trim_ows(" \t "), "");
    EXPECT_EQ(trim_ows(""), "");
}

TEST(RequestChecks, refuses_heads_that_two_readers_could_frame_differently) {
    const struct {
        HeaderList headers;
        bool http_1_1;
        std::string_view fault;
    } cases[] = {
        {{{"Host", "shop.example:8080"}}, true, ""},
        {{{"HOST", "[::1]:80"}, {"content-length", "0"}}, true, ""},
        {{{"Host", ""}}, true, ""},
        {{{"Host", "a"}, {"Transfer-Encoding", "Chunked"}}, true, ""},
        {{}, false, ""},
        {{}, true, "The Host header is missing."},
        {{{"Host", "a"}, {"host", "a"}}, true, "There is more than one Host header."},
        {{{"Host", "a"}, {"host", "b"}}, false, "There is more than one Host header."},
        {{{"Host", "a b"}}, true, "The Host header is not valid."},
        {{{"Host", "a@b"}}, true, "The Host header is not valid."},
        {{{"Host", "a/b"}}, true, "The Host header is not valid."},
        {{{"Host", "a,b"}}, true, "The Host header is not valid."},
        {{{"Host", "a%20b"}}, true, "The Host header is not valid."},
        {{{"Host", "a:b"}}, true, "The Host header is not valid."},
        {{{"Host", "a:1:2"}}, true, "The Host header is not valid."},
        {{{"Host", "a:123456"}}, true, "The Host header is not valid."},
        {{{"Host", ":80"}}, true, "The Host header is not valid."},
        {{{"Host", "::1"}}, true, "The Host header is not valid."},
        {{{"Host", "[::1"}}, true, "The Host header is not valid."},
        {{{"Host", "[]"}}, true, "The Host header is not valid."},
        {{{"Host", "[::1]80"}}, true, "The Host header is not valid."},
        {{{"Host", "[::g]"}}, true, "The Host header is not valid."},
        {{{"Host", "[:::::]"}}, true, "The Host header is not valid."},
        {{{"Host", "[...]"}}, true, "The Host header is not valid."},
        {{{"Host", "[1.2.3.4]"}}, true, "The Host header is not valid."},
        {{{"Host", "[1:2:3]"}}, true, "The Host header is not valid."},
        {{{"Host", "[::1%251]"}}, true, "The Host header is not valid."},
        {{{"Host", "[v1.a]"}}, true, "The Host header is not valid."},
        {{{"Host", std::string_view("[::1\0]", 6)}}, true, "The Host header is not valid."},
        {{{"Host", "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]"}}, true, "The Host header is not valid."},
        {{{"Host", "[::]"}}, true, ""},
        {{{"Host", "[2001:DB8::ffff:192.0.2.1]:8080"}}, true, ""},
        {{{"Host", "[1111:2222:3333:4444:5555:6666:255.255.255.255]"}}, true, ""},
        {{{"Host", "a:"}}, true, ""},
        {{{"Host", "a_b.~-"}}, true, ""},
        {{{"Host", "a"}, {"Content-Length", "5"}, {"Content-Length", "5"}},
         true,
         "There is more than one Content-Length header."},
        {{{"Host", "a"}, {"Content-Length", "5, 5"}}, true, "The Content-Length header is not valid."},
        {{{"Host", "a"}, {"Content-Length", "+5"}}, true, "The Content-Length header is not valid."},
        {{{"Host", "a"}, {"Content-Length", "010"}}, true, "The Content-Length header is not valid."},
        {{{"Host", "a"}, {"Content-Length", "-1"}}, true, "The Content-Length header is not valid."},
        {{{"Host", "a"}, {"Content-Length", "0x5"}}, true, "The Content-Length header is not valid."},
        {{{"Host", "a"}, {"Content-Length", ""}}, true, "The Content-Length header is not valid."},
        {{{"Host", "a"}, {"Content-Length", "9999999999999999999"}}, true, "The Content-Length header is not valid."},
        {{{"Host", "a"}, {"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}},
         true,
         "Transfer-Encoding and Content-Length exclude each other."},
        {{{"Host", "a"}, {"Transfer-Encoding", "gzip, chunked"}},
         true,
         "The Transfer-Encoding header is not supported."},
        {{{"Host", "a"}, {"Transfer-Encoding", "identity"}}, true, "The Transfer-Encoding header is not supported."},
        {{{"Host", "a"}, {"Transfer-Encoding", "xchunked"}}, true, "The Transfer-Encoding header is not supported."},
        {{{"Host", "a"}, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
         true,
         "There is more than one Transfer-Encoding header."},
        {{{"Host", "a"}, {"Content-Type", "application/json"}, {"content-type", "text/plain"}},
         true,
         "There is more than one Content-Type header."},
        {{{"Host", "a"}, {"Authorization", "Bearer a"}, {"authorization", "Bearer b"}},
         true,
         "There is more than one Authorization header."},
        {{{"Transfer-Encoding", "chunked"}}, false, "HTTP/1.0 knows no Transfer-Encoding."},
    };
    for (const auto& row : cases) EXPECT_EQ(find_head_fault(row.headers, row.http_1_1), row.fault);
}

TEST(RequestChecks, reads_the_lists_of_all_fields_of_a_name) {
    const HeaderList headers{{"A", "x, \ty ,,"}, {"B", "no"}, {"a", ""}, {"a", "z z"}};
    EXPECT_EQ(list_members(headers, "a"), (std::vector<std::string_view>{"x", "y", "z z"}));
    EXPECT_TRUE(list_members(headers, "c").empty());
    EXPECT_TRUE(asks_to_close({{"Connection", "keep-alive"}, {"connection", "upgrade, Close"}}));
    EXPECT_FALSE(asks_to_close({{"Connection", "keep-alive, closed"}, {"X", "close"}}));
}

TEST(RequestChecks, knows_one_expectation) {
    const struct {
        HeaderList headers;
        bool http_1_1;
        Expectation expected;
    } cases[] = {
        {{{"Host", "a"}}, true, Expectation::none},
        {{{"expect", "100-Continue"}}, true, Expectation::go_on},
        {{{"Expect", ", 100-continue ,100-continue"}}, true, Expectation::go_on},
        {{{"Expect", "100-continue"}, {"Expect", "100-continue"}}, true, Expectation::go_on},
        {{{"Expect", ""}}, true, Expectation::none},
        {{{"Expect", "200-ok"}}, true, Expectation::unknown},
        {{{"Expect", "100-continue, 200-ok"}}, true, Expectation::unknown},
        {{{"Expect", "100-continue"}, {"Expect", "x"}}, true, Expectation::unknown},
        {{{"Expect", "100-continue;q=1"}}, true, Expectation::unknown},
        {{{"Expect", "100-continue"}}, false, Expectation::none},
        {{{"Expect", "200-ok"}}, false, Expectation::none},
    };
    for (const auto& row : cases) EXPECT_EQ(find_expectation(row.headers, row.http_1_1), row.expected);
}

TEST(RequestChecks, reads_the_rest_of_a_chunk_header) {
    EXPECT_TRUE(is_chunk_extension(""));
    EXPECT_TRUE(is_chunk_extension("; a=\"b\tc\xff\""));
    for (const std::string_view bad : {";a=\"\n\"", ";a=\"\r\"", ";a=\"\x7f\"", ";a=\"\x01\""})
        EXPECT_FALSE(is_chunk_extension(bad)) << bad;
    EXPECT_FALSE(is_chunk_extension({"\0", 1}));

    EXPECT_TRUE(leaves_quote_open("2;a=\"\r\nab"));
    EXPECT_TRUE(leaves_quote_open("\r\n2;a=\"b\\\"\r\n"));
    for (const std::string_view fine :
         {"", "2;a=\"", "2;a=\"b\"\r\n", "2;a=\"b\\\"\"\r\n", "\r\n2\r\n\"", "2;a=\\\"\"\r\n"})
        EXPECT_FALSE(leaves_quote_open(fine)) << fine;
}

TEST(RequestChecks, splits_targets) {
    const struct {
        std::string_view target;
        std::string_view path;
        std::string_view query;
        std::string_view authority{};
    } cases[] = {
        {"/", "/", ""},
        {"/a/b?c=d?e", "/a/b", "c=d?e"},
        {"/a?", "/a", ""},
        {"*", "*", ""},
        {"http://shop.example/a?b=c", "/a", "b=c", "shop.example"},
        {"HTTPS://shop.example", "/", "", "shop.example"},
        {"http://[::1]:80?b=c", "/", "b=c", "[::1]:80"},
        {"http://me@shop.example/", "", ""},
        {"http://shop.example:x/", "", ""},
        {"/a?b=[c]|", "", ""},
        {"/a?b=[c]&d=(e);f,g!$'*+:@~-._%41", "/a", "b=[c]&d=(e);f,g!$'*+:@~-._%41"},
        {"/a\\b", "", ""},
        {"/\xc3\xa9", "", ""},
        {"/a?\"", "", ""},
        {"/<a>", "", ""},
        {"http:///a", "", ""},
        {"shop.example:443", "", ""},
        {"ftp://shop.example/a", "", ""},
        {"/a#b", "", ""},
        {"?a=b", "", ""},
        {"//a", "//a", ""},
    };
    for (const auto& row : cases) {
        EXPECT_EQ(split_target(row.target).path, row.path) << row.target;
        if (row.path.empty()) continue;
        EXPECT_EQ(split_target(row.target).query, row.query) << row.target;
        EXPECT_EQ(split_target(row.target).authority, row.authority) << row.target;
    }
}

}  // namespace

}  // namespace waybill::http
