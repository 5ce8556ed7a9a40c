#include "domain/hex.hpp"

#include <gtest/gtest.h>

#include <array>

namespace waybill {
namespace {

TEST(Hex, each_octet_is_two_digits_the_high_one_first) {
    EXPECT_EQ(to_hex(std::array<std::uint8_t, 5>{0x00, 0x0f, 0x10, 0xab, 0xff}), "000f10abff");
    EXPECT_EQ(to_hex(std::string_view("\x80Z", 2)), "805a");
    EXPECT_EQ(to_hex(std::string_view()), "");
}

TEST(Hex, is_appended_in_the_case_that_was_asked_for) {
    std::string text = "=";
    append_hex(text, '\xfe');
    append_upper_hex(text, '\xfe');
    EXPECT_EQ(text, "=feFE");
}

TEST(Hex, every_digit_has_its_value_and_nothing_else_has_one) {
    int found = 0;
    for (int c = -128; c < 128; ++c) found += hex_value(static_cast<char>(c)) >= 0 ? 1 : 0;
    EXPECT_EQ(found, 22);
    for (int value = 0; value < 16; ++value) {
        EXPECT_EQ(hex_value(hex_digits[static_cast<std::size_t>(value)]), value);
        EXPECT_EQ(hex_value(upper_hex_digits[static_cast<std::size_t>(value)]), value);
    }
}

}  // namespace
}  // namespace waybill
