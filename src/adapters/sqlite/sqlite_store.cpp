#include "adapters/sqlite/sqlite_store.hpp"

#include "adapters/sqlite/schema.hpp"

namespace waybill::sqlite {

namespace {

std::unexpected<Error> unusable(const std::filesystem::path& data_dir, const std::string& why) {
    return fail(ErrorCode::unavailable, "The database in " + data_dir.string() + " " + why + ".");
}

// Whoever holds the lock migrates; a command beside a server must find its own schema.
Result<void> settle_schema(Connection& db, const SqliteOptions& options, bool may_migrate) {
    const int found = read_schema_version(db);
    if (found > schema_version()) {
        return unusable(options.data_dir, "was written by a newer Waybill (schema " + std::to_string(found) +
                                              ", this one knows " + std::to_string(schema_version()) + ")");
    }
    if (found == schema_version()) return {};
    if (!may_migrate) {
        return unusable(options.data_dir, "has another schema (" + std::to_string(found) + ", this command needs " +
                                              std::to_string(schema_version()) +
                                              ") and is in use; stop the server, or use its version");
    }
    migrate(db);
    return {};
}

// SQLite's own statistics of memory take a lock at every allocation, and nobody reads them.
void switch_off_memory_statistics() {
    [[maybe_unused]] static const int done = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

}  // namespace

SqliteStore::SqliteStore(const SqliteOptions& options, DirLock lock, Clock& clock, Log& log)
    : options_(options),
      clock_(clock),
      log_(log),
      lock_(std::move(lock)),
      database_(options, clock, log),
      writes_(options, database_, clock, log) {}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const SqliteOptions& options, Clock& clock, Log& log) {
    switch_off_memory_statistics();
    if (Result<void> made = make_data_dir(options.data_dir); !made) return std::unexpected(made.error());
    Result<DirLock> lock = lock_data_dir(options.data_dir, options.access, options.busy_deadline, clock);
    if (!lock) return std::unexpected(lock.error());
    if (Result<void> made = prepare_data_dir(options.data_dir); !made) return std::unexpected(made.error());
    const bool holds_lock = lock->held();
    try {
        auto store = std::make_unique<SqliteStore>(options, *std::move(lock), clock, log);
        // Beside a server the log is the server's.
        Result<void> ready = holds_lock ? store->database_.renew_log() : refuse_beside_restore(options.data_dir);
        if (!ready) return std::unexpected(ready.error());
        Result<void> settled = settle_schema(store->database_.writer(), options, holds_lock);
        if (!settled) return std::unexpected(settled.error());
        if (options.access == Access::command) {
            // It needs the lock for the migration only; a server may start beside it.
            store->lock_.release();
            return store;
        }
        Result<std::unique_ptr<OrderLog>> order_log = OrderLog::open(options, store->database_, store->writes_, log);
        if (!order_log) return std::unexpected(order_log.error());
        store->order_log_ = *std::move(order_log);
        return store;
    } catch (const SqliteError& error) {
        // The sentence for the person is in the result.
        log.write(LogLevel::debug, "store-not-opened",
                  {{"code", std::to_string(error.code())}, {"reason", error.what()}});
        return unusable(options.data_dir, why_unusable(error.code()));
    }
}

Result<std::unique_ptr<Store>> open_sqlite_store(const SqliteOptions& options, Clock& clock, Log& log) {
    Result<std::unique_ptr<SqliteStore>> store = SqliteStore::open(options, clock, log);
    if (!store) return std::unexpected(store.error());
    return std::unique_ptr<Store>(*std::move(store));
}

Error SqliteStore::read_failed(const SqliteError& error) {
    if (!is_environment(error.code())) throw error;
    if (is_damage(error.code())) {
        database_.note_damage(error);
        return damaged_database();
    }
    log_.write(LogLevel::error, "store-read-failed",
               {{"code", std::to_string(error.code())}, {"reason", error.what()}});
    return {ErrorCode::unavailable, "The store cannot be read at the moment."};
}

Result<void> SqliteStore::wait_until_absorbed() const {
    if (!order_log_) return {};
    return order_log_->wait_until_absorbed();
}

Result<void> SqliteStore::ping() {
    if (database_.is_damaged()) return fail(damaged_database());
    const Result<bool> answered =
        read([](Connection& db) { return db.query("SELECT value FROM counters LIMIT 1").next(); });
    if (!answered) return std::unexpected(answered.error());
    return {};
}

}  // namespace waybill::sqlite
