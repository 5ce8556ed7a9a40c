#include "app/tokens.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <mutex>
#include <sodium.h>
#include <span>
#include <stdexcept>
#include <utility>

#include "app/recent_map.hpp"

namespace waybill {

namespace {

using Mac = std::array<std::uint8_t, 32>;

std::string_view as_text(std::span<const std::uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Mac hmac_sha256(std::string_view key, std::string_view message) {
    Mac mac{};
    unsigned int length = 0;
    const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, message.size(), mac.data(), &length) ==
            nullptr ||
        length != mac.size()) {
        throw std::runtime_error("HMAC-SHA-256 failed");
    }
    return mac;
}

// One key for each kind of token, so that none can ever serve as the other.
std::string derive_key(std::string_view secret, std::string_view label) {
    if (secret.size() < token_secret_length_min) throw std::invalid_argument("the token secret is too short");
    return std::string{as_text(hmac_sha256(secret, label))};
}

bool equal_in_constant_time(std::string_view left, std::string_view right) {
    return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

constexpr int base64url = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

std::string encode_base64url(std::string_view bytes) {
    std::string text(sodium_base64_encoded_len(bytes.size(), base64url), '\0');
    sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                      base64url);
    text.pop_back();  // the terminating zero
    return text;
}

bool is_base64url(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

// Empty unless `text` is the one encoding of its bytes: no padding, no stray bits, no other letters.
// (libsodium 1.0.18 takes some octets above 127 for letters.)
std::optional<std::string> decode_base64url(std::string_view text) {
    if (!std::ranges::all_of(text, is_base64url)) return std::nullopt;
    std::string bytes(text.size() / 4 * 3 + 3, '\0');
    std::size_t length = 0;
    if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(), text.size(),
                          nullptr, &length, nullptr, base64url) != 0) {
        return std::nullopt;
    }
    bytes.resize(length);
    return bytes;
}

// Takes a text apart that has one fixed form. What does not fit makes every later step fail too.
class FormReader {
public:
    explicit FormReader(std::string_view text) : rest_(text) {}

    void literal(std::string_view wanted) {
        sound_ = sound_ && rest_.starts_with(wanted);
        if (sound_) rest_.remove_prefix(wanted.size());
    }

    // Up to the next quote, which stays.
    std::string word() {
        const std::string_view taken = rest_.substr(0, rest_.find('"'));
        if (sound_) rest_.remove_prefix(taken.size());
        return std::string{taken};
    }

    std::int64_t number() {
        std::int64_t value = 0;
        const auto [end, problem] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        sound_ = sound_ && problem == std::errc{} && value >= 0;
        if (sound_) rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return value;
    }

    [[nodiscard]] bool is_complete() const { return sound_ && rest_.empty(); }

private:
    std::string_view rest_;
    bool sound_ = true;
};

struct Claims {
    Caller caller;
    std::int64_t expires_at_s = 0;
};

// Words stand in the claims as they are, so they must not need an escape.
bool is_plain(std::string_view word) {
    return std::ranges::all_of(word, [](char c) { return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\'; });
}

std::int64_t seconds_rounded_up(TimePoint time) {
    return std::chrono::ceil<std::chrono::seconds>(time).time_since_epoch().count();
}

std::int64_t seconds_rounded_down(TimePoint time) {
    return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

// {"alg":"HS256","typ":"JWT"} in base64url, and the dot behind it.
constexpr std::string_view jwt_header = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";

// Tokens whose signature was right. What they claim is checked each time all the same.
class VerifiedTokens {
public:
    explicit VerifiedTokens(std::size_t size_max) {
        for (Shard& shard : shards_) shard.claims = RecentMap<Claims>(size_max / shards_.size());
    }

    std::optional<Claims> find(std::string_view token) {
        Shard& shard = shard_of(token);
        const std::lock_guard lock(shard.mutex);
        const Claims* claims = shard.claims.find(token);
        return claims != nullptr ? std::optional{*claims} : std::nullopt;
    }

    void put(std::string_view token, const Claims& claims) {
        Shard& shard = shard_of(token);
        const std::lock_guard lock(shard.mutex);
        shard.claims.put(token, claims);
    }

private:
    struct Shard {
        std::mutex mutex;
        RecentMap<Claims> claims{0};
    };

    // The letters of a signature are as good as random; the last one carries fewer bits.
    Shard& shard_of(std::string_view token) {
        const auto letter = static_cast<std::uint8_t>(token.size() < 2 ? 0 : token[token.size() - 2]);
        return shards_[letter % shards_.size()];
    }

    std::array<Shard, 16> shards_;
};

}  // namespace

Error invalid_token() { return Error{.code = ErrorCode::token_invalid, .detail = "The access token is not valid."}; }

class AccessTokens::State {
public:
    State(const Options& options, Clock& clock)
        : clock_(clock),
          lifetime_(options.lifetime),
          key_(derive_key(options.secret, "waybill access v1")),
          claims_front_("{\"iss\":\"" + options.issuer + "\",\"aud\":\"" + options.audience + "\",\"sub\":\""),
          verified_(options.verified_max) {
        if (!is_plain(options.issuer) || !is_plain(options.audience)) {
            throw std::invalid_argument("issuer and audience are visible ASCII without quotes or backslashes");
        }
    }

    [[nodiscard]] Milliseconds lifetime() const { return lifetime_; }

    [[nodiscard]] std::string issue(const Caller& caller) const {
        std::string token{jwt_header};
        token += encode_base64url(write_claims(caller));
        const std::string signature = sign(token);
        token += '.';
        return token + signature;
    }

    [[nodiscard]] Result<Caller> verify(std::string_view token) {
        if (token.size() > access_token_length_max) return fail(invalid_token());
        auto claims = verified_.find(token);
        if (!claims) {
            claims = check(token);
            if (!claims) return fail(invalid_token());
            verified_.put(token, *claims);
        }
        if (seconds_rounded_down(clock_.now()) >= claims->expires_at_s) {
            return fail(ErrorCode::token_expired, "The access token has expired.");
        }
        return std::move(claims->caller);
    }

private:
    // A token lives at least as long as it says in milliseconds: its end is rounded up.
    [[nodiscard]] std::string write_claims(const Caller& caller) const {
        if (!is_valid_id(caller.user_id.text) || !is_valid_id(caller.session_id.text)) {
            throw std::logic_error("a token needs the ids of its user and session");
        }
        const TimePoint now = clock_.now();
        std::string claims = claims_front_ + caller.user_id.text + "\",\"role\":\"";
        claims += to_text(caller.role);
        claims += "\",\"sid\":\"" + caller.session_id.text;
        claims += "\",\"iat\":" + std::to_string(seconds_rounded_down(now));
        claims += ",\"exp\":" + std::to_string(seconds_rounded_up(now + lifetime_)) + "}";
        return claims;
    }

    // Only we sign, so claims have exactly the form of write_claims, or the token is not ours.
    [[nodiscard]] std::optional<Claims> read_claims(std::string_view text) const {
        FormReader reader{text};
        Claims claims;
        reader.literal(claims_front_);
        claims.caller.user_id.text = reader.word();
        reader.literal("\",\"role\":\"");
        const auto role = parse_role(reader.word());
        reader.literal("\",\"sid\":\"");
        claims.caller.session_id.text = reader.word();
        reader.literal("\",\"iat\":");
        (void)reader.number();
        reader.literal(",\"exp\":");
        claims.expires_at_s = reader.number();
        reader.literal("}");
        if (!reader.is_complete() || !role || !is_valid_id(claims.caller.user_id.text) ||
            !is_valid_id(claims.caller.session_id.text)) {
            return std::nullopt;
        }
        claims.caller.role = *role;
        return claims;
    }

    [[nodiscard]] std::string sign(std::string_view header_and_claims) const {
        return encode_base64url(as_text(hmac_sha256(key_, header_and_claims)));
    }

    // Comparing the text of the signature refuses every other encoding of it, too.
    [[nodiscard]] std::optional<Claims> check(std::string_view token) const {
        const std::size_t last_dot = token.rfind('.');
        if (!token.starts_with(jwt_header) || last_dot < jwt_header.size()) return std::nullopt;
        const std::string_view signed_part = token.substr(0, last_dot);
        if (!equal_in_constant_time(token.substr(last_dot + 1), sign(signed_part))) return std::nullopt;
        const auto claims = decode_base64url(signed_part.substr(jwt_header.size()));
        return claims ? read_claims(*claims) : std::nullopt;
    }

    Clock& clock_;
    Milliseconds lifetime_;
    std::string key_;
    std::string claims_front_;  // issuer and audience are the same in every token
    VerifiedTokens verified_;
};

AccessTokens::AccessTokens(const Options& options, Clock& clock) : state_(std::make_unique<State>(options, clock)) {}
AccessTokens::~AccessTokens() = default;

std::string AccessTokens::issue(const Caller& caller) { return state_->issue(caller); }
Result<Caller> AccessTokens::verify(std::string_view token) { return state_->verify(token); }
Milliseconds AccessTokens::lifetime() const { return state_->lifetime(); }

namespace {

// A length octet, the family, the generation (big endian) and the MAC over all of these.
constexpr std::size_t generation_length = 4;
constexpr std::size_t refresh_bytes_max = 1 + id_length_max + generation_length + std::tuple_size_v<Mac>;
constexpr std::size_t refresh_token_length_max = (refresh_bytes_max + 2) / 3 * 4;
constexpr std::size_t reset_token_length_max = (id_length_max + std::tuple_size_v<Mac> + 2) / 3 * 4;

std::string write_refresh_body(const SessionId& family, std::uint32_t generation) {
    std::string body(1, static_cast<char>(family.text.size()));
    body += family.text;
    for (int shift = 24; shift >= 0; shift -= 8) body += static_cast<char>(generation >> shift & 0xff);
    return body;
}

std::optional<RefreshClaim> read_refresh_body(std::string_view body) {
    if (body.empty()) return std::nullopt;
    const auto family_length = static_cast<std::uint8_t>(body.front());
    if (body.size() != 1U + family_length + generation_length) return std::nullopt;
    RefreshClaim claim{SessionId{std::string{body.substr(1, family_length)}}, 0};
    for (const char c : body.substr(1U + family_length)) {
        claim.generation = claim.generation << 8 | static_cast<std::uint8_t>(c);
    }
    return is_valid_id(claim.family.text) ? std::optional{std::move(claim)} : std::nullopt;
}

Mac refresh_mac(std::string_view key, std::string_view body) {
    return hmac_sha256(key, "waybill refresh token v1:" + std::string{body});
}

}  // namespace

RefreshTokens::RefreshTokens(std::string_view secret) : secret_(derive_key(secret, "waybill refresh v1")) {}

std::string RefreshTokens::make(const SessionId& family, std::uint32_t generation) const {
    if (!is_valid_id(family.text)) throw std::logic_error("a refresh token needs the id of its session");
    std::string bytes = write_refresh_body(family, generation);
    bytes += as_text(refresh_mac(secret_, bytes));
    return encode_base64url(bytes);
}

std::optional<RefreshClaim> RefreshTokens::verify(std::string_view token) const {
    if (token.size() > refresh_token_length_max) return std::nullopt;
    const auto bytes = decode_base64url(token);
    if (!bytes || bytes->size() < std::tuple_size_v<Mac>) return std::nullopt;
    const std::size_t body_length = bytes->size() - std::tuple_size_v<Mac>;
    const std::string_view body = std::string_view{*bytes}.substr(0, body_length);
    const std::string_view mac = std::string_view{*bytes}.substr(body_length);
    if (!equal_in_constant_time(mac, as_text(refresh_mac(secret_, body)))) return std::nullopt;
    return read_refresh_body(body);
}

ResetTokens::ResetTokens(std::string_view secret) : secret_(derive_key(secret, "waybill reset v1")) {}

std::string ResetTokens::make(const ResetId& id) const {
    if (!is_valid_id(id.text)) throw std::logic_error("a reset token needs the id of its reset");
    return encode_base64url(id.text + std::string(as_text(hmac_sha256(secret_, id.text))));
}

std::optional<ResetId> ResetTokens::verify(std::string_view token) const {
    if (token.size() > reset_token_length_max) return std::nullopt;
    const auto bytes = decode_base64url(token);
    if (!bytes || bytes->size() <= std::tuple_size_v<Mac>) return std::nullopt;
    const std::size_t id_length = bytes->size() - std::tuple_size_v<Mac>;
    const std::string id = bytes->substr(0, id_length);
    const std::string_view mac = std::string_view{*bytes}.substr(id_length);
    if (!equal_in_constant_time(mac, as_text(hmac_sha256(secret_, id)))) return std::nullopt;
    return ResetId{id};
}

}  // namespace waybill
