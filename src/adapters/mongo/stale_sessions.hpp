// Frees what a dead process has locked. A client that was killed inside a transaction keeps its
// locks for up to a minute, and everybody else gets conflicts.
// Thread-safe.
#pragma once

#include <mutex>
#include <optional>

#include "adapters/mongo/connection.hpp"

namespace waybill::mongo {

inline constexpr Milliseconds conflicts_patience{1'000};    // conflicts for longer: look, and not more often
inline constexpr Milliseconds transaction_idle_max{2'000};  // no living process leaves one idle for so long

class StaleSessions {
public:
    StaleSessions(Clock& clock, Log& log) : clock_(clock), log_(log) {}

    // Looks for transactions of our own user that are idle for too long, and ends exactly their
    // sessions. A living process whose session it hits gets a transient error and repeats. Does
    // nothing when it has looked a moment ago, or has no right to.
    void end_them(Connection& connection);

private:
    [[nodiscard]] bool may_look();

    Clock& clock_;
    Log& log_;
    std::mutex mutex_;
    std::optional<SteadyTime> looked_at_;
};

}  // namespace waybill::mongo
