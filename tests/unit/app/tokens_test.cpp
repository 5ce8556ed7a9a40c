#include "app/tokens.hpp"

#include <gtest/gtest.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fake_clock.hpp"

namespace waybill {
namespace {

using testing::FakeClock;

const std::string secret(32, 's');
const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const Caller admin{UserId{"67c8830b7ef1b848ac52ebec"}, SessionId{"01890a5d-ac96-774b-bcce-b302099a8057"}, Role::admin};

// A second pen, so that the tests do not forge with the code that they check.
std::string base64url(const std::string& bytes) {
    std::string text;
    unsigned bits = 0;
    int count = 0;
    for (const char c : bytes) {
        bits = bits << 8 | static_cast<unsigned char>(c);
        for (count += 8; count >= 6; count -= 6) text += letters[bits >> (count - 6) & 63];
    }
    if (count > 0) text += letters[bits << (6 - count) & 63];
    return text;
}

std::string hmac(const EVP_MD* digest, const std::string& key, const std::string& message) {
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    HMAC(digest, key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(message.data()),
         message.size(), mac, &length);
    return {reinterpret_cast<const char*>(mac), length};
}

const std::string header = R"({"alg":"HS256","typ":"JWT"})";
const std::string access_key = hmac(EVP_sha256(), secret, "waybill access v1");
const std::string refresh_key = hmac(EVP_sha256(), secret, "waybill refresh v1");

std::string forge(const std::string& head, const std::string& claims, const std::string& key = access_key,
                  const EVP_MD* digest = EVP_sha256()) {
    const std::string front = base64url(head) + "." + base64url(claims);
    return front + "." + base64url(hmac(digest, key, front));
}

// As issued at FakeClock::start.
const std::string good_claims = R"({"iss":"waybill","aud":"waybill","sub":"67c8830b7ef1b848ac52ebec","role":"admin",)"
                                R"("sid":"01890a5d-ac96-774b-bcce-b302099a8057","iat":1767225600,"exp":1767226500})";

std::string replaced(std::string text, const std::string& old_part, const std::string& new_part) {
    const std::size_t at = text.find(old_part);
    EXPECT_NE(at, std::string::npos) << old_part;
    return text.replace(at, old_part.size(), new_part);
}

class AccessTokensTest : public ::testing::Test {
protected:
    [[nodiscard]] ErrorCode refusal(const std::string& token) {
        const auto caller = tokens.verify(token);
        return caller ? ErrorCode::internal : caller.error().code;
    }

    FakeClock clock;
    AccessTokens tokens{{.secret = secret}, clock};
};

TEST_F(AccessTokensTest, are_jwts_with_exactly_our_claims) {
    EXPECT_EQ(tokens.issue(admin), forge(header, good_claims));
    EXPECT_LT(tokens.issue(admin).size(), access_token_length_max);
}

TEST_F(AccessTokensTest, tell_who_asks) {
    for (const Role role : {Role::customer, Role::admin}) {
        const Caller asked{UserId{"u_1"}, SessionId{std::string(64, 'x')}, role};
        for (int i = 0; i < 2; ++i) {  // the second time from memory
            const auto caller = tokens.verify(tokens.issue(asked));
            ASSERT_TRUE(caller);
            EXPECT_EQ(caller->user_id, asked.user_id);
            EXPECT_EQ(caller->session_id, asked.session_id);
            EXPECT_EQ(caller->role, role);
        }
    }
}

TEST_F(AccessTokensTest, end_after_their_lifetime_whether_remembered_or_not) {
    const std::string token = tokens.issue(admin);
    clock.advance(Milliseconds{899'999});
    EXPECT_TRUE(tokens.verify(token));
    clock.advance(Milliseconds{1});
    EXPECT_EQ(refusal(token), ErrorCode::token_expired);
    AccessTokens others({.secret = secret}, clock);
    EXPECT_EQ(others.verify(token).error().code, ErrorCode::token_expired);
}

TEST_F(AccessTokensTest, live_no_shorter_than_promised) {
    clock.advance(Milliseconds{999});
    const std::string token = tokens.issue(admin);
    clock.advance(tokens.lifetime() - Milliseconds{1});
    EXPECT_TRUE(tokens.verify(token));
    clock.advance(Milliseconds{1'000});
    EXPECT_EQ(refusal(token), ErrorCode::token_expired);
}

TEST_F(AccessTokensTest, a_change_of_any_letter_is_refused) {
    const std::string token = tokens.issue(admin);
    ASSERT_TRUE(tokens.verify(token));
    for (std::size_t i = 0; i < token.size(); ++i) {
        for (const char letter : {'A', '_', '.', '=', '\0'}) {
            std::string changed = token;
            changed[i] = letter;
            if (changed != token) {
                EXPECT_EQ(refusal(changed), ErrorCode::token_invalid) << i;
            }
        }
        EXPECT_EQ(refusal(token.substr(0, i)), ErrorCode::token_invalid) << i;
    }
}

TEST_F(AccessTokensTest, the_last_letter_has_one_form_only) {
    const std::string token = tokens.issue(admin);
    int accepted = 0;
    for (const char letter : letters) {
        std::string changed = token;
        changed.back() = letter;
        if (tokens.verify(changed)) ++accepted;
    }
    EXPECT_EQ(accepted, 1);
}

TEST_F(AccessTokensTest, every_forgery_has_the_same_answer) {
    const std::string token = tokens.issue(admin);
    const std::string unsigned_token = base64url(R"({"alg":"none"})") + "." + base64url(good_claims) + ".";
    const struct {
        const char* trick;
        std::string token;
    } cases[] = {
        {"empty", ""},
        {"dots", ".."},
        {"header only", token.substr(0, token.find('.') + 1)},
        {"no signature", token.substr(0, token.rfind('.') + 1)},
        {"no claims", forge(header, "")},
        {"four parts", token + ".x"},
        {"padding", token + "="},
        {"trailing space", token + " "},
        {"trailing line", token + "\n"},
        {"leading space", " " + token},
        {"alg none", unsigned_token},
        {"alg none, signed", forge(R"({"alg":"none","typ":"JWT"})", good_claims)},
        {"alg HS512", forge(R"({"alg":"HS512","typ":"JWT"})", good_claims, access_key, EVP_sha512())},
        {"HS512 behind our header", forge(header, good_claims, access_key, EVP_sha512())},
        {"a kid", forge(R"({"alg":"HS256","typ":"JWT","kid":"../../dev/null"})", good_claims)},
        {"a jwk", forge(R"({"alg":"HS256","jwk":{"kty":"oct","k":"AA"}})", good_claims)},
        {"another order in the header", forge(R"({"typ":"JWT","alg":"HS256"})", good_claims)},
        {"another secret", forge(header, good_claims, hmac(EVP_sha256(), std::string(32, 't'), "waybill access v1"))},
        {"the secret itself", forge(header, good_claims, secret)},
        {"the key of refresh tokens", forge(header, good_claims, refresh_key)},
        {"an empty key", forge(header, good_claims, "")},
        {"too long", token + std::string(access_token_length_max, 'A')},
    };
    const auto first = tokens.verify(cases[0].token);
    ASSERT_FALSE(first);
    for (const auto& c : cases) {
        const auto caller = tokens.verify(c.token);
        ASSERT_FALSE(caller) << c.trick;
        EXPECT_EQ(caller.error().code, ErrorCode::token_invalid) << c.trick;
        EXPECT_EQ(caller.error().detail, first.error().detail) << c.trick;
    }
}

TEST_F(AccessTokensTest, well_signed_claims_of_another_form_are_refused) {
    ASSERT_TRUE(tokens.verify(forge(header, good_claims)));
    const std::pair<const char*, const char*> changes[] = {
        {R"("iss":"waybill")", R"("iss":"other")"},
        {R"("aud":"waybill")", R"("aud":"other")"},
        {R"("aud":"waybill")", R"("aud":["waybill"])"},
        {R"("iss":"waybill",)", ""},
        {R"("role":"admin")", R"("role":"root")"},
        {R"("role":"admin")", R"("role":true)"},
        {R"("sub":"67c8830b7ef1b848ac52ebec")", R"("sub":"")"},
        {R"("sub":"67c8830b7ef1b848ac52ebec")", R"("sub":"a b")"},
        {R"("sub":"67c8830b7ef1b848ac52ebec")", R"("sub":12)"},
        {R"("sid":"01890a5d-ac96-774b-bcce-b302099a8057")", R"("sid":"")"},
        {R"(,"sid":"01890a5d-ac96-774b-bcce-b302099a8057")", ""},
        {R"(,"exp":1767226500)", ""},
        {R"("exp":1767226500)", R"("exp":"1767226500")"},
        {R"("exp":1767226500)", R"("exp":1767226500.5)"},
        {R"("exp":1767226500)", R"("exp":1e12)"},
        {R"("exp":1767226500)", R"("exp":-1)"},
        {R"("exp":1767226500)", R"("exp":99999999999999999999)"},
        {R"("iat":1767225600)", R"("iat":null)"},
        {"}", R"(,"admin":true})"},
        {"}", "} "},
        {"}", "}}"},
        {"{", " {"},
        {"}", ""},
    };
    for (const auto& [old_part, new_part] : changes) {
        EXPECT_EQ(refusal(forge(header, replaced(good_claims, old_part, new_part))), ErrorCode::token_invalid)
            << new_part;
    }
}

TEST_F(AccessTokensTest, a_well_signed_token_in_odd_base64_is_refused) {
    const std::string claims = base64url(good_claims);
    for (const std::string& odd :
         {claims + "=", claims + "==", claims + "A", claims.substr(0, 8) + "+" + claims.substr(9),
          claims.substr(0, 8) + "\n" + claims.substr(8)}) {
        const std::string front = base64url(header) + "." + odd;
        EXPECT_EQ(refusal(front + "." + base64url(hmac(EVP_sha256(), access_key, front))), ErrorCode::token_invalid);
    }
}

TEST_F(AccessTokensTest, of_another_issuer_or_audience_are_refused) {
    AccessTokens other_issuer({.secret = secret, .issuer = "shop"}, clock);
    AccessTokens other_audience({.secret = secret, .audience = "shop"}, clock);
    EXPECT_EQ(refusal(other_issuer.issue(admin)), ErrorCode::token_invalid);
    EXPECT_EQ(refusal(other_audience.issue(admin)), ErrorCode::token_invalid);
    EXPECT_TRUE(other_issuer.verify(other_issuer.issue(admin)));
}

TEST_F(AccessTokensTest, are_right_whether_many_none_or_few_are_remembered) {
    for (const std::size_t verified_max : {0U, 1U, 40U, 100'000U}) {
        AccessTokens bounded({.secret = secret, .verified_max = verified_max}, clock);
        for (int round = 0; round < 2; ++round) {
            for (int i = 0; i < 200; ++i) {
                const UserId user{"user" + std::to_string(i)};
                const auto caller = bounded.verify(bounded.issue({user, SessionId{"s"}, Role::customer}));
                ASSERT_TRUE(caller);
                EXPECT_EQ(caller->user_id, user);
            }
        }
    }
}

TEST_F(AccessTokensTest, may_be_checked_by_many_threads) {
    AccessTokens small({.secret = secret, .verified_max = 64}, clock);
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&] {
            for (int i = 0; i < 300; ++i) {
                const UserId user{"user" + std::to_string(i)};
                const auto caller = small.verify(small.issue({user, SessionId{"s"}, Role::customer}));
                EXPECT_TRUE(caller && caller->user_id == user);
            }
        });
    }
}

TEST_F(AccessTokensTest, are_not_issued_without_valid_ids) {
    EXPECT_THROW((void)tokens.issue({UserId{""}, SessionId{"s"}, Role::customer}), std::logic_error);
    EXPECT_THROW((void)tokens.issue({UserId{"u"}, SessionId{"\",\"role\":\"admin"}, Role::customer}), std::logic_error);
}

TEST(Secrets, that_are_short_are_refused) {
    FakeClock clock;
    EXPECT_THROW(AccessTokens({.secret = std::string(31, 's')}, clock), std::invalid_argument);
    EXPECT_THROW(RefreshTokens{std::string(31, 's')}, std::invalid_argument);
    EXPECT_NO_THROW(RefreshTokens{std::string(32, 's')});
}

TEST(Secrets, issuer_and_audience_need_no_escape) {
    FakeClock clock;
    for (const char* odd : {"a\"b", "a\\b", "a\nb", "\xc3\xa9"}) {
        EXPECT_THROW(AccessTokens({.secret = secret, .issuer = odd}, clock), std::invalid_argument);
        EXPECT_THROW(AccessTokens({.secret = secret, .audience = odd}, clock), std::invalid_argument);
    }
}

TEST(RefreshTokens, name_their_family_and_generation) {
    const RefreshTokens tokens{secret};
    for (const std::string& family : {std::string("s"), admin.session_id.text, std::string(64, 'x')}) {
        for (const std::uint32_t generation : {1U, 2U, 256U, 0xffff'ffffU}) {
            const auto claim = tokens.verify(tokens.make(SessionId{family}, generation));
            ASSERT_TRUE(claim);
            EXPECT_EQ(claim->family.text, family);
            EXPECT_EQ(claim->generation, generation);
        }
    }
}

TEST(RefreshTokens, are_the_same_each_time_and_differ_by_generation_family_and_secret) {
    const RefreshTokens tokens{secret};
    const std::string token = tokens.make(SessionId{"s1"}, 7);
    EXPECT_EQ(tokens.make(SessionId{"s1"}, 7), token);
    EXPECT_NE(tokens.make(SessionId{"s1"}, 8), token);
    EXPECT_NE(tokens.make(SessionId{"s2"}, 7), token);
    EXPECT_NE(RefreshTokens{std::string(32, 't')}.make(SessionId{"s1"}, 7), token);
}

TEST(RefreshTokens, stand_in_a_cookie_as_they_are) {
    EXPECT_EQ(RefreshTokens{secret}.make(SessionId{"s1"}, 7).find_first_not_of(letters), std::string::npos);
}

TEST(RefreshTokens, a_change_of_any_letter_is_refused) {
    const RefreshTokens tokens{secret};
    const std::string token = tokens.make(admin.session_id, 3);
    for (std::size_t i = 0; i < token.size(); ++i) {
        for (const char letter : letters) {
            std::string changed = token;
            changed[i] = letter;
            if (changed != token) {
                EXPECT_FALSE(tokens.verify(changed)) << i;
            }
        }
        EXPECT_FALSE(tokens.verify(token.substr(0, i))) << i;
    }
    for (const char* tail : {"=", "A", " ", "\n", "."}) EXPECT_FALSE(tokens.verify(token + tail));
    EXPECT_FALSE(tokens.verify(std::string(100'000, 'A')));
}

TEST(RefreshTokens, no_other_octet_stands_for_a_letter) {
    const RefreshTokens refresh{secret};
    const ResetTokens reset{secret};
    for (const std::string& token : {refresh.make(admin.session_id, 3), reset.make(ResetId(admin.session_id.text))}) {
        for (std::size_t i = 0; i < token.size(); ++i) {
            for (int octet = 0; octet < 256; ++octet) {
                std::string changed = token;
                changed[i] = static_cast<char>(octet);
                if (changed == token) continue;
                EXPECT_FALSE(refresh.verify(changed)) << i << " " << octet;
                EXPECT_FALSE(reset.verify(changed)) << i << " " << octet;
            }
        }
    }
}

TEST(RefreshTokens, well_signed_bodies_of_another_form_are_refused) {
    const RefreshTokens tokens{secret};
    const std::string generation("\0\0\0\1", 4);
    const auto forge_refresh = [&](const std::string& body) {
        return base64url(body + hmac(EVP_sha256(), refresh_key, "waybill refresh token v1:" + body));
    };
    ASSERT_TRUE(tokens.verify(forge_refresh("\2s1" + generation)));
    for (const std::string& body : {std::string(), std::string(1, '\0') + generation, "\2s" + generation,
                                    "\1s1" + generation, "\2s " + generation, "\377s1" + generation}) {
        EXPECT_FALSE(tokens.verify(forge_refresh(body)));
    }
}

TEST(RefreshTokens, never_serve_as_access_tokens_nor_the_other_way) {
    FakeClock clock;
    AccessTokens access({.secret = secret}, clock);
    const RefreshTokens refresh{secret};
    EXPECT_FALSE(access.verify(refresh.make(admin.session_id, 1)));
    EXPECT_FALSE(refresh.verify(access.issue(admin)));
    EXPECT_NE(access_key, refresh_key);
}

TEST(ResetTokens, come_back_as_the_id_they_were_made_of) {
    const ResetTokens tokens(std::string(32, 's'));
    const std::string token = tokens.make(ResetId("0193-abc"));
    ASSERT_TRUE(tokens.verify(token));
    EXPECT_EQ(tokens.verify(token)->text, "0193-abc");
    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string forged = token;
        forged[i] = forged[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(tokens.verify(forged)) << i;
    }
    EXPECT_FALSE(ResetTokens(std::string(32, 't')).verify(token));
    EXPECT_FALSE(tokens.verify(""));
    EXPECT_FALSE(tokens.verify(std::string(1'000, 'A')));
    EXPECT_FALSE(RefreshTokens(std::string(32, 's')).verify(token)) << "no token stands for another kind";
}

}  // namespace
}  // namespace waybill
