#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <sodium.h>
#include <string>

#include "app/passwords.hpp"
#include "app/tokens.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/targets.hpp"
#include "tests/support/fake_clock.hpp"

namespace waybill::fuzz {

namespace {

const std::string secret(32, 's');

std::string hmac(std::string_view key, std::string_view message) {
    std::string mac(32, '\0');
    unsigned int length = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(message.data()),
         message.size(), reinterpret_cast<unsigned char*>(mac.data()), &length);
    return mac;
}

std::string base64url(std::string_view bytes) {
    constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
    sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                      variant);
    text.pop_back();
    return text;
}

// A forger who knows the key, and still gets nothing in but what we would have written.
void signed_by_us(AccessTokens& tokens, std::string_view header, std::string_view claims) {
    const std::string part = base64url(header) + "." + base64url(claims);
    const std::string token = part + "." + base64url(hmac(hmac(secret, "waybill access v1"), part));
    const auto caller = tokens.verify(token);
    if (!caller) return;
    require(header == R"({"alg":"HS256","typ":"JWT"})", "one header is taken");
    const std::string begin = R"({"iss":"waybill","aud":"waybill","sub":")" + caller->user_id.text + R"(","role":")" +
                              std::string(to_text(caller->role)) + R"(","sid":")" + caller->session_id.text +
                              R"(","iat":)";
    require(claims.starts_with(begin) && claims.ends_with("}"), "claims have one form");
    require(is_valid_id(caller->user_id.text) && is_valid_id(caller->session_id.text), "ids are ids");
}

void access_token(std::string_view bytes) {
    testing::FakeClock clock;
    AccessTokens tokens({.secret = secret}, clock);
    static const std::string ours = AccessTokens({.secret = secret}, clock).issue({UserId("u"), SessionId("s")});
    if (const auto caller = tokens.verify(bytes)) require(bytes == ours, "no text is taken but the one that was given");
    Input input(bytes);
    const std::string_view header = input.line();
    signed_by_us(tokens, header, input.rest());
}

// RFC 4648 spellings of what was given: each is another text, and no token.
void opaque_token(std::string_view bytes) {
    static const RefreshTokens refresh(secret);
    static const ResetTokens reset(secret);
    if (const auto claim = refresh.verify(bytes)) {
        require(refresh.make(claim->family, claim->generation) == bytes, "a refresh token has one text");
        require(!reset.verify(bytes), "a refresh token is no reset token");
    }
    if (const auto id = reset.verify(bytes)) require(reset.make(*id) == bytes, "a reset token has one text");

    Input input(bytes);
    const auto generation = static_cast<std::uint32_t>(input.number());
    const std::string id = input.word();
    if (!is_valid_id(id)) return;
    const std::string token = refresh.make(SessionId(id), generation);
    const auto claim = refresh.verify(token);
    require(claim && claim->family.text == id && claim->generation == generation, "what was made verifies");
    require(!reset.verify(token), "as nothing else");
    const std::string reset_token = reset.make(ResetId(id));
    require(reset.verify(reset_token) == ResetId(id) && !refresh.verify(reset_token), "nor does a reset token");

    std::string changed = token;
    const std::size_t at = input.choice(changed.size());
    const char letter = input.is_empty() ? '\0' : input.rest().front();
    if (changed[at] == letter) return;
    changed[at] = letter;
    require(!refresh.verify(changed), "one letter changed is no token");
}

// Hashes that are allowed to cost a lot are not tried: the fuzzer would only wait for them.
bool is_cheap(std::string_view hash) {
    if (hash.starts_with("$2")) return hash.size() < 6 || hash.substr(4, 2) == "04";
    return hash.starts_with("$argon2id$v=19$m=8,t=1,");
}

void password_hash(std::string_view bytes) {
    Input input(bytes);
    const std::string password = input.word();
    const std::string hash(input.rest());
    constexpr PasswordCost cheap{.memory_kib = 8, .iterations = 1};
    (void)needs_rehash(password, hash, cheap);
    if (is_cheap(hash)) (void)verify_password(password, hash);

    const auto length = count_code_points(password);
    if (!length || *length == 0 || *length > password_length_max) {
        static testing::FakeClock clock;
        static const std::string other = hash_password("other", cheap, clock);
        require(!verify_password(password, other), "what is no password matches nothing");
        return;
    }
    testing::FakeClock clock;
    const std::string own = hash_password(password, cheap, clock);
    require(verify_password(password, own), "a password matches its hash");
    require(!verify_password(password + "x", own) && !needs_rehash(password, own, cheap), "another one does not");
}

constexpr std::array targets{Target{"access_token", access_token}, Target{"opaque_token", opaque_token},
                             Target{"password_hash", password_hash}};

}  // namespace

std::span<const Target> token_targets() { return targets; }

}  // namespace waybill::fuzz
