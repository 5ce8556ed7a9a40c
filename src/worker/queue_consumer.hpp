// Works the orders whose ids a queue delivers: receives, claims by id, processes, keeps leases and
// messages, settles, and deletes each message after its settlement.
//
// The `_step` methods do one round each and start no thread, so that a simulation can drive them;
// `run` drives them on threads of its own.
#pragma once

#include <stop_token>

#include "app/queue_deliveries.hpp"
#include "worker/outage.hpp"
#include "worker/work_loop.hpp"

namespace waybill::worker {

struct QueueConsumerOptions {
    WorkLoopOptions loop;
    QueueDeliveries::Options deliveries;  // no more claims than fulfilment has places, whatever it says
    std::size_t receivers = 2;            // calls that wait for messages side by side
    std::size_t answerers = 2;            // calls that delete or hide messages side by side
};

class QueueConsumer {
public:
    // `work_done` is signalled when messages were deleted: the relay may send more.
    QueueConsumer(const QueueConsumerOptions& options, Queue& queue, Processing& processing, Store& store, Clock& clock,
                  Log& log, Metrics& metrics, WorkSignal& work_done);

    // Each returns how long the next round may wait. Only work_step is of one thread.
    Milliseconds receive_step();
    Milliseconds work_step();
    Milliseconds answer_step();

    // Until a stop is requested; then receives nothing more, gives back what was not begun, and
    // works on what is in flight no longer than `drain_max` (or one call of the queue, where that
    // takes longer).
    void run(const std::stop_token& stop, Milliseconds drain_max);

    // Whether the queue did not answer when it was last asked. From any thread.
    [[nodiscard]] bool queue_is_away() const { return receive_outage_.is_on(); }

    // As WorkLoop's.
    [[nodiscard]] bool is_unanswered() const { return loop_.is_unanswered(); }

private:
    void run_receiver(const std::stop_token& stop);
    void run_answerer(const std::stop_token& stop);
    void answer_the_rest(SteadyTime deadline);

    const QueueConsumerOptions options_;
    Clock& clock_;
    WorkSignal& work_done_;
    WorkSignal loop_signal_;  // its own: the process' signal wakes the relay
    QueueDeliveries deliveries_;
    Outage receive_outage_;
    Outage answer_outage_;
    WorkLoop loop_;  // last: its tries may end until it has gone
};

}  // namespace waybill::worker
