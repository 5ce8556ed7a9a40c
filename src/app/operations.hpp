// What an operator sees and does: dead letters and figures. Thread-safe; methods block on the store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "app/metrics.hpp"
#include "app/page.hpp"
#include "app/work_signal.hpp"
#include "ports/clock.hpp"
#include "ports/store.hpp"

namespace waybill {

struct Figures {
    StoreStats store;
    Milliseconds uptime{};
    std::map<std::string, double> counts_since_start;  // by the words of the wire, for example ordersPlaced
    double order_batches = 0;
    double order_batch_size_mean = 0;
};

class Operations {
public:
    Operations(Store& store, Clock& clock, Metrics& metrics, WorkSignal& signal);

    [[nodiscard]] Result<Page<DeadLetter>> list_dead_letters(const std::optional<PageKey>& after, std::size_t limit);

    // Errors: not_found, invalid_transition (only mails can be requeued).
    [[nodiscard]] Result<DeadLetter> requeue_dead_letter(const WorkId& id);
    [[nodiscard]] Result<DeadLetter> discard_dead_letter(const WorkId& id);

    [[nodiscard]] Result<Figures> figures();

    // Brings the metrics that describe the store up to date. Errors: unavailable (they stay as they are).
    [[nodiscard]] Result<void> read_store_figures();

    // The same of what the store answers from memory, so also while it is unavailable.
    void read_journal_figure();

    // Whether the store answers.
    [[nodiscard]] Result<void> check_store();

private:
    Store& store_;
    Clock& clock_;
    Metrics& metrics_;
    WorkSignal& signal_;
    SteadyTime started_;
};

}  // namespace waybill
