// Spaces what is sent evenly: no more than so many a second, of all threads together.
#pragma once

#include <mutex>
#include <optional>

#include "ports/clock.hpp"

namespace waybill::aws {

// Thread-safe.
class SendRate {
public:
    // 0: no limit.
    SendRate(double per_second, Clock& clock);

    // Takes the next place and returns how long it is until then; nothing is taken when that is
    // longer than `wait_max`.
    [[nodiscard]] std::optional<Milliseconds> take(Milliseconds wait_max);

private:
    const std::chrono::nanoseconds interval_;
    Clock& clock_;
    std::mutex mutex_;
    SteadyTime next_{};
};

}  // namespace waybill::aws
