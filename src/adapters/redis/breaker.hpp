// Whether anything is sent to Redis at present.
//
// closed --failures_max failures in a row--> paused --pause--> probing --connected--> closed
//                                               ^----------not connected----'
// Only the threads that make connections wait here; a request asks allows() and goes on.
// Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "domain/time.hpp"
#include "ports/log.hpp"

namespace waybill::redis {

class Breaker {
public:
    Breaker(int failures_max, Milliseconds pause, std::string place, Log& log);

    [[nodiscard]] bool allows() const { return allows_.load(std::memory_order_relaxed); }

    // An answer that shows that Redis works.
    void succeeded();

    // True when nothing may be sent any more. `why` is for the log.
    bool failed(const std::string& why);

    enum class Permit : std::uint8_t { connect, probe };

    // Blocks until a connection may be made; one thread alone gets to probe. Empty: stopped.
    [[nodiscard]] std::optional<Permit> wait_for_permit(const std::stop_token& stop);

    // The connection is up. False when it must not be used, because calls failed meanwhile.
    [[nodiscard]] bool confirm(Permit permit);

private:
    enum class Phase : std::uint8_t { closed, paused, probing };
    void enter(Phase phase);

    const int failures_max_;
    const Milliseconds pause_;
    const std::string place_;
    Log& log_;
    std::atomic<bool> allows_{true};
    std::atomic<int> failures_{0};
    std::mutex mutex_;
    std::condition_variable_any changed_;
    Phase phase_ = Phase::closed;
    std::uint64_t pauses_ = 0;
};

}  // namespace waybill::redis
