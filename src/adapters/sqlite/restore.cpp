// A backup takes the place of a shop. One rename decides: before it everything is as it was, after it the
// new database counts. What could reach the new one from the old is made harmless first: SQLite's log is
// copied into the old database, and the orders of the old journal have numbers that the new tables hold.
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include "adapters/sqlite/backup_file.hpp"
#include "adapters/sqlite/backup_tables.hpp"
#include "adapters/sqlite/copy_shop.hpp"
#include "adapters/sqlite/data_dir.hpp"
#include "adapters/sqlite/order_journal.hpp"
#include "adapters/sqlite/replaced_shop.hpp"
#include "adapters/sqlite/schema.hpp"

namespace waybill::sqlite {

namespace {

using Path = std::filesystem::path;

Path aside(const Path& file) { return file.string() + ".restoring"; }

// Every open connection holds a lock on the bytes from 2^30 on (sqlite.org/fileformat2.html, 1.3.1, and
// os_unix.c).
Result<void> refuse_while_open(const Path& data_dir) {
    const Path database = database_file(data_dir);
    const int file = ::open(database.c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0 && errno == ENOENT) return {};
    if (file < 0) return file_trouble(database, errno);
    struct flock wanted {};
    wanted.l_type = F_WRLCK;
    wanted.l_whence = SEEK_SET;
    wanted.l_start = 1 << 30;
    wanted.l_len = 512;
    const int asked = ::fcntl(file, F_GETLK, &wanted);
    ::close(file);
    if (asked != 0 || wanted.l_type == F_UNLCK) return {};
    return fail(ErrorCode::unavailable, "Another Waybill command (process " + std::to_string(wanted.l_pid) + ") uses " +
                                            data_dir.string() + "; wait until it has ended.");
}

// 0 where there are none. Also behind a record that is damaged: a server that finds this journal must miss
// none of it. A journal that the disk does not give for the moment may be replayed later: throws SqliteError.
std::uint64_t newest_in_journal(const Path& data_dir, std::uint64_t half_bytes) {
    const Path file = journal_file(data_dir);
    if (!std::filesystem::exists(file)) return 0;
    return OrderJournal(file, half_bytes).look_beyond(0).newest;
}

struct Prepared {
    BackupReport report;
    std::string secret;
};

Result<SealedFile> copy_backup(const Path& file, const Path& into) {
    Result<SealedFile> sealed = check_seal(file);
    if (!sealed) return sealed;
    if (Result<void> copied = copy_database(file, *sealed, into); !copied) return std::unexpected(copied.error());
    return sealed;
}

// That of what a restore replaced, for one.
Result<SealedFile> copy_folder(const RestoreOptions& options, const Path& into, Clock& clock) {
    std::error_code ignored;
    if (std::filesystem::equivalent(database_file(options.file), database_file(options.data_dir), ignored)) {
        return fail(ErrorCode::unavailable, "The database in " + options.file.string() + " is in use in " +
                                                options.data_dir.string() + ": no restore has replaced it.");
    }
    if (!std::filesystem::exists(database_file(options.file), ignored)) {
        return fail(ErrorCode::unavailable, "There is no shop in " + options.file.string() + ".");
    }
    const Result<DirLock> lock = lock_data_dir(options.file, Access::command, options.lock_wait, clock);
    if (!lock) return std::unexpected(lock.error());
    if (!lock->held()) {
        return fail(ErrorCode::unavailable, "Another Waybill process uses " + options.file.string() + "; stop it.");
    }
    if (Result<void> made = write_small_file(into, {}); !made) return std::unexpected(made.error());
    const Result<BackupReport> copied = copy_shop(options.file, options.journal_half_bytes, into, clock);
    if (!copied) return std::unexpected(copied.error());
    // Beside a server a gap would be orders that came while the journal was read.
    Connection copy(into, Connection::Mode::copy);
    const std::uint64_t newest = newest_in_journal(options.file, options.journal_half_bytes);
    if (newest <= absorbed_of(copy, read_schema_version(copy))) return SealedFile{};
    return fail(ErrorCode::unavailable,
                "The order journal in " + options.file.string() +
                    " does not continue its database: they are not of one moment, or it is damaged.");
}

// Caches count versions. They go far above those of the replaced shop, which may be unreadable, and of every
// other that was restored here: one change raises them by one, and no shop makes one each microsecond.
void raise_versions(Connection& db, TimePoint now) {
    db.run("UPDATE counters SET value = max(value + 1, ?1 * 1000) WHERE name IN ('catalogue_version', 'stock_version')",
           now);
}

// The new database, aside, complete and synced.
Result<Prepared> prepare_database(const RestoreOptions& options, Clock& clock) {
    const Path file = aside(database_file(options.data_dir));
    const Result<SealedFile> sealed = std::filesystem::is_directory(options.file) ? copy_folder(options, file, clock)
                                                                                  : copy_backup(options.file, file);
    if (!sealed) return std::unexpected(sealed.error());
    Prepared prepared;
    {
        Connection db(file, Connection::Mode::copy);
        const int schema = read_schema_version(db);
        if (schema > schema_version()) {
            return fail(ErrorCode::unavailable, "The backup " + options.file.string() +
                                                    " was written by a newer Waybill; restore it with that version.");
        }
        const std::optional<BackupNotes> notes = take_backup_notes(db);
        if (!notes) return fail(ErrorCode::unavailable, options.file.string() + " is no backup of Waybill.");
        migrate(db);
        db.run("UPDATE counters SET value = max(value, ?1) WHERE name = 'orders_absorbed'",
               newest_in_journal(options.data_dir, options.journal_half_bytes));
        raise_versions(db, clock.now());
        if (Result<void> sound = check_tables(db, options.file); !sound) return std::unexpected(sound.error());
        prepared.report = count_tables(db);
        prepared.report.complete_until = notes->complete_until;
        prepared.report.from_journal = notes->from_journal;
        prepared.report.schema = schema;
        prepared.report.sha256 = sealed->sha256;
        prepared.report.bytes = sealed->database_bytes;
        prepared.secret = notes->secret;
        if (prepared.report.orders != notes->orders) {
            return fail(ErrorCode::unavailable, "The backup " + options.file.string() + " lacks orders.");
        }
    }
    if (Result<void> synced = sync_file(file); !synced) return std::unexpected(synced.error());
    return prepared;
}

Result<void> rename_file(const Path& from, const Path& to) {
    if (::rename(from.c_str(), to.c_str()) == 0) return {};
    return file_trouble(to, errno);
}

class Restoring {
public:
    Restoring(const RestoreOptions& options, Clock& clock)
        : options_(options),
          dir_(options.data_dir),
          clock_(clock),
          old_(options.data_dir, options.journal_half_bytes, clock, [this] { step(); }) {}

    [[nodiscard]] Result<RestoreReport> run() {
        step();
        Result<Prepared> prepared = prepare_database(options_, clock_);
        if (!prepared) return std::unexpected(prepared.error());
        step();
        const bool has_secret = !prepared->secret.empty();
        if (has_secret) {
            Result<void> written = write_small_file(aside(secret_file(dir_)), prepared->secret);
            if (!written) return std::unexpected(written.error());
        }
        step();
        if (Result<void> decided = decide(); !decided) return old_.take_back(decided.error());
        if (Result<void> finished = finish(has_secret); !finished) return std::unexpected(finished.error());
        return RestoreReport{
            .backup = prepared->report, .replaced = old_.folder(), .replaced_is_sound = old_.is_sound()};
    }

private:
    void step() const {
        if (options_.before_step) options_.before_step();
    }

    // The rename, last.
    Result<void> decide() {
        if (Result<void> kept = old_.keep(); !kept) return kept;
        step();
        if (Result<void> alone = refuse_while_open(dir_); !alone) return alone;
        if (Result<void> gone = old_.take_logs_away(); !gone) return gone;
        return rename_file(aside(database_file(dir_)), database_file(dir_));
    }

    Result<void> finish(bool has_secret) {
        Result<void> finished = put_rest(has_secret);
        if (finished) return finished;
        Error why = finished.error();
        why.detail += " The backup has taken its place all the same";
        if (!old_.folder().empty()) why.detail += ", and what was there is kept in " + old_.folder().string();
        why.detail += ". Repeat the restore before a server starts.";
        return std::unexpected(std::move(why));
    }

    Result<void> put_rest(bool has_secret) {
        step();
        if (Result<void> synced = sync_dir(dir_); !synced) return synced;
        step();
        if (has_secret) {
            if (Result<void> put = rename_file(aside(secret_file(dir_)), secret_file(dir_)); !put) return put;
        }
        step();
        if (::unlink(journal_file(dir_).c_str()) != 0 && errno != ENOENT) {
            return file_trouble(journal_file(dir_), errno);
        }
        step();
        return sync_dir(dir_);
    }

    const RestoreOptions& options_;
    const Path& dir_;
    Clock& clock_;
    ReplacedShop old_;
};

Result<RestoreReport> try_restore(const RestoreOptions& options, Clock& clock) {
    try {
        return Restoring(options, clock).run();
    } catch (const SqliteError& error) {
        if (!is_environment(error.code())) throw;
        return describe_backup_failure(error, options.file);
    } catch (const std::filesystem::filesystem_error& error) {
        return file_trouble(error.path1(), error.code().value());
    }
}

}  // namespace

Result<RestoreReport> restore(const RestoreOptions& options, Clock& clock) {
    if (Result<void> made = make_data_dir(options.data_dir); !made) return std::unexpected(made.error());
    const Result<DirLock> lock = lock_data_dir(options.data_dir, Access::restore, options.lock_wait, clock);
    if (!lock) return std::unexpected(lock.error());
    if (Result<void> alone = refuse_while_open(options.data_dir); !alone) return std::unexpected(alone.error());
    Result<RestoreReport> report = try_restore(options, clock);
    if (!report) {
        ::unlink(aside(database_file(options.data_dir)).c_str());
        ::unlink(aside(secret_file(options.data_dir)).c_str());
    }
    return report;
}

}  // namespace waybill::sqlite
