// A Redis client of a test's own, with generous times: a test shortens the one that it is about.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "adapters/local/local.hpp"
#include "adapters/redis/redis.hpp"
#include "tests/support/recording_log.hpp"

namespace waybill::testing {

inline constexpr Milliseconds redis_patience{60'000};

// So long that a test never sees its end.
inline constexpr Milliseconds redis_pause_for_ever{3'600'000};

// So short that a silent peer costs a test little.
inline constexpr Milliseconds redis_short_call{30};

inline redis::RedisOptions redis_options(std::string url) {
    redis::RedisOptions options;
    options.url = std::move(url);
    options.call_timeout = redis_patience;
    options.connect_timeout = redis_patience;
    options.connections = 1;
    return options;
}

// Counts in memory, and how often it was asked.
class CountingLimiter final : public RateLimiter {
public:
    explicit CountingLimiter(Clock& clock) : limiter_(local::make_memory_limiter({}, clock)) {}
    Admission admit(std::string_view key, const RateLimit& limit, std::int64_t cost) override {
        ++asked;
        return limiter_->admit(key, limit, cost);
    }
    int asked = 0;

private:
    std::unique_ptr<RateLimiter> limiter_;
};

struct RedisWorld {
    explicit RedisWorld(const redis::RedisOptions& options) {
        auto opened = redis::open_redis(options, *clock, log);
        if (!opened) throw std::runtime_error(opened.error().detail);
        redis = std::move(*opened);
        cache = redis::make_redis_cache(redis);
        limiter = redis::make_redis_limiter(redis, local);
    }

    void connect() const {
        if (!redis::wait_until_connected(*redis, redis_patience)) throw std::runtime_error("no connection to redis");
    }

    // Empty when it never was.
    [[nodiscard]] std::string why_away() const {
        const auto events = log.events_named("redis-away");
        return events.empty() ? "" : events.front().fields.at("error");
    }

    // Until `condition` holds, for what happens in the background; false when it never does.
    template <class Condition>
    [[nodiscard]] bool wait_until(Condition condition) const {
        const SteadyTime deadline = clock->steady_now() + redis_patience;
        while (!condition()) {
            if (clock->steady_now() > deadline) return false;
            clock->sleep_for(Milliseconds(1));
        }
        return true;
    }

    std::unique_ptr<Clock> clock = local::make_system_clock();
    RecordingLog log;
    CountingLimiter local{*clock};
    std::shared_ptr<redis::Redis> redis;
    std::unique_ptr<Cache> cache;
    std::unique_ptr<RateLimiter> limiter;
};

}  // namespace waybill::testing
