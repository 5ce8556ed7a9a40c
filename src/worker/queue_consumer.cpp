#include "worker/queue_consumer.hpp"

#include <algorithm>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "ports/thread_name.hpp"
#include "worker/pause.hpp"

namespace waybill::worker {

namespace {

constexpr WorkKind kind = WorkKind::process_order;

// After a long poll that came back empty at once: a queue that does not wait is not asked in a circle.
constexpr Milliseconds short_poll_pause{100};

QueueDeliveries::Options bounded(QueueDeliveries::Options options, const Processing& processing) {
    options.claims_max = std::min(options.claims_max, processing.in_flight_max(kind));
    return options;
}

// How long a stop waits for messages to be deleted; those that are not come again and are found done.
constexpr Milliseconds last_answers_max{1'000};

// An exception of an adapter is one more way to fail.
template <class Call>
auto guarded(const Call& call) -> decltype(call()) {
    try {
        return call();
    } catch (const std::exception& problem) {
        return fail(ErrorCode::internal, problem.what());
    }
}

}  // namespace

QueueConsumer::QueueConsumer(const QueueConsumerOptions& options, Queue& queue, Processing& processing, Store& store,
                             Clock& clock, Log& log, Metrics& metrics, WorkSignal& work_done)
    : options_(options),
      clock_(clock),
      work_done_(work_done),
      deliveries_(bounded(options.deliveries, processing), processing.policy(), queue, store, clock, log),
      receive_outage_("queue", "receive", processing.policy(), clock, log),
      answer_outage_("queue", "answer", processing.policy(), clock, log),
      loop_(kind, options.loop, processing, deliveries_, clock, log, metrics, loop_signal_) {}

Milliseconds QueueConsumer::receive_step() {
    if (const Milliseconds left = receive_outage_.left(); left > Milliseconds::zero()) return left;
    const SteadyTime began = clock_.steady_now();
    const Result<std::size_t> received = guarded([this] { return deliveries_.receive(); });
    if (!received) return receive_outage_.failed(received.error().detail);
    receive_outage_.succeeded();
    if (*received > 0) {
        loop_signal_.notify(kind);
        return Milliseconds::zero();
    }
    const bool waited = clock_.steady_now() - began >= short_poll_pause;
    return waited ? Milliseconds::zero() : short_poll_pause;
}

Milliseconds QueueConsumer::work_step() { return loop_.step(); }

Milliseconds QueueConsumer::answer_step() {
    if (const Milliseconds left = answer_outage_.left(); left > Milliseconds::zero()) return left;
    const auto answered = guarded([this] { return deliveries_.answer(); });
    if (!answered) return answer_outage_.failed(answered.error().detail);
    answer_outage_.succeeded();
    if (answered->acked > 0) work_done_.notify(kind);
    return answered->more_wait ? Milliseconds::zero() : options_.loop.poll_every;
}

void QueueConsumer::run_receiver(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        deliveries_.wait_for_place(stop);
        if (stop.stop_requested()) return;
        if (const Milliseconds pause = receive_step(); pause > Milliseconds::zero()) pause_for(pause, stop);
    }
}

void QueueConsumer::run_answerer(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        deliveries_.wait_for_answer(stop);
        answer_step();
        if (const Milliseconds left = answer_outage_.left(); left > Milliseconds::zero()) pause_for(left, stop);
    }
}

void QueueConsumer::run(const std::stop_token& stop, Milliseconds drain_max) {
    std::vector<std::jthread> answerers;
    answerers.reserve(options_.answerers);
    for (std::size_t i = 0; i < options_.answerers; ++i) {
        answerers.emplace_back([this](const std::stop_token& ended) {
            name_thread("queue-answerer");
            run_answerer(ended);
        });
    }
    {
        std::vector<std::jthread> receivers;
        receivers.reserve(options_.receivers);
        for (std::size_t i = 0; i < options_.receivers; ++i) {
            receivers.emplace_back([this](const std::stop_token& ended) {
                name_thread("queue-receiver");
                run_receiver(ended);
            });
        }
        const std::stop_callback close(stop, [this, &receivers] {
            deliveries_.close();
            for (std::jthread& receiver : receivers) receiver.request_stop();
        });
        loop_.run(stop, drain_max);
    }
    const SteadyTime deadline = clock_.steady_now() + last_answers_max;
    for (std::jthread& answerer : answerers) answerer.request_stop();
    answerers.clear();
    answer_the_rest(deadline);
}

// As long as the queue takes it at once.
void QueueConsumer::answer_the_rest(SteadyTime deadline) {
    while (!answer_outage_.is_on() && clock_.steady_now() < deadline) {
        if (answer_step() > Milliseconds::zero()) return;
    }
}

}  // namespace waybill::worker
