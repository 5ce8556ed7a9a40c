// Figures, and the removal of what has outlived its time.
#include <algorithm>

#include "adapters/sqlite/rows.hpp"
#include "adapters/sqlite/sqlite_store.hpp"

namespace waybill::sqlite {

namespace {

// Reads the entries of one kind in one index, and no row; its time grows with what waits.
WorkDepth measure(Connection& db, WorkKind kind, TimePoint now) {
    Rows row = db.query("SELECT count(*), min(created_at) FROM work INDEXED BY work_by_ready WHERE kind = ?1", kind);
    if (!row.next() || row.is_null(1)) return {};
    return {row.integer(0), std::max(now - row.time(1), Milliseconds{0})};
}

}  // namespace

Result<StoreStats> SqliteStore::stats() {
    if (Result<void> taken = wait_until_absorbed(); !taken) return std::unexpected(taken.error());
    if (order_log_ && database_.room().is_full()) try_to_write();
    return read([&](Connection& db) {
        const TimePoint now = clock_.now();
        StoreStats found;
        for (const WorkKind kind : {WorkKind::process_order, WorkKind::send_mail}) {
            found.work[kind] = measure(db, kind, now);
        }
        Rows row = db.query("SELECT count(*) FROM dead_letters");
        if (row.next()) found.dead_letters = row.integer(0);
        return found;
    });
}

std::optional<std::size_t> SqliteStore::orders_in_journal() const {
    if (!order_log_) return {};
    return order_log_->size();
}

bool SqliteStore::is_well() const { return !database_.room().is_full() && !database_.is_damaged(); }

// A page that stays as it is. Where nobody orders, nothing else would find that there is room again.
void SqliteStore::try_to_write() {
    (void)write([](Transaction& transaction) -> Result<void> {
        // To the same value at once SQLite would write nothing.
        transaction.db.run("UPDATE counters SET value = value + 1 WHERE name = 'stock_version'");
        transaction.db.run("UPDATE counters SET value = value - 1 WHERE name = 'stock_version'");
        return {};
    });
}

Result<SweepCounts> SqliteStore::sweep(const Retention& retention, std::size_t max) {
    return write([&](Transaction& transaction) -> Result<SweepCounts> {
        auto& [db, now] = transaction;
        SweepCounts counts;
        counts.idempotency_records = db.run(
            "DELETE FROM idempotency WHERE (user_id, key) IN (SELECT user_id, key FROM idempotency"
            " WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)",
            now - retention.idempotency_keep, max);
        counts.sessions = db.run(
            "DELETE FROM sessions WHERE session_id IN (SELECT session_id FROM sessions"
            " WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)",
            now, max);
        counts.dead_letters = db.run(
            "DELETE FROM dead_letters WHERE work_id IN (SELECT work_id FROM dead_letters"
            " WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)",
            now - retention.dead_letter_keep, max);
        counts.password_resets = db.run(
            "DELETE FROM password_resets WHERE reset_id IN (SELECT reset_id FROM password_resets"
            " WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)",
            now, max);
        return counts;
    });
}

}  // namespace waybill::sqlite
