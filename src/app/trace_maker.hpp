// The steps of requests in their traces. Ids are unique, and cannot be guessed from one another by
// accident, but they are no secrets. Thread-safe and without a system call.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "domain/trace.hpp"
#include "ports/clock.hpp"

namespace waybill {

class TraceMaker {
public:
    explicit TraceMaker(Clock& clock);

    // A step of ours in the caller's trace, or the first step of a new one.
    [[nodiscard]] TraceContext begin(const std::optional<TraceContext>& callers);

private:
    [[nodiscard]] std::uint64_t next();

    std::uint64_t prefix_ = 0;  // of every trace that begins in this process
    std::atomic<std::uint64_t> state_ = 0;
};

}  // namespace waybill
