#include "app/metrics.hpp"

#include <prometheus/text_serializer.h>

namespace waybill {

namespace {

using prometheus::Registry;

// A batch holds 1 to 256 orders.
const prometheus::Histogram::BucketBoundaries batch_size_buckets{1, 2, 4, 8, 16, 32, 64, 128, 256};

// From a fast local sync to a replica set in trouble.
const prometheus::Histogram::BucketBoundaries commit_seconds_buckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                                     0.1,    0.25,  0.5,    1,     2.5,  5,     10};

prometheus::Counter& add_counter(Registry& registry, const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Gauge& add_gauge(Registry& registry, const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Histogram& add_histogram(Registry& registry, const char* name, const char* help,
                                     const prometheus::Histogram::BucketBoundaries& buckets) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets);
}

}  // namespace

Metrics::Metrics()
    : orders_placed(add_counter(registry, "waybill_orders_placed_total", "Orders placed.")),
      orders_replayed(add_counter(registry, "waybill_orders_replayed_total",
                                  "Order requests answered with the order of an earlier request.")),
      orders_refused(add_counter(registry, "waybill_orders_refused_total",
                                 "Order requests refused, by their content or for want of stock.")),
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
      work_retries(add_counter(registry, "waybill_work_retries_total", "Tries of work that will be repeated.")),
      work_leases_lost(add_counter(registry, "waybill_work_leases_lost_total",
                                   "Results dropped because their lease had passed to another worker.")),
      work_crashes(add_counter(registry, "waybill_work_crashes_total", "Tries of work that ended in an exception.")),
      dead_letters(add_counter(registry, "waybill_dead_letters_total", "Work items kept as dead letters.")),
      mails_sent(add_counter(registry, "waybill_mails_sent_total", "Mails that their carrier accepted.")),
      work_in_flight(add_gauge(registry, "waybill_work_in_flight", "Work items being tried.")),
      store_commands(add_counter(registry, "waybill_store_commands_total", "Commands sent to MongoDB.")),
      cache_hits(add_counter(registry, "waybill_cache_hits_total", "Reads answered by the cache.")),
      cache_misses(add_counter(registry, "waybill_cache_misses_total", "Reads that the cache could not answer.")) {}

std::string Metrics::render() const { return prometheus::TextSerializer().Serialize(registry.Collect()); }

}  // namespace waybill
