// Claims work of one kind, has it processed, keeps its leases and settles it.
//
// `step` does one round and never waits, so that a simulation can drive it; `run` calls it on a
// thread of its own and sleeps until there is something to do.
#pragma once

#include <memory>
#include <stop_token>

#include "app/processing.hpp"
#include "app/work_signal.hpp"
#include "app/work_source.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"
#include "ports/store.hpp"

namespace waybill::worker {

struct WorkLoopOptions {
    std::size_t batch_max = 2'048;  // items claimed or settled in one commit
    Milliseconds poll_every{500};   // finds retries that have come due, and work of other processes
};

class WorkLoop {
public:
    // Takes what is due from the store.
    WorkLoop(WorkKind kind, WorkLoopOptions options, Processing& processing, Store& store, Clock& clock, Log& log,
             Metrics& metrics, WorkSignal& signal);
    // `source` hands out items of `kind` only, and outlives the loop.
    WorkLoop(WorkKind kind, WorkLoopOptions options, Processing& processing, WorkSource& source, Clock& clock, Log& log,
             Metrics& metrics, WorkSignal& signal);
    ~WorkLoop();

    // One round: settle what has finished, extend leases that are due, claim up to the free places.
    // Returns how long the next round may wait.
    Milliseconds step();

    // Until a stop is requested; then claims nothing more, waits for what is in flight no longer
    // than `drain_max`, and settles it. What is still out keeps its lease.
    void run(std::stop_token stop, Milliseconds drain_max);

    // Whether fulfilment, or the carrier, gave no answer to the try that ended last. From any thread.
    [[nodiscard]] bool is_unanswered() const;

private:
    class State;
    std::unique_ptr<WorkSource> store_work_;  // empty where the source is another's
    std::shared_ptr<State> state_;            // shared with tries that end after the loop has gone
};

}  // namespace waybill::worker
