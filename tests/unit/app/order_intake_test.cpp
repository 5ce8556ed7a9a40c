#include "app/order_intake.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/app/order_intake_fixture.hpp"

namespace waybill {
namespace {

using testing::ada;
using testing::Answer;
using testing::bob;
using ::testing::ElementsAre;
using testing::GatedStore;
using testing::glimpse;
using testing::is_there;
using testing::outcome;
using testing::outcomes;
using testing::patience;
using testing::wait_for;

using OrderIntakeTest = testing::OrderIntakeFixture;

// ---- batches

TEST_F(OrderIntakeTest, commits_all_that_waits_in_one_batch_and_in_order) {
    std::vector<std::string> answered;
    for (int i = 0; i < 3; ++i) {
        intake().submit(order_of(ada), 100,
                        [&](Result<PlacedOrder> result) { answered.push_back(result->order.id.text); });
    }
    EXPECT_TRUE(intake().commit_batch());
    EXPECT_THAT(answered, ElementsAre("order-1", "order-2", "order-3"));
    EXPECT_THAT(store.batches(), ElementsAre(3));
    EXPECT_FALSE(intake().commit_batch());
    EXPECT_THAT(store.batches(), ElementsAre(3));
}

TEST_F(OrderIntakeTest, takes_what_arrived_during_the_last_commit_as_the_next_batch) {
    store.hold();
    std::vector<Answer> answers = submit_all({order_of(ada)});
    auto committed = commit_in_background();
    for (int i = 0; i < 4; ++i) answers.push_back(submit(order_of(bob)));
    store.release();
    EXPECT_TRUE(committed.get());
    EXPECT_TRUE(intake().commit_batch());
    EXPECT_THAT(store.batches(), ElementsAre(1, 4));
    EXPECT_THAT(outcomes(answers), ElementsAre("placed", "placed", "placed", "placed", "placed"));
}

struct BatchCase {
    std::size_t orders_max;
    std::size_t bytes_max;
    std::vector<std::size_t> sizes;
    std::vector<std::size_t> batches;
};

class OrderIntakeBatches : public OrderIntakeTest, public ::testing::WithParamInterface<BatchCase> {};

TEST_P(OrderIntakeBatches, hold_no_more_than_their_limits) {
    intake({.batch_orders_max = GetParam().orders_max, .batch_bytes_max = GetParam().bytes_max});
    std::vector<Answer> answers;
    for (const std::size_t size : GetParam().sizes) answers.push_back(submit(order_of(ada), size));
    while (intake().commit_batch()) {
    }
    EXPECT_EQ(store.batches(), GetParam().batches);
    for (Answer& answer : answers) EXPECT_EQ(outcome(answer), "placed");
}

INSTANTIATE_TEST_SUITE_P(
    Limits, OrderIntakeBatches,
    ::testing::Values(BatchCase{2, 1'000, {1, 1, 1, 1, 1}, {2, 2, 1}}, BatchCase{9, 100, {50, 50, 1}, {2, 1}},
                      BatchCase{9, 100, {50, 51, 49}, {1, 2}}, BatchCase{9, 100, {500, 500}, {1, 1}},
                      BatchCase{9, 100, {10, 500, 10}, {1, 1, 1}}, BatchCase{1, 100, {10, 10}, {1, 1}}));

TEST_F(OrderIntakeTest, begins_no_commit_before_the_last_one_ended) {
    store.hold();
    std::vector<Answer> answers = submit_all({order_of(ada)});
    auto first = commit_in_background();
    answers.push_back(submit(order_of(ada)));
    auto second = std::async(std::launch::async, [this] { return intake().commit_batch(); });
    EXPECT_EQ(second.wait_for(glimpse), std::future_status::timeout);
    EXPECT_THAT(store.batches(), ElementsAre(1));
    store.release();
    EXPECT_TRUE(first.get());
    EXPECT_TRUE(second.get());
    EXPECT_THAT(outcomes(answers), ElementsAre("placed", "placed"));
}

TEST_F(OrderIntakeTest, commits_one_batch_at_a_time_under_load) {
    intake({.batch_orders_max = 3});
    std::vector<std::jthread> threads;
    std::atomic<int> placed{0};
    for (int t = 0; t < 4; ++t) {
        std::vector<NewOrder> orders;
        for (int i = 0; i < 100; ++i) orders.push_back(order_of(ada));
        threads.emplace_back([this, &placed, mine = std::move(orders)]() mutable {
            for (NewOrder& order : mine) {
                intake().submit(std::move(order), 1, [&](Result<PlacedOrder> result) { placed += result ? 1 : 0; });
                (void)intake().commit_batch();
            }
        });
    }
    threads.clear();
    EXPECT_EQ(placed, 400);
    EXPECT_EQ(store.committers_max(), 1);
    EXPECT_EQ(lamps_left(), 1'000'000 - 400);
}

// ---- limits

TEST_F(OrderIntakeTest, refuses_at_once_when_the_room_is_full) {
    intake({.waiting_max = 2});
    std::vector<Answer> answers = submit_all({order_of(ada), order_of(ada), order_of(ada)});
    EXPECT_TRUE(is_there(answers[2]));
    EXPECT_FALSE(is_there(answers[1]));
    (void)intake().commit_batch();
    answers.push_back(submit(order_of(ada)));
    (void)intake().commit_batch();
    EXPECT_THAT(outcomes(answers), ElementsAre("placed", "placed", "overloaded", "placed"));
    EXPECT_EQ(metrics.orders_overloaded.Value(), 1);
    EXPECT_EQ(metrics.orders_placed.Value(), 3);
}

// Commits of two orders, each of which takes so long.
struct Pace {
    std::vector<int> commits_ms;
    int admitted;
};

class OrderIntakePace : public OrderIntakeTest, public ::testing::WithParamInterface<Pace> {};

TEST_P(OrderIntakePace, admits_what_can_be_answered_in_time_and_one_batch_anyhow) {
    intake({.wait_max = Milliseconds{100}, .batch_orders_max = 2});
    for (const int ms : GetParam().commits_ms) {
        store.next_commit([&, ms](std::span<const NewOrder> orders, const GatedStore::Commit& real) {
            clock.advance(Milliseconds{ms});
            return real(orders);
        });
        Answer answer = submit(order_of(ada));
        (void)intake().commit_batch();
        EXPECT_EQ(outcome(answer), "placed");
    }
    std::vector<Answer> answers;
    for (int i = 0; i < 20; ++i) answers.push_back(submit(order_of(ada)));
    while (intake().commit_batch()) {
    }
    int placed = 0;
    for (Answer& answer : answers) placed += outcome(answer) == "placed" ? 1 : 0;
    EXPECT_EQ(placed, GetParam().admitted);
    EXPECT_EQ(metrics.orders_overloaded.Value(), 20 - GetParam().admitted);
}

INSTANTIATE_TEST_SUITE_P(Commits, OrderIntakePace,
                         ::testing::Values(Pace{{}, 20}, Pace{{1, 1, 1, 1}, 20}, Pace{{20, 20, 20, 20}, 8},
                                           Pace{{50, 50, 50, 50}, 2}, Pace{{900, 900, 900, 900}, 2},
                                           Pace{{1, 1, 900, 1}, 20}, Pace{{900, 900, 900}, 20},
                                           Pace{{1, 20, 20, 20, 20}, 8}));

TEST_F(OrderIntakeTest, counts_twins_against_the_limit) {
    intake({.waiting_max = 2});
    std::vector<Answer> answers = submit_all({keyed(ada, "k"), keyed(ada, "k"), keyed(ada, "k")});
    (void)intake().commit_batch();
    EXPECT_THAT(outcomes(answers), ElementsAre("placed", "replayed", "overloaded"));
}

TEST_F(OrderIntakeTest, shows_how_many_wait) {
    submit(order_of(ada));
    submit(order_of(ada));
    EXPECT_EQ(metrics.orders_waiting.Value(), 2);
    (void)intake().commit_batch();
    EXPECT_EQ(metrics.orders_waiting.Value(), 0);
}

// ---- answers

TEST_F(OrderIntakeTest, lets_a_refused_order_disturb_no_other) {
    NewOrder unknown = order_of(ada);
    unknown.lines[0].product_id = ProductId{"nothing"};
    NewOrder too_much = order_of(ada);
    too_much.lines[0].quantity = 10;
    leave_lamps(9);
    std::vector<Answer> answers = submit_all({order_of(ada), unknown, too_much, order_of(bob)});
    (void)intake().commit_batch();
    EXPECT_THAT(outcomes(answers), ElementsAre("placed", "unknown_product", "insufficient_stock", "placed"));
    EXPECT_EQ(metrics.orders_placed.Value(), 2);
    EXPECT_EQ(metrics.orders_refused.Value(), 2);
    EXPECT_EQ(metrics.stock_refusals.Value(), 1);
    EXPECT_EQ(metrics.order_batch_size.Collect().histogram.sample_sum, 4);
    EXPECT_EQ(metrics.order_commit_seconds.Collect().histogram.sample_count, 1);
}

TEST_F(OrderIntakeTest, answers_the_whole_batch_unknown_after_an_exception) {
    store.next_commit([](auto, auto) -> GatedStore::Results { throw std::runtime_error("torn page"); });
    std::vector<Answer> answers = submit_all({order_of(ada), order_of(bob)});
    EXPECT_TRUE(intake().commit_batch());
    EXPECT_THAT(outcomes(answers), ElementsAre("outcome_unknown", "outcome_unknown"));
    ASSERT_EQ(log.count("order-batch-failed"), 1u);
    EXPECT_EQ(log.events_named("order-batch-failed")[0].fields["reason"], "torn page");
    EXPECT_EQ(metrics.orders_outcome_unknown.Value(), 2);

    Answer next = submit(order_of(ada));
    EXPECT_TRUE(intake().commit_batch());
    EXPECT_EQ(outcome(next), "placed");
}

TEST_F(OrderIntakeTest, answers_unknown_when_the_store_leaves_an_order_out) {
    store.next_commit([](std::span<const NewOrder> orders, const auto& real) { return real(orders.first(1)); });
    std::vector<Answer> answers = submit_all({order_of(ada), order_of(bob)});
    (void)intake().commit_batch();
    EXPECT_THAT(outcomes(answers), ElementsAre("outcome_unknown", "outcome_unknown"));
    EXPECT_EQ(log.count("order-batch-failed"), 1u);
}

TEST_F(OrderIntakeTest, counts_a_store_that_is_away_neither_as_overload_nor_as_a_refusal) {
    store.next_commit([](std::span<const NewOrder> orders, const auto&) {
        return GatedStore::Results(orders.size(), fail(ErrorCode::unavailable, "away"));
    });
    std::vector<Answer> answers = submit_all({order_of(ada)});
    (void)intake().commit_batch();
    EXPECT_THAT(outcomes(answers), ElementsAre("unavailable"));
    EXPECT_EQ(metrics.orders_overloaded.Value(), 0);
    EXPECT_EQ(metrics.orders_refused.Value(), 0);
}

TEST_F(OrderIntakeTest, answers_the_others_when_one_receiver_throws) {
    intake().submit(order_of(ada), 1, [](Result<PlacedOrder>) { throw std::runtime_error("gone"); });
    Answer other = submit(order_of(ada));
    EXPECT_TRUE(intake().commit_batch());
    EXPECT_EQ(outcome(other), "placed");
    EXPECT_EQ(log.count("order-answer-failed"), 1u);
}

TEST_F(OrderIntakeTest, wakes_the_workers_when_an_order_was_placed) {
    submit_all({order_of(ada), order_of(ada)});
    (void)intake().commit_batch();
    EXPECT_TRUE(work_was_signalled(patience));
    EXPECT_FALSE(work_was_signalled(glimpse)) << "once for a batch";
}

TEST_F(OrderIntakeTest, wakes_nobody_for_refusals_and_replays) {
    submit(keyed(ada, "k"));
    (void)intake().commit_batch();
    EXPECT_TRUE(work_was_signalled(patience));
    NewOrder unknown = order_of(ada);
    unknown.lines[0].product_id = ProductId{"nothing"};
    submit_all({keyed(ada, "k"), unknown});
    (void)intake().commit_batch();
    EXPECT_FALSE(work_was_signalled(glimpse));
}

// ---- twins

TEST_F(OrderIntakeTest, replays_twins_of_a_success_and_refuses_another_body) {
    std::vector<Answer> answers =
        submit_all({keyed(ada, "k", 1), keyed(ada, "k", 1), keyed(ada, "k", 2), keyed(bob, "k", 2)});
    (void)intake().commit_batch();
    answers.push_back(submit(keyed(ada, "k", 1)));
    answers.push_back(submit(keyed(ada, "k", 2)));
    (void)intake().commit_batch();
    EXPECT_THAT(outcomes(answers), ElementsAre("placed", "replayed", "idempotency_key_reused", "placed", "replayed",
                                               "idempotency_key_reused"));
    EXPECT_EQ(lamps_left(), 1'000'000 - 2);
    EXPECT_EQ(metrics.orders_placed.Value(), 2);
    EXPECT_EQ(metrics.orders_replayed.Value(), 2);
    EXPECT_EQ(metrics.orders_refused.Value(), 2);
}

TEST_F(OrderIntakeTest, makes_one_order_of_a_burst_of_sixteen) {
    intake({.batch_orders_max = 5});
    std::vector<Answer> answers;
    for (int i = 0; i < 16; ++i) answers.push_back(submit(keyed(ada, "burst")));
    while (intake().commit_batch()) {
    }
    int placed = 0;
    for (Answer& answer : answers) {
        const Result<PlacedOrder> result = wait_for(answer);
        ASSERT_TRUE(result);
        EXPECT_EQ(result->order.id.text, "order-1");
        placed += result->replayed ? 0 : 1;
    }
    EXPECT_EQ(placed, 1);
    EXPECT_EQ(lamps_left(), 1'000'000 - 1);
}

TEST_F(OrderIntakeTest, gives_the_place_of_a_refused_twin_to_the_oldest_that_waits) {
    leave_lamps(5);
    // The first wants too much; the next twin of the key, with another body, takes its place.
    std::vector<Answer> answers =
        submit_all({keyed(ada, "k", 1, 6), keyed(ada, "k", 2, 2), keyed(ada, "k", 1, 1), keyed(ada, "k", 2, 2)});
    (void)intake().commit_batch();
    EXPECT_THAT(outcomes(answers), ElementsAre("insufficient_stock", "placed", "idempotency_key_reused", "replayed"));
    EXPECT_EQ(lamps_left(), 3);
}

TEST_F(OrderIntakeTest, leaves_a_key_free_after_a_refusal) {
    leave_lamps(0);
    std::vector<Answer> answers = submit_all({keyed(ada, "k")});
    (void)intake().commit_batch();
    leave_lamps(1);
    answers.push_back(submit(keyed(ada, "k")));
    (void)intake().commit_batch();
    EXPECT_THAT(outcomes(answers), ElementsAre("insufficient_stock", "placed"));
}

TEST_F(OrderIntakeTest, replays_a_twin_of_an_unknown_outcome_that_was_committed) {
    store.next_commit([](std::span<const NewOrder> orders, const auto& real) -> GatedStore::Results {
        real(orders);
        throw std::runtime_error("cut after the commit");
    });
    std::vector<Answer> answers = submit_all({keyed(ada, "k")});
    (void)intake().commit_batch();
    answers.push_back(submit(keyed(ada, "k", 1)));
    answers.push_back(submit(keyed(ada, "k", 2)));
    (void)intake().commit_batch();
    EXPECT_THAT(outcomes(answers), ElementsAre("outcome_unknown", "replayed", "idempotency_key_reused"));
    EXPECT_EQ(lamps_left(), 1'000'000 - 1);
}

TEST_F(OrderIntakeTest, places_a_twin_of_an_unknown_outcome_that_was_not_committed) {
    store.next_commit([](auto, auto) -> GatedStore::Results { throw std::runtime_error("cut before the commit"); });
    std::vector<Answer> answers = submit_all({keyed(ada, "k")});
    (void)intake().commit_batch();
    answers.push_back(submit(keyed(ada, "k")));
    (void)intake().commit_batch();
    EXPECT_THAT(outcomes(answers), ElementsAre("outcome_unknown", "placed"));
    EXPECT_EQ(lamps_left(), 1'000'000 - 1);
}

}  // namespace
}  // namespace waybill
