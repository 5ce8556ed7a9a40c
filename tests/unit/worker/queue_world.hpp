// A WorkWorld whose orders travel through a queue.
#pragma once

#include "tests/support/fake_queue.hpp"
#include "tests/unit/worker/work_world.hpp"
#include "worker/queue_consumer.hpp"
#include "worker/relay.hpp"

namespace waybill::testing {

struct QueueWorld : WorkWorld {
    using WorkWorld::WorkWorld;

    // Calls that do not wait for messages, so that steps take no time.
    static worker::QueueConsumerOptions step_options() {
        worker::QueueConsumerOptions options;
        options.deliveries.long_poll = Milliseconds{0};
        return options;
    }

    worker::Relay make_relay(const worker::RelayOptions& options = {}) {
        return {options, processing.policy(), store, queue, clock, log, signal};
    }
    worker::Relay make_relay(Queue& other, const worker::RelayOptions& options) {
        return {options, processing.policy(), store, other, clock, log, signal};
    }

    std::unique_ptr<worker::QueueConsumer> make_consumer(const worker::QueueConsumerOptions& options = step_options()) {
        return std::make_unique<worker::QueueConsumer>(options, queue, processing, store, clock, log, metrics, signal);
    }

    // Rounds of all until nothing more happens at this moment.
    void settle_down(worker::Relay& relay, worker::QueueConsumer& consumer) {
        for (int round = 0; round < 40; ++round) {
            const Milliseconds none{0};
            bool busy = relay.step() == none;
            busy = consumer.receive_step() == none || busy;
            busy = consumer.work_step() == none || busy;
            busy = consumer.answer_step() == none || busy;
            if (!busy) return;
        }
        throw std::logic_error("it never comes to rest");
    }

    // The same, second by second.
    void pass(worker::Relay& relay, worker::QueueConsumer& consumer, Milliseconds time) {
        settle_down(relay, consumer);
        for (Milliseconds passed{}; passed < time; passed += std::chrono::seconds(1)) {
            clock.advance(std::chrono::seconds(1));
            settle_down(relay, consumer);
        }
    }

    // What the worker of a dead process may leave behind is allowed; a second decision is not.
    [[nodiscard]] bool all_processed_once(std::size_t orders) {
        if (waiting(WorkKind::process_order) != 0) return false;
        if (fulfilment.orders().size() != orders) return false;
        for (const Order& order : fulfilment.orders()) {
            if (status(order.id) != OrderStatus::processed) return false;
        }
        return waiting(WorkKind::send_mail) == static_cast<std::int64_t>(orders);
    }

    FakeQueue queue{clock};
};

}  // namespace waybill::testing
