#include "app/order_intake.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "app/catalogue.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/recording_log.hpp"

namespace waybill {
namespace {

using ::testing::ElementsAre;
using testing::FakeClock;
using ::testing::HasSubstr;
using testing::MemoryStore;
using testing::RecordingLog;

constexpr std::chrono::seconds patience{10};      // until an answer that should come counts as lost
constexpr std::chrono::milliseconds glimpse{30};  // a look at what should not happen
constexpr Milliseconds long_time{3'600'000};

const ProductId lamp{"67c8830b7ef1b848ac52ebec"};
const UserId ada{"ada"};
const UserId bob{"bob"};

using Answer = std::future<Result<PlacedOrder>>;

bool is_there(const Answer& answer) { return answer.wait_for(std::chrono::seconds{0}) == std::future_status::ready; }

// A lost answer is an error of its own, so that no test hangs on it.
Result<PlacedOrder> wait_for(Answer& answer) {
    if (answer.wait_for(patience) == std::future_status::ready) return answer.get();
    return fail(ErrorCode::internal, "no answer came");
}

std::string word(ErrorCode code) {
    if (code == ErrorCode::overloaded) return "overloaded";
    if (code == ErrorCode::outcome_unknown) return "outcome_unknown";
    if (code == ErrorCode::idempotency_in_progress) return "idempotency_in_progress";
    if (code == ErrorCode::idempotency_key_reused) return "idempotency_key_reused";
    if (code == ErrorCode::unknown_product) return "unknown_product";
    if (code == ErrorCode::insufficient_stock) return "insufficient_stock";
    if (code == ErrorCode::unavailable) return "unavailable";
    return "another error";
}

// "placed", "replayed", or the word of the error.
std::string outcome(Answer& answer) {
    const Result<PlacedOrder> result = wait_for(answer);
    if (!result) return word(result.error().code);
    return result->replayed ? "replayed" : "placed";
}

std::vector<std::string> outcomes(std::vector<Answer>& answers) {
    std::vector<std::string> words;
    for (Answer& answer : answers) words.push_back(outcome(answer));
    return words;
}

// A store whose commits can be held, and made to end badly.
class GatedStore : public MemoryStore {
public:
    using MemoryStore::MemoryStore;
    using Results = std::vector<Result<PlacedOrder>>;
    using Commit = std::function<Results(std::span<const NewOrder>)>;

    ~GatedStore() override { release(); }

    // Takes the place of the next commit; `real` is the commit itself.
    void next_commit(std::function<Results(std::span<const NewOrder>, const Commit& real)> commit) {
        const std::lock_guard lock(mutex_);
        next_ = std::move(commit);
    }

    void hold() {
        const std::lock_guard lock(mutex_);
        held_ = true;
    }
    void release() {
        const std::lock_guard lock(mutex_);
        held_ = false;
        changed_.notify_all();
    }
    [[nodiscard]] bool wait_until_begun(std::size_t batches) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, [&] { return batches_.size() >= batches; });
    }
    [[nodiscard]] std::vector<std::size_t> batches() {
        const std::lock_guard lock(mutex_);
        return batches_;
    }
    [[nodiscard]] int committers_max() const { return committers_max_; }

    [[nodiscard]] Results place_orders(std::span<const NewOrder> orders) override {
        const int committers = ++committers_;
        if (committers > committers_max_) committers_max_ = committers;
        decltype(next_) commit;
        {
            std::unique_lock lock(mutex_);
            batches_.push_back(orders.size());
            changed_.notify_all();
            changed_.wait(lock, [&] { return !held_; });
            commit = std::exchange(next_, nullptr);
        }
        const Commit real = [this](std::span<const NewOrder> all) { return MemoryStore::place_orders(all); };
        struct Leave {
            std::atomic<int>& count;
            ~Leave() { --count; }
        } const leave{committers_};
        return commit ? commit(orders, real) : real(orders);
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool held_ = false;
    std::vector<std::size_t> batches_;
    std::function<Results(std::span<const NewOrder>, const Commit&)> next_;
    std::atomic<int> committers_{0};
    std::atomic<int> committers_max_{0};
};

class OrderIntakeTest : public ::testing::Test {
protected:
    OrderIntakeTest() { store.seed(demo_catalogue(clock.now())).value(); }
    ~OrderIntakeTest() override { store.release(); }

    OrderIntake& intake(OrderIntake::Options options = {}) {
        if (!intake_) intake_.emplace(options, store, clock, log, metrics, signal);
        return *intake_;
    }

    NewOrder order_of(const UserId& user, std::int64_t quantity = 1) {
        const std::string number = std::to_string(++orders_made_);
        return {OrderId{"order-" + number}, user, "bangalore", {{lamp, quantity}}, {}, {}};
    }

    // `body` stands for what the request hash is made of.
    NewOrder keyed(const UserId& user, const std::string& key, std::uint8_t body = 1, std::int64_t quantity = 1) {
        NewOrder order = order_of(user, quantity);
        order.idempotency = IdempotencyKey{key, {body}};
        return order;
    }

    Answer submit(NewOrder order, std::size_t size = 100) {
        auto promise = std::make_shared<std::promise<Result<PlacedOrder>>>();
        Answer answer = promise->get_future();
        intake().submit(std::move(order), size, [promise](Result<PlacedOrder> result) {
            promise->set_value(std::move(result));  // throws at a second answer, which is logged
        });
        return answer;
    }

    std::vector<Answer> submit_all(std::vector<NewOrder> orders) {
        std::vector<Answer> answers;
        for (NewOrder& order : orders) answers.push_back(submit(std::move(order)));
        return answers;
    }

    // Commits on another thread, and returns once the store has the batch.
    std::future<bool> commit_in_background() {
        const std::size_t begun = store.batches().size();
        auto committed = std::async(std::launch::async, [this] { return intake().commit_batch(); });
        EXPECT_TRUE(store.wait_until_begun(begun + 1));
        return committed;
    }

    std::int64_t lamps_left() { return store.list_stock({lamp, "bangalore"}, {}, 1).value().at(0).available; }
    void leave_lamps(std::int64_t count) {
        StockChange change{ada, lamp, "bangalore", count, {}, "", {}};
        store.change_stock(change).value();
    }

    bool work_was_signalled(std::chrono::milliseconds wait) {
        std::stop_source stop;
        auto woken = std::async(std::launch::async, [this, token = stop.get_token()] {
            signal.wait(WorkKind::process_order, long_time, token);
        });
        const bool signalled = woken.wait_for(wait) == std::future_status::ready;
        stop.request_stop();
        return signalled;
    }

    FakeClock clock;
    GatedStore store{clock};
    RecordingLog log;
    Metrics metrics;
    WorkSignal signal;

private:
    int orders_made_ = 0;
    std::optional<OrderIntake> intake_;
};

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

TEST_F(OrderIntakeTest, commits_one_batch_at_a_time) {
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
    std::vector<Answer> answers = submit_all({order_of(ada), unknown, order_of(bob)});
    (void)intake().commit_batch();
    EXPECT_THAT(outcomes(answers), ElementsAre("placed", "unknown_product", "placed"));
    EXPECT_EQ(metrics.orders_placed.Value(), 2);
    EXPECT_EQ(metrics.orders_refused.Value(), 1);
    EXPECT_EQ(metrics.order_batch_size.Collect().histogram.sample_sum, 3);
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

TEST_F(OrderIntakeTest, counts_a_store_that_is_away_as_503) {
    store.next_commit([](std::span<const NewOrder> orders, const auto&) {
        return GatedStore::Results(orders.size(), fail(ErrorCode::unavailable, "away"));
    });
    std::vector<Answer> answers = submit_all({order_of(ada)});
    (void)intake().commit_batch();
    EXPECT_THAT(outcomes(answers), ElementsAre("unavailable"));
    EXPECT_EQ(metrics.orders_overloaded.Value(), 1);
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

// ---- deadlines

TEST_F(OrderIntakeTest, takes_out_what_waited_too_long) {
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

TEST_F(OrderIntakeTest, begins_no_commit_for_an_order_past_its_deadline) {
    std::vector<Answer> answers = submit_all({order_of(ada), order_of(ada)});
    clock.advance(Milliseconds{10'000});
    EXPECT_FALSE(intake().commit_batch());
    EXPECT_THAT(outcomes(answers), ElementsAre("overloaded", "overloaded"));
    EXPECT_TRUE(store.batches().empty());
}

TEST_F(OrderIntakeTest, says_that_nothing_was_done_to_twins_that_only_waited) {
    std::vector<Answer> answers = submit_all({keyed(ada, "k"), keyed(ada, "k")});
    clock.advance(Milliseconds{10'000});
    intake().expire_overdue();
    EXPECT_THAT(outcomes(answers), ElementsAre("overloaded", "overloaded"));
}

TEST_F(OrderIntakeTest, answers_unknown_once_a_batch_has_begun_and_drops_the_late_result) {
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

TEST_F(OrderIntakeTest, counts_a_late_error_only_as_what_was_answered) {
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

TEST_F(OrderIntakeTest, tells_a_late_twin_that_the_first_is_under_way) {
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
}

TEST_F(OrderIntakeTest, keeps_a_twin_whose_own_deadline_is_not_reached) {
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

TEST_F(OrderIntakeTest, commits_by_itself_once_started) {
    intake().start();
    for (int i = 0; i < 20; ++i) {
        Answer answer = submit(order_of(ada));
        EXPECT_EQ(outcome(answer), "placed");
    }
}

TEST_F(OrderIntakeTest, expires_by_itself_once_started) {
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

TEST_F(OrderIntakeTest, lets_a_receiver_submit_the_next_order) {
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

TEST_F(OrderIntakeTest, answers_every_submitter_exactly_once_under_load) {
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

// ---- closing

TEST_F(OrderIntakeTest, answers_all_that_waited_before_it_closes) {
    intake({.batch_orders_max = 2});
    std::vector<Answer> answers = submit_all({order_of(ada), order_of(ada), order_of(ada)});
    intake().close();
    EXPECT_THAT(outcomes(answers), ElementsAre("placed", "placed", "placed"));
}

TEST_F(OrderIntakeTest, commits_what_waits_behind_a_commit_before_it_closes) {
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

TEST_F(OrderIntakeTest, refuses_new_orders_once_closed) {
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
