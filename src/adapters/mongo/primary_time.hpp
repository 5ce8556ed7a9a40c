// The time that is stored: the primary's, so that all processes agree whatever their own clocks say.
//
// It is kept as an offset to the steady clock and read again from `hello` after its renewal time,
// after the primary may have changed, and when our own wall clock was set (its machine slept, or
// an operator or NTP moved it: the primary may have been moved as well).
// Thread-safe.
#pragma once

#include <mutex>

#include "adapters/mongo/connection.hpp"

namespace waybill::mongo {

// How far our wall clock may drift from our steady clock before it counts as set.
inline constexpr Milliseconds wall_drift_max{100};

class PrimaryTime {
public:
    PrimaryTime(const MongoOptions& options, Clock& clock) : options_(options), clock_(clock) {}

    // Throws MongoError when the primary must be asked and does not answer.
    [[nodiscard]] TimePoint now(Connection& connection);

    // What `hello` answered to somebody who asked for another reason, and when it was asked.
    void learn(const View& hello, SteadyTime asked_at);

    // The primary may be another one now.
    void forget();

private:
    [[nodiscard]] bool must_ask() const;
    [[nodiscard]] std::chrono::nanoseconds wall_ahead_of_steady() const;

    const MongoOptions& options_;
    Clock& clock_;
    mutable std::mutex mutex_;
    bool known_ = false;
    std::chrono::nanoseconds offset_{};       // primary's time since 1970, less steady time
    std::chrono::nanoseconds wall_offset_{};  // ours, when it was read
    SteadyTime read_at_{};
};

}  // namespace waybill::mongo
