#include "app/work_signal.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <future>

namespace waybill {
namespace {

constexpr Milliseconds long_time{3'600'000};
constexpr std::chrono::seconds patience{10};      // until a wait that should end counts as stuck
constexpr std::chrono::milliseconds glimpse{30};  // a look at a wait that should not end

// A wait on another thread, which ends with the test at the latest.
class Waiter {
public:
    Waiter(WorkSignal& signal, WorkKind kind, Milliseconds timeout = long_time)
        : ended_(std::async(std::launch::async,
                            [&signal, kind, timeout, stop = stop_.get_token()] { signal.wait(kind, timeout, stop); })) {
    }
    ~Waiter() { stop_.request_stop(); }

    void request_stop() { stop_.request_stop(); }
    [[nodiscard]] bool ends() { return ended_.wait_for(patience) == std::future_status::ready; }
    [[nodiscard]] bool still_waits() { return ended_.wait_for(glimpse) == std::future_status::timeout; }

private:
    std::stop_source stop_;
    std::future<void> ended_;
};

TEST(WorkSignal, wakes_who_waits) {
    WorkSignal signal;
    Waiter waiter(signal, WorkKind::process_order);
    signal.notify(WorkKind::process_order);
    EXPECT_TRUE(waiter.ends());
}

TEST(WorkSignal, loses_no_signal_between_two_that_wait_for_each_other) {
    constexpr int rounds = 1'000;
    WorkSignal signal;
    std::stop_source stop;
    const auto play = [&signal, token = stop.get_token()](WorkKind mine, WorkKind theirs) {
        for (int i = 0; i < rounds; ++i) {
            signal.wait(mine, long_time, token);
            signal.notify(theirs);
        }
    };
    auto first = std::async(std::launch::async, play, WorkKind::process_order, WorkKind::send_mail);
    auto second = std::async(std::launch::async, play, WorkKind::send_mail, WorkKind::process_order);
    signal.notify(WorkKind::process_order);
    EXPECT_EQ(first.wait_for(patience), std::future_status::ready);
    EXPECT_EQ(second.wait_for(patience), std::future_status::ready);
    stop.request_stop();
}

TEST(WorkSignal, keeps_a_signal_until_the_next_wait) {
    WorkSignal signal;
    signal.notify(WorkKind::send_mail);
    EXPECT_TRUE(Waiter(signal, WorkKind::send_mail).ends());
}

TEST(WorkSignal, is_used_up_by_one_wait) {
    WorkSignal signal;
    signal.notify(WorkKind::send_mail);
    signal.notify(WorkKind::send_mail);
    EXPECT_TRUE(Waiter(signal, WorkKind::send_mail).ends());
    EXPECT_TRUE(Waiter(signal, WorkKind::send_mail).still_waits());
}

TEST(WorkSignal, wakes_only_its_kind) {
    WorkSignal signal;
    Waiter orders(signal, WorkKind::process_order);
    Waiter mails(signal, WorkKind::send_mail);
    signal.notify(WorkKind::send_mail);
    EXPECT_TRUE(mails.ends());
    EXPECT_TRUE(orders.still_waits());
}

TEST(WorkSignal, ends_a_wait_after_its_timeout) {
    WorkSignal signal;
    EXPECT_TRUE(Waiter(signal, WorkKind::process_order, Milliseconds{1}).ends());
}

TEST(WorkSignal, ends_a_wait_when_a_stop_is_requested) {
    WorkSignal signal;
    Waiter waiter(signal, WorkKind::process_order);
    waiter.request_stop();
    EXPECT_TRUE(waiter.ends());
}

}  // namespace
}  // namespace waybill
