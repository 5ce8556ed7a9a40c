#include "http/media_type.hpp"

#include <gtest/gtest.h>

namespace waybill::http {

namespace {

TEST(MediaType, is_json_in_utf_8_whatever_else_it_says) {
    for (const std::string_view json : {
             "application/json",
             "Application/JSON; Charset=UTF-8",
             "application/json;charset=\"utf-8\"",
             "application/json ;\tcharset=utf-8;",
             "application/json;; ;charset=utf-8",
             "application/json; version=1",
             "application/json; charset=utf-8; x=\"a;b\\\"; charset=latin1\"",
             "application/json; charset=\"\\utf-8\"",
             "application/json; x=\"\"",
         })
        EXPECT_TRUE(is_json_type(json)) << json;
    for (const std::string_view other : {
             "",
             "application/jsonx",
             "application/json; charset=latin1",
             "application/json; x=y; charset=latin1",
             "application/json; charset=utf-8; charset=latin1",
             "application/json; charset=\"\"",
             "application/json; charset=\"utf-8",
             "application/json; charset=\"utf-8\\",
             "application/json; charset=\"utf-8\"x",
             "application/json; charset=",
             "application/json; charset = utf-8",
             "application/json; charset",
             "application/json; =utf-8",
             "application/json; x=a b",
             "application/json, text/plain",
             "application/json charset=utf-8",
         })
        EXPECT_FALSE(is_json_type(other)) << other;
}

}  // namespace

}  // namespace waybill::http
