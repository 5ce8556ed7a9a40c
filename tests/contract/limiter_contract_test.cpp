// What every limiter promises, whatever keeps the buckets.
//
// A bucket's period is a month where a test counts tokens: the time that the test itself takes is then
// no token, on a server's clock too.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "adapters/local/local.hpp"
#include "adapters/redis/redis.hpp"
#include "tests/contract/store_contract.hpp"
#include "tests/support/recording_log.hpp"
#include "tests/support/redis_server.hpp"

namespace waybill::testing {
namespace {

constexpr Milliseconds minute{60'000};
constexpr Milliseconds month{std::chrono::hours(24 * 30)};
constexpr Milliseconds three_days = month / 10;
constexpr RateLimit ten_a_month{10, month};

struct OpenLimiter {
    std::shared_ptr<void> base;
    std::unique_ptr<RateLimiter> limiter;
    std::function<void(Milliseconds)> pass_time;
};

struct LimiterFactory {
    std::string name;
    std::function<OpenLimiter()> make;
};

void PrintTo(const LimiterFactory& factory, std::ostream* out) { *out << factory.name; }

OpenLimiter open_memory() {
    auto clock = std::make_shared<FakeClock>();
    auto limiter = local::make_memory_limiter({}, *clock);
    FakeClock& time = *clock;
    return {std::move(clock), std::move(limiter), [&time](Milliseconds by) { time.advance(by); }};
}

// Answers what no bucket of these tests can: seen where Redis should have counted.
class NoLocal final : public RateLimiter {
public:
    Admission admit(std::string_view, const RateLimit&, std::int64_t) override {
        return {false, -1, Milliseconds(-1), Milliseconds(-1)};
    }
};

struct RedisBase {
    RedisServer server;
    std::unique_ptr<Clock> clock = local::make_system_clock();
    RecordingLog log;
    NoLocal local_limiter;
};

OpenLimiter open_redis_limiter() {
    auto base = std::make_shared<RedisBase>();
    redis::RedisOptions options;
    options.url = base->server.url();
    options.call_timeout = minute;
    auto redis = must(redis::open_redis(options, *base->clock, base->log));
    if (!redis::wait_until_connected(*redis, minute)) throw std::runtime_error("no connection to redis");
    Clock& clock = *base->clock;
    return {base, redis::make_redis_limiter(std::move(redis), base->local_limiter),
            [&clock](Milliseconds by) { clock.sleep_for(by); }};
}

class LimiterContract : public ::testing::TestWithParam<LimiterFactory> {
protected:
    [[nodiscard]] Admission admit(const std::string& key, std::int64_t cost) {
        return limiter.admit(key, ten_a_month, cost);
    }

    OpenLimiter opened = GetParam().make();
    RateLimiter& limiter = *opened.limiter;
};

INSTANTIATE_TEST_SUITE_P(Limiters, LimiterContract,
                         ::testing::Values(LimiterFactory{"memory", open_memory},
                                           LimiterFactory{"redis", open_redis_limiter}),
                         [](const auto& parameter) { return parameter.param.name; });

// The server's clock runs while a test does; a minute is far more than that.
void expect_about(Milliseconds actual, Milliseconds expected) {
    EXPECT_LE(actual, expected);
    EXPECT_GT(actual, expected - minute);
}

TEST_P(LimiterContract, admits_the_burst_and_refuses_the_next) {
    for (std::int64_t i = 1; i <= 10; ++i) {
        const Admission answer = admit("ann", 1);
        EXPECT_TRUE(answer.admitted);
        EXPECT_EQ(answer.remaining, 10 - i);
        EXPECT_EQ(answer.retry_after, Milliseconds(0));
        expect_about(answer.full_after, three_days * i);
    }
    const Admission refused = admit("ann", 1);
    EXPECT_FALSE(refused.admitted);
    EXPECT_EQ(refused.remaining, 0);
    expect_about(refused.retry_after, three_days);
    expect_about(refused.full_after, month);
}

TEST_P(LimiterContract, a_refused_cost_takes_nothing) {
    EXPECT_FALSE(admit("ann", 11).admitted);
    EXPECT_EQ(admit("ann", 8).remaining, 2);
    const Admission refused = admit("ann", 4);
    EXPECT_FALSE(refused.admitted);
    EXPECT_EQ(refused.remaining, 2);
    expect_about(refused.retry_after, three_days * 2);
    EXPECT_TRUE(admit("ann", 2).admitted);
}

TEST_P(LimiterContract, more_than_the_burst_waits_for_a_full_bucket) {
    EXPECT_EQ(admit("ann", 5).remaining, 5);
    const Admission refused = admit("ann", std::numeric_limits<std::int64_t>::max());
    EXPECT_FALSE(refused.admitted);
    expect_about(refused.retry_after, three_days * 5);
}

TEST_P(LimiterContract, cost_zero_only_looks) {
    for (int i = 0; i < 20; ++i) {
        const Admission full = admit("ann", 0);
        EXPECT_TRUE(full.admitted);
        EXPECT_EQ(full.remaining, 10);
        EXPECT_EQ(full.full_after, Milliseconds(0));
    }
    EXPECT_TRUE(admit("ann", 10).admitted);
    const Admission empty = admit("ann", 0);
    EXPECT_FALSE(empty.admitted);
    expect_about(empty.retry_after, three_days);
}

TEST_P(LimiterContract, a_negative_cost_gives_back_but_never_above_the_burst) {
    EXPECT_TRUE(admit("ann", 10).admitted);
    const Admission given = admit("ann", -3);
    EXPECT_TRUE(given.admitted);
    EXPECT_EQ(given.remaining, 3);
    expect_about(given.full_after, three_days * 7);
    EXPECT_EQ(admit("ann", 0).remaining, 3);
    EXPECT_EQ(admit("ann", -100).remaining, 10);
    EXPECT_TRUE(admit("ann", 10).admitted);
    EXPECT_EQ(admit("ann", std::numeric_limits<std::int64_t>::min()).remaining, 10);
    EXPECT_EQ(admit("nobody", -1).remaining, 10);
    EXPECT_EQ(admit("nobody", 10).remaining, 0);
}

TEST_P(LimiterContract, keys_and_limits_have_buckets_of_their_own) {
    EXPECT_TRUE(admit("ann", 10).admitted);
    EXPECT_TRUE(admit("bob", 10).admitted);
    EXPECT_TRUE(limiter.admit("ann", {100, month}, 10).admitted);
    EXPECT_TRUE(limiter.admit("ann", {10, month / 2}, 10).admitted);
    EXPECT_FALSE(admit("ann", 1).admitted);
}

TEST_P(LimiterContract, a_key_may_be_any_octets) {
    std::string key("k\0\r\n", 4);
    for (int i = 1; i < 256; ++i) key += static_cast<char>(i);
    EXPECT_EQ(admit(key, 4).remaining, 6);
    EXPECT_EQ(admit(key, 0).remaining, 6);
    EXPECT_EQ(admit("k", 0).remaining, 10);
}

TEST_P(LimiterContract, a_burst_of_zero_is_no_limit) {
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(limiter.admit("ann", {0, month}, 1'000).admitted);
}

TEST_P(LimiterContract, refills_evenly_and_not_beyond_the_burst) {
    const RateLimit quick{2, Milliseconds(100)};
    EXPECT_TRUE(limiter.admit("ann", quick, 2).admitted);
    Admission answer = limiter.admit("ann", quick, 2);
    for (int i = 0; i < 50 && !answer.admitted; ++i) {
        EXPECT_GT(answer.retry_after, Milliseconds(0));
        EXPECT_LE(answer.retry_after, Milliseconds(100));
        opened.pass_time(answer.retry_after);
        answer = limiter.admit("ann", quick, 2);
    }
    EXPECT_TRUE(answer.admitted);
    opened.pass_time(Milliseconds(300));
    EXPECT_EQ(limiter.admit("ann", quick, 0).remaining, 2);
    EXPECT_EQ(limiter.admit("ann", quick, 0).full_after, Milliseconds(0));
}

TEST_P(LimiterContract, the_longest_period_and_the_largest_burst_are_no_error) {
    const std::int64_t largest = std::numeric_limits<std::int64_t>::max();
    const RateLimit long_one{10, Milliseconds::max()};
    EXPECT_EQ(limiter.admit("ann", long_one, 10).remaining, 0);
    EXPECT_FALSE(limiter.admit("ann", long_one, 1).admitted);
    const RateLimit wide_one{largest, month};
    EXPECT_TRUE(limiter.admit("ann", wide_one, 1'000).admitted);
    EXPECT_EQ(limiter.admit("bob", {7, Milliseconds::min()}, 7).admitted, true);
}

TEST_P(LimiterContract, admits_exactly_the_burst_to_many_threads) {
    std::atomic<int> admitted = 0;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 8; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < 50; ++i) {
                    if (limiter.admit("ann", {100, month}, 1).admitted) ++admitted;
                }
            });
        }
    }
    EXPECT_EQ(admitted, 100);
}

}  // namespace
}  // namespace waybill::testing
