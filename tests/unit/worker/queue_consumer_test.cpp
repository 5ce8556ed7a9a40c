#include "worker/queue_consumer.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "tests/unit/worker/queue_world.hpp"

namespace waybill::worker {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using waybill::testing::FlakyStore;
using waybill::testing::QueueWorld;
using waybill::testing::WorkWorld;

constexpr WorkKind orders = WorkKind::process_order;

// One order, marked and sent.
OrderId send_one(QueueWorld& world, const std::string& id = "o-1") {
    OrderId order = world.place(id);
    Relay relay = world.make_relay();
    static_cast<void>(relay.step());
    return order;
}

// Received, claimed and, with these doubles, tried; nothing is settled yet.
void receive_and_claim(QueueConsumer& consumer) {
    EXPECT_EQ(consumer.receive_step(), 0ms);
    static_cast<void>(consumer.work_step());
}

TEST(QueueConsumer, brings_orders_to_processed_and_deletes_their_messages) {
    QueueWorld world;
    Relay relay = world.make_relay();
    const auto consumer = world.make_consumer();
    for (int i = 0; i < 25; ++i) world.place("o-" + std::to_string(i));
    world.settle_down(relay, *consumer);
    EXPECT_TRUE(world.all_processed_once(25));
    EXPECT_EQ(world.queue.size(), 0u);
    EXPECT_EQ(world.metrics.work_in_flight.total(), 0);
}

TEST(QueueConsumer, claims_nothing_from_the_store_itself) {
    QueueWorld world;
    world.place("o-1");
    const auto consumer = world.make_consumer();
    static_cast<void>(consumer->receive_step());
    for (int i = 0; i < 3; ++i) static_cast<void>(consumer->work_step());
    EXPECT_EQ(world.store.calls("claim_work"), 0u);
    EXPECT_EQ(world.status(OrderId("o-1")), OrderStatus::pending);
}

TEST(QueueConsumer, deletes_a_message_only_after_its_settlement) {
    QueueWorld world;
    world.fulfilment.hold();
    const auto consumer = world.make_consumer();
    const OrderId id = send_one(world);
    receive_and_claim(*consumer);
    static_cast<void>(consumer->answer_step());
    EXPECT_EQ(world.status(id), OrderStatus::processing);
    EXPECT_EQ(world.queue.calls("ack"), 0u);

    world.fulfilment.release_all();
    world.store.fail_next("settle_orders", 1);
    static_cast<void>(consumer->work_step());
    static_cast<void>(consumer->answer_step());
    EXPECT_EQ(world.queue.calls("ack"), 0u) << "not written yet";

    world.clock.advance(500ms);
    static_cast<void>(consumer->work_step());
    static_cast<void>(consumer->answer_step());
    EXPECT_EQ(world.status(id), OrderStatus::processed);
    EXPECT_EQ(world.queue.size(), 0u);
}

TEST(QueueConsumer, tells_the_relay_that_there_is_room) {
    QueueWorld world;
    const auto consumer = world.make_consumer();
    send_one(world);
    receive_and_claim(*consumer);
    static_cast<void>(consumer->work_step());
    static_cast<void>(consumer->answer_step());
    EXPECT_TRUE(world.wakes(orders));
}

TEST(QueueConsumer, a_worker_killed_after_settle_and_before_delete_has_done_its_work_once) {
    QueueWorld world;
    const OrderId id = send_one(world);
    {
        const auto killed = world.make_consumer();
        receive_and_claim(*killed);
        static_cast<void>(killed->work_step());
        ASSERT_EQ(world.status(id), OrderStatus::processed);
    }
    EXPECT_EQ(world.queue.size(), 1u);

    Relay relay = world.make_relay();
    const auto consumer = world.make_consumer();
    world.pass(relay, *consumer, 16s);
    EXPECT_TRUE(world.all_processed_once(1));
    EXPECT_EQ(world.queue.size(), 0u);
}

TEST(QueueConsumer, what_a_killed_worker_had_claimed_is_done_by_another) {
    QueueWorld world;
    world.fulfilment.hold();
    const OrderId id = send_one(world);
    {
        const auto killed = world.make_consumer();
        receive_and_claim(*killed);
        ASSERT_EQ(world.status(id), OrderStatus::processing);
    }
    world.fulfilment.release_all();
    Relay relay = world.make_relay();
    const auto consumer = world.make_consumer();
    world.pass(relay, *consumer, 14s);
    EXPECT_EQ(world.fulfilment.orders().size(), 1u);
    world.pass(relay, *consumer, 4s);
    EXPECT_EQ(world.status(id), OrderStatus::processed);
    EXPECT_EQ(world.fulfilment.orders().size(), 2u);
    EXPECT_EQ(world.waiting(WorkKind::send_mail), 1);
    EXPECT_EQ(world.queue.size(), 0u);
}

TEST(QueueConsumer, does_everything_once_when_messages_come_twice_late_and_out_of_order) {
    QueueWorld world;
    Relay relay = world.make_relay();
    const auto one = world.make_consumer();
    const auto other = world.make_consumer();
    world.queue.repeat_next(20);
    world.queue.reorder();
    for (int i = 0; i < 20; ++i) world.place("o-" + std::to_string(i));
    static_cast<void>(relay.step());
    world.queue.delay_next(5, 40s);
    for (int i = 20; i < 30; ++i) world.place("o-" + std::to_string(i));
    for (int second = 0; second < 60; ++second) {
        world.settle_down(relay, *one);
        world.settle_down(relay, *other);
        world.clock.advance(1s);
    }
    EXPECT_TRUE(world.all_processed_once(30));
    EXPECT_EQ(world.queue.size(), 0u);
}

TEST(QueueConsumer, a_copy_that_meets_a_live_lease_is_hidden_until_that_lease_ends) {
    QueueWorld world;
    world.fulfilment.hold();
    world.queue.repeat_next(1);
    const auto one = world.make_consumer();
    const auto other = world.make_consumer();
    send_one(world);
    const auto first = world.queue.receive(1, 0ms).value();
    ASSERT_EQ(first.size(), 1u);
    receive_and_claim(*one);  // the copy
    world.clock.advance(4s);
    ASSERT_TRUE(world.queue.extend(first, 0ms));

    receive_and_claim(*other);
    EXPECT_EQ(world.fulfilment.orders().size(), 1u);
    static_cast<void>(other->answer_step());
    EXPECT_EQ(world.queue.size(), 2u) << "its worker may still die";
    EXPECT_EQ(world.queue.hidden_for(process_work_id(OrderId("o-1"))), WorkPolicy{}.lease - 4s);
}

TEST(QueueConsumer, a_worker_that_lost_its_lease_leaves_the_message_to_the_other) {
    QueueWorld world;
    world.fulfilment.hold();
    const auto stopped = world.make_consumer();
    const auto other = world.make_consumer();
    send_one(world);
    receive_and_claim(*stopped);
    world.clock.advance(WorkPolicy{}.lease + 1ms);
    receive_and_claim(*other);
    ASSERT_EQ(world.fulfilment.held(), 2u);

    ASSERT_TRUE(world.fulfilment.release_one());
    for (int i = 0; i < 3; ++i) static_cast<void>(stopped->work_step());
    static_cast<void>(stopped->answer_step());
    EXPECT_EQ(world.log.count("lease-lost"), 1u);
    EXPECT_EQ(world.queue.calls("ack"), 0u);
    world.fulfilment.release_all();
    static_cast<void>(other->work_step());
    static_cast<void>(other->answer_step());
    EXPECT_EQ(world.status(OrderId("o-1")), OrderStatus::processed);
    EXPECT_EQ(world.queue.size(), 0u);
}

TEST(QueueConsumer, a_message_of_a_cancelled_or_unknown_order_is_deleted) {
    QueueWorld world;
    const OrderId id = send_one(world);
    ASSERT_TRUE(world.memory.cancel_order(id, std::nullopt));
    const QueueMessage unknown{WorkId("p-never-placed"), OrderId("never-placed"), 1};
    ASSERT_TRUE(world.queue.send({&unknown, 1}).front());
    const auto consumer = world.make_consumer();
    receive_and_claim(*consumer);
    static_cast<void>(consumer->answer_step());
    EXPECT_EQ(world.queue.size(), 0u);
    EXPECT_TRUE(world.fulfilment.orders().empty());
}

TEST(QueueConsumer, a_message_that_names_a_mail_is_deleted_and_not_processed) {
    QueueWorld world;
    const OrderId id = world.place("o-1");
    ASSERT_TRUE(world.memory.cancel_order(id, std::nullopt));
    const QueueMessage mail{mail_work_id(id, OrderStatus::cancelled), id, 1};
    ASSERT_TRUE(world.queue.send({&mail, 1}).front());
    const auto consumer = world.make_consumer();
    receive_and_claim(*consumer);
    static_cast<void>(consumer->work_step());
    static_cast<void>(consumer->answer_step());
    EXPECT_EQ(world.queue.size(), 0u);
    EXPECT_TRUE(world.mailer.mails().empty());
    EXPECT_EQ(world.log.count("message-of-another-kind"), 1u);

    world.clock.advance(WorkPolicy{}.lease + 1ms);
    WorkLoop mails(WorkKind::send_mail, {}, world.processing, world.store, world.clock, world.log, world.metrics,
                   world.signal);
    static_cast<void>(mails.step());
    EXPECT_EQ(world.mailer.mails().size(), 1u);
}

TEST(QueueConsumer, keeps_lease_and_message_of_a_long_try) {
    QueueWorld world;
    world.fulfilment.hold();
    Relay relay = world.make_relay();
    const auto consumer = world.make_consumer();
    const auto other = world.make_consumer();
    const OrderId id = send_one(world);
    receive_and_claim(*consumer);
    for (int second = 0; second < 60; ++second) {
        world.clock.advance(1s);
        static_cast<void>(consumer->work_step());
        static_cast<void>(consumer->answer_step());
        EXPECT_GE(world.queue.hidden_for(process_work_id(id)), WorkPolicy{}.lease - WorkPolicy{}.heartbeat);
        world.settle_down(relay, *other);
    }
    EXPECT_EQ(world.queue.receives_max(), 1);
    EXPECT_EQ(world.queue.sent().size(), 1u) << "what is held is not sent again";
    world.fulfilment.release_all();
    world.settle_down(relay, *consumer);
    EXPECT_TRUE(world.all_processed_once(1));
    EXPECT_EQ(world.queue.size(), 0u);
}

TEST(QueueConsumer, a_retry_waits_in_the_store_and_travels_again) {
    QueueWorld world;
    Relay relay = world.make_relay();
    const auto consumer = world.make_consumer();
    world.fulfilment.answer_next({FulfilmentOutcome::no_answer, "It answered 503."});
    world.place("o-1");
    world.settle_down(relay, *consumer);
    EXPECT_EQ(world.queue.size(), 0u) << "deleted after the item was put back to its time";
    EXPECT_EQ(world.waiting(orders), 1);
    world.pass(relay, *consumer, 11s);
    EXPECT_EQ(world.status(OrderId("o-1")), OrderStatus::processed);
    EXPECT_EQ(world.fulfilment.orders().size(), 2u);
    ASSERT_EQ(world.queue.sent().size(), 2u);
    EXPECT_EQ(world.queue.sent()[1].send_number, 2u);
}

TEST(QueueConsumer, an_item_that_keeps_crashing_is_buried_once_and_delays_no_other) {
    QueueWorld world;
    Relay relay = world.make_relay();
    const auto consumer = world.make_consumer();
    world.fulfilment.answer_by([](const Order& order) -> FulfilmentResult {
        if (order.id.text == "poison") throw std::runtime_error("a bug");
        return {FulfilmentOutcome::accepted, {}};
    });
    const OrderId poison = world.place("poison", 5);
    const OrderId good = world.place("o-1");
    world.settle_down(relay, *consumer);
    EXPECT_EQ(world.status(good), OrderStatus::processed);
    world.pass(relay, *consumer, 2min);
    EXPECT_EQ(world.status(poison), OrderStatus::failed);
    EXPECT_EQ(world.available(), WorkWorld::initial_stock - 1);
    ASSERT_EQ(world.dead_letters().size(), 1u);
    EXPECT_EQ(world.queue.size(), 0u);
}

// A store that throws for one item, as a bug in it would.
class PoisonedStore : public FlakyStore {
public:
    using FlakyStore::claim_work;
    using FlakyStore::FlakyStore;
    std::vector<Result<ClaimById>> claim_work(std::span<const WorkId> ids, Milliseconds lease) override {
        for (const WorkId& id : ids) {
            if (id.text == "p-poison") throw std::runtime_error("a bug in the store");
        }
        return FlakyStore::claim_work(ids, lease);
    }
};

TEST(QueueConsumer, a_message_that_cannot_be_claimed_is_left_to_the_queue_and_delays_no_other) {
    QueueWorld world;
    PoisonedStore store(world.memory);
    QueueConsumer consumer(QueueWorld::step_options(), world.queue, world.processing, store, world.clock, world.log,
                           world.metrics, world.signal);
    send_one(world, "poison");
    const OrderId good = send_one(world);
    receive_and_claim(consumer);
    static_cast<void>(consumer.work_step());
    EXPECT_EQ(world.status(good), OrderStatus::processed);
    static_cast<void>(consumer.answer_step());
    EXPECT_EQ(world.queue.size(), 1u);
    EXPECT_EQ(world.log.count("message-failed"), 1u);
    for (int i = 0; i < 5; ++i) static_cast<void>(consumer.work_step());
    EXPECT_EQ(world.log.count("message-failed"), 1u) << "once for each time it is received";
}

TEST(QueueConsumer, keeps_messages_while_the_store_is_away_and_receives_no_more_than_its_places) {
    QueueWorld world({}, 16);
    Relay relay = world.make_relay();
    const auto consumer = world.make_consumer();
    for (int i = 0; i < 40; ++i) world.place("o-" + std::to_string(i));
    static_cast<void>(relay.step());
    world.store.fail_always();
    for (int second = 0; second < 25; ++second) {
        static_cast<void>(consumer->receive_step());
        EXPECT_GT(consumer->work_step(), 0ms);
        static_cast<void>(consumer->answer_step());
        EXPECT_GE(world.queue.hidden_for(process_work_id(OrderId("o-0"))), WorkPolicy{}.lease - 6s);
        world.clock.advance(1s);
    }
    EXPECT_EQ(world.queue.receives_max(), 1);
    EXPECT_EQ(world.log.count("work-store-away"), 1u);
    world.store.recover();
    world.pass(relay, *consumer, 35s);
    EXPECT_TRUE(world.all_processed_once(40));
    EXPECT_EQ(world.queue.size(), 0u);
}

TEST(QueueConsumer, holds_no_more_than_fulfilment_has_places) {
    QueueWorld world({}, 4);
    world.fulfilment.hold();
    Relay relay = world.make_relay();
    const auto consumer = world.make_consumer();
    for (int i = 0; i < 20; ++i) world.place("o-" + std::to_string(i));
    world.settle_down(relay, *consumer);
    EXPECT_EQ(world.fulfilment.held(), 4u);
    const auto rest = world.queue.receive(100, 0ms).value();
    EXPECT_EQ(rest.size(), 16u) << "what cannot be worked on is left for others";
}

TEST(QueueConsumer, receives_no_more_while_it_cannot_answer) {
    QueueWorld world;
    QueueConsumerOptions options = QueueWorld::step_options();
    options.deliveries.messages_max = 20;
    const auto consumer = world.make_consumer(options);
    for (int i = 0; i < 40; ++i) world.place("o-" + std::to_string(i));
    Relay relay = world.make_relay();
    static_cast<void>(relay.step());
    for (int i = 0; i < 10; ++i) {
        static_cast<void>(consumer->receive_step());
        static_cast<void>(consumer->work_step());
    }
    EXPECT_EQ(world.fulfilment.orders().size(), 20u);
    static_cast<void>(consumer->answer_step());
    world.settle_down(relay, *consumer);
    EXPECT_TRUE(world.all_processed_once(40));
}

TEST(QueueConsumer, places_are_free_for_fulfilment_before_their_messages_are_deleted) {
    QueueWorld world({}, 4);
    const auto consumer = world.make_consumer();
    for (int i = 0; i < 8; ++i) world.place("o-" + std::to_string(i));
    Relay relay = world.make_relay();
    static_cast<void>(relay.step());
    for (int i = 0; i < 5; ++i) {
        static_cast<void>(consumer->receive_step());
        static_cast<void>(consumer->work_step());
    }
    EXPECT_EQ(world.fulfilment.orders().size(), 8u);
}

TEST(QueueConsumer, processes_everything_once_after_the_queue_was_away_for_long) {
    QueueWorld world;
    Relay relay = world.make_relay();
    const auto consumer = world.make_consumer();
    for (int i = 0; i < 10; ++i) world.place("o-" + std::to_string(i));
    static_cast<void>(relay.step());
    receive_and_claim(*consumer);
    world.queue.go_away();  // while ten are worked on
    for (int i = 10; i < 60; ++i) world.place("o-" + std::to_string(i));
    world.pass(relay, *consumer, 10min);
    EXPECT_EQ(world.fulfilment.orders().size(), 10u);
    EXPECT_LT(world.queue.calls("receive"), 200u);
    EXPECT_LT(world.queue.calls("send"), 200u);
    world.queue.come_back();
    world.pass(relay, *consumer, 60s);
    EXPECT_TRUE(world.all_processed_once(60));
    EXPECT_EQ(world.queue.size(), 0u);
    for (const auto& event : world.log.events_named("queue-away")) {
        EXPECT_EQ(event.fields.at("error"), "The queue is away.");
    }
    EXPECT_EQ(world.log.count("queue-away"), world.log.count("queue-back"));
    EXPECT_LE(world.log.count("queue-away"), 3u) << "once for each kind of call";
}

TEST(QueueConsumer, what_the_queue_lost_or_was_emptied_of_is_sent_again) {
    QueueWorld world;
    Relay relay = world.make_relay();
    const auto consumer = world.make_consumer();
    world.queue.lose_next(5);
    for (int i = 0; i < 10; ++i) world.place("o-" + std::to_string(i));
    static_cast<void>(relay.step());
    world.queue.empty();
    world.pass(relay, *consumer, 29s);
    EXPECT_EQ(world.fulfilment.orders().size(), 0u);
    world.pass(relay, *consumer, 2s);
    EXPECT_TRUE(world.all_processed_once(10));
}

TEST(QueueConsumer, repeats_a_delete_that_failed_and_gives_it_up_after_some_tries) {
    QueueWorld world;
    const auto consumer = world.make_consumer();
    send_one(world);
    receive_and_claim(*consumer);
    static_cast<void>(consumer->work_step());
    world.queue.go_away();
    for (int i = 0; i < 10; ++i) world.clock.advance(std::max(consumer->answer_step(), 1'000ms));
    EXPECT_EQ(world.queue.calls("ack"), static_cast<std::size_t>(QueueDeliveries::Options{}.ack_tries_max));

    world.queue.come_back();
    Relay relay = world.make_relay();
    world.pass(relay, *consumer, 16s);
    EXPECT_TRUE(world.all_processed_once(1));
    EXPECT_EQ(world.queue.size(), 0u);
}

TEST(QueueConsumer, does_not_ask_a_queue_that_answers_at_once_in_a_circle) {
    QueueWorld world;
    const auto consumer = world.make_consumer();
    EXPECT_GT(consumer->receive_step(), 0ms);
}

// A queue whose calls throw, as a bug in its adapter would.
class ThrowingQueue : public testing::FakeQueue {
public:
    using FakeQueue::FakeQueue;
    Result<std::vector<ReceivedMessage>> receive(std::size_t, Milliseconds) override {
        throw std::runtime_error("a bug in the queue");
    }
};

TEST(QueueConsumer, takes_an_exception_of_the_queue_as_an_outage) {
    QueueWorld world;
    ThrowingQueue queue(world.clock);
    QueueConsumer consumer(QueueWorld::step_options(), queue, world.processing, world.store, world.clock, world.log,
                           world.metrics, world.signal);
    EXPECT_GE(consumer.receive_step(), WorkPolicy{}.backoff_min);
    EXPECT_GT(consumer.receive_step(), 0ms);
    EXPECT_EQ(world.log.count("queue-away"), 1u);
}

// ---- threads

struct Running {
    explicit Running(QueueWorld& world, Milliseconds drain_max = 1h, QueueConsumerOptions options = {})
        : relay(world.make_relay()) {
        options.deliveries.long_poll = 50ms;
        options.loop.poll_every = 1h;
        consumer = world.make_consumer(options);
        relay_thread = std::jthread([this](const std::stop_token& stop) { relay.run(stop); });
        thread = std::jthread([this, drain_max](const std::stop_token& stop) { consumer->run(stop, drain_max); });
    }
    Relay relay;
    std::unique_ptr<QueueConsumer> consumer;
    std::jthread relay_thread;
    std::jthread thread;
};

TEST(QueueConsumer, works_on_threads_and_is_woken_by_each_message) {
    QueueWorld world;
    const Running running(world);
    for (std::size_t i = 1; i <= 5; ++i) {
        world.place("o-" + std::to_string(i));
        world.signal.notify(orders);
        ASSERT_TRUE(world.fulfilment.wait_for_orders(i));
        ASSERT_TRUE(world.queue.wait_until_empty());
    }
    EXPECT_TRUE(world.all_processed_once(5));
}

TEST(QueueConsumer, finishes_what_is_in_flight_when_it_is_stopped_and_begins_nothing_more) {
    QueueWorld world;
    world.fulfilment.hold();
    Running running(world);
    send_one(world);
    ASSERT_TRUE(world.fulfilment.wait_for_orders(1));
    ASSERT_TRUE(world.queue.wait_for_receiver());
    running.relay_thread.request_stop();
    running.relay_thread.join();
    running.thread.request_stop();
    const QueueMessage late{process_work_id(world.place("o-2")), OrderId("o-2"), 1};
    ASSERT_TRUE(world.queue.send({&late, 1}).front());  // to the calls that wait
    world.fulfilment.release_all();
    running.thread.join();
    EXPECT_EQ(world.status(OrderId("o-1")), OrderStatus::processed);
    EXPECT_EQ(world.status(OrderId("o-2")), OrderStatus::pending);
    EXPECT_EQ(world.queue.size(), 1u) << "the first was deleted";
    EXPECT_EQ(world.queue.receive(10, 0ms).value().size(), 1u) << "the other is there for others at once";
}

TEST(QueueConsumer, gives_the_last_answers_before_it_ends) {
    QueueWorld world;
    {
        QueueConsumerOptions options;
        options.answerers = 0;  // as when they are stopped before their turn
        const Running running(world, 1h, options);
        send_one(world);
        ASSERT_TRUE(world.fulfilment.wait_for_orders(1));
    }
    EXPECT_EQ(world.status(OrderId("o-1")), OrderStatus::processed);
    EXPECT_EQ(world.queue.size(), 0u);
}

TEST(QueueConsumer, leaves_lease_and_message_of_what_does_not_end_in_time) {
    QueueWorld world;
    world.fulfilment.hold();
    {
        Running running(world, 0ms);
        send_one(world);
        ASSERT_TRUE(world.fulfilment.wait_for_orders(1));
    }
    EXPECT_EQ(world.status(OrderId("o-1")), OrderStatus::processing);
    EXPECT_EQ(world.queue.size(), 1u);
    world.fulfilment.release_all();
    Relay relay = world.make_relay();
    const auto next = world.make_consumer();
    world.pass(relay, *next, 16s);
    EXPECT_EQ(world.status(OrderId("o-1")), OrderStatus::processed);
    EXPECT_EQ(world.queue.size(), 0u);
}

TEST(QueueConsumer, a_stop_during_a_long_poll_ends_when_the_poll_does) {
    QueueWorld world;
    Running running(world);
    ASSERT_TRUE(world.queue.wait_for_receiver());
    running.thread.request_stop();
    running.thread.join();
    SUCCEED();
}

TEST(QueueConsumer, shows_what_it_has_not_begun_to_others_when_it_is_closed) {
    QueueWorld world;
    QueueDeliveries deliveries({.long_poll = 0ms}, {}, world.queue, world.store, world.clock, world.log);
    send_one(world);
    ASSERT_EQ(deliveries.receive().value(), 1u);
    deliveries.close();
    EXPECT_TRUE(deliveries.claim(10, 15s).value().work.empty());
    ASSERT_TRUE(deliveries.answer());
    EXPECT_EQ(world.queue.receive(10, 0ms).value().size(), 1u);
    EXPECT_EQ(deliveries.receive().value(), 0u);
}

}  // namespace
}  // namespace waybill::worker
