#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "adapters/local/local.hpp"
#include "tests/support/fake_clock.hpp"

namespace waybill::local {
namespace {

using waybill::testing::FakeClock;

constexpr RateLimit ten_a_minute{10, Milliseconds(60'000)};

TEST(MemoryLimiter, admits_the_burst_and_refuses_the_next) {
    FakeClock clock;
    const auto limiter = make_memory_limiter({}, clock);
    for (std::int64_t i = 1; i <= 10; ++i) {
        const Admission answer = limiter->admit("ann", ten_a_minute, 1);
        EXPECT_TRUE(answer.admitted);
        EXPECT_EQ(answer.remaining, 10 - i);
        EXPECT_EQ(answer.retry_after, Milliseconds(0));
        EXPECT_EQ(answer.full_after, Milliseconds(6'000 * i));
    }
    const Admission refused = limiter->admit("ann", ten_a_minute, 1);
    EXPECT_FALSE(refused.admitted);
    EXPECT_EQ(refused.remaining, 0);
    EXPECT_EQ(refused.retry_after, Milliseconds(6'000));
    EXPECT_EQ(refused.full_after, Milliseconds(60'000));
}

TEST(MemoryLimiter, refills_evenly_and_not_beyond_the_burst) {
    FakeClock clock;
    const auto limiter = make_memory_limiter({}, clock);
    EXPECT_TRUE(limiter->admit("ann", ten_a_minute, 10).admitted);
    clock.advance(Milliseconds(5'999));
    EXPECT_FALSE(limiter->admit("ann", ten_a_minute, 1).admitted);
    EXPECT_EQ(limiter->admit("ann", ten_a_minute, 1).retry_after, Milliseconds(1));
    clock.advance(Milliseconds(1));
    EXPECT_TRUE(limiter->admit("ann", ten_a_minute, 1).admitted);
    clock.advance(Milliseconds(600'000));
    EXPECT_EQ(limiter->admit("ann", ten_a_minute, 0).remaining, 10);
}

TEST(MemoryLimiter, a_refused_cost_takes_nothing) {
    FakeClock clock;
    const auto limiter = make_memory_limiter({}, clock);
    EXPECT_FALSE(limiter->admit("ann", ten_a_minute, 11).admitted);
    EXPECT_TRUE(limiter->admit("ann", ten_a_minute, 8).admitted);
    EXPECT_FALSE(limiter->admit("ann", ten_a_minute, 3).admitted);
    EXPECT_TRUE(limiter->admit("ann", ten_a_minute, 2).admitted);
}

TEST(MemoryLimiter, cost_zero_only_looks) {
    FakeClock clock;
    const auto limiter = make_memory_limiter({}, clock);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(limiter->admit("ann", ten_a_minute, 0).remaining, 10);
    EXPECT_TRUE(limiter->admit("ann", ten_a_minute, 10).admitted);
    const Admission empty = limiter->admit("ann", ten_a_minute, 0);
    EXPECT_FALSE(empty.admitted);
    EXPECT_EQ(empty.retry_after, Milliseconds(6'000));
}

TEST(MemoryLimiter, a_negative_cost_gives_back_but_never_above_the_burst) {
    FakeClock clock;
    const auto limiter = make_memory_limiter({}, clock);
    EXPECT_TRUE(limiter->admit("ann", ten_a_minute, 10).admitted);
    EXPECT_EQ(limiter->admit("ann", ten_a_minute, -3).remaining, 3);
    EXPECT_EQ(limiter->admit("ann", ten_a_minute, -100).remaining, 10);
    EXPECT_EQ(limiter->admit("ann", ten_a_minute, INT64_MIN).remaining, 10);
    EXPECT_EQ(limiter->admit("nobody", ten_a_minute, -1).remaining, 10);
}

TEST(MemoryLimiter, keys_and_limits_have_buckets_of_their_own) {
    FakeClock clock;
    const auto limiter = make_memory_limiter({}, clock);
    EXPECT_TRUE(limiter->admit("ann", ten_a_minute, 10).admitted);
    EXPECT_TRUE(limiter->admit("bob", ten_a_minute, 10).admitted);
    EXPECT_TRUE(limiter->admit("ann", {100, Milliseconds(60'000)}, 10).admitted);
    EXPECT_TRUE(limiter->admit("ann", {10, Milliseconds(30'000)}, 10).admitted);
    EXPECT_FALSE(limiter->admit("ann", ten_a_minute, 1).admitted);
}

TEST(MemoryLimiter, a_burst_of_zero_is_no_limit) {
    FakeClock clock;
    const auto limiter = make_memory_limiter({}, clock);
    for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(limiter->admit("ann", {0, Milliseconds(1'000)}, 1'000).admitted);
}

TEST(MemoryLimiter, the_wall_clock_has_no_say) {
    FakeClock clock;
    const auto limiter = make_memory_limiter({}, clock);
    EXPECT_TRUE(limiter->admit("ann", ten_a_minute, 10).admitted);
    clock.jump_wall(std::chrono::hours(1));
    EXPECT_FALSE(limiter->admit("ann", ten_a_minute, 1).admitted);
}

TEST(MemoryLimiter, keeps_the_emptiest_buckets_when_it_is_full) {
    FakeClock clock;
    const auto limiter = make_memory_limiter({.buckets_max = 4}, clock);
    EXPECT_TRUE(limiter->admit("emptied", ten_a_minute, 10).admitted);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(limiter->admit(std::to_string(i), ten_a_minute, 1).admitted);
    EXPECT_FALSE(limiter->admit("emptied", ten_a_minute, 1).admitted);
    std::size_t remembered = 0;
    for (int i = 0; i < 100; ++i)
        remembered += limiter->admit(std::to_string(i), ten_a_minute, 0).remaining < 10 ? 1u : 0u;
    EXPECT_LE(remembered, 3u);
    EXPECT_GE(remembered, 1u);
}

TEST(MemoryLimiter, admits_exactly_the_burst_to_many_threads) {
    FakeClock clock;
    const auto limiter = make_memory_limiter({}, clock);
    std::atomic<int> admitted = 0;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < 500; ++i) {
                    if (limiter->admit("ann", {1'000, Milliseconds(60'000)}, 1).admitted) ++admitted;
                }
            });
        }
    }
    EXPECT_EQ(admitted, 1'000);
}

}  // namespace
}  // namespace waybill::local
