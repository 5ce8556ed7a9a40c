#include "app/passwords.hpp"

#include <gtest/gtest.h>

#include <sodium.h>
#include <stdexcept>
#include <string>

#include "domain/user.hpp"
#include "tests/support/fake_clock.hpp"

namespace waybill {
namespace {

constexpr PasswordCost cheap{.memory_kib = 64, .iterations = 1};

// "password" with the salt "somesalt", from the reference implementation of argon2.
const std::string reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

std::string hash_of(const std::string& password, const PasswordCost& cost = cheap) {
    testing::FakeClock clock;
    return hash_password(password, cost, clock);
}

TEST(Passwords, are_argon2id_phc_strings_of_the_asked_cost) {
    EXPECT_TRUE(hash_of("swordfish").starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
    EXPECT_EQ(hash_of("swordfish").size(), std::string("$argon2id$v=19$m=64,t=1,p=1$").size() + 22 + 1 + 43);
    EXPECT_TRUE(hash_of("swordfish", PasswordCost{}).starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
}

TEST(Passwords, verify_against_their_own_hash_only) {
    const std::string hash = hash_of("swordfish");
    EXPECT_TRUE(verify_password("swordfish", hash));
    for (const char* other : {"", "Swordfish", "swordfish ", "swordfis", "swordfishx"}) {
        EXPECT_FALSE(verify_password(other, hash)) << other;
    }
}

TEST(Passwords, agree_with_the_reference_implementation) {
    EXPECT_TRUE(verify_password("password", reference));
    EXPECT_FALSE(verify_password("passwort", reference));
}

TEST(Passwords, have_a_fresh_salt_each_time) {
    testing::FakeClock clock;
    EXPECT_NE(hash_password("swordfish", cheap, clock), hash_password("swordfish", cheap, clock));
}

TEST(Passwords, a_hash_of_no_password_is_verified_in_full_and_never_matches) {
    testing::FakeClock clock;
    const std::string hash = make_unmatched_hash(cheap, clock);
    // What libsodium cannot read it does not verify at all.
    EXPECT_EQ(crypto_pwhash_str_needs_rehash(hash.c_str(), cheap.iterations, cheap.memory_kib * 1'024), 0) << hash;
    EXPECT_FALSE(verify_password("secret", hash));
    EXPECT_NE(hash, make_unmatched_hash(cheap, clock));
}

TEST(Passwords, count_to_their_last_character) {
    const std::string longest(128, 'x');
    std::string other = longest;
    other.back() = 'y';
    EXPECT_TRUE(verify_password(longest, hash_of(longest)));
    EXPECT_FALSE(verify_password(other, hash_of(longest)));
    const std::string with_zero("ab\0cd", 5);
    EXPECT_TRUE(verify_password(with_zero, hash_of(with_zero)));
    EXPECT_FALSE(verify_password("ab", hash_of(with_zero)));
}

TEST(Passwords, are_1_to_128_code_points_of_utf_8) {
    std::string trains;
    for (int i = 0; i < 128; ++i) trains += "\xf0\x9f\x9a\x82";
    EXPECT_TRUE(verify_password(trains, hash_of(trains)));
    for (const std::string& bad : {std::string(), std::string(129, 'x'), trains + "x", std::string("\xff")}) {
        EXPECT_THROW((void)hash_of(bad), std::invalid_argument);
        EXPECT_FALSE(verify_password(bad, hash_of("x")));
    }
}

TEST(Passwords, an_impossible_cost_is_an_error_and_no_weaker_hash) {
    EXPECT_THROW((void)hash_of("swordfish", {.memory_kib = 4, .iterations = 1}), std::runtime_error);
    EXPECT_THROW((void)hash_of("swordfish", {.memory_kib = 64, .iterations = 0}), std::runtime_error);
}

// The vectors of the author of crypt_blowfish.
const std::string bcrypt_hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

TEST(Bcrypt, hashes_of_imported_users_verify) {
    EXPECT_TRUE(verify_password("U*U", bcrypt_hash));
    EXPECT_TRUE(verify_password("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"));
    EXPECT_FALSE(verify_password("U*U*", bcrypt_hash));
    for (const char kind : {'b', 'y'}) {
        std::string other = bcrypt_hash;
        other[2] = kind;
        EXPECT_TRUE(verify_password("U*U", other)) << kind;
    }
}

// What is taken over must verify, what cannot verify must be known before.
TEST(Bcrypt, a_hash_of_any_other_form_never_verifies) {
    for (std::size_t at = 0; at < bcrypt_hash.size(); ++at) {
        for (const char c : {'.', '/', 'O', 'x', '0', '$', ':', ' '}) {
            std::string other = bcrypt_hash;
            other[at] = c;
            if (is_bcrypt_hash(other)) continue;
            EXPECT_FALSE(verify_password("U*U", other)) << other;
        }
    }
}

// Of 72 times x: what the systems of imported users made of every longer password, too.
const std::string bcrypt_of_72 = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.D7RDOYXakZhsFmh/LdqQNx0kQ424AFS";

TEST(Bcrypt, counts_72_octets_of_a_password_and_takes_none_that_is_too_long_for_us) {
    EXPECT_FALSE(verify_password(std::string(71, 'x'), bcrypt_of_72));
    EXPECT_TRUE(verify_password(std::string(72, 'x'), bcrypt_of_72));
    EXPECT_TRUE(verify_password(std::string(128, 'x'), bcrypt_of_72));
    EXPECT_FALSE(verify_password(std::string(129, 'x'), bcrypt_of_72));
}

TEST(Bcrypt, a_zero_does_not_end_the_password) {
    EXPECT_FALSE(verify_password(std::string("U*U\0tail", 8), bcrypt_hash));
}

TEST(Passwords, verify_against_nothing_else) {
    // Made by older schemes of crypt from "swordfish" or "password".
    const std::string others[] = {
        "",
        "*",
        "swordfish",
        "abIudS3O2Umpc",                       // DES, salt "ab"
        "$1$saltsalt$oRU2v0epEgeuFbQ18zEuW.",  // MD5
        "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeWx",
        bcrypt_hash.substr(0, 59),
        bcrypt_hash + "x",
        "$2a$99" + bcrypt_hash.substr(6),
        "$2a$31" + bcrypt_hash.substr(6),  // days of work
        "$2a$ 5" + bcrypt_hash.substr(6),
        bcrypt_hash.substr(0, 59) + ":",
        "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=64,t=4294967295,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=64,t=1,p=1$",
        "$argon2id$v=19$m=64,t=1",
        reference + "x",
        reference + std::string(200, 'x'),
    };
    for (const std::string& hash : others) {
        for (const char* password : {"swordfish", "password", "U*U"}) {
            EXPECT_FALSE(verify_password(password, hash)) << hash;
        }
    }
}

TEST(Passwords, are_hashed_again_when_their_hash_is_bcrypt_weaker_or_out_of_bounds) {
    const struct {
        std::string hash;
        PasswordCost cost;
        bool expected;
    } cases[] = {
        {hash_of("x"), cheap, false},
        {hash_of("x"), {.memory_kib = 65, .iterations = 1}, true},
        {hash_of("x"), {.memory_kib = 64, .iterations = 2}, true},
        {hash_of("x"), {.memory_kib = 32, .iterations = 1}, false},
        {reference, PasswordCost{}, false},
        {bcrypt_hash, cheap, true},
        {"$argon2id$v=19$m=1048577,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", cheap, true},
        {"$argon2id$v=19$m=64,t=65,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", cheap, true},
        {"", cheap, true},
    };
    for (const auto& c : cases) EXPECT_EQ(needs_rehash("x", c.hash, c.cost), c.expected) << c.hash;
}

TEST(Bcrypt, a_hash_is_not_replaced_by_a_password_that_it_read_the_beginning_of) {
    EXPECT_TRUE(needs_rehash(std::string(72, 'x'), bcrypt_of_72, cheap));
    EXPECT_FALSE(needs_rehash(std::string(73, 'x'), bcrypt_of_72, cheap));
    EXPECT_TRUE(needs_rehash(std::string(73, 'x'), hash_of("x"), {.memory_kib = 65, .iterations = 1}));
}

}  // namespace
}  // namespace waybill
