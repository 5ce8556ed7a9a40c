#include "app/metrics.hpp"

#include <prometheus/text_serializer.h>

#include <array>
#include <utility>

namespace waybill {

namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Registry;
using Buckets = Histogram::BucketBoundaries;

// A batch holds 1 to 256 orders.
const Buckets batch_size_buckets{1, 2, 4, 8, 16, 32, 64, 128, 256};

// From a fast local sync to a replica set in trouble.
const Buckets commit_seconds_buckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

// From a folder of this machine to the timeout of a partner.
const Buckets try_seconds_buckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};

constexpr std::array outcomes{TryOutcome::done, TryOutcome::refused, TryOutcome::no_answer, TryOutcome::crashed};

std::string_view word_of(TryOutcome outcome) {
    switch (outcome) {
        case TryOutcome::done:
            return "done";
        case TryOutcome::refused:
            return "refused";
        case TryOutcome::no_answer:
            return "no_answer";
        case TryOutcome::crashed:
            return "crashed";
    }
    std::unreachable();
}

std::string kind_label(WorkKind kind) { return std::string(to_text(kind)); }

Counter& add_counter(Registry& registry, const char* name, const char* help, const prometheus::Labels& labels = {}) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

Gauge& add_gauge(Registry& registry, const char* name, const char* help, const prometheus::Labels& labels = {}) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
}

Histogram& add_histogram(Registry& registry, const char* name, const char* help, const Buckets& buckets,
                         const prometheus::Labels& labels = {}) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add(labels, buckets);
}

template <class Add>
auto for_kinds(const Add& add) {
    auto& orders = add(prometheus::Labels{{"kind", kind_label(WorkKind::process_order)}});
    return ByKind(orders, add(prometheus::Labels{{"kind", kind_label(WorkKind::send_mail)}}));
}

ByKind<Counter> add_counters(Registry& registry, const char* name, const char* help) {
    return for_kinds([&](const auto& labels) -> Counter& { return add_counter(registry, name, help, labels); });
}

ByKind<Gauge> add_gauges(Registry& registry, const char* name, const char* help) {
    return for_kinds([&](const auto& labels) -> Gauge& { return add_gauge(registry, name, help, labels); });
}

ByKind<Histogram> add_histograms(Registry& registry, const char* name, const char* help, const Buckets& buckets) {
    return for_kinds(
        [&](const auto& labels) -> Histogram& { return add_histogram(registry, name, help, buckets, labels); });
}

}  // namespace

Metrics::Metrics()
    : orders_placed(add_counter(registry, "waybill_orders_placed_total", "Orders placed.")),
      orders_replayed(add_counter(registry, "waybill_orders_replayed_total",
                                  "Order requests answered with the order of an earlier request.")),
      orders_refused(add_counter(registry, "waybill_orders_refused_total",
                                 "Order requests refused, by their content or for want of stock.")),
      stock_refusals(
          add_counter(registry, "waybill_stock_refusals_total", "Order requests refused for want of stock.")),
      orders_overloaded(add_counter(registry, "waybill_orders_overloaded_total",
                                    "Order requests answered 503 because the waiting room was full or the wait too "
                                    "long.")),
      orders_outcome_unknown(add_counter(registry, "waybill_orders_outcome_unknown_total",
                                         "Order requests answered 504: the order may have been placed.")),
      orders_processed(add_counter(registry, "waybill_orders_processed_total", "Orders that became Processed.")),
      orders_failed(add_counter(registry, "waybill_orders_failed_total", "Orders that became Failed.")),
      orders_cancelled(add_counter(registry, "waybill_orders_cancelled_total", "Orders that became Cancelled.")),
      order_batch_size(
          add_histogram(registry, "waybill_order_batch_size", "Orders committed together.", batch_size_buckets)),
      order_commit_seconds(add_histogram(registry, "waybill_order_commit_seconds", "Time of one commit of orders.",
                                         commit_seconds_buckets)),
      orders_waiting(add_gauge(registry, "waybill_orders_waiting", "Order requests that wait for their commit.")),
      work_retries(add_counters(registry, "waybill_work_retries_total", "Tries of work that will be repeated.")),
      dead_letters(add_counters(registry, "waybill_dead_letters_total", "Work items kept as dead letters.")),
      work_in_flight(add_gauges(registry, "waybill_work_in_flight", "Work items being tried by this process.")),
      work_try_seconds(add_histograms(registry, "waybill_work_try_seconds",
                                      "Time of one call of fulfilment, or of handing a mail to its carrier.",
                                      try_seconds_buckets)),
      work_leases_lost(add_counter(registry, "waybill_work_leases_lost_total",
                                   "Results dropped because their lease had passed to another worker.")),
      work_crashes(add_counter(registry, "waybill_work_crashes_total", "Tries of work that ended in an exception.")),
      mails_sent(add_counter(registry, "waybill_mails_sent_total", "Mails that their carrier accepted.")),
      work_items(add_gauges(registry, "waybill_work_items", "Work items of the store that are not finished.")),
      work_oldest_age_seconds(add_gauges(registry, "waybill_work_oldest_age_seconds",
                                         "Age of the oldest work item of the store that is not finished.")),
      dead_letters_kept(add_gauge(registry, "waybill_dead_letters_kept",
                                  "Dead letters of the store that nobody has requeued or discarded.")),
      store_commands(add_counter(registry, "waybill_store_commands_total", "Commands sent to MongoDB.")),
      cache_hits(add_counter(registry, "waybill_cache_hits_total", "Reads answered by the cache.")),
      cache_misses(add_counter(registry, "waybill_cache_misses_total", "Reads that the cache could not answer.")),
      last_round_(prometheus::BuildGauge()
                      .Name("waybill_work_last_round_timestamp_seconds")
                      .Help("When a worker's loop last began a round.")
                      .Register(registry)),
      orders_in_journal_(prometheus::BuildGauge()
                             .Name("waybill_orders_in_journal")
                             .Help("Orders that are durable in the journal and not in the tables yet.")
                             .Register(registry)),
      dependencies_(prometheus::BuildGauge()
                        .Name("waybill_dependency_up")
                        .Help("Whether a part that this process needs answered when it was last asked.")
                        .Register(registry)) {
    for (const TryOutcome outcome : outcomes) {
        work_tries_.push_back(for_kinds([&](prometheus::Labels labels) -> Counter& {
            labels.emplace("outcome", word_of(outcome));
            return add_counter(registry, "waybill_work_tries_total",
                               "Calls of fulfilment, and mails handed to their carrier.", labels);
        }));
    }
}

Counter& Metrics::work_tries(WorkKind kind, TryOutcome outcome) const {
    return work_tries_[static_cast<std::size_t>(outcome)](kind);
}

Gauge& Metrics::add_last_round(WorkKind kind) { return last_round_.Add({{"kind", kind_label(kind)}}); }

void Metrics::set_orders_in_journal(std::size_t orders) { orders_in_journal_.Add({}).Set(static_cast<double>(orders)); }

void Metrics::set_dependency(std::string_view dependency, bool is_up) {
    dependencies_.Add({{"dependency", std::string(dependency)}}).Set(is_up ? 1 : 0);
}

std::string Metrics::render() const {
    for (const auto& refresh : refreshes_) refresh();
    return prometheus::TextSerializer().Serialize(registry.Collect());
}

}  // namespace waybill
