// All time and randomness. Tests own both by putting their own clock in its place.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include "domain/time.hpp"

namespace waybill {

using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

// Thread-safe.
class Clock {
public:
    virtual ~Clock() = default;

    // Wall clock; may jump either way.
    [[nodiscard]] virtual TimePoint now() const = 0;

    // Never goes back. For deadlines and durations.
    [[nodiscard]] virtual SteadyTime steady_now() const = 0;

    virtual void sleep_for(Milliseconds duration) = 0;

    // Cryptographically strong in production, seeded in tests.
    virtual void fill_random(std::span<std::uint8_t> bytes) = 0;

    // Uniform in [0, 1).
    [[nodiscard]] virtual double random_fraction() = 0;
};

}  // namespace waybill
