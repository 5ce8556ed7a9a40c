#include "domain/user.hpp"

#include <gtest/gtest.h>

#include <string>

namespace waybill {
namespace {

TEST(Role, is_read_as_it_is_written) {
    for (const Role role : {Role::customer, Role::admin}) EXPECT_EQ(parse_role(to_text(role)), role);
    for (const char* other : {"", "Admin", "root", "customer "}) EXPECT_FALSE(parse_role(other));
    EXPECT_NE(to_text(Role::customer), to_text(Role::admin));
}

TEST(BcryptHash, has_one_form) {
    const std::string good = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    const auto with = [&](std::size_t at, std::string_view text) {
        return std::string(good).replace(at, text.size(), text);
    };
    for (const std::string& hash : {good, with(2, "b"), with(2, "y"), with(4, "04"), with(4, "16"), with(28, "u")})
        EXPECT_TRUE(is_bcrypt_hash(hash)) << hash;
    for (const std::string& hash : {std::string{}, good.substr(0, 59), good + "x", with(0, "x"), with(2, "x"),
                                    with(3, "x"), with(6, "x"), with(4, "03"), with(4, "17"), with(4, "31"),
                                    with(4, " 5"), with(4, "5x"), with(7, ":"), with(40, "*"), with(59, "\n")})
        EXPECT_FALSE(is_bcrypt_hash(hash)) << hash;
}

// A salt has 128 bits and a hash 184: of their last letters some bits must be zero.
TEST(BcryptHash, has_no_bits_that_verifying_would_lose) {
    const std::string good = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    std::size_t salts = 0;
    std::size_t ends = 0;
    for (const char c : std::string_view{"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"}) {
        std::string salt = good;
        std::string end = good;
        salt[28] = c;
        end.back() = c;
        if (is_bcrypt_hash(salt)) ++salts;
        if (is_bcrypt_hash(end)) ++ends;
    }
    EXPECT_EQ(salts, 4U);
    EXPECT_EQ(ends, 16U);
}

TEST(Email, is_kept_in_lower_case) {
    EXPECT_EQ(normalize_email("Asha.Rao+Shop@Mail.EXAMPLE.com"), "asha.rao+shop@mail.example.com");
}

TEST(Email, accepts_a_dot_atom_at_host_labels) {
    const std::string longest_host = std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(61, 'c');
    for (const std::string& text : {
             std::string("a@b"),
             std::string("a.b@c.d"),
             std::string("!#$%&'*+-/=?^_`{|}~@example.com"),
             std::string("x@3com.example"),
             std::string("x@xn--bcher-kva.example"),
             std::string(64, 'l') + "@example.com",
             std::string(64, 'l') + "@" + longest_host,
         }) {
        EXPECT_EQ(normalize_email(text), text);
    }
}

TEST(Email, refuses_everything_else) {
    const std::string longest_host = std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(62, 'c');
    for (const std::string& text : {
             std::string(""),
             std::string("a"),
             std::string("@"),
             std::string("a@"),
             std::string("@b"),
             std::string("a@b@c"),
             std::string("a b@c"),
             std::string(" a@b"),
             std::string("a@b "),
             std::string("a@b\r\nRCPT TO:<x@y>"),
             std::string("a\n@b"),
             std::string("a\0@b", 4),
             std::string("a@b\0", 4),
             std::string("\"a\"@b"),
             std::string("<a@b>"),
             std::string("a(comment)@b"),
             std::string("a,c@b"),
             std::string("a;c@b"),
             std::string("a:c@b"),
             std::string("a\\@b"),
             std::string(".a@b"),
             std::string("a.@b"),
             std::string("a..c@b"),
             std::string("a@.b"),
             std::string("a@b."),
             std::string("a@b..c"),
             std::string("a@-b"),
             std::string("a@b-"),
             std::string("a@b_c"),
             std::string("a@[127.0.0.1]"),
             std::string("=?utf-8?q?b=40c=3e=2c?=@d"),
             std::string("a.=?x?q?b?=@c"),
             std::string("\xc3\xa9@b"),
             std::string("a@\xc3\xa9"),
             std::string(65, 'l') + "@example.com",
             "a@" + std::string(64, 'b'),
             std::string(64, 'l') + "@" + longest_host,
         }) {
        EXPECT_FALSE(normalize_email(text)) << text;
    }
}

TEST(CodePoints, are_counted_not_octets) {
    const struct {
        std::string text;
        std::size_t count;
    } cases[] = {
        {"", 0},
        {"abc", 3},
        {"\xc3\xa9", 1},
        {"\xe2\x82\xac", 1},
        {"\xf0\x9f\x9a\x82", 1},
        {"\xed\x9f\xbf\xee\x80\x80", 2},
        {"\xf4\x8f\xbf\xbf", 1},
        {std::string("a\0b", 3), 3},
    };
    for (const auto& c : cases) EXPECT_EQ(count_code_points(c.text), c.count);
}

TEST(CodePoints, there_are_none_in_what_is_not_utf_8) {
    for (const char* text : {
             "\x80",
             "\xc0\x80",
             "\xc1\xbf",
             "\xe0\x80\x80",
             "\xe0\x9f\xbf",
             "\xed\xa0\x80",
             "\xf0\x80\x80\x80",
             "\xf0\x8f\xbf\xbf",
             "\xf4\x90\x80\x80",
             "\xf5\x80\x80\x80",
             "\xff",
             "\xc3",
             "\xe2\x82",
             "\xf0\x9f\x9a",
             "\xc3z",
             "\xe2\x82z",
             "\xf0\x9f\x9az",
             "ok\xc3\xa9\x80",
         }) {
        EXPECT_FALSE(count_code_points(text));
    }
}

TEST(CodePoints, do_not_reach_beyond_the_end) {
    for (const std::string_view text : {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x9a\x82"}) {
        EXPECT_FALSE(count_code_points(text.substr(0, text.size() - 1)));
    }
}

}  // namespace
}  // namespace waybill
