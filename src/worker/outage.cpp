#include "worker/outage.hpp"

#include <algorithm>
#include <utility>

namespace waybill::worker {

namespace {

constexpr int failures_counted_max = 64;  // the backoff is at its cap long before

}  // namespace

Outage::Outage(std::string part, std::string call, const WorkPolicy& policy, Clock& clock, Log& log)
    : part_(std::move(part)), call_(std::move(call)), policy_(policy), clock_(clock), log_(log) {}

Milliseconds Outage::failed(const std::string& problem) {
    const std::lock_guard lock(mutex_);
    return note_failure(problem);
}

Milliseconds Outage::failed_in_part(const std::string& problem) {
    const std::lock_guard lock(mutex_);
    failures_ = std::min(failures_, 1);
    return note_failure(problem);
}

Milliseconds Outage::note_failure(const std::string& problem) {
    if (failures_ == 0) log_.write(LogLevel::warn, part_ + "-away", {{"call", call_}, {"error", problem}});
    failures_ = std::min(failures_ + 1, failures_counted_max);
    const Milliseconds pause = backoff_delay(failures_, clock_.random_fraction(), policy_);
    not_before_ = clock_.steady_now() + pause;
    return pause;
}

void Outage::succeeded() {
    const std::lock_guard lock(mutex_);
    if (std::exchange(failures_, 0) == 0) return;
    not_before_ = {};
    log_.write(LogLevel::info, part_ + "-back", {{"call", call_}});
}

bool Outage::is_on() const {
    const std::lock_guard lock(mutex_);
    return failures_ > 0;
}

Milliseconds Outage::left() const {
    const std::lock_guard lock(mutex_);
    return std::max(std::chrono::ceil<Milliseconds>(not_before_ - clock_.steady_now()), Milliseconds::zero());
}

}  // namespace waybill::worker
