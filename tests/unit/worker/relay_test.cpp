#include "worker/relay.hpp"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <thread>

#include "tests/unit/worker/queue_world.hpp"

namespace waybill::worker {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using waybill::testing::FakeQueue;
using waybill::testing::FlakyStore;
using waybill::testing::QueueWorld;

constexpr WorkKind orders = WorkKind::process_order;

void place(QueueWorld& world, int count, const std::string& prefix = "o-") {
    for (int i = 0; i < count; ++i) world.place(prefix + std::to_string(i));
}

std::set<WorkId> ids_of(const std::vector<QueueMessage>& messages) {
    std::set<WorkId> ids;
    for (const QueueMessage& message : messages) ids.insert(message.work_id);
    return ids;
}

TEST(Relay, sends_each_order_once_under_its_send_number) {
    QueueWorld world;
    Relay relay = world.make_relay(RelayOptions{.send_max = 10});
    place(world, 25);
    EXPECT_EQ(relay.step(), RelayOptions{}.poll_every);
    EXPECT_EQ(relay.step(), RelayOptions{}.poll_every);
    ASSERT_EQ(world.queue.sent().size(), 25u);
    EXPECT_EQ(ids_of(world.queue.sent()).size(), 25u);
    EXPECT_EQ(world.queue.calls("send"), 3u) << "ten in a call";
    EXPECT_EQ(world.queue.sent()[0].order_id, OrderId("o-0"));
    EXPECT_EQ(world.queue.sent()[0].work_id, process_work_id(OrderId("o-0")));
    EXPECT_EQ(world.queue.sent()[0].send_number, 1u);
    EXPECT_EQ(world.queue.sent()[0].trace, QueueWorld::trace);
    EXPECT_EQ(world.store.calls("claim_work"), 0u);
}

TEST(Relay, goes_on_at_once_while_more_is_likely_to_wait) {
    QueueWorld world;
    Relay relay = world.make_relay(RelayOptions{.mark_max = 10});
    place(world, 15);
    EXPECT_EQ(relay.step(), 0ms);
    EXPECT_EQ(relay.step(), RelayOptions{}.poll_every);
    EXPECT_EQ(world.queue.sent().size(), 15u);
}

TEST(Relay, sends_no_more_than_its_window) {
    QueueWorld world;
    Relay relay = world.make_relay(RelayOptions{.window = 12});
    place(world, 20);
    for (int i = 0; i < 3; ++i) static_cast<void>(relay.step());
    EXPECT_EQ(world.queue.sent().size(), 12u);
}

TEST(Relay, two_of_them_never_send_the_same_item_together) {
    QueueWorld world;
    Relay one = world.make_relay(RelayOptions{.mark_max = 10});
    Relay other = world.make_relay(RelayOptions{.mark_max = 10});
    place(world, 40);
    for (int i = 0; i < 4; ++i) {
        static_cast<void>(one.step());
        static_cast<void>(other.step());
    }
    EXPECT_EQ(world.queue.sent().size(), 40u);
    EXPECT_EQ(ids_of(world.queue.sent()).size(), 40u);
}

TEST(Relay, sends_again_what_is_not_settled_in_time) {
    QueueWorld world;
    Relay relay = world.make_relay();
    place(world, 1);
    static_cast<void>(relay.step());
    world.clock.advance(30s - 1ms);
    static_cast<void>(relay.step());
    EXPECT_EQ(world.queue.sent().size(), 1u);
    world.clock.advance(1ms);
    static_cast<void>(relay.step());
    ASSERT_EQ(world.queue.sent().size(), 2u);
    EXPECT_EQ(world.queue.sent()[1].send_number, 2u);
}

TEST(Relay, gives_back_what_the_queue_refused_and_sends_it_again_soon) {
    QueueWorld world;
    Relay relay = world.make_relay();
    place(world, 30);
    world.queue.refuse_next(3);
    const Milliseconds pause = relay.step();
    EXPECT_GT(pause, 0ms);
    EXPECT_EQ(world.queue.sent().size(), 27u) << "its neighbours are sent";
    EXPECT_EQ(world.memory.claim_work(orders, 100, 15s).value().size(), 3u);

    QueueWorld again;
    Relay patient = again.make_relay();
    place(again, 30);
    again.queue.refuse_next(3);
    again.clock.advance(patient.step());
    EXPECT_EQ(patient.step(), RelayOptions{}.poll_every);
    EXPECT_EQ(again.queue.sent().size(), 30u);
    EXPECT_EQ(ids_of(again.queue.sent()).size(), 30u);
}

TEST(Relay, asks_a_queue_that_is_away_with_growing_pauses_and_one_call_each) {
    QueueWorld world;
    Relay relay = world.make_relay();
    place(world, 100);
    world.queue.go_away();
    Milliseconds waited{};
    int rounds = 0;
    Milliseconds longest{};
    while (waited < 5min) {
        const Milliseconds pause = relay.step();
        ASSERT_GE(pause, WorkPolicy{}.backoff_min);
        ASSERT_LE(pause, WorkPolicy{}.backoff_max);
        longest = std::max(longest, pause);
        static_cast<void>(relay.step());  // woken by an order, but it is not time yet
        world.clock.advance(pause);
        waited += pause;
        ++rounds;
    }
    EXPECT_GT(longest, 5s);
    EXPECT_EQ(world.queue.calls("send"), static_cast<std::size_t>(rounds));
    EXPECT_LT(rounds, 120);
    EXPECT_EQ(world.log.count("queue-away"), 1u);

    world.queue.come_back();
    for (int i = 0; i < 10; ++i) static_cast<void>(relay.step());
    EXPECT_EQ(world.queue.sent().size(), 100u);
    EXPECT_EQ(ids_of(world.queue.sent()).size(), 100u);
    EXPECT_EQ(world.log.count("queue-back"), 1u);
}

TEST(Relay, does_not_slow_down_for_a_queue_that_takes_some) {
    QueueWorld world;
    Relay relay = world.make_relay();
    for (int i = 0; i < 30; ++i) {
        place(world, 2, "o-" + std::to_string(i) + "-");
        world.queue.refuse_next(1);
        const Milliseconds pause = relay.step();
        ASSERT_GT(pause, 0ms);
        ASSERT_LE(pause, 4 * WorkPolicy{}.backoff_min);
        world.clock.advance(pause);
    }
}

// A queue that goes away in the middle of a round.
class LeavingQueue : public FakeQueue {
public:
    LeavingQueue(Clock& clock, std::size_t good_calls) : FakeQueue(clock), good_calls_(good_calls) {}
    std::vector<Result<void>> send(std::span<const QueueMessage> messages) override {
        if (good_calls_ == 0) go_away();
        if (good_calls_ > 0) --good_calls_;
        return FakeQueue::send(messages);
    }

private:
    std::size_t good_calls_;
};

TEST(Relay, does_not_ask_a_queue_that_left_for_each_of_the_others) {
    QueueWorld world;
    LeavingQueue queue(world.clock, 2);
    Relay relay = world.make_relay(queue, {.send_max = 10});
    place(world, 100);
    EXPECT_GT(relay.step(), 0ms);
    EXPECT_EQ(queue.calls("send"), 3u);
    EXPECT_EQ(queue.sent().size(), 20u);
    EXPECT_EQ(world.memory.claim_work(orders, 100, 15s).value().size(), 80u);
}

// As a process that dies before or after the call: nothing that follows it happens.
class DyingQueue : public FakeQueue {
public:
    DyingQueue(Clock& clock, bool after) : FakeQueue(clock), after_(after) {}
    std::vector<Result<void>> send(std::span<const QueueMessage> messages) override {
        if (after_) static_cast<void>(FakeQueue::send(messages));
        throw std::runtime_error("the process is gone");
    }

private:
    bool after_;
};

class KilledRelay : public ::testing::TestWithParam<bool> {};

TEST_P(KilledRelay, loses_nothing_and_its_copies_do_no_harm) {
    QueueWorld world;
    DyingQueue dying(world.clock, GetParam());
    place(world, 25);
    {
        Relay killed = world.make_relay(dying, {.send_max = 10});
        static_cast<void>(killed.step());
    }
    // What it had sent before it died is in the queue.
    const std::vector<QueueMessage> had_sent = dying.sent();
    EXPECT_EQ(had_sent.size(), GetParam() ? 10u : 0u);
    static_cast<void>(world.queue.send(had_sent));

    Relay relay = world.make_relay();
    const auto consumer = world.make_consumer();
    world.pass(relay, *consumer, 29s);
    EXPECT_EQ(world.fulfilment.orders().size(), had_sent.size());
    world.pass(relay, *consumer, 3s);
    EXPECT_TRUE(world.all_processed_once(25));
    EXPECT_EQ(world.queue.size(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Relay, KilledRelay, ::testing::Bool(),
                         [](const auto& tested) { return tested.param ? "after_its_send" : "before_its_send"; });

TEST(Relay, a_lost_reply_makes_copies_that_do_no_harm) {
    QueueWorld world;
    Relay relay = world.make_relay();
    const auto consumer = world.make_consumer();
    place(world, 10);
    world.queue.lose_replies("send", 2);
    world.clock.advance(relay.step());
    world.clock.advance(relay.step());
    EXPECT_EQ(world.queue.sent().size(), 20u);
    world.pass(relay, *consumer, 60s);
    EXPECT_TRUE(world.all_processed_once(10));
    EXPECT_EQ(world.queue.size(), 0u);
}

TEST(Relay, waits_for_a_store_that_is_away_and_tells_it_once) {
    QueueWorld world;
    Relay relay = world.make_relay();
    place(world, 1);
    world.store.fail_next("mark_sent", 5);
    for (int i = 0; i < 5; ++i) {
        const Milliseconds pause = relay.step();
        ASSERT_GT(pause, 0ms);
        static_cast<void>(relay.step());
        world.clock.advance(pause);
    }
    EXPECT_EQ(world.store.calls("mark_sent"), 5u);
    static_cast<void>(relay.step());
    EXPECT_EQ(world.queue.sent().size(), 1u);
    EXPECT_EQ(world.log.count("relay-store-away"), 1u);
    EXPECT_EQ(world.log.count("relay-store-back"), 1u);
}

TEST(Relay, what_could_not_be_given_back_is_sent_again_in_time) {
    QueueWorld world;
    Relay relay = world.make_relay();
    place(world, 1);
    world.queue.refuse_next(1);
    world.store.fail_next("return_unsent", 1);
    static_cast<void>(relay.step());
    world.clock.advance(30s);
    static_cast<void>(relay.step());
    EXPECT_EQ(world.queue.sent().size(), 1u);
}

TEST(Relay, is_woken_by_a_new_order) {
    QueueWorld world;
    Relay relay = world.make_relay(RelayOptions{.poll_every = 1h});
    const std::jthread thread([&](const std::stop_token& stop) { relay.run(stop); });
    std::vector<ReceivedMessage> received;
    for (int i = 0; i < 3; ++i) {
        world.place("o-" + std::to_string(i));
        world.signal.notify(orders);
        received = world.queue.receive(10, 10s).value();
        ASSERT_EQ(received.size(), 1u);
        EXPECT_EQ(received[0].work_id, process_work_id(OrderId("o-" + std::to_string(i))));
    }
}

TEST(Relay, sends_nothing_after_a_stop_and_gives_back_what_it_had_marked) {
    QueueWorld world;
    Relay relay = world.make_relay();
    place(world, 20);
    std::stop_source stop;
    stop.request_stop();
    static_cast<void>(relay.step(stop.get_token()));
    EXPECT_EQ(world.queue.calls("send"), 0u);
    EXPECT_EQ(world.memory.claim_work(orders, 100, 15s).value().size(), 20u);
}

}  // namespace
}  // namespace waybill::worker
