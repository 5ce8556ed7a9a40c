// What every cache promises, whatever keeps the bytes.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
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

struct OpenCache {
    std::shared_ptr<void> base;
    std::unique_ptr<Cache> cache;
    std::function<void(Milliseconds)> pass_time;
};

struct CacheFactory {
    std::string name;
    std::function<OpenCache()> make;
};

void PrintTo(const CacheFactory& factory, std::ostream* out) { *out << factory.name; }

OpenCache open_memory() {
    auto clock = std::make_shared<FakeClock>();
    auto cache = local::make_memory_cache({}, *clock);
    FakeClock& time = *clock;
    return {std::move(clock), std::move(cache), [&time](Milliseconds by) { time.advance(by); }};
}

struct RedisBase {
    RedisServer server;
    std::unique_ptr<Clock> clock = local::make_system_clock();
    RecordingLog log;
};

OpenCache open_redis_cache() {
    auto base = std::make_shared<RedisBase>();
    redis::RedisOptions options;
    options.url = base->server.url();
    options.call_timeout = minute;
    options.value_bytes_max = 4u << 20;
    auto redis = must(redis::open_redis(options, *base->clock, base->log));
    if (!redis::wait_until_connected(*redis, minute)) throw std::runtime_error("no connection to redis");
    Clock& clock = *base->clock;
    return {base, redis::make_redis_cache(std::move(redis)), [&clock](Milliseconds by) { clock.sleep_for(by); }};
}

class CacheContract : public ::testing::TestWithParam<CacheFactory> {
protected:
    OpenCache opened = GetParam().make();
    Cache& cache = *opened.cache;
};

INSTANTIATE_TEST_SUITE_P(Caches, CacheContract,
                         ::testing::Values(CacheFactory{"memory", open_memory},
                                           CacheFactory{"redis", open_redis_cache}),
                         [](const auto& parameter) { return parameter.param.name; });

TEST_P(CacheContract, finds_what_was_put_and_nothing_else) {
    EXPECT_EQ(cache.find("a"), std::nullopt);
    cache.put("a", "1", minute);
    EXPECT_EQ(cache.find("a"), "1");
    EXPECT_EQ(cache.find("b"), std::nullopt);
    EXPECT_EQ(cache.find("A"), std::nullopt);
}

TEST_P(CacheContract, the_last_put_counts) {
    cache.put("a", "1", minute);
    cache.put("a", "2", minute);
    EXPECT_EQ(cache.find("a"), "2");
}

TEST_P(CacheContract, what_is_erased_is_gone) {
    cache.put("a", "1", minute);
    cache.put("b", "2", minute);
    cache.erase("a");
    cache.erase("never there");
    EXPECT_EQ(cache.find("a"), std::nullopt);
    EXPECT_EQ(cache.find("b"), "2");
}

TEST_P(CacheContract, every_octet_comes_back_as_it_was) {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    const std::string key = std::string("k\0\r\n ", 5) + bytes;
    cache.put(key, bytes, minute);
    EXPECT_EQ(cache.find(key), bytes);
    EXPECT_EQ(cache.find("k"), std::nullopt);
    cache.erase(key);
    EXPECT_EQ(cache.find(key), std::nullopt);
}

TEST_P(CacheContract, empty_bytes_are_not_the_same_as_nothing) {
    cache.put("a", "", minute);
    EXPECT_EQ(cache.find("a"), "");
}

TEST_P(CacheContract, a_large_value_comes_back_whole) {
    std::string bytes(300'000, 'x');
    for (std::size_t i = 0; i < bytes.size(); i += 7) bytes[i] = static_cast<char>(i);
    cache.put("a", bytes, minute);
    EXPECT_EQ(cache.find("a"), bytes);
}

TEST_P(CacheContract, an_entry_ends_with_its_time_to_live) {
    cache.put("short", "1", Milliseconds(20));
    cache.put("long", "2", minute);
    opened.pass_time(Milliseconds(21));
    EXPECT_EQ(cache.find("short"), std::nullopt);
    EXPECT_EQ(cache.find("long"), "2");
}

TEST_P(CacheContract, no_time_to_live_leaves_nothing_behind) {
    for (const Milliseconds ttl : {Milliseconds(0), Milliseconds(-1), Milliseconds::min()}) {
        cache.put("a", "1", minute);
        cache.put("a", "2", ttl);
        EXPECT_EQ(cache.find("a"), std::nullopt);
    }
}

TEST_P(CacheContract, the_longest_time_to_live_is_no_error) {
    cache.put("a", "1", Milliseconds::max());
    EXPECT_EQ(cache.find("a"), "1");
}

TEST_P(CacheContract, a_thread_finds_its_own_while_others_write) {
    std::atomic<int> wrong = 0;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 8; ++t) {
            threads.emplace_back([&, t] {
                for (int i = 0; i < 100; ++i) {
                    const std::string key = std::to_string(t) + "/" + std::to_string(i % 10);
                    const std::string bytes = key + "=" + std::to_string(i);
                    cache.put(key, bytes, minute);
                    if (cache.find(key) != bytes) ++wrong;
                    if (i % 3 == 0) cache.erase(key);
                    if (i % 3 == 0 && cache.find(key)) ++wrong;
                }
            });
        }
    }
    EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace waybill::testing
