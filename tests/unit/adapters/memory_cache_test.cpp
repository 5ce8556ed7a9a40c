#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "adapters/local/local.hpp"
#include "tests/support/fake_clock.hpp"

namespace waybill::local {
namespace {

using waybill::testing::FakeClock;

constexpr Milliseconds minute{60'000};

TEST(MemoryCache, finds_what_was_put_until_it_is_erased) {
    FakeClock clock;
    const auto cache = make_memory_cache({}, clock);
    EXPECT_EQ(cache->find("a"), std::nullopt);
    cache->put("a", std::string_view("1\0002", 3), minute);
    EXPECT_EQ(cache->find("a"), std::string("1\0002", 3));
    cache->put("a", "3", minute);
    EXPECT_EQ(cache->find("a"), "3");
    cache->erase("a");
    EXPECT_EQ(cache->find("a"), std::nullopt);
    cache->erase("a");
}

TEST(MemoryCache, forgets_an_entry_when_its_time_is_over) {
    FakeClock clock;
    const auto cache = make_memory_cache({}, clock);
    cache->put("a", "1", minute);
    clock.jump_wall(std::chrono::hours(48));
    EXPECT_EQ(cache->find("a"), "1") << "the wall clock may jump";
    clock.advance(minute - Milliseconds(1));
    EXPECT_EQ(cache->find("a"), "1");
    clock.advance(Milliseconds(1));
    EXPECT_EQ(cache->find("a"), std::nullopt);
}

TEST(MemoryCache, a_time_to_live_of_zero_erases_and_a_huge_one_holds) {
    FakeClock clock;
    const auto cache = make_memory_cache({}, clock);
    cache->put("a", "1", minute);
    cache->put("a", "2", Milliseconds(0));
    EXPECT_EQ(cache->find("a"), std::nullopt);
    cache->put("a", "3", Milliseconds::max());
    EXPECT_EQ(cache->find("a"), "3");
}

TEST(MemoryCache, drops_the_least_recently_used_entry_first) {
    FakeClock clock;
    const auto cache = make_memory_cache({.entries_max = 3}, clock);
    cache->put("a", "1", minute);
    cache->put("b", "2", minute);
    cache->put("c", "3", minute);
    EXPECT_EQ(cache->find("a"), "1");
    cache->put("d", "4", minute);
    EXPECT_EQ(cache->find("b"), std::nullopt);
    EXPECT_EQ(cache->find("a"), "1");
    EXPECT_EQ(cache->find("c"), "3");
    EXPECT_EQ(cache->find("d"), "4");
}

TEST(MemoryCache, stays_within_its_bytes) {
    FakeClock clock;
    constexpr std::size_t bytes_max = 10'000;
    const auto cache = make_memory_cache({.entries_max = 1'000, .bytes_max = bytes_max}, clock);
    const std::string value(1'000, 'x');
    for (int i = 0; i < 100; ++i) cache->put(std::to_string(i), value, minute);
    std::size_t held = 0;
    for (int i = 0; i < 100; ++i) held += cache->find(std::to_string(i)) ? value.size() : 0;
    EXPECT_LE(held, bytes_max);
    EXPECT_GE(held, bytes_max / 2);
    EXPECT_TRUE(cache->find("99"));
}

TEST(MemoryCache, does_not_keep_what_is_larger_than_itself) {
    FakeClock clock;
    const auto cache = make_memory_cache({.entries_max = 10, .bytes_max = 1'000}, clock);
    cache->put("small", "1", minute);
    cache->put("large", std::string(2'000, 'x'), minute);
    EXPECT_EQ(cache->find("large"), std::nullopt);
    EXPECT_EQ(cache->find("small"), "1");
    cache->put("small", std::string(2'000, 'x'), minute);
    EXPECT_EQ(cache->find("small"), std::nullopt) << "the old value must not outlive the new one";
}

TEST(MemoryCache, is_safe_for_many_threads) {
    FakeClock clock;
    const auto cache = make_memory_cache({.entries_max = 5'000}, clock);
    std::atomic<int> wrong = 0;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                for (int i = 0; i < 2'000; ++i) {
                    const std::string key = std::to_string((i * 7 + t) % 500);
                    cache->put(key, key, minute);
                    const auto found = cache->find(key);
                    if (found && *found != key) ++wrong;
                    if (i % 5 == 0) cache->erase(key);
                }
            });
        }
    }
    EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace waybill::local
