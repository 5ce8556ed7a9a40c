#include "app/single_flight.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace waybill {
namespace {

constexpr std::size_t followers = 8;

// The first fetch ends when all others wait for it.
class SingleFlightTest : public ::testing::Test {
protected:
    SingleFlight<std::string> flights;
    std::atomic<int> fetches = 0;
    std::latch began{1};

    void wait_for_followers() {
        began.count_down();
        while (flights.waiting() < followers) std::this_thread::yield();
    }

    std::vector<std::string> follow(const std::string& key) {
        began.wait();
        std::vector<std::string> got(followers);
        {
            std::vector<std::jthread> threads;
            for (std::string& answer : got) {
                threads.emplace_back(
                    [&] { answer = flights.run(key, [&] { return "fetch " + std::to_string(++fetches); }); });
            }
        }
        return got;
    }
};

TEST_F(SingleFlightTest, many_get_what_one_fetches) {
    std::string led;
    std::jthread leader([&] {
        led = flights.run("a", [&] {
            wait_for_followers();
            return "fetch " + std::to_string(++fetches);
        });
    });
    EXPECT_EQ(follow("a"), std::vector<std::string>(followers, "fetch 1"));
    leader.join();
    EXPECT_EQ(led, "fetch 1");
    EXPECT_EQ(fetches, 1);
    EXPECT_EQ(flights.waiting(), 0u);
}

TEST_F(SingleFlightTest, after_a_fetch_that_threw_everyone_fetches) {
    std::jthread leader([&] {
        EXPECT_THROW(static_cast<void>(flights.run("a",
                                                   [&]() -> std::string {
                                                       wait_for_followers();
                                                       throw std::runtime_error("lost");
                                                   })),
                     std::runtime_error);
    });
    for (const std::string& answer : follow("a")) EXPECT_TRUE(answer.starts_with("fetch ")) << answer;
    EXPECT_EQ(fetches, static_cast<int>(followers));
}

TEST_F(SingleFlightTest, another_key_waits_for_nobody) {
    const std::string outer = flights.run("a", [&] { return flights.run("b", [] { return std::string("b"); }) + "a"; });
    EXPECT_EQ(outer, "ba");
}

TEST_F(SingleFlightTest, what_has_landed_is_not_handed_out_again) {
    for (int i = 1; i <= 3; ++i) {
        EXPECT_EQ(flights.run("a", [&] { return std::to_string(++fetches); }), std::to_string(i));
    }
}

}  // namespace
}  // namespace waybill
