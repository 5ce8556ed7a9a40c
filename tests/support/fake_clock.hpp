// A clock that stands still until a test moves it. Randomness is seeded and repeats.
// Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <random>
#include <span>

#include "ports/clock.hpp"

namespace waybill::testing {

class FakeClock : public Clock {
public:
    static constexpr TimePoint start{Milliseconds{1'767'225'600'000}};  // 2026-01-01T00:00:00Z
    static constexpr std::uint64_t default_seed = 20'260'101;

    FakeClock() : FakeClock(default_seed) {}
    explicit FakeClock(std::uint64_t seed) : random_(seed) {}

    // Wall clock only: what an operator, NTP or a resumed machine does.
    void set_now(TimePoint time) {
        const std::lock_guard lock(mutex_);
        wall_ = time;
    }
    void jump_wall(Milliseconds by) {
        const std::lock_guard lock(mutex_);
        wall_ += by;
    }

    // Time passes: both clocks move.
    void advance(Milliseconds by) {
        const std::lock_guard lock(mutex_);
        wall_ += by;
        steady_ += by;
    }

    // All that was slept so far.
    [[nodiscard]] Milliseconds slept() const {
        const std::lock_guard lock(mutex_);
        return slept_;
    }

    [[nodiscard]] TimePoint now() const override {
        const std::lock_guard lock(mutex_);
        return wall_;
    }

    [[nodiscard]] SteadyTime steady_now() const override {
        const std::lock_guard lock(mutex_);
        return steady_;
    }

    // Takes no time of the test: the clock itself moves on.
    void sleep_for(Milliseconds duration) override {
        const std::lock_guard lock(mutex_);
        wall_ += duration;
        steady_ += duration;
        slept_ += duration;
    }

    void fill_random(std::span<std::uint8_t> bytes) override {
        const std::lock_guard lock(mutex_);
        for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random_() >> 56);
    }

    [[nodiscard]] double random_fraction() override {
        const std::lock_guard lock(mutex_);
        return static_cast<double>(random_() >> 11) * 0x1.0p-53;
    }

private:
    mutable std::mutex mutex_;
    TimePoint wall_ = start;
    SteadyTime steady_{std::chrono::hours{1}};
    Milliseconds slept_{};
    std::mt19937_64 random_;
};

}  // namespace waybill::testing
