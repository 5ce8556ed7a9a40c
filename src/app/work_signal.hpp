// Wakes the loops of this process when a commit left work for them, so that nobody polls for it.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

#include "domain/work.hpp"

namespace waybill {

// Thread-safe. A signal that nobody waits for is kept until the next wait.
class WorkSignal {
public:
    void notify(WorkKind kind);

    // Returns at a signal for `kind`, after `timeout`, or when a stop is requested.
    void wait(WorkKind kind, Milliseconds timeout, std::stop_token stop);

private:
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::array<bool, 2> raised_{};
};

}  // namespace waybill
