#include <gtest/gtest.h>

#include <array>
#include <set>
#include <vector>

#include "adapters/local/local.hpp"

namespace waybill::local {
namespace {

TEST(SystemClock, goes_on) {
    const auto clock = make_system_clock();
    EXPECT_GT(clock->now(), from_unix_ms(1'700'000'000'000));
    const SteadyTime before = clock->steady_now();
    clock->sleep_for(Milliseconds(2));
    EXPECT_GE(clock->steady_now() - before, Milliseconds(2));
}

TEST(SystemClock, never_gives_the_same_random_bytes_twice) {
    const auto clock = make_system_clock();
    std::set<std::array<std::uint8_t, 16>> seen;
    for (int i = 0; i < 1'000; ++i) {
        std::array<std::uint8_t, 16> bytes{};
        clock->fill_random(bytes);
        EXPECT_TRUE(seen.insert(bytes).second);
    }
}

TEST(SystemClock, fills_every_byte_of_any_length) {
    const auto clock = make_system_clock();
    for (const std::size_t length : {1u, 10u, 63u, 64u, 65u, 255u, 256u, 257u, 5'000u}) {
        std::vector<std::uint8_t> any(length);
        for (int i = 0; i < 64; ++i) {
            std::vector<std::uint8_t> bytes(length);
            clock->fill_random(bytes);
            for (std::size_t k = 0; k < length; ++k) any[k] = static_cast<std::uint8_t>(any[k] | bytes[k]);
        }
        for (const std::uint8_t byte : any) EXPECT_NE(byte, 0);
    }
}

TEST(SystemClock, fractions_lie_in_zero_to_one_and_spread) {
    const auto clock = make_system_clock();
    double sum = 0;
    for (int i = 0; i < 10'000; ++i) {
        const double fraction = clock->random_fraction();
        ASSERT_GE(fraction, 0.0);
        ASSERT_LT(fraction, 1.0);
        sum += fraction;
    }
    EXPECT_NEAR(sum / 10'000, 0.5, 0.05);
}

}  // namespace
}  // namespace waybill::local
