#include "domain/percent.hpp"

#include <gtest/gtest.h>

#include <string>

namespace waybill {
namespace {

TEST(Percent, decodes_escapes_and_nothing_else) {
    EXPECT_EQ(decode_percent(""), "");
    EXPECT_EQ(decode_percent("a+b"), "a+b");
    EXPECT_EQ(decode_percent("a%20b%2B%2f%41"), "a b+/A");
    EXPECT_EQ(decode_percent("%2520"), "%20");
    EXPECT_EQ(decode_percent("%fF%00"), std::string("\xff\0", 2));
}

TEST(Percent, a_sign_that_begins_no_escape_spoils_the_text) {
    for (const char* bad : {"%", "%4", "%zz", "%4g", "%g4", "a%", "a%4", "%%41", "%-1"}) {
        EXPECT_FALSE(decode_percent(bad)) << bad;
        EXPECT_FALSE(read_percent_escape(std::string_view(bad).substr(std::string_view(bad).find('%')))) << bad;
    }
}

TEST(Percent, an_escape_is_read_at_the_front_only) {
    EXPECT_EQ(read_percent_escape("%41%42"), 'A');
    EXPECT_FALSE(read_percent_escape("a41"));
    EXPECT_FALSE(read_percent_escape(""));
}

}  // namespace
}  // namespace waybill
