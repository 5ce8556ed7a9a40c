#include "tests/simulation/sim_store.hpp"

namespace waybill::simulation {

namespace {

constexpr bool reads = false;
constexpr bool writes = true;

}  // namespace

Gate::Fate SimStore::draw() {
    Stage& stage = gate_.stage();
    if (stage.is_faulty && stage.time.steady() < cut_off_until_) return Gate::Fate::not_done;
    return gate_.draw(stage.plan.store_call);
}

// A result that could not be written lets its lease end, and its mail be sent once more.
std::unexpected<Error> SimStore::not_done(std::string_view call) {
    gate_.stage().ledger.disturbed(gate_.process(), gate_.stage().time.steady());
    gate_.stage().trace.note("process ", gate_.process(), ": ", call, " is not done");
    return fail(ErrorCode::unavailable, "The store is away.");
}

std::unexpected<Error> SimStore::answer_lost(std::string_view call, bool is_write) {
    gate_.stage().ledger.disturbed(gate_.process(), gate_.stage().time.steady());
    gate_.stage().trace.note("process ", gate_.process(), ": the answer of ", call, " is lost");
    return fail(is_write ? ErrorCode::outcome_unknown : ErrorCode::unavailable, "The store's answer was lost.");
}

Result<void> SimStore::ping() {
    return one("ping", reads, [&] { return store_.ping(); });
}

// ---- orders

std::vector<Result<PlacedOrder>> SimStore::place_orders(std::span<const NewOrder> orders) {
    return each("place_orders", orders.size(), [&] {
        auto results = store_.place_orders(orders);
        for (std::size_t i = 0; i < results.size(); ++i) {
            if (!results[i]) gate_.stage().ledger.not_placed(orders[i], results[i].error());
            if (!results[i] || results[i]->replayed) continue;
            gate_.stage().trace.note(results[i]->order.id, "placed by process ", gate_.process());
            gate_.stage().count(Count::orders);
            gate_.stage().ledger.placed(orders[i], results[i]->order);
        }
        return results;
    });
}

Result<Order> SimStore::cancel_order(const OrderId& id, const std::optional<UserId>& owner) {
    return one("cancel_order", writes, [&] {
        auto cancelled = store_.cancel_order(id, owner);
        if (cancelled) {
            gate_.stage().trace.note(id, "cancelled by process ", gate_.process());
            gate_.stage().ledger.released(id);
        }
        return cancelled;
    });
}

Result<std::optional<Order>> SimStore::find_order(const OrderId& id) {
    return one("find_order", reads, [&] { return store_.find_order(id); });
}

Result<std::vector<Order>> SimStore::list_orders(const OrderFilter& filter, const std::optional<PageKey>& after,
                                                 std::size_t limit) {
    return one("list_orders", reads, [&] { return store_.list_orders(filter, after, limit); });
}

// ---- work

void SimStore::note_claim(const ClaimedWork& work) {
    Stage& stage = gate_.stage();
    stage.trace.note(work.order.id, "process ", gate_.process(), " claims ", work.lease.work_id.text, " epoch ",
                     work.lease.epoch, " attempts ", work.attempts, " tries ", work.tries);
    stage.ledger.claimed(gate_.process(), work, stage.time.steady());
}

void SimStore::note_settled(const LeaseKey& lease, bool was_written, std::string_view call) {
    gate_.stage().trace.note(order_of(lease.work_id), "process ", gate_.process(),
                             was_written ? " writes " : " may not write ", call, " of ", lease.work_id.text, " epoch ",
                             lease.epoch);
    if (!was_written) return;
    gate_.stage().ledger.lease_used(gate_.process(), lease, call != "extend", call, gate_.stage().time.steady());
}

Result<std::vector<ClaimedWork>> SimStore::claim_work(WorkKind kind, std::size_t max, Milliseconds lease) {
    return one("claim_work", writes, [&] {
        auto claimed = store_.claim_work(kind, max, lease);
        if (claimed) {
            for (const ClaimedWork& work : *claimed) note_claim(work);
        }
        return claimed;
    });
}

std::vector<Result<ClaimById>> SimStore::claim_work(std::span<const WorkId> ids, Milliseconds lease) {
    return each("claim_work by id", ids.size(), [&] {
        auto answers = store_.claim_work(ids, lease);
        for (std::size_t i = 0; i < answers.size(); ++i) {
            if (!answers[i]) continue;
            if (answers[i]->work) note_claim(*answers[i]->work);
            if (answers[i]->outcome == ClaimById::Outcome::nothing_to_do) gate_.stage().ledger.message_done(ids[i]);
        }
        return answers;
    });
}

Result<std::vector<SentWork>> SimStore::mark_sent(std::size_t max, std::size_t window, Milliseconds resend_after) {
    return one("mark_sent", writes, [&] {
        auto won = store_.mark_sent(max, window, resend_after);
        if (won) {
            for (const SentWork& sent : *won) {
                gate_.stage().trace.note(sent.order_id, "process ", gate_.process(), " marks it as sent, number ",
                                         sent.send_number);
                gate_.stage().ledger.marked_sent(sent.work_id);
            }
        }
        return won;
    });
}

Result<void> SimStore::return_unsent(std::span<const SentWork> items) {
    return one("return_unsent", writes, [&] { return store_.return_unsent(items); });
}

std::vector<Result<void>> SimStore::settle_orders(std::span<const OrderSettlement> settlements) {
    return each("settle_orders", settlements.size(), [&] {
        auto results = store_.settle_orders(settlements);
        for (std::size_t i = 0; i < results.size(); ++i) {
            note_settled(settlements[i].lease, results[i].has_value(),
                         settlements[i].processed ? "Processed" : "Failed");
            if (results[i] && !settlements[i].processed) gate_.stage().ledger.released(settlements[i].order_id);
        }
        return results;
    });
}

std::vector<Result<void>> SimStore::settle_mails(std::span<const MailSettlement> settlements) {
    return each("settle_mails", settlements.size(), [&] {
        auto results = store_.settle_mails(settlements);
        for (std::size_t i = 0; i < results.size(); ++i) {
            note_settled(settlements[i].lease, results[i].has_value(),
                         settlements[i].dead_letter ? "a dead letter" : "the end");
        }
        return results;
    });
}

std::vector<Result<void>> SimStore::retry_at(std::span<const Retry> retries) {
    return each("retry_at", retries.size(), [&] {
        auto results = store_.retry_at(retries);
        for (std::size_t i = 0; i < results.size(); ++i) {
            note_settled(retries[i].lease, results[i].has_value(), "a retry");
        }
        return results;
    });
}

std::vector<Result<void>> SimStore::extend(std::span<const LeaseKey> leases, Milliseconds lease) {
    return each("extend", leases.size(), [&] {
        auto results = store_.extend(leases, lease);
        for (std::size_t i = 0; i < results.size(); ++i) note_settled(leases[i], results[i].has_value(), "extend");
        return results;
    });
}

// ---- dead letters

Result<std::vector<DeadLetter>> SimStore::list_dead_letters(const std::optional<PageKey>& after, std::size_t limit) {
    return one("list_dead_letters", reads, [&] { return store_.list_dead_letters(after, limit); });
}

Result<DeadLetter> SimStore::requeue_dead_letter(const WorkId& id) {
    return one("requeue_dead_letter", writes, [&] { return store_.requeue_dead_letter(id); });
}

Result<DeadLetter> SimStore::discard_dead_letter(const WorkId& id) {
    return one("discard_dead_letter", writes, [&] {
        auto letter = store_.discard_dead_letter(id);
        if (letter) gate_.stage().ledger.discarded(*letter);
        return letter;
    });
}

// ---- catalogue and stock

Result<CatalogueWrite> SimStore::create_product(const Product& product) {
    return one("create_product", writes, [&] { return store_.create_product(product); });
}

Result<CatalogueWrite> SimStore::update_product(const ProductId& id, const ProductPatch& patch) {
    return one("update_product", writes, [&] {
        auto written = store_.update_product(id, patch);
        if (written) {
            gate_.stage().trace.note("process ", gate_.process(), " writes price ", written->product.price, " of ",
                                     id.text);
            gate_.stage().ledger.price_written(id, written->product.price);
        }
        return written;
    });
}

Result<std::optional<Product>> SimStore::find_product(const ProductId& id) {
    return one("find_product", reads, [&] { return store_.find_product(id); });
}

Result<std::vector<Product>> SimStore::list_products(const std::optional<PageKey>& after, std::size_t limit) {
    return one("list_products", reads, [&] { return store_.list_products(after, limit); });
}

Result<std::uint64_t> SimStore::catalogue_version() {
    return one("catalogue_version", reads, [&] { return store_.catalogue_version(); });
}

Result<StockChanged> SimStore::change_stock(const StockChange& change) {
    return one("change_stock", writes, [&] {
        auto changed = store_.change_stock(change);
        if (changed && !changed->replayed) {
            gate_.stage().trace.note("process ", gate_.process(), " changes stock of ", change.product_id.text, " in ",
                                     change.location, " from ", changed->previous, " to ", changed->available);
            gate_.stage().ledger.stock_written(change.product_id, change.location,
                                               changed->available - changed->previous);
        }
        return changed;
    });
}

Result<std::vector<StockLevel>> SimStore::list_stock(const StockFilter& filter, const std::optional<StockLevel>& after,
                                                     std::size_t limit) {
    return one("list_stock", reads, [&] { return store_.list_stock(filter, after, limit); });
}

Result<StoreStats> SimStore::stats() {
    return one("stats", reads, [&] { return store_.stats(); });
}

Result<SweepCounts> SimStore::sweep(const Retention& retention, std::size_t max) {
    return one("sweep", writes, [&] { return store_.sweep(retention, max); });
}

}  // namespace waybill::simulation
