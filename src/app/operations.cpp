#include "app/operations.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace waybill {

Operations::Operations(Store& store, Clock& clock, Metrics& metrics, WorkSignal& signal)
    : store_(store), clock_(clock), metrics_(metrics), signal_(signal), started_(clock.steady_now()) {}

Result<Page<DeadLetter>> Operations::list_dead_letters(const std::optional<PageKey>& after, std::size_t limit) {
    limit = std::clamp<std::size_t>(limit, 1, page_limit_max);
    Result<std::vector<DeadLetter>> rows = store_.list_dead_letters(after, limit + 1);
    if (!rows) return fail(std::move(rows.error()));
    return make_page(std::move(*rows), limit, [](const DeadLetter& letter) {
        return PageKey{letter.created_at, letter.id.text};
    });
}

Result<DeadLetter> Operations::requeue_dead_letter(const WorkId& id) {
    Result<DeadLetter> letter = store_.requeue_dead_letter(id);
    if (letter) signal_.notify(WorkKind::send_mail);
    return letter;
}

Result<DeadLetter> Operations::discard_dead_letter(const WorkId& id) { return store_.discard_dead_letter(id); }

Result<Figures> Operations::figures() {
    Result<StoreStats> stats = store_.stats();
    if (!stats) return fail(std::move(stats.error()));
    Figures figures;
    figures.store = std::move(*stats);
    figures.uptime = std::chrono::duration_cast<Milliseconds>(clock_.steady_now() - started_);
    figures.counts_since_start = {
        {"ordersPlaced", metrics_.orders_placed.Value()},
        {"ordersReplayed", metrics_.orders_replayed.Value()},
        {"ordersRefused", metrics_.orders_refused.Value()},
        {"stockRefusals", metrics_.stock_refusals.Value()},
        {"ordersOverloaded", metrics_.orders_overloaded.Value()},
        {"ordersOutcomeUnknown", metrics_.orders_outcome_unknown.Value()},
        {"ordersProcessed", metrics_.orders_processed.Value()},
        {"ordersFailed", metrics_.orders_failed.Value()},
        {"ordersCancelled", metrics_.orders_cancelled.Value()},
        {"workRetries", metrics_.work_retries.total()},
        {"workLeasesLost", metrics_.work_leases_lost.Value()},
        {"workCrashes", metrics_.work_crashes.Value()},
        {"deadLetters", metrics_.dead_letters.total()},
        {"mailsSent", metrics_.mails_sent.Value()},
        {"cacheHits", metrics_.cache_hits.Value()},
        {"cacheMisses", metrics_.cache_misses.Value()},
    };
    const prometheus::ClientMetric::Histogram batches = metrics_.order_batch_size.Collect().histogram;
    figures.order_batches = static_cast<double>(batches.sample_count);
    figures.order_batch_size_mean = batches.sample_count > 0 ? batches.sample_sum / figures.order_batches : 0;
    return figures;
}

Result<void> Operations::read_store_figures() {
    Result<StoreStats> stats = store_.stats();
    if (!stats) return fail(std::move(stats.error()));
    for (const WorkKind kind : {WorkKind::process_order, WorkKind::send_mail}) {
        const WorkDepth depth = stats->work[kind];
        metrics_.work_items(kind).Set(static_cast<double>(depth.count));
        metrics_.work_oldest_age_seconds(kind).Set(std::chrono::duration<double>(depth.oldest_age).count());
    }
    metrics_.dead_letters_kept.Set(static_cast<double>(stats->dead_letters));
    return {};
}

void Operations::read_journal_figure() {
    if (const std::optional<std::size_t> orders = store_.orders_in_journal()) metrics_.set_orders_in_journal(*orders);
}

Result<void> Operations::check_store() { return store_.ping(); }

}  // namespace waybill
