#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "app/order_intake.hpp"
#include "tests/unit/app/order_intake_fixture.hpp"

namespace waybill {
namespace {

using testing::ada;
using testing::Answer;
using testing::bob;
using ::testing::ElementsAre;
using testing::GatedStore;
using testing::glimpse;
using ::testing::HasSubstr;
using testing::is_there;
using testing::long_time;
using testing::outcome;
using testing::outcomes;
using testing::patience;
using testing::wait_for;

using OrderIntakeTimes = testing::OrderIntakeFixture;

// ---- deadlines

TEST_F(OrderIntakeTimes, takes_out_what_waited_too_long) {
    intake({.request_deadline = Milliseconds{1'000}});
    Answer early = submit(order_of(ada));
    clock.advance(Milliseconds{1});
    Answer later = submit(order_of(ada));
    clock.advance(Milliseconds{998});
    intake().expire_overdue();
    EXPECT_FALSE(is_there(early)) << "its deadline is not reached";
    clock.advance(Milliseconds{1});
    intake().expire_overdue();
    EXPECT_FALSE(is_there(later)) << "its deadline is not reached";
    EXPECT_EQ(metrics.orders_waiting.Value(), 1);
    EXPECT_TRUE(intake().commit_batch());
    EXPECT_EQ(outcome(early), "overloaded");
    EXPECT_EQ(outcome(later), "placed");
    EXPECT_EQ(lamps_left(), 1'000'000 - 1);
    EXPECT_EQ(metrics.orders_overloaded.Value(), 1);
}

TEST_F(OrderIntakeTimes, begins_no_commit_for_an_order_past_its_deadline) {
    std::vector<Answer> answers = submit_all({order_of(ada), order_of(ada)});
    clock.advance(Milliseconds{10'000});
    EXPECT_FALSE(intake().commit_batch());
    EXPECT_THAT(outcomes(answers), ElementsAre("overloaded", "overloaded"));
    EXPECT_TRUE(store.batches().empty());
}

TEST_F(OrderIntakeTimes, says_that_nothing_was_done_to_twins_that_only_waited) {
    std::vector<Answer> answers = submit_all({keyed(ada, "k"), keyed(ada, "k")});
    clock.advance(Milliseconds{10'000});
    intake().expire_overdue();
    EXPECT_THAT(outcomes(answers), ElementsAre("overloaded", "overloaded"));
}

TEST_F(OrderIntakeTimes, answers_unknown_once_a_batch_has_begun_and_drops_the_late_result) {
    store.hold();
    Answer running = submit(keyed(ada, "k"));
    auto committed = commit_in_background();
    clock.advance(Milliseconds{9'999});
    intake().expire_overdue();
    EXPECT_FALSE(is_there(running));
    clock.advance(Milliseconds{1});
    intake().expire_overdue();
    intake().expire_overdue();
    EXPECT_EQ(outcome(running), "outcome_unknown");
    EXPECT_EQ(metrics.orders_outcome_unknown.Value(), 1);

    store.release();
    EXPECT_TRUE(committed.get());
    EXPECT_EQ(log.count("order-answer-failed"), 0u) << "a second answer";
    EXPECT_EQ(metrics.orders_placed.Value(), 1) << "it was placed, whatever its customer was told";
    EXPECT_TRUE(work_was_signalled(patience));

    Answer again = submit(keyed(ada, "k"));
    (void)intake().commit_batch();
    EXPECT_EQ(outcome(again), "replayed");
}

TEST_F(OrderIntakeTimes, counts_a_late_error_only_as_what_was_answered) {
    store.hold();
    store.next_commit([](std::span<const NewOrder> orders, const auto&) {
        return GatedStore::Results(orders.size(), fail(ErrorCode::unavailable, "away"));
    });
    Answer running = submit(order_of(ada));
    auto committed = commit_in_background();
    clock.advance(Milliseconds{10'000});
    intake().expire_overdue();
    store.release();
    EXPECT_TRUE(committed.get());
    EXPECT_EQ(outcome(running), "outcome_unknown");
    EXPECT_EQ(metrics.orders_outcome_unknown.Value(), 1);
    EXPECT_EQ(metrics.orders_overloaded.Value(), 0);
}

TEST_F(OrderIntakeTimes, tells_a_late_twin_that_the_first_is_under_way) {
    store.hold();
    std::vector<Answer> answers = submit_all({keyed(ada, "k"), order_of(bob)});
    auto committed = commit_in_background();
    answers.push_back(submit(keyed(ada, "k", 2)));
    answers.push_back(submit(keyed(ada, "other")));
    answers.push_back(submit(keyed(bob, "k")));
    answers.push_back(submit(order_of(ada)));
    clock.advance(Milliseconds{10'000});
    intake().expire_overdue();
    EXPECT_THAT(outcomes(answers), ElementsAre("outcome_unknown", "outcome_unknown", "idempotency_in_progress",
                                               "overloaded", "overloaded", "overloaded"));
    store.release();
    EXPECT_TRUE(committed.get());
    EXPECT_FALSE(intake().commit_batch());
    EXPECT_EQ(log.count("order-answer-failed"), 0u);
    EXPECT_EQ(metrics.orders_refused.Value(), 1);
    EXPECT_EQ(metrics.orders_overloaded.Value(), 3);
}

TEST_F(OrderIntakeTimes, looks_for_twins_only_in_a_batch_that_still_runs) {
    std::vector<Answer> answers = submit_all({keyed(ada, "k")});
    EXPECT_TRUE(intake().commit_batch());
    answers.push_back(submit(keyed(ada, "k")));
    clock.advance(Milliseconds{10'000});
    intake().expire_overdue();
    EXPECT_THAT(outcomes(answers), ElementsAre("placed", "overloaded"));
}

TEST_F(OrderIntakeTimes, keeps_a_twin_whose_own_deadline_is_not_reached) {
    store.hold();
    Answer first = submit(keyed(ada, "k"));
    auto committed = commit_in_background();
    clock.advance(Milliseconds{5'000});
    Answer twin = submit(keyed(ada, "k"));
    clock.advance(Milliseconds{5'000});
    intake().expire_overdue();
    EXPECT_EQ(outcome(first), "outcome_unknown");
    EXPECT_FALSE(is_there(twin));
    store.release();
    EXPECT_TRUE(committed.get());
    (void)intake().commit_batch();
    EXPECT_EQ(outcome(twin), "replayed");
}

// ---- threads of its own

TEST_F(OrderIntakeTimes, commits_by_itself_once_started) {
    intake().start();
    for (int i = 0; i < 20; ++i) {
        Answer answer = submit(order_of(ada));
        EXPECT_EQ(outcome(answer), "placed");
    }
}

TEST_F(OrderIntakeTimes, expires_by_itself_once_started) {
    store.hold();
    intake().start();
    Answer running = submit(order_of(ada));
    ASSERT_TRUE(store.wait_until_begun(1));
    Answer waiting = submit(order_of(ada));
    clock.advance(Milliseconds{10'000});
    EXPECT_EQ(outcome(running), "outcome_unknown");
    EXPECT_EQ(outcome(waiting), "overloaded");
    store.release();
}

TEST_F(OrderIntakeTimes, lets_a_receiver_submit_the_next_order) {
    intake().start();
    std::promise<bool> second_placed;
    intake().submit(order_of(ada), 1, [&, next = order_of(ada)](Result<PlacedOrder>) mutable {
        intake().submit(std::move(next), 1,
                        [&](Result<PlacedOrder> result) { second_placed.set_value(result.has_value()); });
    });
    auto placed = second_placed.get_future();
    ASSERT_EQ(placed.wait_for(patience), std::future_status::ready);
    EXPECT_TRUE(placed.get());
}

TEST_F(OrderIntakeTimes, answers_every_submitter_exactly_once_under_load) {
    constexpr int threads_count = 8, orders_each = 250;
    leave_lamps(1'500);
    intake({.waiting_max = 64, .batch_orders_max = 16}).start();
    std::atomic<int> placed{0}, short_of_stock{0}, overloaded{0}, answered{0};
    std::vector<std::jthread> threads;
    for (int t = 0; t < threads_count; ++t) {
        std::vector<NewOrder> orders;
        for (int i = 0; i < orders_each; ++i) orders.push_back(order_of(ada));
        threads.emplace_back([&, mine = std::move(orders)]() mutable {
            for (NewOrder& order : mine) {
                intake().submit(std::move(order), 1, [&](Result<PlacedOrder> result) {
                    ++answered;
                    if (result) ++placed;
                    if (!result && result.error().code == ErrorCode::insufficient_stock) ++short_of_stock;
                    if (!result && result.error().code == ErrorCode::overloaded) ++overloaded;
                });
            }
        });
    }
    threads.clear();
    intake().close();
    EXPECT_EQ(answered, threads_count * orders_each);
    EXPECT_EQ(placed + short_of_stock + overloaded, answered);
    EXPECT_EQ(lamps_left(), 1'500 - placed);
    EXPECT_EQ(metrics.orders_waiting.Value(), 0);
    EXPECT_EQ(store.committers_max(), 1);
}

// ---- gathering

// Three wait when the first, whose commit took long, is answered.
class OrderIntakeGathering : public testing::OrderIntakeFixture {
protected:
    void leave_three_behind_one(Milliseconds gather_max) {
        store.hold();
        store.next_commit([this](std::span<const NewOrder> orders, const GatedStore::Commit& real) {
            clock.advance(Milliseconds{2'000'000});
            return real(orders);
        });
        intake({.request_deadline = long_time, .gather_max = gather_max}).start();
        Answer first = submit(order_of(ada));
        ASSERT_TRUE(store.wait_until_begun(1));
        for (int i = 0; i < 3; ++i) answers.push_back(submit(order_of(bob)));
        store.release();
        EXPECT_EQ(outcome(first), "placed");
    }
    std::vector<Answer> answers;
};

TEST_F(OrderIntakeGathering, waits_for_the_customers_of_the_last_batch) {
    leave_three_behind_one(long_time);
    EXPECT_EQ(answers[0].wait_for(glimpse), std::future_status::timeout);
    EXPECT_THAT(store.batches(), ElementsAre(1)) << "begun without the first one's next order";
    answers.push_back(submit(order_of(ada)));
    EXPECT_THAT(outcomes(answers), ElementsAre("placed", "placed", "placed", "placed"));
    EXPECT_THAT(store.batches(), ElementsAre(1, 4));
}

TEST_F(OrderIntakeGathering, begins_without_those_who_stay_away) {
    leave_three_behind_one(Milliseconds{1});
    EXPECT_THAT(outcomes(answers), ElementsAre("placed", "placed", "placed"));
    EXPECT_THAT(store.batches(), ElementsAre(1, 3));
}

TEST_F(OrderIntakeGathering, is_nothing_that_an_embedded_store_pays_for) {
    leave_three_behind_one(OrderIntake::Options{}.gather_max);
    EXPECT_THAT(outcomes(answers), ElementsAre("placed", "placed", "placed"));
    EXPECT_THAT(store.batches(), ElementsAre(1, 3));
}

TEST_F(OrderIntakeGathering, does_not_keep_a_customer_waiting_who_is_alone) {
    intake({.request_deadline = long_time, .gather_max = long_time}).start();
    for (int i = 0; i < 3; ++i) {
        store.next_commit([this](std::span<const NewOrder> orders, const GatedStore::Commit& real) {
            clock.advance(Milliseconds{2'000'000});
            return real(orders);
        });
        Answer answer = submit(order_of(ada));
        EXPECT_EQ(outcome(answer), "placed");
    }
}

TEST_F(OrderIntakeGathering, ends_when_the_intake_is_closed) {
    leave_three_behind_one(long_time);
    auto closed = std::async(std::launch::async, [this] { intake().close(); });
    EXPECT_EQ(closed.wait_for(patience), std::future_status::ready);
    EXPECT_THAT(outcomes(answers), ElementsAre("placed", "placed", "placed"));
}

// ---- closing

TEST_F(OrderIntakeTimes, answers_all_that_waited_before_it_closes) {
    intake({.batch_orders_max = 2});
    std::vector<Answer> answers = submit_all({order_of(ada), order_of(ada), order_of(ada)});
    intake().close();
    EXPECT_THAT(outcomes(answers), ElementsAre("placed", "placed", "placed"));
}

TEST_F(OrderIntakeTimes, commits_what_waits_behind_a_commit_before_it_closes) {
    store.hold();
    intake().start();
    std::vector<Answer> answers = submit_all({order_of(ada)});
    ASSERT_TRUE(store.wait_until_begun(1));
    answers.push_back(submit(order_of(bob)));
    auto closed = std::async(std::launch::async, [this] { intake().close(); });
    EXPECT_EQ(closed.wait_for(glimpse), std::future_status::timeout);
    store.release();
    EXPECT_EQ(closed.wait_for(patience), std::future_status::ready);
    EXPECT_THAT(outcomes(answers), ElementsAre("placed", "placed"));
}

TEST_F(OrderIntakeTimes, lets_each_of_two_that_close_it_wait_for_the_last_answer) {
    store.hold();
    intake().start();
    Answer answer = submit(order_of(ada));
    ASSERT_TRUE(store.wait_until_begun(1));
    auto first = std::async(std::launch::async, [this] { intake().close(); });
    auto second = std::async(std::launch::async, [this] { intake().close(); });
    EXPECT_EQ(first.wait_for(glimpse), std::future_status::timeout);
    EXPECT_EQ(second.wait_for(glimpse), std::future_status::timeout);
    store.release();
    EXPECT_EQ(first.wait_for(patience), std::future_status::ready);
    EXPECT_EQ(second.wait_for(patience), std::future_status::ready);
    EXPECT_EQ(outcome(answer), "placed");
}

TEST_F(OrderIntakeTimes, refuses_new_orders_once_closed) {
    intake().start();
    intake().close();
    intake().close();
    Answer late = submit(order_of(ada));
    ASSERT_TRUE(is_there(late));
    const Result<PlacedOrder> result = late.get();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::overloaded);
    EXPECT_THAT(result.error().detail, HasSubstr("stopping"));
    EXPECT_TRUE(store.batches().empty());
}

}  // namespace
}  // namespace waybill
