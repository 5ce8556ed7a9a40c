#include "adapters/mongo/primary_time.hpp"

namespace waybill::mongo {

TimePoint PrimaryTime::now(Connection& connection) {
    if (options_.time_source == TimeSource::given_clock) return clock_.now();
    if (must_ask()) keep(ask_well(connection));
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

PrimaryTime::Reading PrimaryTime::ask(Connection& connection) const {
    const SteadyTime asked_at = clock_.steady_now();
    const Document hello = connection.hello();
    const std::chrono::nanoseconds round_trip = clock_.steady_now() - asked_at;
    const TimePoint theirs = View(hello).time("localTime");
    // The answer was written somewhere between the question and now.
    return {theirs.time_since_epoch() - (asked_at + round_trip / 2).time_since_epoch(), round_trip, asked_at};
}

PrimaryTime::Reading PrimaryTime::ask_well(Connection& connection) const {
    Reading best = ask(connection);
    for (int i = 1; i < questions_max && best.round_trip > quick_answer; ++i) {
        const Reading next = ask(connection);
        if (next.round_trip < best.round_trip) best = next;
    }
    return best;
}

void PrimaryTime::keep(const Reading& reading) {
    const std::lock_guard lock(mutex_);
    offset_ = reading.offset;
    wall_offset_ = wall_ahead_of_steady();
    read_at_ = reading.asked_at;
    known_ = true;
}

void PrimaryTime::forget() {
    const std::lock_guard lock(mutex_);
    known_ = false;
}

}  // namespace waybill::mongo
