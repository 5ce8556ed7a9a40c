// Deletes what has outlived its time, in bounded batches.
#pragma once

#include "ports/log.hpp"
#include "ports/store.hpp"

namespace waybill::worker {

struct JanitorOptions {
    Retention retention{};
    std::size_t batch_max = 500;
    int batches_max = 100;  // in one sweep
};

// Sweeps until a batch comes back less than full. Returns what was deleted.
SweepCounts sweep(Store& store, const JanitorOptions& options, Log& log);

}  // namespace waybill::worker
