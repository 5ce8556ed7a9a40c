#include "worker/periodic.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <pthread.h>
#include <semaphore>
#include <stdexcept>
#include <string>

#include "tests/support/recording_log.hpp"

namespace waybill::worker {
namespace {

constexpr Milliseconds patience{10'000};

TEST(Periodic, runs_its_task_at_once_and_again_after_an_exception) {
    waybill::testing::RecordingLog log;
    std::counting_semaphore<> ran(0);
    const Periodic periodic(
        "sweep", Milliseconds(1),
        [&] {
            ran.release();
            throw std::runtime_error("once more");
        },
        log);
    EXPECT_TRUE(ran.try_acquire_for(patience));
    EXPECT_TRUE(ran.try_acquire_for(patience));
    EXPECT_TRUE(ran.try_acquire_for(patience));
    ASSERT_GE(log.count("task-failed"), 1u);
    EXPECT_EQ(log.events_named("task-failed")[0].fields.at("task"), "sweep");
}

TEST(Periodic, its_thread_has_the_name_of_the_task) {
    waybill::testing::RecordingLog log;
    std::string name(16, '\0');
    std::binary_semaphore ran(0);
    const Periodic periodic(
        "a-long-lasting1", std::chrono::hours(24),
        [&] {
            ::pthread_getname_np(::pthread_self(), name.data(), name.size());
            ran.release();
        },
        log);
    ASSERT_TRUE(ran.try_acquire_for(patience));
    EXPECT_STREQ(name.c_str(), "a-long-lasting1");
}

TEST(Periodic, stops_without_waiting_for_its_interval) {
    waybill::testing::RecordingLog log;
    std::atomic<int> runs = 0;
    std::binary_semaphore ran(0);
    {
        const Periodic periodic(
            "sweep", std::chrono::hours(24),
            [&] {
                ++runs;
                ran.release();
            },
            log);
        ASSERT_TRUE(ran.try_acquire_for(patience));
    }
    EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace waybill::worker
