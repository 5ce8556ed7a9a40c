// One kind of call that fails again and again: told once, and asked again with growing pauses
// (capped exponential backoff with full jitter).
#pragma once

#include <mutex>
#include <string>

#include "domain/work.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"

namespace waybill::worker {

// Thread-safe.
class Outage {
public:
    // The log's events are "<part>-away" and "<part>-back", with the name of the call.
    Outage(std::string part, std::string call, const WorkPolicy& policy, Clock& clock, Log& log);

    // Returns how long to wait before the next call.
    Milliseconds failed(const std::string& problem);

    // Some of a call's elements failed and some did not: waits, but begins with short pauses again.
    Milliseconds failed_in_part(const std::string& problem);

    void succeeded();

    [[nodiscard]] bool is_on() const;

    // How much of the wait is left.
    [[nodiscard]] Milliseconds left() const;

private:
    Milliseconds note_failure(const std::string& problem);

    const std::string part_;
    const std::string call_;
    const WorkPolicy policy_;
    Clock& clock_;
    Log& log_;

    mutable std::mutex mutex_;
    int failures_ = 0;  // in a row
    SteadyTime not_before_{};
};

}  // namespace waybill::worker
