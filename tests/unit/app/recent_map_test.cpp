#include "app/recent_map.hpp"

#include <gtest/gtest.h>

#include <string>

namespace waybill {
namespace {

TEST(RecentMap, finds_what_was_put_last) {
    RecentMap<int> map(10);
    EXPECT_EQ(map.find("a"), nullptr);
    map.put("a", 1);
    map.put("a", 2);
    ASSERT_NE(map.find("a"), nullptr);
    EXPECT_EQ(*map.find("a"), 2);
    EXPECT_EQ(map.size(), 1U);
}

TEST(RecentMap, never_holds_more_than_its_bound) {
    for (const std::size_t size_max : {0U, 1U, 2U, 3U, 10U}) {
        RecentMap<int> map(size_max);
        for (int i = 0; i < 100; ++i) {
            map.put(std::to_string(i), i);
            (void)map.find(std::to_string(i / 2));
            EXPECT_LE(map.size(), size_max);
        }
    }
}

TEST(RecentMap, keeps_what_is_used_and_drops_what_is_not) {
    RecentMap<int> map(10);
    map.put("used", 1);
    map.put("idle", 1);
    for (int i = 0; i < 50; ++i) {
        map.put(std::to_string(i), i);
        ASSERT_NE(map.find("used"), nullptr) << i;
    }
    EXPECT_EQ(map.find("idle"), nullptr);
    EXPECT_NE(map.find("49"), nullptr);
}

TEST(RecentMap, erases_from_both_halves) {
    RecentMap<int> map(4);
    for (const char* key : {"a", "b", "c"}) map.put(key, 1);  // a and b are older now
    for (const char* key : {"a", "c"}) {
        map.erase(key);
        EXPECT_EQ(map.find(key), nullptr);
    }
    EXPECT_NE(map.find("b"), nullptr);
}

TEST(RecentMap, clears_both_halves) {
    RecentMap<int> map(4);
    for (const char* key : {"a", "b", "c"}) map.put(key, 1);
    map.clear();
    EXPECT_EQ(map.size(), 0U);
}

TEST(RecentMap, a_newer_value_replaces_one_of_the_older_half) {
    RecentMap<int> map(4);
    for (const char* key : {"a", "b", "c"}) map.put(key, 1);
    map.put("a", 2);
    EXPECT_EQ(*map.find("a"), 2);
    EXPECT_EQ(map.size(), 3U);
}

}  // namespace
}  // namespace waybill
