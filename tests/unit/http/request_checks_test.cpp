#include "http/request_checks.hpp"

#include <gtest/gtest.h>

#include <string>

namespace waybill::http {

namespace {

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
        {{{"Host", "a"}, {"Content-Length", "5"}, {"Content-Length", "5"}},
         true,
         "There is more than one Content-Length header."},
        {{{"Host", "a"}, {"Content-Length", "5, 5"}}, true, "The Content-Length header is not valid."},
        {{{"Host", "a"}, {"Content-Length", "+5"}}, true, "The Content-Length header is not valid."},
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
        {{{"Transfer-Encoding", "chunked"}}, false, "HTTP/1.0 knows no Transfer-Encoding."},
    };
    for (const auto& row : cases) EXPECT_EQ(find_head_fault(row.headers, row.http_1_1), row.fault);
}

TEST(RequestChecks, splits_targets) {
    const struct {
        std::string_view target;
        std::string_view path;
        std::string_view query;
    } cases[] = {
        {"/", "/", ""},
        {"/a/b?c=d?e", "/a/b", "c=d?e"},
        {"/a?", "/a", ""},
        {"*", "*", ""},
        {"http://shop.example/a?b=c", "/a", "b=c"},
        {"HTTPS://shop.example", "/", ""},
        {"http://shop.example?b=c", "/", "b=c"},
        {"http:///a", "", ""},
        {"shop.example:443", "", ""},
        {"ftp://shop.example/a", "", ""},
        {"/a#b", "", ""},
        {"?a=b", "", ""},
        {"//a", "//a", ""},
    };
    for (const auto& row : cases) {
        EXPECT_EQ(split_target(row.target).path, row.path) << row.target;
        EXPECT_EQ(split_target(row.target).query, row.query) << row.target;
    }
}

}  // namespace

}  // namespace waybill::http
