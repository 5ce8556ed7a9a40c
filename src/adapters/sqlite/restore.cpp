// A backup takes the place of a shop. One rename decides: before it everything is as it was, after it the
// new database counts. What could reach the new one from the old is made harmless first: SQLite's log is
// copied into the old database, and the orders of the old journal have numbers that the new tables hold.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

#include "adapters/sqlite/backup_file.hpp"
#include "adapters/sqlite/backup_tables.hpp"
#include "adapters/sqlite/data_dir.hpp"
#include "adapters/sqlite/order_journal.hpp"
#include "adapters/sqlite/placing.hpp"
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

// 0 where there are none, or none that can be read: such a journal is refused by a server, not replayed.
std::uint64_t newest_in_journal(const RestoreOptions& options) {
    std::uint64_t newest = 0;
    const Path file = journal_file(options.data_dir);
    if (!std::filesystem::exists(file)) return newest;
    try {
        OrderJournal(file, options.journal_half_bytes).replay([&](const JournaledOrder& order) {
            newest = std::max(newest, order.sequence);
        });
    } catch (const std::runtime_error&) {
    }
    return newest;
}

struct Prepared {
    BackupReport report;
    std::string secret;
};

// The new database, aside, complete and synced.
Result<Prepared> prepare_database(const RestoreOptions& options, const SealedFile& sealed) {
    const Path file = aside(database_file(options.data_dir));
    if (Result<void> copied = copy_database(options.file, sealed, file); !copied) {
        return std::unexpected(copied.error());
    }
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
        db.run("UPDATE counters SET value = max(value, ?1) WHERE name = 'orders_absorbed'", newest_in_journal(options));
        if (Result<void> sound = check_tables(db, options.file); !sound) return std::unexpected(sound.error());
        prepared.report = count_tables(db);
        prepared.report.complete_until = notes->complete_until;
        prepared.report.from_journal = notes->from_journal;
        prepared.report.schema = schema;
        prepared.report.sha256 = sealed.sha256;
        prepared.report.bytes = sealed.database_bytes;
        prepared.secret = notes->secret;
        if (prepared.report.orders != notes->orders) {
            return fail(ErrorCode::unavailable, "The backup " + options.file.string() + " lacks orders.");
        }
    }
    if (Result<void> synced = sync_file(file); !synced) return std::unexpected(synced.error());
    return prepared;
}

// Copies SQLite's log into the old database, which is then one file. False: it cannot be read.
bool empty_old_log(const Path& data_dir) {
    try {
        Connection db(database_file(data_dir), Connection::Mode::write);
        return db.checkpoint(SQLITE_CHECKPOINT_TRUNCATE) == SQLITE_OK;
    } catch (const SqliteError&) {
        return false;
    }
}

// A name of its own for what is replaced.
Result<Path> make_folder_for_old(const Path& data_dir, TimePoint now) {
    std::string stamp = format_rfc3339(now).substr(0, 19);
    std::erase(stamp, ':');
    for (int number = 1;; ++number) {
        const Path folder = data_dir / ("replaced-" + stamp + (number == 1 ? "" : "-" + std::to_string(number)));
        if (::mkdir(folder.c_str(), 0700) == 0) return folder;
        if (errno != EEXIST) return file_trouble(folder, errno);
    }
}

// A second name for the file, so that it stays when the first goes to another.
Result<void> keep(const Path& file, const Path& folder) {
    const Path kept = folder / file.filename();
    if (::link(file.c_str(), kept.c_str()) == 0 || errno == ENOENT) return {};
    std::error_code error;
    std::filesystem::copy_file(file, kept, error);
    if (error) return file_trouble(kept, error.value());
    return sync_file(kept);
}

Result<void> move(const Path& from, const Path& to) {
    if (::rename(from.c_str(), to.c_str()) == 0 || errno == ENOENT) return {};
    return file_trouble(to, errno);
}

class Restoring {
public:
    Restoring(const RestoreOptions& options, Clock& clock) : options_(options), dir_(options.data_dir), clock_(clock) {}

    [[nodiscard]] Result<RestoreReport> run() {
        const Result<SealedFile> sealed = check_seal(options_.file);
        if (!sealed) return std::unexpected(sealed.error());
        step();
        Result<Prepared> prepared = prepare_database(options_, *sealed);
        if (!prepared) return std::unexpected(prepared.error());
        step();
        RestoreReport report{.backup = prepared->report, .replaced = {}};
        const bool has_secret = !prepared->secret.empty();
        if (has_secret) {
            Result<void> written = write_small_file(aside(secret_file(dir_)), prepared->secret);
            if (!written) return std::unexpected(written.error());
        }
        step();
        if (Result<void> kept = keep_old(report); !kept) return std::unexpected(kept.error());
        if (Result<void> put = put_new(has_secret); !put) return std::unexpected(put.error());
        return report;
    }

private:
    void step() const {
        if (options_.before_step) options_.before_step();
    }

    Result<void> keep_old(RestoreReport& report) {
        const Path database = database_file(dir_);
        if (!std::filesystem::exists(database)) return {};
        report.replaced_is_readable = empty_old_log(dir_);
        step();
        const Result<Path> folder = make_folder_for_old(dir_, clock_.now());
        if (!folder) return std::unexpected(folder.error());
        report.replaced = *folder;
        for (const Path& file : {database, journal_file(dir_), secret_file(dir_)}) {
            step();
            if (Result<void> kept = keep(file, *folder); !kept) return kept;
        }
        step();
        // That of a database that cannot be read. On the new one it would be taken for its own.
        if (Result<void> moved = move(log_file(dir_), *folder / log_file(dir_).filename()); !moved) return moved;
        if (Result<void> synced = sync_dir(*folder); !synced) return synced;
        return sync_dir(dir_);
    }

    Result<void> put_new(bool has_secret) {
        step();
        if (Result<void> put = move(aside(database_file(dir_)), database_file(dir_)); !put) return put;
        if (Result<void> synced = sync_dir(dir_); !synced) return synced;
        step();
        if (has_secret) {
            if (Result<void> put = move(aside(secret_file(dir_)), secret_file(dir_)); !put) return put;
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
};

}  // namespace

Result<RestoreReport> restore(const RestoreOptions& options, Clock& clock) {
    if (Result<void> made = make_data_dir(options.data_dir); !made) return std::unexpected(made.error());
    const Result<DirLock> lock = lock_data_dir(options.data_dir, Access::restore, options.lock_wait, clock);
    if (!lock) return std::unexpected(lock.error());
    if (Result<void> alone = refuse_while_open(options.data_dir); !alone) return std::unexpected(alone.error());
    try {
        Result<RestoreReport> report = Restoring(options, clock).run();
        if (!report) {
            ::unlink(aside(database_file(options.data_dir)).c_str());
            ::unlink(aside(secret_file(options.data_dir)).c_str());
        }
        return report;
    } catch (const SqliteError& error) {
        if (!is_environment(error.code())) throw;
        ::unlink(aside(database_file(options.data_dir)).c_str());
        return describe_backup_failure(error, options.file);
    }
}

}  // namespace waybill::sqlite
