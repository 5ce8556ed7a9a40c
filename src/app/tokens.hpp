// The two tokens of a login, and the one of a forgotten password.
//
// Access tokens are JWTs (RFC 7519) signed with HS256 and nothing else; header and claims must be
// exactly ours. Refresh tokens are opaque: family, generation and an HMAC-SHA-256 over both, so the
// store keeps a generation number and no token, not even a hash of one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "domain/error.hpp"
#include "domain/password_reset.hpp"
#include "domain/user.hpp"
#include "ports/clock.hpp"

namespace waybill {

inline constexpr std::size_t token_secret_length_min = 32;  // octets, RFC 7518, 3.2
inline constexpr std::size_t access_token_length_max = 2'048;

// The one answer to every access token that is not good, whatever is wrong with it or its session.
[[nodiscard]] Error invalid_token();

// Thread-safe.
class AccessTokens {
public:
    struct Options {
        std::string secret;
        std::string issuer = "waybill";
        std::string audience = "waybill";
        Milliseconds lifetime{900'000};
        std::size_t verified_max = 100'000;  // tokens whose signature is remembered
    };
    AccessTokens(const Options& options, Clock& clock);
    ~AccessTokens();

    [[nodiscard]] std::string issue(const Caller& caller);

    // Errors: token_invalid (one shape for every forgery), token_expired. Does not look at the
    // session.
    [[nodiscard]] Result<Caller> verify(std::string_view token);

    [[nodiscard]] Milliseconds lifetime() const;

private:
    class State;
    std::unique_ptr<State> state_;
};

struct RefreshClaim {
    SessionId family;
    std::uint32_t generation = 0;
};

// Thread-safe.
class RefreshTokens {
public:
    explicit RefreshTokens(std::string_view secret);
    [[nodiscard]] std::string make(const SessionId& family, std::uint32_t generation) const;

    // Empty when the token is not one of ours. Compares in constant time.
    [[nodiscard]] std::optional<RefreshClaim> verify(std::string_view token) const;

private:
    std::string secret_;
};

// What a mail about a forgotten password carries: the id of the reset and an HMAC-SHA-256 over it, so
// the store keeps no token, not even a hash of one. Thread-safe.
class ResetTokens {
public:
    explicit ResetTokens(std::string_view secret);
    [[nodiscard]] std::string make(const ResetId& id) const;

    // Empty when the token is not one of ours. Compares in constant time.
    [[nodiscard]] std::optional<ResetId> verify(std::string_view token) const;

private:
    std::string secret_;
};

}  // namespace waybill
