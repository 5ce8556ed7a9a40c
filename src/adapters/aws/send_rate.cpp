#include "adapters/aws/send_rate.hpp"

#include <algorithm>

namespace waybill::aws {

SendRate::SendRate(double per_second, Clock& clock)
    : interval_(per_second > 0 ? static_cast<std::int64_t>(1e9 / per_second) : 0), clock_(clock) {}

std::optional<Milliseconds> SendRate::take(Milliseconds wait_max) {
    const SteadyTime now = clock_.steady_now();
    const std::lock_guard lock(mutex_);
    const SteadyTime place = std::max(now, next_);
    const auto wait = std::chrono::ceil<Milliseconds>(place - now);
    if (wait > wait_max) return std::nullopt;
    next_ = place + interval_;
    return wait;
}

}  // namespace waybill::aws
