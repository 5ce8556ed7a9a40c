#include "domain/money.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace waybill {
namespace {

const Currency rupee{"INR", 2};
const Currency yen{"JPY", 0};
const Currency dinar{"KWD", 3};

TEST(Money, knows_the_fraction_digits_of_iso_4217) {
    const struct {
        const char* code;
        int digits;
    } cases[] = {{"INR", 2}, {"USD", 2}, {"EUR", 2}, {"AED", 2}, {"ZWG", 2}, {"JPY", 0}, {"KRW", 0},
                 {"VND", 0}, {"CLP", 0}, {"ISK", 0}, {"XPF", 0}, {"BIF", 0}, {"KWD", 3}, {"BHD", 3},
                 {"OMR", 3}, {"JOD", 3}, {"TND", 3}, {"LYD", 3}, {"IQD", 3}, {"CLF", 4}, {"UYW", 4}};
    for (const auto& c : cases) {
        const auto currency = find_currency(c.code);
        ASSERT_TRUE(currency) << c.code;
        EXPECT_EQ(*currency, (Currency{c.code, c.digits}));
    }
}

TEST(Money, knows_no_currency_that_is_not_active) {
    for (const char* code : {"", "IN", "INRR", "inr", "XXX", "XAU", "DEM", "HRK", "A B", " IN", "D A", "ED "}) {
        EXPECT_FALSE(find_currency(code)) << code;
    }
}

struct Amount {
    std::string text;
    const Currency& currency;
    MinorUnits minor;
};

TEST(Money, reads_the_text_of_a_number_exactly) {
    const Amount cases[] = {
        {"4324", rupee, 432'400},
        {"4324.00", rupee, 432'400},
        {"4.324e3", rupee, 432'400},
        {"4.324E+3", rupee, 432'400},
        {"432400e-2", rupee, 432'400},
        {"1499.50", rupee, 149'950},
        {"1499.5", rupee, 149'950},
        {"1.500", rupee, 150},
        {"1.50000000000000000000000000000000000000", rupee, 150},
        {"0.1", rupee, 10},
        {"0.07", rupee, 7},
        {"1e-2", rupee, 1},
        {"0", rupee, 0},
        {"-0", rupee, 0},
        {"-0.00", rupee, 0},
        {"0.000", yen, 0},
        {"0e999999999999999999999999", rupee, 0},
        {"0.0e-999999999999999999999999", rupee, 0},
        {"100", yen, 100},
        {"1.0", yen, 1},
        {"1.234", dinar, 1'234},
        {"1e00003", rupee, 100'000},
        {"92233720368547758.07", rupee, std::numeric_limits<MinorUnits>::max()},
        {"9223372036854775807", yen, std::numeric_limits<MinorUnits>::max()},
        {"1" + std::string(5'000, '0') + "e-5000", rupee, 100},
        {"0." + std::string(5'000, '0') + "1e5001", rupee, 100},
    };
    for (const Amount& c : cases) {
        const auto amount = parse_amount(c.text, c.currency);
        ASSERT_TRUE(amount) << c.text << ": " << amount.error().detail;
        EXPECT_EQ(*amount, c.minor) << c.text;
    }
}

TEST(Money, refuses_what_is_no_exact_amount) {
    const struct {
        std::string text;
        const Currency& currency;
    } cases[] = {
        {"", rupee},
        {"-", rupee},
        {"+1", rupee},
        {"01", rupee},
        {"1.", rupee},
        {".5", rupee},
        {"1e", rupee},
        {"1e+", rupee},
        {"0x10", rupee},
        {"NaN", rupee},
        {"1 ", rupee},
        {" 1", rupee},
        {"1,5", rupee},
        {"1.5.5", rupee},
        {"1e5e5", rupee},
        {"--1", rupee},
        {"-1", rupee},
        {"-0.01", rupee},
        {"0.001", rupee},
        {"1.005", rupee},
        {"1e-3", rupee},
        {"0.5", yen},
        {"1.0005", dinar},
        {"1e999999999", rupee},
        {"1e-999999999", rupee},
        {"1e99999999999999999999", rupee},
        {"92233720368547758.08", rupee},
        {"9223372036854775808", yen},
        {"1e19", yen},
        {"9.3e18", yen},
        {std::string(64'000, '9'), rupee},
    };
    for (const auto& c : cases) {
        const auto amount = parse_amount(c.text, c.currency);
        ASSERT_FALSE(amount) << c.text << " is " << *amount;
        EXPECT_EQ(amount.error().code, ErrorCode::validation_failed);
        EXPECT_LT(amount.error().detail.size(), 200U);
    }
}

TEST(Money, is_written_with_all_fraction_digits) {
    const Amount cases[] = {
        {"4324.00", rupee, 432'400},
        {"0.00", rupee, 0},
        {"0.07", rupee, 7},
        {"0.70", rupee, 70},
        {"-0.07", rupee, -7},
        {"0", yen, 0},
        {"100", yen, 100},
        {"1.234", dinar, 1'234},
        {"92233720368547758.07", rupee, std::numeric_limits<MinorUnits>::max()},
        {"-92233720368547758.08", rupee, std::numeric_limits<MinorUnits>::min()},
    };
    for (const Amount& c : cases) EXPECT_EQ(format_amount(c.minor, c.currency), c.text);
}

TEST(Money, reads_what_it_writes) {
    for (const Currency& currency : {rupee, yen, dinar}) {
        for (MinorUnits minor = 1; minor < unit_price_max; minor = minor * 7 + 3) {
            EXPECT_EQ(parse_amount(format_amount(minor, currency), currency).value_or(-1), minor);
        }
    }
}

TEST(Money, the_largest_order_fits) {
    EXPECT_LT(unit_price_max, std::numeric_limits<MinorUnits>::max() / 100 / 10'000);
}

}  // namespace
}  // namespace waybill
