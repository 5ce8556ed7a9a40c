// What the process counts about itself, in the Prometheus text format at /metrics.
//
// References are fetched once and kept; counting is lock-free. Names follow the Prometheus naming
// rules: waybill_<what>_<unit>_total.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <string>

namespace waybill {

// Declared before the references below, which point into it.
struct MetricsRegistry {
    prometheus::Registry registry;
};

class Metrics : private MetricsRegistry {
public:
    Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    // orders
    prometheus::Counter& orders_placed;
    prometheus::Counter& orders_replayed;
    prometheus::Counter& orders_refused;
    prometheus::Counter& orders_overloaded;       // answered 503 by the intake
    prometheus::Counter& orders_outcome_unknown;  // answered 504
    prometheus::Counter& orders_processed;
    prometheus::Counter& orders_failed;
    prometheus::Counter& orders_cancelled;
    prometheus::Histogram& order_batch_size;
    prometheus::Histogram& order_commit_seconds;
    prometheus::Gauge& orders_waiting;
    // work
    prometheus::Counter& work_retries;
    prometheus::Counter& work_leases_lost;
    prometheus::Counter& work_crashes;
    prometheus::Counter& dead_letters;
    prometheus::Counter& mails_sent;
    prometheus::Gauge& work_in_flight;
    // the store on MongoDB
    prometheus::Counter& store_commands;
    // cache
    prometheus::Counter& cache_hits;
    prometheus::Counter& cache_misses;

    // For families with labels of their own (requests by route and status).
    [[nodiscard]] prometheus::Registry& families() { return registry; }

    [[nodiscard]] std::string render() const;
};

}  // namespace waybill
