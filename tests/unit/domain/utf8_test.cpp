#include "domain/utf8.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace waybill {
namespace {

using std::string_view_literals::operator""sv;

TEST(Utf8, tells_the_length_of_the_sequence_at_the_front) {
    const struct {
        std::string_view text;
        std::size_t length;
    } cases[] = {
        {""sv, 0},
        {"\0"sv, 1},
        {"a\xff"sv, 1},
        {"\x7f"sv, 1},
        {"\x80"sv, 0},
        {"\xbf"sv, 0},
        {"\xc0\x80"sv, 0},
        {"\xc1\xbf"sv, 0},
        {"\xc2\x80"sv, 2},
        {"\xdf\xbf tail"sv, 2},
        {"\xc2\x7f"sv, 0},
        {"\xc2\xc0"sv, 0},
        {"\xe0\x9f\xbf"sv, 0},
        {"\xe0\xa0\x80"sv, 3},
        {"\xe0\xbf\xbf"sv, 3},
        {"\xe0\xc0\x80"sv, 0},
        {"\xe1\x7f\x80"sv, 0},
        {"\xe1\x80\x80"sv, 3},
        {"\xec\xbf\xbf"sv, 3},
        {"\xec\xc0\x80"sv, 0},
        {"\xed\x7f\x80"sv, 0},
        {"\xed\x80\x80"sv, 3},
        {"\xed\x9f\xbf"sv, 3},
        {"\xed\xa0\x80"sv, 0},
        {"\xed\xbf\xbf"sv, 0},
        {"\xee\x7f\x80"sv, 0},
        {"\xee\x80\x80"sv, 3},
        {"\xef\xbf\xbf"sv, 3},
        {"\xef\xc0\x80"sv, 0},
        {"\xe2\x82\x7f"sv, 0},
        {"\xe2\x82\xc0"sv, 0},
        {"\xf0\x8f\xbf\xbf"sv, 0},
        {"\xf0\x90\x80\x80"sv, 4},
        {"\xf0\xbf\xbf\xbf"sv, 4},
        {"\xf0\xc0\x80\x80"sv, 0},
        {"\xf1\x7f\x80\x80"sv, 0},
        {"\xf1\x80\x80\x80"sv, 4},
        {"\xf3\xbf\xbf\xbf"sv, 4},
        {"\xf3\xc0\x80\x80"sv, 0},
        {"\xf4\x7f\x80\x80"sv, 0},
        {"\xf4\x80\x80\x80"sv, 4},
        {"\xf4\x8f\xbf\xbf"sv, 4},
        {"\xf4\x90\x80\x80"sv, 0},
        {"\xf5\x80\x80\x80"sv, 0},
        {"\xff"sv, 0},
        {"\xf0\x9f\x7f\x82"sv, 0},
        {"\xf0\x9f\x9a\x7f"sv, 0},
        {"\xf0\x9f\x9a\xc0"sv, 0},
    };
    for (const auto& c : cases) EXPECT_EQ(utf8_sequence_length(c.text), c.length) << ::testing::PrintToString(c.text);
}

TEST(Utf8, a_sequence_that_is_cut_short_is_none) {
    for (const std::string_view whole : {"\xc3\xa9"sv, "\xe2\x82\xac"sv, "\xf0\x9f\x9a\x82"sv}) {
        for (std::size_t kept = 1; kept < whole.size(); ++kept) {
            EXPECT_EQ(utf8_sequence_length(whole.substr(0, kept)), 0u) << ::testing::PrintToString(whole);
        }
    }
}

TEST(Utf8, control_characters_are_those_of_ascii_and_those_of_latin_1) {
    for (const std::string_view text :
         {"a\0b"sv, "\x1f"sv, "\n"sv, "\x7f"sv, "a\xc2\x80"sv, "\xc2\x85x"sv, "\xc2\x9f"sv}) {
        EXPECT_TRUE(has_control_character(text)) << ::testing::PrintToString(text);
    }
    for (const std::string_view text : {""sv, " ~"sv, "\xc2\xa0"sv, "\xc3\x80\xc3\x9f"sv, "\xe2\x82\x85"sv}) {
        EXPECT_FALSE(has_control_character(text)) << ::testing::PrintToString(text);
    }
}

}  // namespace
}  // namespace waybill
