// The end of a work item: settled, or kept as a dead letter.
#include "adapters/sqlite/order_steps.hpp"
#include "adapters/sqlite/sqlite_store.hpp"

namespace waybill::sqlite {

namespace {

std::unexpected<Error> lease_lost() { return fail(ErrorCode::lease_lost, "Somebody else holds this item now."); }

// The item, if the lease still holds it.
Result<WorkItem> select_held(Connection& db, const LeaseKey& lease, WorkKind kind) {
    std::optional<WorkItem> item = select_work(db, lease.work_id);
#ifdef WAYBILL_MUTANT_NO_FENCING
    if (item && item->kind == kind) return *std::move(item);
#endif
    if (!item || item->state != WorkState::claimed || item->epoch != lease.epoch || item->kind != kind) {
        return lease_lost();
    }
    return *std::move(item);
}

// Where the lease holds an item of which nothing is needed any more: without reading it first.
bool delete_held(Connection& db, const LeaseKey& lease, WorkKind kind) {
#ifdef WAYBILL_MUTANT_NO_FENCING
    return db.run("DELETE FROM work WHERE work_id = ?1 AND kind = ?2", lease.work_id, kind) == 1;
#else
    return db.run("DELETE FROM work WHERE work_id = ?1 AND epoch = ?2 AND state = 2 AND kind = ?3", lease.work_id,
                  lease.epoch, kind) == 1;
#endif
}

// The common end of an order: nothing of its row is needed but the time and the address of the mail.
Result<void> settle_processed(Transaction& transaction, const OrderSettlement& settlement) {
    auto& [db, now] = transaction;
    const OrderId& id = settlement.order_id;
    if (!delete_held(db, settlement.lease, WorkKind::process_order)) return lease_lost();
    require(settlement.lease.work_id == process_work_id(id), "a settlement names another order than its work item");
    const std::int64_t changed = db.run(
        "UPDATE orders SET status = 2, finished_at = max(?2, coalesce(processing_at, created_at)), reason = ''"
        " WHERE order_id = ?1 AND status = 1",
        id, now);
    require(changed == 1, "an order that was claimed is not being processed");
    // A mail for this state that is queued already is this mail; without a user there is none.
    db.run(
        "INSERT INTO work SELECT ?1, 1, 0, order_id, ?3, 0, 0, 0, NULL, 0, email, ?3, NULL"
        " FROM orders JOIN users ON users.user_id = orders.user_id WHERE order_id = ?2"
        " ON CONFLICT (work_id) DO NOTHING",
        mail_work_id(id, OrderStatus::processed), id, now);
    return {};
}

Result<void> settle_order(Transaction& transaction, const OrderSettlement& settlement) {
    if (settlement.processed && !settlement.dead_letter) return settle_processed(transaction, settlement);
    const Result<WorkItem> item = select_held(transaction.db, settlement.lease, WorkKind::process_order);
    if (!item) return std::unexpected(item.error());
    require(item->order_id == settlement.order_id, "a settlement names another order than its work item");
    std::optional<Order> order = select_order(transaction.db, item->order_id);
    require(order.has_value(), "a work item names an order that is not there");

    delete_work(transaction.db, item->id);
    if (settlement.dead_letter) bury(transaction, *item, settlement.reason, settlement.attempts);
    if (settlement.processed) {
        finish_order(transaction, *order, OrderStatus::processed, {});
    } else {
        finish_order(transaction, *order, OrderStatus::failed, settlement.reason);
    }
    return {};
}

Result<void> settle_mail(Transaction& transaction, const MailSettlement& settlement) {
    if (!settlement.dead_letter) {
        if (delete_held(transaction.db, settlement.lease, WorkKind::send_mail)) return {};
        return lease_lost();
    }
    const Result<WorkItem> item = select_held(transaction.db, settlement.lease, WorkKind::send_mail);
    if (!item) return std::unexpected(item.error());
    delete_work(transaction.db, item->id);
    bury(transaction, *item, settlement.reason, settlement.attempts);
    return {};
}

std::optional<DeadLetter> select_dead_letter(Connection& db, const WorkId& id) {
    return read_first(db.query("SELECT * FROM dead_letters WHERE work_id = ?1", id), read_dead_letter);
}

}  // namespace

std::vector<Result<void>> SqliteStore::settle_orders(std::span<const OrderSettlement> settlements) {
    return write_each(settlements, settle_order);
}

std::vector<Result<void>> SqliteStore::settle_mails(std::span<const MailSettlement> settlements) {
    return write_each(settlements, settle_mail);
}

Result<std::vector<DeadLetter>> SqliteStore::list_dead_letters(const std::optional<PageKey>& after, std::size_t limit) {
    const PageKey from = after.value_or(PageKey{TimePoint::max(), {}});
    return read([&](Connection& db) {
        return read_all(db.query("SELECT * FROM dead_letters WHERE (created_at, work_id) < (?1, ?2)"
                                 " ORDER BY created_at DESC, work_id DESC LIMIT ?3",
                                 from.created_at, from.id, limit),
                        read_dead_letter);
    });
}

Result<DeadLetter> SqliteStore::requeue_dead_letter(const WorkId& id) {
    return write([&](Transaction& transaction) -> Result<DeadLetter> {
        auto& [db, now] = transaction;
        std::optional<DeadLetter> letter = select_dead_letter(db, id);
        if (!letter) return fail(ErrorCode::not_found, "There is no such dead letter.");
        if (letter->kind != WorkKind::send_mail) {
            return fail(ErrorCode::invalid_transition, "Only a mail can be queued again.");
        }
        const std::int64_t queued = db.run(
            "INSERT INTO work SELECT work_id, kind, ?2, order_id, ?3, epoch, 0, 0, NULL, 0, mail_to, ?3, NULL"
            " FROM dead_letters WHERE work_id = ?1",
            id, WorkState::due, now);
        require(queued == 1, "a dead letter could not be queued again");
        require(db.run("DELETE FROM dead_letters WHERE work_id = ?1", id) == 1, "a dead letter is not there");
        return *std::move(letter);
    });
}

Result<DeadLetter> SqliteStore::discard_dead_letter(const WorkId& id) {
    return write([&](Transaction& transaction) -> Result<DeadLetter> {
        std::optional<DeadLetter> letter = select_dead_letter(transaction.db, id);
        if (!letter) return fail(ErrorCode::not_found, "There is no such dead letter.");
        transaction.db.run("DELETE FROM dead_letters WHERE work_id = ?1", id);
        return *std::move(letter);
    });
}

}  // namespace waybill::sqlite
