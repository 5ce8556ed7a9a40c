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

// An answer that took no longer is good; else the best of so many counts.
inline constexpr Milliseconds quick_answer{1};
inline constexpr int questions_max = 4;

class PrimaryTime {
public:
    PrimaryTime(const MongoOptions& options, Clock& clock) : options_(options), clock_(clock) {}

    // Throws MongoError when the primary must be asked and does not answer.
    [[nodiscard]] TimePoint now(Connection& connection);

    // The primary may be another one now.
    void forget();

private:
    struct Reading {
        std::chrono::nanoseconds offset{};      // primary's time since 1970, less steady time
        std::chrono::nanoseconds round_trip{};  // it may be wrong by half of it
        SteadyTime asked_at{};
    };
    [[nodiscard]] bool must_ask() const;
    [[nodiscard]] Reading ask(Connection& connection) const;
    [[nodiscard]] Reading ask_well(Connection& connection) const;
    void keep(const Reading& reading);
    [[nodiscard]] std::chrono::nanoseconds wall_ahead_of_steady() const;

    const MongoOptions& options_;
    Clock& clock_;
    mutable std::mutex mutex_;
    bool known_ = false;
    std::chrono::nanoseconds offset_{};
    std::chrono::nanoseconds wall_offset_{};  // ours, when it was read
    SteadyTime read_at_{};
};

}  // namespace waybill::mongo
