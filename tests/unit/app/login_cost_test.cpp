// Whoever asks must not learn from the time of the answer whether an address has an account. Time
// itself is no test on a busy machine; what makes it, the evaluations of argon2id, can be counted.
#include <gtest/gtest.h>

#include <dlfcn.h>
#include <sodium.h>
#include <string>
#include <vector>

#include "app/auth.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/recording_log.hpp"

namespace {

std::vector<std::string>& evaluations() {
    static std::vector<std::string> made;
    return made;
}

template <class Function>
Function* real(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// libsodium's, with a note of each call: the linker takes these for the whole program.
extern "C" int crypto_pwhash_str_verify(const char* hash, const char* password, unsigned long long length) {
    const std::string text = hash;
    evaluations().push_back("verify " + text.substr(0, text.find(",p=")) + " of " + std::to_string(text.size()));
    return real<int(const char*, const char*, unsigned long long)>("crypto_pwhash_str_verify")(hash, password, length);
}

extern "C" int crypto_pwhash(unsigned char* out, unsigned long long out_length, const char* password,
                             unsigned long long length, const unsigned char* salt, unsigned long long iterations,
                             std::size_t memory, int algorithm) {
    evaluations().push_back("hash " + std::to_string(memory) + " " + std::to_string(iterations));
    using Hash = int(unsigned char*, unsigned long long, const char*, unsigned long long, const unsigned char*,
                     unsigned long long, std::size_t, int);
    return real<Hash>("crypto_pwhash")(out, out_length, password, length, salt, iterations, memory, algorithm);
}

namespace waybill {
namespace {

constexpr PasswordCost cheap{.memory_kib = 64, .iterations = 1};
const std::string secret(32, 's');

class LoginCost : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(auth.register_user({"known@example.com", "correct horse", "", ""})); }

    template <class Call>
    [[nodiscard]] std::vector<std::string> evaluations_of(Call call) {
        evaluations().clear();
        call();
        return evaluations();
    }

    [[nodiscard]] std::vector<std::string> login_of(const std::string& email, const std::string& password) {
        return evaluations_of([&] { EXPECT_FALSE(auth.log_in(email, password, "")); });
    }

    testing::FakeClock clock;
    testing::MemoryStore store{clock};
    testing::RecordingLog log;
    AccessTokens access{{.secret = secret}, clock};
    RefreshTokens refresh{secret};
    ResetTokens reset{secret};
    SessionGuard sessions{{}, store, clock};
    Auth auth{{.password_cost = cheap}, store, clock, log, access, refresh, reset, sessions};
};

TEST_F(LoginCost, is_one_verification_of_one_cost_whoever_asks) {
    const std::vector<std::string> known = login_of("known@example.com", "wrong");
    ASSERT_EQ(known.size(), 1U);
    EXPECT_TRUE(known[0].starts_with("verify $argon2id$v=19$m=64,t=1")) << known[0];
    for (const char* other : {"unknown@example.com", "", "no address", "KNOWN@example.com", "a@b.c\r\nBcc: x@y.z"}) {
        EXPECT_EQ(login_of(other, "wrong"), known) << other;
    }
    EXPECT_EQ(evaluations_of([&] { EXPECT_TRUE(auth.log_in("known@example.com", "correct horse", "")); }), known)
        << "even the right password costs no more";
}

TEST_F(LoginCost, of_what_is_no_password_is_nothing_whoever_asks) {
    for (const std::string& password : {std::string(), std::string(129, 'x'), std::string("\xff")}) {
        EXPECT_EQ(login_of("known@example.com", password), login_of("unknown@example.com", password));
    }
}

TEST_F(LoginCost, a_forgotten_password_hashes_nothing_whoever_asks) {
    for (const char* email : {"known@example.com", "unknown@example.com"}) {
        EXPECT_TRUE(evaluations_of([&] { EXPECT_TRUE(auth.forgot_password(email)); }).empty()) << email;
    }
}

TEST_F(LoginCost, a_false_reset_token_costs_no_hash) {
    EXPECT_TRUE(evaluations_of([&] { EXPECT_FALSE(auth.reset_password("nonsense", "correct horse")); }).empty());
}

}  // namespace
}  // namespace waybill
