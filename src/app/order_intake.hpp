// The bounded waiting room in front of the store: one batch is all that arrived during the last
// commit. Where the store's pace says that an order would wait longer than its bound, it is refused at
// once, so that those which are admitted are answered soon.
//
// Batches are committed one at a time, in the order of arrival. That also settles twins (requests
// with the same user and idempotency key): a later one waits behind the first, and the store replays
// or refuses it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "app/metrics.hpp"
#include "app/work_signal.hpp"
#include "domain/error.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"
#include "ports/store.hpp"

namespace waybill {

// Thread-safe.
class OrderIntake {
public:
    struct Options {
        std::size_t waiting_max = 4'096;
        // An order may expect to be answered by then; as many as fit into one batch are admitted anyhow.
        Milliseconds wait_max{200};
        std::size_t batch_orders_max = 256;
        std::size_t batch_bytes_max = 4u << 20;
        Milliseconds request_deadline{10'000};
        // For a store whose batch costs many round trips, whatever its size: how long the next batch
        // may wait for the customers of the last one to come back; a quarter of the time that a
        // commit takes, at most. Whoever is alone waits for nobody.
        Milliseconds gather_max{0};
    };
    // `done` is called exactly once, from any thread, and must not block.
    using Done = std::move_only_function<void(Result<PlacedOrder>)>;

    OrderIntake(Options options, Store& store, Clock& clock, Log& log, Metrics& metrics, WorkSignal& signal);
    ~OrderIntake();

    // `size` is the size of the request in bytes. Refuses with `overloaded` when the room is full, the
    // wait would be too long or the intake is closed.
    void submit(NewOrder order, std::size_t size, Done done);

    // Commits one batch of what waits; false when nothing waited. An exception answers the whole
    // batch `outcome_unknown` and is logged.
    bool commit_batch();

    // Answers what has passed its deadline: `overloaded` where it still waits (or
    // `idempotency_in_progress` behind a twin), `outcome_unknown` where its batch has begun.
    void expire_overdue();

    // Commits batches on a thread of its own, and expires on another, until close().
    void start();

    // No new orders; returns when all that waited is answered. Idempotent.
    void close();

private:
    class State;
    std::unique_ptr<State> state_;
};

}  // namespace waybill
