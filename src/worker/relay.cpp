#include "worker/relay.hpp"

#include <algorithm>
#include <exception>
#include <span>
#include <utility>

namespace waybill::worker {

namespace {

std::vector<QueueMessage> messages_of(std::span<const SentWork> items) {
    std::vector<QueueMessage> messages;
    messages.reserve(items.size());
    for (const SentWork& item : items) {
        messages.push_back({item.work_id, item.order_id, item.send_number, item.trace});
    }
    return messages;
}

}  // namespace

Relay::Relay(const RelayOptions& options, const WorkPolicy& policy, Store& store, Queue& queue, Clock& clock, Log& log,
             WorkSignal& signal)
    : options_(options),
      store_(store),
      queue_(queue),
      log_(log),
      signal_(signal),
      store_outage_("relay-store", "mark", policy, clock, log),
      queue_outage_("queue", "send", policy, clock, log) {}

Milliseconds Relay::step(const std::stop_token& stop) {
    try {
        return relay(stop);
    } catch (const std::exception& problem) {
        // What was marked and not sent is sent again in time.
        log_.write(LogLevel::error, "relay-step-failed", {{"error", problem.what()}});
        return queue_outage_.failed(problem.what());
    }
}

Milliseconds Relay::relay(const std::stop_token& stop) {
    const Milliseconds left = std::max(store_outage_.left(), queue_outage_.left());
    if (left > Milliseconds::zero()) return left;

    // While the queue is away few ask for it, and the rest keeps its place in the store.
    const std::size_t max = queue_outage_.is_on() ? options_.probe_max : options_.mark_max;
#ifdef WAYBILL_MUTANT_PUBLISH_WITHOUT_OUTBOX
    const auto won = store_.mark_sent(max, options_.window, std::chrono::years(10));  // the queue keeps it
#else
    const auto won = store_.mark_sent(max, options_.window, options_.resend_after);
#endif
    if (!won) return store_outage_.failed(won.error().detail);
    store_outage_.succeeded();
    if (won->empty()) return options_.poll_every;

    const Sent sent = send(*won, stop);
    if (!sent.refused.empty()) {
        // Where this fails they are sent again in time.
        static_cast<void>(store_.return_unsent(sent.refused));
    }
    if (!sent.problem) {
        queue_outage_.succeeded();
        return won->size() == max && !sent.stopped ? Milliseconds::zero() : options_.poll_every;
    }
    return sent.accepted > 0 ? queue_outage_.failed_in_part(*sent.problem) : queue_outage_.failed(*sent.problem);
}

Relay::Sent Relay::send(const std::vector<SentWork>& won, const std::stop_token& stop) {
    Sent sent;
    std::span<const SentWork> rest = won;
    bool away = false;  // a queue that takes nothing is not asked for each of the others
    while (!rest.empty() && !away && !(sent.stopped = stop.stop_requested())) {
        const std::span<const SentWork> some = rest.first(std::min(options_.send_max, rest.size()));
        away = send_some(some, sent) == 0 && sent.problem;
        rest = rest.subspan(some.size());
    }
    sent.refused.insert(sent.refused.end(), rest.begin(), rest.end());
    return sent;
}

// Returns how many were accepted.
std::size_t Relay::send_some(std::span<const SentWork> some, Sent& sent) {
    const std::vector<Result<void>> results = queue_.send(messages_of(some));
    std::size_t accepted = 0;
    for (std::size_t i = 0; i < std::min(results.size(), some.size()); ++i) {
        if (results[i]) {
            ++accepted;
            continue;
        }
        sent.problem = results[i].error().detail;
        if (results[i].error().code != ErrorCode::outcome_unknown) sent.refused.push_back(some[i]);
    }
    sent.accepted += accepted;
    return accepted;
}

void Relay::run(std::stop_token stop) {
    while (!stop.stop_requested()) {
        const Milliseconds pause = step(stop);
        if (pause > Milliseconds::zero()) signal_.wait(WorkKind::process_order, pause, stop);
    }
}

}  // namespace waybill::worker
