// The connections to one Redis server, and what decides whether they are used.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/redis/breaker.hpp"
#include "adapters/redis/lane.hpp"
#include "adapters/redis/redis.hpp"
#include "adapters/redis/session.hpp"

namespace waybill::redis {

// Thread-safe.
class Redis {
public:
    Redis(const RedisOptions& options, Target target, Clock& clock, Log& log);

    // For as long as `deadline` allows. Empty when Redis is away; an error reply, or one that fits.
    [[nodiscard]] std::optional<Reply> call(const std::vector<std::string_view>& words, Fits fits, SteadyTime deadline);

    // When a call that begins now must have ended.
    [[nodiscard]] SteadyTime deadline() const { return clock_.steady_now() + options_.call_timeout; }
    [[nodiscard]] const RedisOptions& options() const { return options_; }
    [[nodiscard]] bool is_away() const { return !breaker_.allows(); }
    [[nodiscard]] bool wait_until_connected(Milliseconds timeout);
    void wait_until_tried();

private:
    const RedisOptions options_;
    const Target target_;
    Clock& clock_;
    Breaker breaker_;
    std::atomic<std::size_t> next_{0};
    std::vector<std::unique_ptr<Lane>> lanes_;
};

// Checks the options. Errors: validation_failed.
[[nodiscard]] Result<Target> make_target(const RedisOptions& options);

}  // namespace waybill::redis
