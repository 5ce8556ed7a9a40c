#include "adapters/redis/breaker.hpp"

#include <algorithm>
#include <utility>

namespace waybill::redis {

Breaker::Breaker(int failures_max, Milliseconds pause, std::string place, Log& log)
    : failures_max_(std::max(failures_max, 1)), pause_(pause), place_(std::move(place)), log_(log) {}

void Breaker::succeeded() {
    if (failures_.load(std::memory_order_relaxed) != 0) failures_ = 0;
}

bool Breaker::failed(const std::string& why) {
    const std::lock_guard lock(mutex_);
    const int failures = ++failures_;
    if (phase_ == Phase::probing) enter(Phase::paused);
    if (phase_ == Phase::closed && failures >= failures_max_) {
        log_.write(LogLevel::warn, "redis-away", {{"redis", place_}, {"error", why}});
        enter(Phase::paused);
    }
    return phase_ != Phase::closed;
}

std::optional<Breaker::Permit> Breaker::wait_for_permit(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (stop.stop_requested()) return std::nullopt;
        if (phase_ == Phase::closed) return Permit::connect;
        if (phase_ == Phase::probing) {
            changed_.wait(lock, stop, [this] { return phase_ != Phase::probing; });
            continue;
        }
        const auto has_changed = [this, pauses = pauses_] { return phase_ != Phase::paused || pauses_ != pauses; };
        if (changed_.wait_for(lock, stop, pause_, has_changed) || stop.stop_requested()) continue;
        enter(Phase::probing);
        return Permit::probe;
    }
}

bool Breaker::confirm(Permit permit) {
    const std::lock_guard lock(mutex_);
    if (permit == Permit::connect) return phase_ == Phase::closed;
    if (phase_ != Phase::probing) return false;
    failures_ = 0;
    log_.write(LogLevel::info, "redis-back", {{"redis", place_}});
    enter(Phase::closed);
    return true;
}

void Breaker::enter(Phase phase) {
    phase_ = phase;
    allows_ = phase == Phase::closed;
    if (phase == Phase::paused) ++pauses_;
    changed_.notify_all();
}

}  // namespace waybill::redis
