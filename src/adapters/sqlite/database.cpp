#include "adapters/sqlite/database.hpp"

#include <algorithm>

#include "adapters/sqlite/data_dir.hpp"
#include "adapters/sqlite/fresh_table.hpp"
#include "adapters/sqlite/vfs_file.hpp"

namespace waybill::sqlite {

namespace {

constexpr Milliseconds busy_retry_every{10};
constexpr int log_lengths_max = 4;
constexpr Milliseconds readers_closing_max{1'000};
constexpr Milliseconds damage_told_every{60'000};

std::unexpected<Error> not_trusted() {
    return fail(ErrorCode::unavailable, "The disk failed to store data; the store is being opened again.");
}

std::unique_ptr<Connection> open_writer(const SqliteOptions& options) {
    auto writer = std::make_unique<Connection>(database_file(options.data_dir), Connection::Mode::write);
    add_fresh_table(*writer);
    return writer;
}

}  // namespace

Error damaged_database() {
    return {ErrorCode::unavailable, "The database of the store is damaged; restore it from a backup."};
}

Database::Database(const SqliteOptions& options, Clock& clock, Log& log)
    : options_(options),
      clock_(clock),
      log_(log),
      room_(clock, log),
      writer_(open_writer(options)),
      readers_(database_file(options.data_dir), options.write_deadline, options.access == Access::server, clock) {}

Database::~Database() {
    // Closing would copy a log that the disk may hold in part. Whoever opens it next writes it anew.
    if (writer_ && !is_healthy()) writer_->keep_log_on_close();
}

Result<void> Database::begin(SteadyTime deadline) {
    for (;;) {
        try {
            writer_->begin_immediate();
            return {};
        } catch (const SqliteError& error) {
            if (!is_busy(error.code())) throw;
        }
        if (clock_.steady_now() >= deadline) {
            return fail(ErrorCode::unavailable, "Another process keeps the store busy.");
        }
        clock_.sleep_for(busy_retry_every);
    }
}

void Database::after_commit() {
    const int pages = writer_->take_log_pages();
    if (pages == 0) return;
    failed_syncs_ = 0;
    room_.sufficed();
    if (pages < options_.log_pages_max) return;
    const bool is_forced = pages >= log_lengths_max * options_.log_pages_max;
    const int mode = is_forced ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
    const int code = readers_.without_views([&] { return writer_->checkpoint(mode); });
    if (code == SQLITE_OK || is_busy(code)) return;
    if (is_failed_sync(code)) {
        distrust(SqliteError(code, sqlite3_errstr(code)));
    } else if (is_full(code)) {
        room_.lacked();
    } else {
        log_.write(LogLevel::warn, "store-checkpoint-failed", {{"reason", sqlite3_errstr(code)}});
    }
}

void Database::distrust(const SqliteError& error) {
    health_ = Health::doubtful;
    log_.write(LogLevel::error, "store-write-in-doubt",
               {{"code", std::to_string(error.code())}, {"reason", error.what()}});
    if (is_failed_sync(error.code())) count_failed_sync();
    (void)make_ready();
}

// Only these are final: a full disk, for one, may have room again.
void Database::count_failed_sync() {
    if (++failed_syncs_ >= 2) lose("The disk failed to store data twice in a row.");
}

// The log alone must be able to repair a database into which it was copied in part, so it comes first.
Result<void> Database::renew_log() {
    if (Result<void> begun = begin(clock_.steady_now() + options_.busy_deadline); !begun) return begun;
    const int code = VfsFile(log_file(options_.data_dir)).write_anew();
    writer_->rollback();
    if (code != SQLITE_OK) throw SqliteError(code, sqlite3_errstr(code));
    return {};
}

Result<void> Database::make_ready() {
    if (health_ == Health::good) return {};
    if (health_ == Health::lost) return not_trusted();
    try {
        if (!reopen()) {
            log_.write(LogLevel::warn, "store-not-yet-trusted", {{"reason", "readers are still in use"}});
            return not_trusted();
        }
        const Result<void> renewed = renew_log();
        const int code = renewed ? checkpoint_all() : SQLITE_BUSY;
        if (code == SQLITE_OK) {
            readers_.reopen();
            health_ = Health::good;
            log_.write(LogLevel::info, "store-opened-again", {});
            return {};
        }
        log_.write(LogLevel::warn, "store-not-yet-trusted", {{"reason", sqlite3_errstr(code)}});
        if (is_failed_sync(code)) count_failed_sync();
    } catch (const SqliteError& error) {
        log_.write(LogLevel::warn, "store-not-yet-trusted", {{"reason", error.what()}});
        if (is_failed_sync(error.code())) count_failed_sync();
    }
    return not_trusted();
}

bool Database::reopen() {
    if (!readers_.close(std::min(readers_closing_max, options_.busy_deadline))) return false;
    if (writer_) {
        // Closing would copy the log and hide the error of a failed sync.
        writer_->rollback();
        writer_->keep_log_on_close();
        writer_.reset();
    }
    writer_ = open_writer(options_);
    return true;
}

int Database::checkpoint_all() {
    const SteadyTime deadline = clock_.steady_now() + options_.busy_deadline;
    for (;;) {
        const int code = writer_->checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
        if (!is_busy(code) || clock_.steady_now() >= deadline) return code;
        clock_.sleep_for(busy_retry_every);
    }
}

void Database::note_damage(const SqliteError& error) {
    const SteadyTime now = clock_.steady_now();
    SteadyTime told = damage_told_;
    const bool is_first = !is_damaged_.exchange(true);
    if (!is_first && now - told < damage_told_every) return;
    if (!damage_told_.compare_exchange_strong(told, now) && !is_first) return;
    log_.write(LogLevel::error, "store-damaged",
               {{"code", std::to_string(error.code())},
                {"reason", error.what()},
                {"advice", "The database in " + options_.data_dir.string() +
                               " is damaged: stop the server, and restore it from a backup (waybill restore)."}});
}

void Database::lose(const std::string& why) {
    if (health_.exchange(Health::lost) == Health::lost) return;
    (void)readers_.close(Milliseconds{0});
    log_.write(LogLevel::error, "store-lost", {{"reason", why}});
    if (options_.on_fatal) options_.on_fatal(why);
}

}  // namespace waybill::sqlite
