#include "worker/janitor.hpp"

#include <algorithm>

namespace waybill::worker {

namespace {

bool is_full(const SweepCounts& batch, std::size_t batch_max) {
    return std::max({batch.idempotency_records, batch.sessions, batch.dead_letters, batch.password_resets}) >=
           static_cast<std::int64_t>(batch_max);
}

void add(SweepCounts& total, const SweepCounts& batch) {
    total.idempotency_records += batch.idempotency_records;
    total.sessions += batch.sessions;
    total.dead_letters += batch.dead_letters;
    total.password_resets += batch.password_resets;
}

}  // namespace

SweepCounts sweep(Store& store, const JanitorOptions& options, Log& log) {
    SweepCounts total;
    for (int i = 0; i < options.batches_max; ++i) {
        const Result<SweepCounts> batch = store.sweep(options.retention, options.batch_max);
        if (!batch) {
            log.write(LogLevel::warn, "sweep-failed", {{"error", batch.error().detail}});
            break;
        }
        add(total, *batch);
        if (!is_full(*batch, options.batch_max)) break;
    }
    if (total.total() > 0) {
        log.write(LogLevel::info, "swept",
                  {{"idempotency_records", std::to_string(total.idempotency_records)},
                   {"sessions", std::to_string(total.sessions)},
                   {"dead_letters", std::to_string(total.dead_letters)},
                   {"password_resets", std::to_string(total.password_resets)}});
    }
    return total;
}

}  // namespace waybill::worker
