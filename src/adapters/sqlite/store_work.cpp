// Work items: claim, send, retry, extend.
#include <algorithm>
#include <iterator>

#include "adapters/sqlite/order_steps.hpp"
#include "adapters/sqlite/sqlite_store.hpp"

namespace waybill::sqlite {

namespace {

// A message may be late by this much before its resend time counts as one of a clock set back.
constexpr Milliseconds resend_slack{1'000};

// Due, or sent or claimed and left alone for too long. What lies further ahead than it can was
// written by a clock that has been set back since, and counts as reached.
bool is_reached(TimePoint at, TimePoint now, Milliseconds ahead_max) { return at <= now || at > now + ahead_max; }

bool may_be_claimed(const WorkItem& item, TimePoint now, Milliseconds ahead_max) {
    // The resend time of a sent item has a limit of its own; mark_sent knows it.
    if (item.state == WorkState::sent) return item.ready_at <= now;
    return is_reached(item.ready_at, now, ahead_max);
}

std::vector<WorkItem> select_ready(Connection& db, WorkKind kind, std::size_t max, TimePoint now,
                                   Milliseconds ahead_max) {
    std::vector<WorkItem> items = read_all(
        db.query("SELECT * FROM work WHERE kind = ?1 AND ready_at <= ?2 ORDER BY ready_at, created_at LIMIT ?3", kind,
                 now, max),
        read_work_item);
    std::vector<WorkItem> far_ahead =
        read_all(db.query("SELECT * FROM work WHERE kind = ?1 AND ready_at > ?2 AND state <> ?3"
                          " ORDER BY ready_at, created_at LIMIT ?4",
                          kind, now + ahead_max, WorkState::sent, max - items.size()),
                 read_work_item);
    std::ranges::move(far_ahead, std::back_inserter(items));
    return items;
}

// Empty when there is none that can be read: a damaged row, which must not hold up the others.
std::optional<Order> select_readable_order(Connection& db, const OrderId& id) {
    try {
        return select_order(db, id);
    } catch (const SqliteError&) {
        throw;
    } catch (const std::runtime_error&) {
        return std::nullopt;
    }
}

// Takes an item out whose order cannot be read; its stock stays taken, since nobody knows it.
void set_aside(Transaction& transaction, const WorkItem& item) {
    const std::string reason = "The order cannot be read: its row is damaged or gone.";
    delete_work(transaction.db, item.id);
    bury(transaction, item, reason, item.attempts);
    transaction.db.run(
        "UPDATE orders SET status = ?2, finished_at = ?3, reason = ?4 WHERE order_id = ?1 AND status IN (0, 1)",
        item.order_id, OrderStatus::failed, transaction.now, reason);
}

// Empty when there is nothing left to do for the item: it has outlived its order's life, or was set
// aside.
std::optional<ClaimedWork> claim(Transaction& transaction, const WorkItem& item, Milliseconds lease) {
    auto& [db, now] = transaction;
    std::optional<Order> order = select_readable_order(db, item.order_id);
    if (!order) {
        set_aside(transaction, item);
        return std::nullopt;
    }
    if (item.kind == WorkKind::process_order && is_terminal(order->status)) {
        delete_work(db, item.id);
        return std::nullopt;
    }
    if (item.kind == WorkKind::process_order && order->status == OrderStatus::pending) {
        const TimePoint at = order->changed_at(now);
        const std::int64_t changed =
            db.run("UPDATE orders SET status = ?2, processing_at = ?3 WHERE order_id = ?1 AND status = ?4", order->id,
                   OrderStatus::processing, at, OrderStatus::pending);
        require(changed == 1, "an order is not in the state that was read");
        order->status = OrderStatus::processing;
        order->processing_at = at;
    }
    // A lease that is claimed again has ended without settle or retry.
    const int attempts = item.attempts + (item.state == WorkState::claimed ? 1 : 0);
    const TimePoint first_try_at = item.first_try_at.value_or(now);
    const std::int64_t changed = db.run(
        "UPDATE work SET state = ?2, ready_at = ?3, epoch = ?4, attempts = ?5, tries = ?6, first_try_at = ?7"
        " WHERE work_id = ?1 AND epoch = ?8",
        item.id, WorkState::claimed, now + lease, item.epoch + 1, attempts, item.tries + 1, first_try_at, item.epoch);
    require(changed == 1, "a work item is not as it was read");
    return ClaimedWork{.lease = {item.id, item.epoch + 1},
                       .kind = item.kind,
                       .order = *std::move(order),
                       .mail_to = item.mail_to,
                       .attempts = attempts,
                       .tries = item.tries + 1,
                       .since_first_try = std::max(now - first_try_at, Milliseconds{0})};
}

ClaimById claim_by_id(Transaction& transaction, const WorkId& id, Milliseconds lease, Milliseconds ahead_max) {
    const std::optional<WorkItem> item = select_work(transaction.db, id);
    if (!item) return {};
    if (item->state == WorkState::sent || may_be_claimed(*item, transaction.now, ahead_max)) {
        std::optional<ClaimedWork> work = claim(transaction, *item, lease);
        if (!work) return {};
        return {ClaimById::Outcome::claimed, std::move(work), {}};
    }
    if (item->state == WorkState::claimed) {
        return {ClaimById::Outcome::leased, {}, item->ready_at - transaction.now};
    }
    return {};  // a retry that is not due yet: it will be sent again at its time
}

// ---- sending

std::size_t count_sent(Connection& db) {
    Rows row = db.query("SELECT count(*) FROM work INDEXED BY work_sent WHERE state = 1");
    return row.next() ? static_cast<std::size_t>(row.integer(0)) : 0;
}

// Sent, and past the time to send again.
std::vector<WorkItem> select_unanswered(Connection& db, std::size_t max, TimePoint now, Milliseconds resend_after) {
    return read_all(
        db.query("SELECT * FROM work INDEXED BY work_sent WHERE state = 1 AND (ready_at <= ?1 OR ready_at > ?2)"
                 " ORDER BY ready_at LIMIT ?3",
                 now, now + resend_after + resend_slack, max),
        read_work_item);
}

// Due, or claimed by a worker that is gone while its message may be gone too.
std::vector<WorkItem> select_unsent(Connection& db, std::size_t max, TimePoint now, Milliseconds resend_after,
                                    Milliseconds ahead_max) {
    const TimePoint resend_far = now + resend_after + resend_slack;
    std::vector<WorkItem> items =
        read_all(db.query("SELECT * FROM work WHERE kind = 0 AND ready_at <= ?1 AND state <> 1"
                          " AND (state = 0 OR resend_at IS NULL OR resend_at <= ?1 OR resend_at > ?2)"
                          " ORDER BY ready_at, created_at LIMIT ?3",
                          now, resend_far, max),
                 read_work_item);
    std::vector<WorkItem> far_ahead =
        read_all(db.query("SELECT * FROM work WHERE kind = 0 AND ready_at > ?4 AND state <> 1"
                          " AND (state = 0 OR resend_at IS NULL OR resend_at <= ?1 OR resend_at > ?2)"
                          " ORDER BY ready_at, created_at LIMIT ?3",
                          now, resend_far, max - items.size(), now + ahead_max),
                 read_work_item);
    std::ranges::move(far_ahead, std::back_inserter(items));
    return items;
}

TraceContext select_trace(Connection& db, const OrderId& id) {
    Rows row = db.query("SELECT trace FROM orders WHERE order_id = ?1", id);
    if (!row.next()) return {};
    return read_trace(row.blob(0)).value_or(TraceContext{});
}

SentWork mark(Transaction& transaction, const WorkItem& item, Milliseconds resend_after) {
    const int attempts = item.attempts + (item.state == WorkState::claimed ? 1 : 0);
    const std::int64_t changed = transaction.db.run(
        "UPDATE work SET state = 1, ready_at = ?2, resend_at = ?2, send_number = ?3, attempts = ?4"
        " WHERE work_id = ?1",
        item.id, transaction.now + resend_after, item.send_number + 1, attempts);
    require(changed == 1, "a work item is not there");
    return {item.id, item.order_id, item.send_number + 1, select_trace(transaction.db, item.order_id)};
}

Result<void> held_or_lost(std::int64_t changed) {
    if (changed == 0) return fail(ErrorCode::lease_lost, "Somebody else holds this item now.");
    return {};
}

}  // namespace

// New orders are waited for only where they bring work, and there is not enough to do without them.
Result<void> SqliteStore::wait_for_work(WorkKind kind, std::size_t max) {
    if (kind != WorkKind::process_order || options_.process_at_once) return {};
    if (!order_log_ || order_log_->is_empty()) return {};
    const Result<bool> is_enough = read([&](Connection& db) {
        Rows row = db.query("SELECT count(*) FROM (SELECT 1 FROM work WHERE kind = ?1 AND ready_at <= ?2 LIMIT ?3)",
                            kind, clock_.now(), max);
        return row.next() && row.integer(0) == static_cast<std::int64_t>(max);
    });
    if (!is_enough) return std::unexpected(is_enough.error());
    return *is_enough ? Result<void>{} : wait_until_absorbed();
}

Result<std::vector<ClaimedWork>> SqliteStore::claim_work(WorkKind kind, std::size_t max, Milliseconds lease) {
    if (Result<void> waited = wait_for_work(kind, max); !waited) return std::unexpected(waited.error());
    // Looking first keeps an idle consumer from writing; what comes due meanwhile is seen next time.
    const Result<bool> is_idle =
        read([&](Connection& db) { return select_ready(db, kind, 1, clock_.now(), options_.lease_ahead_max).empty(); });
    if (!is_idle) return std::unexpected(is_idle.error());
    if (*is_idle || max == 0) return std::vector<ClaimedWork>{};
    return write([&](Transaction& transaction) -> Result<std::vector<ClaimedWork>> {
        std::vector<ClaimedWork> claimed;
        for (const WorkItem& item :
             select_ready(transaction.db, kind, max, transaction.now, options_.lease_ahead_max)) {
            if (std::optional<ClaimedWork> work = claim(transaction, item, lease)) claimed.push_back(*std::move(work));
        }
        return claimed;
    });
}

std::vector<Result<ClaimById>> SqliteStore::claim_work(std::span<const WorkId> ids, Milliseconds lease) {
    if (Result<void> taken = wait_until_absorbed(); !taken) return {ids.size(), std::unexpected(taken.error())};
    return write_each(ids, [&](Transaction& transaction, const WorkId& id) -> Result<ClaimById> {
        return claim_by_id(transaction, id, lease, options_.lease_ahead_max);
    });
}

Result<std::vector<SentWork>> SqliteStore::mark_sent(std::size_t max, std::size_t window, Milliseconds resend_after) {
    if (Result<void> taken = wait_until_absorbed(); !taken) return std::unexpected(taken.error());
    return write([&](Transaction& transaction) -> Result<std::vector<SentWork>> {
        auto& [db, now] = transaction;
        const std::size_t sent = count_sent(db);
        const std::size_t places = window > sent ? window - sent : 0;
        const std::vector<WorkItem> again = select_unanswered(db, max, now, resend_after);
        const std::vector<WorkItem> fresh =
            select_unsent(db, std::min(max, places), now, resend_after, options_.lease_ahead_max);
        std::vector<WorkItem> items;
        std::ranges::merge(again, fresh, std::back_inserter(items), {}, &WorkItem::ready_at, &WorkItem::ready_at);
        items.resize(std::min(items.size(), max));

        std::vector<SentWork> marked;
        marked.reserve(items.size());
        for (const WorkItem& item : items) marked.push_back(mark(transaction, item, resend_after));
        return marked;
    });
}

Result<void> SqliteStore::return_unsent(std::span<const SentWork> items) {
    if (items.empty()) return {};
    return write([&](Transaction& transaction) -> Result<void> {
        for (const SentWork& item : items) {
            transaction.db.run(
                "UPDATE work SET state = 0, ready_at = ?3, resend_at = NULL"
                " WHERE work_id = ?1 AND state = 1 AND send_number = ?2",
                item.work_id, item.send_number, transaction.now);
        }
        return {};
    });
}

std::vector<Result<void>> SqliteStore::retry_at(std::span<const Retry> retries) {
    return write_each(retries, [](Transaction& transaction, const Retry& retry) {
        return held_or_lost(transaction.db.run(
            "UPDATE work SET state = 0, ready_at = ?3, resend_at = NULL, attempts = attempts + ?4"
            " WHERE work_id = ?1 AND epoch = ?2 AND state = 2",
            retry.lease.work_id, retry.lease.epoch, transaction.now + retry.delay, retry.counts_as_attempt));
    });
}

std::vector<Result<void>> SqliteStore::extend(std::span<const LeaseKey> leases, Milliseconds lease) {
    return write_each(leases, [&](Transaction& transaction, const LeaseKey& key) {
        return held_or_lost(
            transaction.db.run("UPDATE work SET ready_at = ?3 WHERE work_id = ?1 AND epoch = ?2 AND state = 2",
                               key.work_id, key.epoch, transaction.now + lease));
    });
}

}  // namespace waybill::sqlite
