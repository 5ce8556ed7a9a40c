#include "adapters/mongo/primary_time.hpp"

namespace waybill::mongo {

TimePoint PrimaryTime::now(Connection& connection) {
    if (options_.time_source == TimeSource::given_clock) return clock_.now();
    if (must_ask()) {
        const SteadyTime asked_at = clock_.steady_now();
        learn(connection.hello(), asked_at);
    }
    const std::lock_guard lock(mutex_);
    return TimePoint(std::chrono::floor<Milliseconds>(clock_.steady_now().time_since_epoch() + offset_));
}

bool PrimaryTime::must_ask() const {
    const std::lock_guard lock(mutex_);
    if (!known_ || clock_.steady_now() - read_at_ >= options_.time_renewal) return true;
    return std::chrono::abs(wall_ahead_of_steady() - wall_offset_) > wall_drift_max;
}

std::chrono::nanoseconds PrimaryTime::wall_ahead_of_steady() const {
    return clock_.now().time_since_epoch() - clock_.steady_now().time_since_epoch();
}

void PrimaryTime::learn(const View& hello, SteadyTime asked_at) {
    const TimePoint theirs = hello.time("localTime");
    const std::lock_guard lock(mutex_);
    // The answer was written somewhere between the question and now.
    const SteadyTime answered_at = asked_at + (clock_.steady_now() - asked_at) / 2;
    offset_ = theirs.time_since_epoch() - answered_at.time_since_epoch();
    wall_offset_ = wall_ahead_of_steady();
    read_at_ = asked_at;
    known_ = true;
}

void PrimaryTime::forget() {
    const std::lock_guard lock(mutex_);
    known_ = false;
}

}  // namespace waybill::mongo
