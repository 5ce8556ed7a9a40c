#include "app/mime.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace waybill::mime {
namespace {

TEST(Mime, quoted_printable_keeps_what_a_person_can_read) {
    const struct {
        std::string_view text, encoded;
    } rows[] = {{"", ""},
                {"Hello, you", "Hello, you\r\n"},
                {"two\nlines\n", "two\r\nlines\r\n"},
                {"a\n\nb", "a\r\n\r\nb\r\n"},
                {"1=1", "1=3D1\r\n"},
                {"Kaf\xc3\xa9", "Kaf=C3=A9\r\n"},
                {"ends with a space \n", "ends with a space=20\r\n"},
                {"and a tab\t", "and a tab=09\r\n"}};
    for (const auto& row : rows) EXPECT_EQ(encode_quoted_printable(row.text), row.encoded) << row.text;
}

TEST(Mime, quoted_printable_breaks_lines_after_76_characters) {
    EXPECT_EQ(encode_quoted_printable(std::string(75, 'a')), std::string(75, 'a') + "\r\n");
    EXPECT_EQ(encode_quoted_printable(std::string(76, 'a')), std::string(75, 'a') + "=\r\na\r\n");
    EXPECT_EQ(encode_quoted_printable(std::string(74, 'a') + "="), std::string(74, 'a') + "=\r\n=3D\r\n");
    EXPECT_EQ(encode_quoted_printable(std::string(74, 'a') + " b"), std::string(74, 'a') + " =\r\nb\r\n");
    EXPECT_EQ(encode_quoted_printable(std::string(75, 'a') + " "), std::string(75, 'a') + "=\r\n=20\r\n");
}

TEST(Mime, cleans_control_characters_and_what_is_not_utf8) {
    EXPECT_EQ(clean_text("a\r\nb\tc\x7f"), "a  b c ");
    EXPECT_EQ(clean_text("a\r\nb\tc", true), "a \nb\tc");
    EXPECT_EQ(clean_text("Kaf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x92\xa1"), "Kaf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x92\xa1");
    EXPECT_EQ(clean_text("\xc2\x85"), " ");
    EXPECT_EQ(clean_text("\xff"), "\xef\xbf\xbd");
    EXPECT_EQ(clean_text("\xc0\x8a"), "\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_EQ(clean_text("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_EQ(clean_text("\xed\xa0\x80x"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx");
    EXPECT_EQ(clean_text("\xf4\x90\x80\x80").size(), 12u);
}

TEST(Mime, leaves_a_short_ascii_header_as_it_is) {
    EXPECT_EQ(text_header("Subject", "Your Order Processed: o-1"), "Subject: Your Order Processed: o-1\r\n");
}

TEST(Mime, encodes_a_header_that_is_not_ascii) {
    EXPECT_EQ(text_header("Subject", "Kaf\xc3\xa9"), "Subject: =?UTF-8?B?S2Fmw6k=?=\r\n");
    EXPECT_EQ(text_header("Subject", "=?UTF-8?Q?x?="), "Subject: =?UTF-8?B?PT9VVEYtOD9RP3g/PQ==?=\r\n")
        << "what looks like an encoded word is text";
}

TEST(Mime, folds_a_long_header_between_characters) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "\xe2\x82\xac";
    const std::string header = text_header("Subject", text);
    std::size_t start = 0;
    int lines = 0;
    for (std::size_t end = header.find("\r\n"); end != std::string::npos; end = header.find("\r\n", start), ++lines) {
        const std::string line = header.substr(start, end - start);
        EXPECT_LE(line.size(), 78u);
        EXPECT_TRUE(line.ends_with("?="));
        // A whole number of characters of three octets: no padding, a multiple of four digits.
        EXPECT_EQ(line.find("=?="), std::string::npos) << line;
        start = end + 2;
    }
    EXPECT_EQ(lines, 8);  // 14 characters a line
}

TEST(Mime, no_text_becomes_a_second_header) {
    const std::vector<std::string> attacks{
        "x\r\nBcc: all@example.org",           "x\nBcc: all@example.org", "x\rBcc: all@example.org", "x\r\n\r\nbody",
        "Kaf\xc3\xa9\r\nBcc: all@example.org", std::string("x\0\ny", 4)};
    for (const std::string& attack : attacks) {
        for (const std::string& header :
             {text_header("Subject", attack), address_header("From", attack, "shop@example.org")}) {
            for (std::size_t at = header.find_first_of("\r\n"); at != std::string::npos;
                 at = header.find_first_of("\r\n", at + 2)) {
                ASSERT_EQ(header.substr(at, 2), "\r\n");
                const bool is_end = at + 2 == header.size();
                EXPECT_TRUE(is_end || header[at + 2] == ' ') << header;
            }
            EXPECT_EQ(header.find('\0'), std::string::npos);
        }
    }
}

TEST(Mime, quotes_a_display_name) {
    EXPECT_EQ(address_header("From", "", "shop@example.org"), "From: shop@example.org\r\n");
    EXPECT_EQ(address_header("From", "The \"Shop\", Ltd", "shop@example.org"),
              "From: \"The \\\"Shop\\\", Ltd\"\r\n <shop@example.org>\r\n");
    EXPECT_EQ(address_header("From", "Caf\xc3\xa9", "shop@example.org"),
              "From: =?UTF-8?B?Q2Fmw6k=?=\r\n <shop@example.org>\r\n");
}

TEST(Mime, tells_plain_addresses_from_others) {
    for (const char* address : {"ann@example.org", "orders@localhost", "a.b+c@x-y.example"}) {
        EXPECT_TRUE(is_plain_address(address)) << address;
    }
    for (const char* address :
         {"", "ann", "@example.org", "ann@", "a b@example.org", "ann@example.org\r\nBcc: x", "ann@example.org\n",
          "a@b@example.org", "<ann@example.org>", "ann@example.org,bob@example.org", "\"ann\"@example.org",
          "ann@example.org;", "ann@[127.0.0.1]", "ann\x7f@example.org"}) {
        EXPECT_FALSE(is_plain_address(address)) << address;
    }
    EXPECT_FALSE(is_plain_address(std::string("ann\0@example.org", 16)));
    EXPECT_FALSE(is_plain_address(std::string(400, 'a') + "@example.org"));
}

TEST(Mime, formats_dates_as_rfc_5322_says) {
    EXPECT_EQ(format_date(from_unix_ms(1'767'225'600'000)), "Thu, 01 Jan 2026 00:00:00 +0000");
    EXPECT_EQ(format_date(from_unix_ms(1'798'761'599'999)), "Thu, 31 Dec 2026 23:59:59 +0000");
    EXPECT_EQ(format_date(from_unix_ms(1'709'210'096'000)), "Thu, 29 Feb 2024 12:34:56 +0000");
}

}  // namespace
}  // namespace waybill::mime
