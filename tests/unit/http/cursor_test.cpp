#include "http/cursor.hpp"

#include <gtest/gtest.h>

#include <string>

namespace waybill::http {
namespace {

const PageKey key{from_unix_ms(1'767'225'600'125), "0193-abc_DEF"};

TEST(Cursor, comes_back_as_it_went) {
    for (const CursorOf list : {CursorOf::orders, CursorOf::products, CursorOf::dead_letters}) {
        EXPECT_EQ(read_cursor(list, make_cursor(list, key)), key);
    }
    for (std::size_t length = 1; length <= id_length_max; ++length) {
        const PageKey other{from_unix_ms(0), std::string(length, 'x')};
        EXPECT_EQ(read_cursor(CursorOf::orders, make_cursor(CursorOf::orders, other)), other);
    }
}

TEST(Cursor, of_dead_letters_holds_the_longer_ids_of_work) {
    const PageKey longest{from_unix_ms(1), "m-" + std::string(64, 'x') + "-cancelled"};
    EXPECT_EQ(read_cursor(CursorOf::dead_letters, make_cursor(CursorOf::dead_letters, longest)), longest);
    EXPECT_FALSE(read_cursor(CursorOf::orders, make_cursor(CursorOf::orders, longest)));
}

TEST(Cursor, of_stock_comes_back_as_it_went) {
    const StockLevel last{ProductId("67c8830b7ef1b848ac52ebec"), "bangalore", 0};
    EXPECT_EQ(read_stock_cursor(make_stock_cursor(last)), last);
}

TEST(Cursor, is_url_safe) {
    const std::string text = make_cursor(CursorOf::orders, key);
    EXPECT_EQ(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
              std::string::npos);
}

TEST(Cursor, of_another_list_is_none) {
    EXPECT_FALSE(read_cursor(CursorOf::products, make_cursor(CursorOf::orders, key)));
    EXPECT_FALSE(read_stock_cursor(make_cursor(CursorOf::orders, key)));
    EXPECT_FALSE(read_cursor(CursorOf::orders, make_stock_cursor({ProductId("p"), "l", 0})));
}

TEST(Cursor, that_we_cannot_have_made_is_none) {
    const std::string good = make_cursor(CursorOf::orders, key);
    const std::string cases[] = {
        "",
        "=",
        "x",
        "****",
        good + "=",
        good + "A",
        good + " ",
        " " + good,
        good.substr(1),
        std::string(10'000, 'A'),
        "MQ",                               // "1"
        "MW8",                              // "1o"
        "MW8x",                             // "1o1": no point
        "MW8uYQ",                           // "1o.a": no time
        "MW8xLg",                           // "1o1.": no id
        "Mm8xLmE",                          // "2o1.a": another version
        "MW8tMS5h",                         // "1o-1.a": before 1970
        "MW8xLmEvYg",                       // "1o1.a/b": no id
        "MW8xeC5h",                         // "1o1x.a": no number
        "MW85OTk5OTk5OTk5OTk5OTk5OTk5LmE",  // beyond int64
        "MW85OTk5OTk5OTk5OTk5OTkuYQ",       // beyond the year 9999
    };
    for (const std::string& text : cases) EXPECT_FALSE(read_cursor(CursorOf::orders, text)) << text;
    EXPECT_TRUE(read_cursor(CursorOf::orders, "MW8xLmE"));  // "1o1.a"
}

TEST(Cursor, has_one_text_only) {
    // The last character of "1o1.a" carries two unused bits.
    EXPECT_FALSE(read_cursor(CursorOf::orders, "MW8xLmF"));
    EXPECT_FALSE(read_cursor(CursorOf::orders, "MW8xLmE="));
    EXPECT_FALSE(read_cursor(CursorOf::orders, "MW8wMS5h"));  // "1o01.a"
    EXPECT_TRUE(read_stock_cursor("MXNhLmI"));                // "1sa.b"
    EXPECT_FALSE(read_stock_cursor("MXNhLmJ"));
}

TEST(Cursor, never_throws_when_a_character_is_changed) {
    const std::string good = make_cursor(CursorOf::orders, key);
    for (std::size_t i = 0; i < good.size(); ++i) {
        for (int c = 0; c < 256; ++c) {
            std::string changed = good;
            changed[i] = static_cast<char>(c);
            const auto read = read_cursor(CursorOf::orders, changed);
            if (read) {
                EXPECT_EQ(make_cursor(CursorOf::orders, *read), changed);
            }
        }
    }
}

}  // namespace
}  // namespace waybill::http
