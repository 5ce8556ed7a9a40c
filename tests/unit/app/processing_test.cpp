#include "app/processing.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/unit/worker/work_world.hpp"

namespace waybill {
namespace {

using testing::FlakyStore;
using testing::WorkWorld;

constexpr WorkKind orders = WorkKind::process_order;
constexpr WorkKind mails = WorkKind::send_mail;

std::vector<ClaimedWork> claim(WorkWorld& world, WorkKind kind = orders) {
    return world.memory.claim_work(kind, 100, WorkPolicy{}.lease).value();
}

// What one begin() brings, which is at once with these doubles.
FinishedTry try_one(WorkWorld& world, ClaimedWork work) {
    std::vector<FinishedTry> ended;
    world.processing.begin(std::move(work), [&](FinishedTry one) { ended.push_back(std::move(one)); });
    EXPECT_EQ(ended.size(), 1u);
    return ended.at(0);
}

TEST(Processing, has_the_places_of_its_adapters) {
    WorkWorld world({}, 7);
    EXPECT_EQ(world.processing.in_flight_max(orders), 7u);
    EXPECT_EQ(world.processing.in_flight_max(mails), share_places(7).orders);
}

TEST(Processing, hands_an_order_to_fulfilment_and_a_mail_to_the_mailer) {
    WorkWorld world;
    world.place("o-1");
    FinishedTry ended = try_one(world, claim(world).at(0));
    EXPECT_EQ(ended.outcome, TryOutcome::done);
    EXPECT_EQ(world.fulfilment.orders().at(0).status, OrderStatus::processing);
    EXPECT_TRUE(world.processing.settle(orders, {ended}).unwritten.empty());

    ended = try_one(world, claim(world, mails).at(0));
    EXPECT_EQ(ended.outcome, TryOutcome::done);
    EXPECT_TRUE(world.processing.settle(mails, {ended}).unwritten.empty());
    EXPECT_EQ(world.mailer.mails().at(0).identity, "o-1-processed");
    EXPECT_EQ(world.waiting(mails), 0);
    EXPECT_EQ(world.metrics.orders_processed.Value(), 1);
    EXPECT_EQ(world.metrics.mails_sent.Value(), 1);
}

// Beside the values of their own, so that one search finds all that happened to an order.
TEST(Processing, every_line_about_an_order_names_its_trace) {
    WorkWorld world({.process_deadline = Milliseconds{1'000}, .attempts_max = 1});
    for (const std::string id : {"ok", "refused", "again", "lost", "crashed"}) world.place(id);
    world.fulfilment.answer_by([](const Order& order) -> FulfilmentResult {
        if (order.id.text == "crashed") throw std::runtime_error("broken");
        if (order.id.text == "refused") return {FulfilmentOutcome::refused, "No."};
        if (order.id.text == "again") return {FulfilmentOutcome::no_answer, "Silence."};
        return {FulfilmentOutcome::accepted, ""};
    });
    std::vector<FinishedTry> tries;
    for (ClaimedWork& work : claim(world)) {
        tries.push_back(try_one(world, std::move(work)));
        if (tries.back().work.order.id.text == "lost") tries.back().work.lease.epoch += 1;
    }
    (void)world.processing.settle(orders, std::move(tries));
    for (ClaimedWork& work : claim(world, mails)) {
        (void)world.processing.settle(mails, {try_one(world, std::move(work))});
    }
    for (const std::string name : {"order-processed", "order-failed", "work-retried", "lease-lost", "work-crashed",
                                   "dead-letter", "mail-sent"}) {
        const auto lines = world.log.events_named(name);
        EXPECT_FALSE(lines.empty()) << name;
        for (const auto& line : lines) EXPECT_EQ(line.fields.at("trace_id"), trace_id_text(WorkWorld::trace)) << name;
    }
}

TEST(Processing, tells_what_an_adapter_answered) {
    WorkWorld world;
    world.place("o-1");
    const ClaimedWork work = claim(world).at(0);
    world.fulfilment.answer_next({FulfilmentOutcome::refused, "No."});
    world.fulfilment.answer_next({FulfilmentOutcome::no_answer, "Silence."});
    FinishedTry ended = try_one(world, work);
    EXPECT_EQ(ended.outcome, TryOutcome::refused);
    EXPECT_EQ(ended.reason, "No.");
    ended = try_one(world, work);
    EXPECT_EQ(ended.outcome, TryOutcome::no_answer);
    EXPECT_EQ(ended.reason, "Silence.");
}

TEST(Processing, an_exception_is_a_crash_and_its_words_stay_in_the_log) {
    WorkWorld world;
    world.place("o-1");
    world.fulfilment.answer_by([](const Order&) -> FulfilmentResult { throw std::runtime_error("a bug"); });
    const FinishedTry ended = try_one(world, claim(world).at(0));
    EXPECT_EQ(ended.outcome, TryOutcome::crashed);
    EXPECT_EQ(ended.reason.find("a bug"), std::string::npos);
    ASSERT_EQ(world.log.count("work-crashed"), 1u);
    EXPECT_EQ(world.log.events_named("work-crashed")[0].fields.at("error"), "a bug");
    EXPECT_EQ(world.metrics.work_crashes.Value(), 1);
}

// Answers, and then throws: that must not answer twice.
class AnsweringAndThrowing : public Fulfilment {
public:
    void fulfil(const Order& /*order*/, Done done) override {
        done({FulfilmentOutcome::accepted, {}});
        throw std::runtime_error("too late");
    }
    [[nodiscard]] std::size_t in_flight_max() const override { return 1; }
};

TEST(Processing, answers_once_for_an_adapter_that_throws_after_its_answer) {
    WorkWorld world;
    AnsweringAndThrowing fulfilment;
    Processing processing({}, world.store, fulfilment, world.mailer, world.renderer, world.clock, world.log,
                          world.metrics, world.signal);
    world.place("o-1");
    std::vector<TryOutcome> outcomes;
    processing.begin(claim(world).at(0), [&](const FinishedTry& ended) { outcomes.push_back(ended.outcome); });
    EXPECT_EQ(outcomes, std::vector<TryOutcome>{TryOutcome::done});
}

TEST(Processing, does_not_try_an_item_without_attempts_left) {
    WorkWorld world;
    world.place("o-1");
    ClaimedWork work = claim(world).at(0);
    work.attempts = WorkPolicy{}.attempts_max;
    const FinishedTry ended = try_one(world, work);
    EXPECT_EQ(ended.outcome, TryOutcome::crashed);
    EXPECT_TRUE(world.fulfilment.orders().empty());
    EXPECT_TRUE(world.processing.settle(orders, {ended}).unwritten.empty());
    ASSERT_EQ(world.dead_letters().size(), 1u);
    EXPECT_EQ(world.dead_letters()[0].attempts, WorkPolicy{}.attempts_max);
    EXPECT_EQ(world.metrics.dead_letters.total(), 1);
    EXPECT_EQ(world.metrics.orders_failed.Value(), 1);
}

TEST(Processing, settles_all_of_a_kind_in_one_commit) {
    WorkWorld world;
    for (int i = 0; i < 5; ++i) world.place("o-" + std::to_string(i));
    std::vector<FinishedTry> ended;
    for (ClaimedWork& work : claim(world)) ended.push_back({std::move(work), TryOutcome::done, ""});
    ended[1].outcome = TryOutcome::no_answer;
    ended[3].outcome = TryOutcome::no_answer;
    ended[4].outcome = TryOutcome::refused;
    EXPECT_TRUE(world.processing.settle(orders, std::move(ended)).unwritten.empty());
    EXPECT_EQ(world.store.calls("settle_orders"), 1u);
    EXPECT_EQ(world.store.calls("retry_at"), 1u);
    EXPECT_EQ(world.metrics.orders_processed.Value(), 2);
    EXPECT_EQ(world.metrics.orders_failed.Value(), 1);
    EXPECT_EQ(world.metrics.work_retries.total(), 2);
}

TEST(Processing, an_empty_round_asks_nothing_of_the_store) {
    WorkWorld world;
    EXPECT_TRUE(world.processing.settle(orders, {}).unwritten.empty());
    EXPECT_EQ(world.store.calls("settle_orders"), 0u);
    EXPECT_EQ(world.store.calls("retry_at"), 0u);
}

TEST(Processing, wakes_the_mail_loop_when_an_order_is_or_may_be_settled) {
    WorkWorld world;
    world.place("o-1");
    const ClaimedWork work = claim(world).at(0);
    world.store.fail_next("settle_orders", 1, FlakyStore::Failure::after);
    EXPECT_EQ(world.processing.settle(orders, {{work, TryOutcome::done, ""}}).unwritten.size(), 1u);
    EXPECT_TRUE(world.wakes(mails));

    world.place("o-2");
    EXPECT_TRUE(world.processing.settle(orders, {{claim(world).at(0), TryOutcome::done, ""}}).unwritten.empty());
    EXPECT_TRUE(world.wakes(mails));
}

TEST(Processing, returns_what_could_not_be_written_and_can_be_later) {
    for (const auto failure : {FlakyStore::Failure::before, FlakyStore::Failure::after}) {
        WorkWorld world;
        world.place("o-1");
        const ClaimedWork work = claim(world).at(0);
        world.store.fail_next("settle_orders", 1, failure);
        std::vector<FinishedTry> unwritten = world.processing.settle(orders, {{work, TryOutcome::done, ""}}).unwritten;
        ASSERT_EQ(unwritten.size(), 1u);
        EXPECT_EQ(unwritten[0].work.lease, work.lease);
        EXPECT_EQ(world.metrics.orders_processed.Value(), 0);
        EXPECT_TRUE(world.processing.settle(orders, std::move(unwritten)).unwritten.empty());
        EXPECT_EQ(world.status(OrderId("o-1")), OrderStatus::processed);
        EXPECT_EQ(world.waiting(mails), 1);
    }
}

TEST(Processing, drops_a_try_whose_lease_is_lost) {
    WorkWorld world;
    world.place("o-1");
    const ClaimedWork work = claim(world).at(0);
    world.clock.advance(WorkPolicy{}.lease + Milliseconds(1));
    const ClaimedWork later = claim(world).at(0);
    EXPECT_TRUE(world.processing.settle(orders, {{work, TryOutcome::done, ""}}).unwritten.empty());
    EXPECT_EQ(world.status(OrderId("o-1")), OrderStatus::processing);
    EXPECT_EQ(world.metrics.work_leases_lost.Value(), 1);
    EXPECT_EQ(world.metrics.orders_processed.Value(), 0);
    EXPECT_TRUE(world.processing.settle(orders, {{later, TryOutcome::done, ""}}).unwritten.empty());
    EXPECT_EQ(world.status(OrderId("o-1")), OrderStatus::processed);
}

// Throws for every batch in which one order is.
class PoisonedStore : public FlakyStore {
public:
    using FlakyStore::FlakyStore;
    std::vector<Result<void>> settle_orders(std::span<const OrderSettlement> settlements) override {
        for (const OrderSettlement& settlement : settlements) {
            if (settlement.order_id.text == "poison") throw std::runtime_error("a bug in the store");
        }
        return FlakyStore::settle_orders(settlements);
    }
};

TEST(Processing, one_settlement_that_throws_does_not_stop_its_neighbours) {
    WorkWorld world;
    PoisonedStore store(world.memory);
    Processing processing({}, store, world.fulfilment, world.mailer, world.renderer, world.clock, world.log,
                          world.metrics, world.signal);
    world.place("o-1");
    world.place("poison");
    world.place("o-2");
    std::vector<FinishedTry> ended;
    for (ClaimedWork& work : claim(world)) ended.push_back({std::move(work), TryOutcome::done, ""});
    EXPECT_TRUE(processing.settle(orders, std::move(ended)).unwritten.empty());
    EXPECT_EQ(world.status(OrderId("o-1")), OrderStatus::processed);
    EXPECT_EQ(world.status(OrderId("o-2")), OrderStatus::processed);
    EXPECT_EQ(world.status(OrderId("poison")), OrderStatus::processing);
    EXPECT_EQ(world.log.count("settle-failed"), 1u);
}

}  // namespace
}  // namespace waybill
