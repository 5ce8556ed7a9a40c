// What the process counts about itself, in the Prometheus text format at /metrics.
//
// References are fetched once and kept; counting is lock-free. Names follow the Prometheus naming
// rules: waybill_<what>_<unit>_total. What describes the store (items, ages, dead letters) is the same
// in every process of a shop: whoever reads it takes the greatest, and never the sum.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/time.hpp"
#include "domain/work.hpp"

namespace waybill {

// Declared before the references below, which point into it.
struct MetricsRegistry {
    prometheus::Registry registry;
};

// One for each kind of work.
template <class Metric>
class ByKind {
public:
    ByKind(Metric& orders, Metric& mails) : orders_(orders), mails_(mails) {}
    [[nodiscard]] Metric& operator()(WorkKind kind) const { return kind == WorkKind::process_order ? orders_ : mails_; }
    [[nodiscard]] double total() const { return orders_.Value() + mails_.Value(); }

private:
    Metric& orders_;
    Metric& mails_;
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
    prometheus::Counter& stock_refusals;          // of these, for want of stock
    prometheus::Counter& orders_overloaded;       // answered 503 by the intake
    prometheus::Counter& orders_outcome_unknown;  // answered 504
    prometheus::Counter& orders_processed;
    prometheus::Counter& orders_failed;
    prometheus::Counter& orders_cancelled;
    prometheus::Histogram& order_batch_size;
    prometheus::Histogram& order_commit_seconds;
    prometheus::Gauge& orders_waiting;
    // work
    ByKind<prometheus::Counter> work_retries;
    ByKind<prometheus::Counter> dead_letters;
    ByKind<prometheus::Gauge> work_in_flight;
    ByKind<prometheus::Histogram> work_try_seconds;
    prometheus::Counter& work_leases_lost;
    prometheus::Counter& work_crashes;
    prometheus::Counter& mails_sent;
    // the store, when it was last asked
    ByKind<prometheus::Gauge> work_items;
    ByKind<prometheus::Gauge> work_oldest_age_seconds;
    prometheus::Gauge& dead_letters_kept;
    // the store on MongoDB
    prometheus::Counter& store_commands;
    // cache
    prometheus::Counter& cache_hits;
    prometheus::Counter& cache_misses;

    // Tries by what became of them.
    [[nodiscard]] prometheus::Counter& work_tries(WorkKind kind, TryOutcome outcome) const;

    // For a loop that runs: a worker that has no such loop shows none, and so is not taken for one
    // that stands still.
    [[nodiscard]] prometheus::Gauge& add_last_round(WorkKind kind);

    // For a store with a journal; the others show none.
    void set_orders_in_journal(std::size_t orders);

    void set_dependency(std::string_view dependency, bool is_up);

    // For families with labels of their own (requests by route and status).
    [[nodiscard]] prometheus::Registry& families() { return registry; }

    // Called before each rendering, perhaps by several threads at once. Before the first rendering.
    void before_rendering(std::function<void()> refresh) { refreshes_.push_back(std::move(refresh)); }

    [[nodiscard]] std::string render() const;

private:
    std::vector<ByKind<prometheus::Counter>> work_tries_;  // by outcome
    prometheus::Family<prometheus::Gauge>& last_round_;
    prometheus::Family<prometheus::Gauge>& orders_in_journal_;
    prometheus::Family<prometheus::Gauge>& dependencies_;
    std::vector<std::function<void()>> refreshes_;
};

}  // namespace waybill
