// An item that keeps failing delays no other: neither while its call hangs, nor while it waits for its
// next try, nor after it. Each world has the same rules, with and without a queue.
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

#include "tests/unit/worker/queue_world.hpp"
#include "worker/work_loop.hpp"

namespace waybill::worker {
namespace {

using std::chrono_literals::operator""s;
using waybill::testing::QueueWorld;
using waybill::testing::WorkWorld;

// More than a claim takes in one round, so that poison stands in the first batch and in the next.
constexpr std::size_t batch_max = 4;
constexpr int seconds_of_retries = 90;

class StoreShop : public WorkWorld {
public:
    // All that can be done at this moment.
    void settle_down() {
        for (int rounds = 40; loop_.step() == Milliseconds{0};) {
            if (--rounds == 0) throw std::logic_error("it never comes to rest");
        }
    }

private:
    WorkLoop loop_{WorkKind::process_order, {.batch_max = batch_max}, processing, store, clock, log, metrics, signal};
};

class QueueShop : public QueueWorld {
public:
    void settle_down() { QueueWorld::settle_down(relay_, *consumer_); }

private:
    static QueueConsumerOptions small_batches() {
        QueueConsumerOptions options = step_options();
        options.loop.batch_max = batch_max;
        return options;
    }

    Relay relay_ = make_relay();
    std::unique_ptr<QueueConsumer> consumer_ = make_consumer(small_batches());
};

bool is_poison(const Order& order) { return order.id.text.starts_with("poison"); }

template <class Shop>
class Poison : public ::testing::Test {
protected:
    // Poison in front of, between and behind the others.
    void place_some(const std::string& name) {
        for (int i = 0; i < 6; ++i) {
            shop_.place((i % 3 == 0 ? "poison-" : "plain-") + name + "-" + std::to_string(i));
        }
    }

    void expect_others_done(const std::string& name) {
        for (const int i : {1, 2, 4, 5}) {
            const std::string id = "plain-" + name + "-" + std::to_string(i);
            EXPECT_EQ(shop_.status(OrderId{id}), OrderStatus::processed) << id;
        }
        EXPECT_EQ(shop_.status(OrderId{"poison-" + name + "-0"}), OrderStatus::processing);
    }

    Shop shop_;
};

using Shops = ::testing::Types<StoreShop, QueueShop>;
TYPED_TEST_SUITE(Poison, Shops);

TYPED_TEST(Poison, a_call_that_hangs_delays_no_other) {
    this->shop_.fulfilment.hold_those(is_poison);
    for (const std::string name : {"first", "second", "third"}) {
        this->place_some(name);
        this->shop_.settle_down();
        this->expect_others_done(name);
    }
    this->shop_.fulfilment.release_all();
}

TYPED_TEST(Poison, an_item_that_is_tried_again_and_again_delays_no_other) {
    this->shop_.fulfilment.answer_by([](const Order& order) -> FulfilmentResult {
        return {is_poison(order) ? FulfilmentOutcome::no_answer : FulfilmentOutcome::accepted, "It answered 500."};
    });
    for (int second = 0; second < seconds_of_retries; second += 10) {
        const std::string name = std::to_string(second);
        this->place_some(name);
        this->shop_.settle_down();
        this->expect_others_done(name);
        for (int i = 0; i < 10; ++i) {
            this->shop_.clock.advance(1s);
            this->shop_.settle_down();
        }
    }
}

TYPED_TEST(Poison, an_item_that_crashes_us_delays_no_other) {
    this->shop_.fulfilment.answer_by([](const Order& order) -> FulfilmentResult {
        if (is_poison(order)) throw std::runtime_error("a bug");
        return {FulfilmentOutcome::accepted, {}};
    });
    this->place_some("first");
    this->shop_.settle_down();
    this->expect_others_done("first");
}

}  // namespace
}  // namespace waybill::worker
