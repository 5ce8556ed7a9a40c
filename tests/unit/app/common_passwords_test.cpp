#include "app/common_passwords.hpp"

#include <gtest/gtest.h>

namespace waybill {
namespace {

TEST(CommonPasswords, are_words_that_are_tried_first_whatever_stands_around_them) {
    for (const char* common : {"password", "Password", "PASSWORD1", "password123", "123password", "p@ssw0rd",
                               "P4$$word!", "secret", "secret1!", "iloveyou", "letmein2024", "welcome1", "waybill",
                               "Waybill2026", "admin", "zxcvbnm", "trustno1"}) {
        EXPECT_TRUE(is_common_password(common)) << common;
    }
}

TEST(CommonPasswords, are_rows_of_the_keyboard_runs_of_digits_and_repetitions) {
    for (const char* common :
         {"123456", "1234567890", "0987654321", "654321", "qwerty", "qwertyuiop", "asdfgh", "qwe123", "1qaz2wsx",
          "abcdef", "abc123", "111111", "aaaaaaaa", "abcabcabc", "121212", "19840612", "qwertz123", "!!!!!!"}) {
        EXPECT_TRUE(is_common_password(common)) << common;
    }
}

TEST(CommonPasswords, are_nothing_that_a_person_thought_of) {
    for (const char* rare : {"correct horse", "correct horse battery staple", "passwordless gate", "x7Kq!pT2",
                             "my secret garden", "tangerine-otter", "\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c",
                             "8 tall cups of tea", "104729130", "qwertyuiop is no word"}) {
        EXPECT_FALSE(is_common_password(rare)) << rare;
    }
}

}  // namespace
}  // namespace waybill
