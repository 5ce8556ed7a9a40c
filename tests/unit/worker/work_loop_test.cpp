#include "worker/work_loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <thread>

#include "tests/unit/worker/work_world.hpp"

namespace waybill::worker {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using waybill::testing::FakeFulfilment;
using waybill::testing::FlakyStore;
using waybill::testing::WorkWorld;

constexpr WorkKind orders = WorkKind::process_order;
constexpr WorkKind mails = WorkKind::send_mail;
constexpr FulfilmentOutcome refused = FulfilmentOutcome::refused;
constexpr FulfilmentOutcome no_answer = FulfilmentOutcome::no_answer;

WorkLoop make_loop(WorkWorld& world, WorkKind kind, WorkLoopOptions options = {}) {
    return {kind, options, world.processing, world.store, world.clock, world.log, world.metrics, world.signal};
}

// Rounds until nothing is left to do at this moment; more than `rounds` of them is a busy loop.
void settle_down(WorkLoop& loop, int rounds = 20) {
    while (loop.step() == 0ms) ASSERT_GT(--rounds, 0);
}

// Steps through `time` second by second.
void pass(WorkWorld& world, WorkLoop& loop, Milliseconds time) {
    for (Milliseconds passed{}; passed < time; passed += 1s) {
        world.clock.advance(1s);
        settle_down(loop);
    }
}

TEST(WorkLoop, brings_an_order_to_processed_and_its_mail_to_the_customer) {
    WorkWorld world;
    WorkLoop order_loop = make_loop(world, orders);
    WorkLoop mail_loop = make_loop(world, mails);
    const OrderId id = world.place("o-1", 3);

    settle_down(order_loop);
    EXPECT_EQ(world.status(id), OrderStatus::processed);
    settle_down(mail_loop);
    ASSERT_EQ(world.mailer.mails().size(), 1u);
    EXPECT_EQ(world.mailer.mails()[0].identity, "o-1-processed");
    EXPECT_EQ(world.mailer.mails()[0].to, WorkWorld::address);
    EXPECT_EQ(world.waiting(orders), 0);
    EXPECT_EQ(world.waiting(mails), 0);
    EXPECT_EQ(world.available(), WorkWorld::initial_stock - 3);
    EXPECT_EQ(world.metrics.work_in_flight.total(), 0);
}

TEST(WorkLoop, a_mail_that_only_its_recipient_puts_off_says_nothing_about_the_carrier) {
    WorkWorld world;
    WorkLoop order_loop = make_loop(world, orders);
    WorkLoop loop = make_loop(world, mails);
    world.place("o-1");
    settle_down(order_loop);
    world.mailer.answer_next({MailOutcome::no_answer, "452 Mailbox full.", true});
    settle_down(loop);
    ASSERT_EQ(world.metrics.work_tries(mails, TryOutcome::no_answer).Value(), 1);
    EXPECT_FALSE(loop.is_unanswered());
}

TEST(WorkLoop, leaves_places_of_the_mailer_to_resets) {
    WorkWorld world;
    EXPECT_EQ(world.processing.in_flight_max(mails), share_places(world.mailer.in_flight_max()).orders);
}

TEST(WorkLoop, counts_and_times_each_try_and_says_whether_it_was_answered) {
    WorkWorld world;
    WorkLoop loop = make_loop(world, orders);
    world.place("o-1");
    world.fulfilment.hold();
    world.fulfilment.answer_next({FulfilmentOutcome::no_answer, "Silence."});
    (void)loop.step();
    EXPECT_FALSE(loop.is_unanswered());
    world.clock.advance(1'500ms);
    world.fulfilment.release_all();
    (void)loop.step();
    EXPECT_TRUE(loop.is_unanswered());
    EXPECT_EQ(world.metrics.work_tries(orders, TryOutcome::no_answer).Value(), 1);
    const auto times = world.metrics.work_try_seconds(orders).Collect().histogram;
    EXPECT_EQ(times.sample_count, 1u);
    EXPECT_EQ(times.sample_sum, 1.5);

    world.clock.advance(60s);
    world.fulfilment.release_all();
    settle_down(loop);
    EXPECT_FALSE(loop.is_unanswered());
    EXPECT_EQ(world.metrics.work_tries(orders, TryOutcome::done).Value(), 1);
}

TEST(WorkLoop, shows_when_it_last_began_a_round) {
    WorkWorld world;
    WorkLoop loop = make_loop(world, mails);
    (void)loop.step();
    world.clock.advance(7s);
    (void)loop.step();
    const double seconds = std::chrono::duration<double>(world.clock.now().time_since_epoch()).count();
    EXPECT_EQ(world.metrics.add_last_round(mails).Value(), seconds);
}

TEST(WorkLoop, claims_and_settles_a_batch_in_one_commit_each) {
    WorkWorld world;
    WorkLoop loop = make_loop(world, orders);
    for (int i = 0; i < 10; ++i) world.place("o-" + std::to_string(i));

    EXPECT_EQ(loop.step(), 0ms);  // ended meanwhile: to be settled
    EXPECT_GT(loop.step(), 0ms);
    EXPECT_EQ(world.store.calls("settle_orders"), 1u);
    EXPECT_EQ(world.store.calls("claim_work"), 2u);
    EXPECT_EQ(world.store.calls("extend"), 0u);
}

TEST(WorkLoop, claims_no_more_than_the_batch_and_the_free_places) {
    WorkWorld world({}, 5);
    world.fulfilment.hold();
    WorkLoop loop = make_loop(world, orders, {.batch_max = 3});
    for (int i = 0; i < 10; ++i) world.place("o-" + std::to_string(i));

    EXPECT_EQ(loop.step(), 0ms);  // a full batch: more is likely there
    EXPECT_EQ(world.fulfilment.held(), 3u);
    EXPECT_GT(loop.step(), 0ms);  // no place is free
    EXPECT_EQ(world.fulfilment.held(), 5u);
    EXPECT_GT(loop.step(), 0ms);
    EXPECT_EQ(world.store.calls("claim_work"), 2u);
    EXPECT_EQ(world.metrics.work_in_flight.total(), 5);

    world.fulfilment.release_all();
    settle_down(loop);
    EXPECT_EQ(world.waiting(orders), 0);
}

TEST(WorkLoop, fails_a_refused_order_gives_its_stock_back_and_tells_the_customer) {
    WorkWorld world;
    WorkLoop order_loop = make_loop(world, orders);
    WorkLoop mail_loop = make_loop(world, mails);
    world.fulfilment.answer_next({refused, "The card was declined."});
    const OrderId id = world.place("o-1", 7);

    settle_down(order_loop);
    EXPECT_EQ(world.status(id), OrderStatus::failed);
    EXPECT_EQ(world.order(id).reason, "The card was declined.");
    EXPECT_EQ(world.available(), WorkWorld::initial_stock);
    EXPECT_TRUE(world.dead_letters().empty());
    settle_down(mail_loop);
    ASSERT_EQ(world.mailer.mails().size(), 1u);
    EXPECT_EQ(world.mailer.mails()[0].identity, "o-1-failed");
}

TEST(WorkLoop, repeats_what_is_not_answered_with_growing_pauses_until_the_deadline) {
    WorkPolicy policy;
    policy.process_deadline = 60s;
    WorkWorld world(policy);
    WorkLoop loop = make_loop(world, orders);
    world.fulfilment.answer_by([](const Order&) { return FulfilmentResult{no_answer, "It answered 503."}; });
    const OrderId id = world.place("o-1", 2);

    settle_down(loop);
    EXPECT_EQ(world.fulfilment.orders().size(), 1u);
    settle_down(loop);
    EXPECT_EQ(world.fulfilment.orders().size(), 1u) << "a retry must wait for its time";
    pass(world, loop, 59s);
    EXPECT_EQ(world.status(id), OrderStatus::processing);
    EXPECT_GE(world.fulfilment.orders().size(), 7u);
    EXPECT_LE(world.fulfilment.orders().size(), 40u);

    pass(world, loop, 11s);
    EXPECT_EQ(world.status(id), OrderStatus::failed);
    EXPECT_EQ(world.order(id).reason, "It answered 503.");
    EXPECT_EQ(world.available(), WorkWorld::initial_stock);
    EXPECT_TRUE(world.dead_letters().empty());
}

TEST(WorkLoop, buries_an_item_that_keeps_crashing_once_and_does_not_delay_the_others) {
    WorkWorld world;
    WorkLoop loop = make_loop(world, orders);
    world.fulfilment.answer_by([](const Order& order) -> FulfilmentResult {
        if (order.id.text == "poison") throw std::runtime_error("a bug");
        return {FulfilmentOutcome::accepted, {}};
    });
    const OrderId first = world.place("o-1");
    const OrderId poison = world.place("poison", 5);
    const OrderId last = world.place("o-2");

    settle_down(loop);
    EXPECT_EQ(world.status(first), OrderStatus::processed);
    EXPECT_EQ(world.status(last), OrderStatus::processed);
    EXPECT_EQ(world.status(poison), OrderStatus::processing);
    pass(world, loop, 120s);
    EXPECT_EQ(world.status(poison), OrderStatus::failed);
    EXPECT_EQ(world.order(poison).reason.find("a bug"), std::string::npos) << "thrown words are for the log";
    EXPECT_EQ(world.available(), WorkWorld::initial_stock - 2);
    ASSERT_EQ(world.dead_letters().size(), 1u);
    EXPECT_EQ(world.dead_letters()[0].attempts, WorkPolicy{}.attempts_max);
    EXPECT_EQ(world.metrics.work_crashes.Value(), WorkPolicy{}.attempts_max);
    EXPECT_EQ(world.log.count("dead-letter"), 1u);
}

TEST(WorkLoop, buries_an_item_whose_workers_keep_dying_without_trying_it_again) {
    WorkWorld world;
    world.fulfilment.hold();
    const OrderId id = world.place("o-1");
    for (int i = 0; i < WorkPolicy{}.attempts_max; ++i) {
        WorkLoop dies = make_loop(world, orders);
        static_cast<void>(dies.step());
        world.clock.advance(WorkPolicy{}.lease + 1ms);
    }
    WorkLoop loop = make_loop(world, orders);
    settle_down(loop);
    EXPECT_EQ(world.fulfilment.orders().size(), static_cast<std::size_t>(WorkPolicy{}.attempts_max));
    EXPECT_EQ(world.status(id), OrderStatus::failed);
    ASSERT_EQ(world.dead_letters().size(), 1u);
    EXPECT_EQ(world.dead_letters()[0].attempts, WorkPolicy{}.attempts_max);
}

TEST(WorkLoop, buries_a_mail_that_cannot_be_made) {
    WorkWorld world;
    const User mallory{UserId{"mallory"}, "m@example.org\r\nBcc: all@example.org", "M", "hash", Role::customer, {}};
    ASSERT_TRUE(world.memory.create_user(mallory, std::nullopt));
    const NewOrder order{OrderId{"o-1"}, mallory.id, WorkWorld::location, {{WorkWorld::product, 1}}, {}, {}};
    ASSERT_TRUE(world.memory.place_orders({&order, 1}).front());
    ASSERT_TRUE(world.memory.cancel_order(order.order_id, std::nullopt));

    WorkLoop loop = make_loop(world, mails);
    pass(world, loop, 120s);
    EXPECT_TRUE(world.mailer.mails().empty());
    ASSERT_EQ(world.dead_letters().size(), 1u);
    EXPECT_EQ(world.dead_letters()[0].kind, mails);
    EXPECT_EQ(world.waiting(mails), 0);
}

TEST(WorkLoop, keeps_the_lease_of_a_long_try) {
    WorkWorld world;
    world.fulfilment.hold();
    WorkLoop loop = make_loop(world, orders);
    WorkLoop other = make_loop(world, orders);
    const OrderId id = world.place("o-1");

    static_cast<void>(loop.step());
    for (int i = 0; i < 12; ++i) {
        world.clock.advance(WorkPolicy{}.heartbeat);
        EXPECT_GT(loop.step(), 0ms);
        static_cast<void>(other.step());
    }
    EXPECT_EQ(world.fulfilment.orders().size(), 1u);
    EXPECT_EQ(world.store.calls("extend"), 12u);
    world.fulfilment.release_all();
    settle_down(loop);
    EXPECT_EQ(world.status(id), OrderStatus::processed);
}

TEST(WorkLoop, asks_to_be_called_again_before_a_heartbeat_is_due) {
    WorkWorld world;
    world.fulfilment.hold();
    WorkLoop loop = make_loop(world, orders, {.poll_every = 1h});
    EXPECT_EQ(loop.step(), 1h);
    world.place("o-1");
    EXPECT_EQ(loop.step(), WorkPolicy{}.heartbeat);
    world.clock.advance(2s);
    EXPECT_EQ(loop.step(), WorkPolicy{}.heartbeat - 2s);
}

TEST(WorkLoop, writes_nothing_after_its_lease_was_lost) {
    WorkWorld world;
    world.fulfilment.hold();
    WorkLoop stopped = make_loop(world, orders);
    WorkLoop other = make_loop(world, orders);
    const OrderId id = world.place("o-1");

    static_cast<void>(stopped.step());
    world.clock.advance(WorkPolicy{}.lease + 1ms);
    static_cast<void>(other.step());
    ASSERT_EQ(world.fulfilment.held(), 2u);

    world.fulfilment.answer_next({refused, "Too late."});
    ASSERT_TRUE(world.fulfilment.release_one());
    settle_down(stopped);
    EXPECT_EQ(world.status(id), OrderStatus::processing);
    EXPECT_EQ(world.log.count("lease-lost"), 1u);
    EXPECT_EQ(world.metrics.work_leases_lost.Value(), 1);

    world.fulfilment.release_all();
    settle_down(other);
    EXPECT_EQ(world.status(id), OrderStatus::processed);
    EXPECT_EQ(world.waiting(mails), 1);
}

TEST(WorkLoop, does_not_extend_a_lost_lease_again) {
    WorkWorld world;
    world.fulfilment.hold();
    WorkLoop stopped = make_loop(world, orders);
    WorkLoop other = make_loop(world, orders);
    world.place("o-1");
    static_cast<void>(stopped.step());
    world.clock.advance(WorkPolicy{}.lease + 1ms);
    static_cast<void>(other.step());

    static_cast<void>(stopped.step());
    EXPECT_EQ(world.store.calls("extend"), 1u);
    world.clock.advance(WorkPolicy{}.heartbeat - 1ms);
    static_cast<void>(stopped.step());
    EXPECT_EQ(world.store.calls("extend"), 1u);
}

TEST(WorkLoop, goes_on_when_the_store_comes_back_and_tells_each_outage_once) {
    WorkWorld world;
    WorkLoop loop = make_loop(world, orders);
    const OrderId id = world.place("o-1");
    world.store.fail_always();
    for (int i = 0; i < 10; ++i) {
        EXPECT_GT(loop.step(), 0ms);
        world.clock.advance(500ms);
    }
    EXPECT_EQ(world.log.count("work-store-away"), 1u);
    world.store.recover();
    settle_down(loop);
    EXPECT_EQ(world.status(id), OrderStatus::processed);
    EXPECT_EQ(world.log.count("work-store-back"), 1u);
}

TEST(WorkLoop, waits_before_it_asks_a_store_that_is_away_again) {
    WorkWorld world;
    WorkLoop loop = make_loop(world, orders);
    world.store.fail_always();
    for (int i = 0; i < 10; ++i) static_cast<void>(loop.step());
    EXPECT_EQ(world.store.calls("claim_work"), 1u);
}

struct SettleFailure {
    const char* name;
    FlakyStore::Failure failure;
};

class SettleFailures : public ::testing::TestWithParam<SettleFailure> {};

TEST_P(SettleFailures, are_written_again_while_the_lease_is_kept) {
    WorkWorld world;
    WorkLoop loop = make_loop(world, orders);
    WorkLoop other = make_loop(world, orders);
    const OrderId id = world.place("o-1");
    world.store.fail_next("settle_orders", 3, GetParam().failure);
    EXPECT_EQ(loop.step(), 0ms);
    for (int i = 0; i < 20 && world.metrics.work_in_flight.total() > 0; ++i) {
        EXPECT_GT(loop.step(), 0ms) << "a failed write must not be repeated at once";
        static_cast<void>(other.step());
        world.clock.advance(500ms);
    }
    EXPECT_EQ(world.status(id), OrderStatus::processed);
    EXPECT_EQ(world.fulfilment.orders().size(), 1u);
    EXPECT_EQ(world.waiting(mails), 1);
    EXPECT_EQ(world.metrics.work_in_flight.total(), 0);
}

INSTANTIATE_TEST_SUITE_P(WorkLoop, SettleFailures,
                         ::testing::Values(SettleFailure{"before", FlakyStore::Failure::before},
                                           SettleFailure{"after", FlakyStore::Failure::after}),
                         [](const auto& tested) { return tested.param.name; });

TEST(WorkLoop, keeps_leases_while_results_cannot_be_written) {
    WorkWorld world;
    WorkLoop loop = make_loop(world, orders);
    WorkLoop other = make_loop(world, orders);
    const OrderId id = world.place("o-1");
    world.store.fail_next("settle_orders", 1'000);
    for (int i = 0; i < 40; ++i) {
        static_cast<void>(loop.step());
        static_cast<void>(other.step());
        world.clock.advance(1s);
    }
    EXPECT_EQ(world.fulfilment.orders().size(), 1u);
    world.store.recover();
    static_cast<void>(loop.step());
    EXPECT_EQ(world.status(id), OrderStatus::processed);
}

TEST(WorkLoop, an_order_reaches_its_customer_without_polling) {
    WorkWorld world;
    WorkLoop order_loop = make_loop(world, orders, {.poll_every = 1h});
    WorkLoop mail_loop = make_loop(world, mails, {.poll_every = 1h});
    const std::jthread order_thread([&](const std::stop_token& stop) { order_loop.run(stop, 1s); });
    const std::jthread mail_thread([&](const std::stop_token& stop) { mail_loop.run(stop, 1s); });
    for (std::size_t i = 1; i <= 5; ++i) {
        world.place("o-" + std::to_string(i));
        world.signal.notify(orders);
        ASSERT_TRUE(world.mailer.wait_for_mails(i));
    }
}

TEST(WorkLoop, is_woken_by_a_try_that_ends_later) {
    WorkWorld world;
    world.fulfilment.hold();
    WorkLoop loop = make_loop(world, orders);
    world.place("o-1");
    static_cast<void>(loop.step());
    world.fulfilment.release_all();
    EXPECT_TRUE(world.wakes(orders));
}

TEST(WorkLoop, does_not_spin_while_results_cannot_be_written) {
    WorkWorld world;
    WorkLoop loop = make_loop(world, orders);
    world.store.fail_next("settle_orders", 1);
    world.place("o-1");
    EXPECT_EQ(loop.step(), 0ms);
    EXPECT_GT(loop.step(), 0ms);
    const OrderId second = world.place("o-2");
    EXPECT_GT(loop.step(), 0ms) << "its try has ended, but nothing can be written before the pause is over";
    world.clock.advance(500ms);
    settle_down(loop);
    EXPECT_EQ(world.status(second), OrderStatus::processed);
}

TEST(WorkLoop, a_try_that_ends_after_its_loop_touches_nothing) {
    WorkWorld world;
    world.fulfilment.hold();
    world.place("o-1");
    auto signal = std::make_unique<WorkSignal>();
    {
        WorkLoop loop(orders, {}, world.processing, world.store, world.clock, world.log, world.metrics, *signal);
        static_cast<void>(loop.step());
    }
    signal.reset();
    world.fulfilment.release_all();
    EXPECT_EQ(world.status(OrderId{"o-1"}), OrderStatus::processing);
}

TEST(WorkLoop, finishes_what_is_in_flight_when_it_is_stopped_and_claims_nothing_more) {
    WorkWorld world({}, 1);
    world.fulfilment.hold();
    WorkLoop loop = make_loop(world, orders, {.poll_every = 1h});
    const OrderId first = world.place("o-1");
    const OrderId second = world.place("o-2");
    {
        std::jthread thread([&](const std::stop_token& stop) { loop.run(stop, 1h); });
        ASSERT_TRUE(world.fulfilment.wait_for_orders(1));
        thread.request_stop();
        world.fulfilment.release_all();
    }
    EXPECT_EQ(world.status(first), OrderStatus::processed);
    EXPECT_EQ(world.status(second), OrderStatus::pending);
}

TEST(WorkLoop, leaves_the_lease_of_what_does_not_end_in_time) {
    WorkWorld world;
    world.fulfilment.hold();
    const OrderId id = world.place("o-1");
    {
        WorkLoop loop = make_loop(world, orders, {.poll_every = 1h});
        std::jthread thread([&](const std::stop_token& stop) { loop.run(stop, 0ms); });
        ASSERT_TRUE(world.fulfilment.wait_for_orders(1));
        thread.request_stop();
    }
    EXPECT_EQ(world.metrics.work_in_flight.total(), 0);
    world.fulfilment.release_all();  // the loop has gone: nothing happens
    EXPECT_EQ(world.status(id), OrderStatus::processing);

    world.clock.advance(WorkPolicy{}.lease + 1ms);
    WorkLoop next = make_loop(world, orders);
    settle_down(next);
    EXPECT_EQ(world.status(id), OrderStatus::processed);
}

// A store whose methods throw, as a bug in it would.
class ThrowingStore : public FlakyStore {
public:
    using FlakyStore::claim_work;
    using FlakyStore::FlakyStore;
    bool throwing = true;
    Result<std::vector<ClaimedWork>> claim_work(WorkKind kind, std::size_t max, Milliseconds lease) override {
        if (throwing) throw std::runtime_error("a bug in the store");
        return FlakyStore::claim_work(kind, max, lease);
    }
};

TEST(WorkLoop, survives_exceptions_and_pauses_after_them) {
    WorkWorld world;
    ThrowingStore broken(world.memory);
    WorkLoop loop(orders, {}, world.processing, broken, world.clock, world.log, world.metrics, world.signal);
    const OrderId id = world.place("o-1");
    EXPECT_GT(loop.step(), 0ms);
    EXPECT_GT(loop.step(), 0ms);
    EXPECT_EQ(world.log.count("worker-step-failed"), 1u);
    broken.throwing = false;
    world.clock.advance(500ms);
    settle_down(loop);
    EXPECT_EQ(world.status(id), OrderStatus::processed);
}

}  // namespace
}  // namespace waybill::worker
