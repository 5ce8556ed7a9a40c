// A login and its family of refresh tokens.
//
// A family has one living generation at a time. Generation n+1 is derived from the family by HMAC
// (app/tokens), so a repeated request can be given the same successor, and nothing is stored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "domain/ids.hpp"
#include "domain/time.hpp"
#include "domain/user.hpp"

namespace waybill {

inline constexpr std::size_t session_agent_length_max = 200;  // octets

struct Session {
    SessionId id;  // also the family of its refresh tokens
    UserId user_id;
    std::uint32_t generation = 1;  // the refresh token that may be used next
    TimePoint rotated_at{};        // when `generation` became the living one
    TimePoint created_at{};
    TimePoint last_used_at{};
    TimePoint expires_at{};
    std::optional<TimePoint> revoked_at{};
    std::string agent{};  // User-Agent of the login, for the list of sessions
};

enum class RefreshDecision : std::uint8_t {
    rotate,            // the living token: the next generation takes its place
    repeat_successor,  // its predecessor once more, within the grace: the same successor again
    reused,            // an old token: revoke the family
    invalid,           // revoked, expired, or a generation that never was
};

[[nodiscard]] RefreshDecision decide_refresh(const Session& session, std::uint32_t presented_generation, TimePoint now,
                                             Milliseconds grace);

[[nodiscard]] bool is_live(const Session& session, TimePoint now);

}  // namespace waybill
