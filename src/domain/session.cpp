#include "domain/session.hpp"

#include <chrono>

namespace waybill {

namespace {

// A clock that was set back must neither open the grace for longer than itself nor close it early.
bool is_within_grace(const Session& session, TimePoint now, Milliseconds grace) {
    return std::chrono::abs(now - session.rotated_at) < grace;
}

}  // namespace

RefreshDecision decide_refresh(const Session& session, std::uint32_t presented_generation, TimePoint now,
                               Milliseconds grace) {
    if (!is_live(session, now)) return RefreshDecision::invalid;
    if (presented_generation == 0 || presented_generation > session.generation) return RefreshDecision::invalid;
    if (presented_generation == session.generation) return RefreshDecision::rotate;
    const bool is_predecessor = session.generation - presented_generation == 1;
    if (is_predecessor && is_within_grace(session, now, grace)) return RefreshDecision::repeat_successor;
    return RefreshDecision::reused;
}

bool is_live(const Session& session, TimePoint now) { return !session.revoked_at && now < session.expires_at; }

}  // namespace waybill
