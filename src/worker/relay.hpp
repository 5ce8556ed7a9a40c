// Sends process_order items of the store to the queue.
//
// Marks first and sends only what it won, so that relays of several processes never send the same
// item together. One that dies between mark and send, or whose answer is lost, has lost nothing: what
// is not settled after `resend_after` is sent again, and a copy finds its order done or held.
#pragma once

#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "app/work_signal.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"
#include "ports/queue.hpp"
#include "ports/store.hpp"
#include "worker/outage.hpp"

namespace waybill::worker {

struct RelayOptions {
    std::size_t mark_max = 240;  // items of one commit
    std::size_t send_max = 80;   // messages of one call, after which a stop is heard
    std::size_t probe_max = 10;  // messages of a call that asks whether the queue is back
    std::size_t window = 1'000;  // items sent and not finished; the rest waits in the store
    Milliseconds resend_after{30'000};
    Milliseconds poll_every{500};  // finds retries that have come due, and orders of other processes
};

// Of one thread; several relays of a store may run side by side.
class Relay {
public:
    Relay(const RelayOptions& options, const WorkPolicy& policy, Store& store, Queue& queue, Clock& clock, Log& log,
          WorkSignal& signal);

    // One round: marks, sends, gives back what the queue refused. Returns how long the next may
    // wait. After a stop nothing more is sent.
    Milliseconds step(const std::stop_token& stop = {});

    // Until a stop is requested; woken by orders that were placed in this process.
    void run(std::stop_token stop);

    // Whether the queue did not take what was last sent. From any thread.
    [[nodiscard]] bool queue_is_away() const { return queue_outage_.is_on(); }

private:
    struct Sent {
        std::size_t accepted = 0;
        std::vector<SentWork> refused;
        std::optional<std::string> problem;  // of the last that was not accepted
        bool stopped = false;
    };
    Milliseconds relay(const std::stop_token& stop);
    Sent send(const std::vector<SentWork>& won, const std::stop_token& stop);
    std::size_t send_some(std::span<const SentWork> some, Sent& sent);

    const RelayOptions options_;
    Store& store_;
    Queue& queue_;
    Log& log_;
    WorkSignal& signal_;
    Outage store_outage_;
    Outage queue_outage_;
};

}  // namespace waybill::worker
