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

Result<void> settle_order(Transaction& transaction, const OrderSettlement& settlement) {
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

// The common end of a mail: sent, so nothing of its item is needed any more.
bool delete_held_mail(Connection& db, const LeaseKey& lease) {
#ifdef WAYBILL_MUTANT_NO_FENCING
    return db.run("DELETE FROM work WHERE work_id = ?1 AND kind = 1", lease.work_id) == 1;
#else
    return db.run("DELETE FROM work WHERE work_id = ?1 AND epoch = ?2 AND state = 2 AND kind = 1", lease.work_id,
                  lease.epoch) == 1;
#endif
}

Result<void> settle_mail(Transaction& transaction, const MailSettlement& settlement) {
    if (!settlement.dead_letter) {
        if (delete_held_mail(transaction.db, settlement.lease)) return {};
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
