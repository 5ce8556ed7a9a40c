#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "adapters/redis/breaker.hpp"
#include "tests/support/recording_log.hpp"

namespace waybill::redis {
namespace {

using Permit = Breaker::Permit;
using waybill::testing::RecordingLog;

constexpr Milliseconds at_once{0};
constexpr Milliseconds for_ever{3'600'000};

TEST(RedisBreaker, opens_after_failures_in_a_row_only) {
    RecordingLog log;
    Breaker breaker(3, for_ever, "h:1", log);
    EXPECT_FALSE(breaker.failed("a"));
    EXPECT_FALSE(breaker.failed("b"));
    breaker.succeeded();
    EXPECT_FALSE(breaker.failed("c"));
    EXPECT_FALSE(breaker.failed("d"));
    EXPECT_TRUE(breaker.allows());
    EXPECT_TRUE(breaker.failed("e"));
    EXPECT_FALSE(breaker.allows());
    EXPECT_EQ(log.count("redis-away"), 1u);
    EXPECT_EQ(log.events_named("redis-away")[0].fields.at("error"), "e");
    EXPECT_EQ(log.events_named("redis-away")[0].fields.at("redis"), "h:1");
}

TEST(RedisBreaker, one_probe_after_the_pause_decides) {
    RecordingLog log;
    Breaker breaker(1, at_once, "h:1", log);
    const std::stop_token never;
    EXPECT_EQ(breaker.wait_for_permit(never), Permit::connect);
    EXPECT_TRUE(breaker.failed("a"));
    EXPECT_EQ(breaker.wait_for_permit(never), Permit::probe);
    EXPECT_FALSE(breaker.allows()) << "a probe is no answer yet";
    EXPECT_TRUE(breaker.failed("b"));
    EXPECT_EQ(breaker.wait_for_permit(never), Permit::probe);
    EXPECT_TRUE(breaker.confirm(Permit::probe));
    EXPECT_TRUE(breaker.allows());
    EXPECT_EQ(breaker.wait_for_permit(never), Permit::connect);
    EXPECT_EQ(log.count("redis-away"), 1u);
    EXPECT_EQ(log.count("redis-back"), 1u);
}

TEST(RedisBreaker, while_one_probes_the_others_wait_for_its_verdict) {
    RecordingLog log;
    Breaker breaker(1, at_once, "h:1", log);
    breaker.failed("a");
    std::atomic<int> probes = 0;
    std::atomic<int> connects = 0;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 8; ++t) {
            threads.emplace_back([&](const std::stop_token& stop) {
                const auto permit = breaker.wait_for_permit(stop);
                if (permit == Permit::connect) ++connects;
                if (permit != Permit::probe) return;
                ++probes;
                EXPECT_TRUE(breaker.confirm(*permit));
            });
        }
        for (std::jthread& thread : threads) thread.join();
    }
    EXPECT_EQ(probes, 1);
    EXPECT_EQ(connects, 7);
}

TEST(RedisBreaker, a_connection_made_before_it_opened_is_not_used) {
    RecordingLog log;
    Breaker breaker(1, for_ever, "h:1", log);
    const auto permit = breaker.wait_for_permit({});
    breaker.failed("a");
    EXPECT_FALSE(breaker.confirm(*permit));
    EXPECT_FALSE(breaker.allows());
}

TEST(RedisBreaker, a_stop_ends_every_wait) {
    RecordingLog log;
    Breaker breaker(1, for_ever, "h:1", log);
    breaker.failed("a");
    std::optional<Permit> permit = Permit::connect;
    {
        std::jthread thread([&](const std::stop_token& stop) { permit = breaker.wait_for_permit(stop); });
    }
    EXPECT_EQ(permit, std::nullopt);
}

}  // namespace
}  // namespace waybill::redis
