// A backup beside a running server. What makes it complete is the order of its steps: the journal is read
// before the tables. An order that is not in the journal then is in the tables already, and one that leaves
// the journal meanwhile is in them later; those that the copy of the tables lacks are taken into it.
#include <sys/file.h>
#include <sys/stat.h>

#include <chrono>
#include <fcntl.h>
#include <map>
#include <optional>
#include <stdexcept>
#include <unistd.h>
#include <utility>
#include <vector>

#include "adapters/sqlite/backup_file.hpp"
#include "adapters/sqlite/backup_tables.hpp"
#include "adapters/sqlite/data_dir.hpp"
#include "adapters/sqlite/order_log.hpp"
#include "adapters/sqlite/placing.hpp"
#include "adapters/sqlite/schema.hpp"

namespace waybill::sqlite {

namespace {

constexpr int pages_per_step = 4'096;
constexpr int first_schema_with_journal = 2;

// The file before it has its name: nobody else writes it, and it goes when it is not kept.
class Partial {
public:
    explicit Partial(const std::filesystem::path& target)
        : path(target.string() + ".partial"), file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {}
    Partial(const Partial&) = delete;
    Partial& operator=(const Partial&) = delete;
    ~Partial() {
        if (is_ours_) ::unlink(path.c_str());
        if (file_ >= 0) ::close(file_);
    }

    [[nodiscard]] Result<void> take() {
        if (file_ < 0) return file_trouble(path, errno);
        if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
            return fail(ErrorCode::unavailable, "Another backup writes " + path.string() + " at the moment.");
        }
        is_ours_ = true;
        if (::ftruncate(file_, 0) != 0 || ::fchmod(file_, 0600) != 0) return file_trouble(path, errno);
        return {};
    }

    // Errors (unavailable): there is a file of that name, unless it may be replaced.
    [[nodiscard]] Result<void> rename_to(const std::filesystem::path& target, bool replace) {
        if (!replace && ::link(path.c_str(), target.c_str()) != 0) {
            // Not every file system has links.
            if (errno == EEXIST || std::filesystem::exists(target)) return file_trouble(target, EEXIST);
            replace = true;
        }
        if (replace && ::rename(path.c_str(), target.c_str()) != 0) return file_trouble(target, errno);
        if (replace) is_ours_ = false;
        return sync_dir(std::filesystem::absolute(target).parent_path());
    }

    const std::filesystem::path path;

private:
    int file_;
    bool is_ours_ = false;
};

using Placed = std::map<std::uint64_t, FreshOrder>;

// A record that is written meanwhile is whole, or not there.
Placed read_journal(const BackupOptions& options, std::uint64_t absorbed) {
    Placed placed;
    const std::filesystem::path file = journal_file(options.data_dir);
    if (!std::filesystem::exists(file)) return placed;
    OrderJournal(file, options.journal_half_bytes).replay([&](JournaledOrder order) {
        if (order.sequence <= absorbed) return;
        const std::uint64_t sequence = order.sequence;
        placed.insert_or_assign(sequence, std::make_shared<const JournaledOrder>(std::move(order)));
    });
    return placed;
}

// Those that continue the tables. What comes after a gap was acknowledged while the journal was being read.
std::vector<FreshOrder> continue_tables(const Placed& placed, std::uint64_t absorbed) {
    std::vector<FreshOrder> missing;
    for (auto next = placed.upper_bound(absorbed); next != placed.end(); ++next) {
        if (next->first != absorbed + missing.size() + 1) break;
        missing.push_back(next->second);
    }
    return missing;
}

struct EndBackup {
    void operator()(sqlite3_backup* backup) const { sqlite3_backup_finish(backup); }
};

// SQLite does not say which of the two files failed. The source is only read, the copy is new.
bool is_of_copy(int code) {
    switch (code & 0xff) {
        case SQLITE_FULL:
        case SQLITE_READONLY:
            return true;
        case SQLITE_IOERR:
            return code != SQLITE_IOERR_READ && code != SQLITE_IOERR_SHORT_READ && !is_without_shared_memory(code);
        default:
            return false;
    }
}

// One state of the tables, which the source's open transaction holds. Throws SqliteError.
void copy_pages(Connection& source, Connection& copy) {
    std::unique_ptr<sqlite3_backup, EndBackup> backup(
        sqlite3_backup_init(copy.handle(), "main", source.handle(), "main"));
    if (!backup) throw SqliteError(sqlite3_extended_errcode(copy.handle()), sqlite3_errmsg(copy.handle()), copy.file());
    int code = SQLITE_OK;
    while (code == SQLITE_OK) code = sqlite3_backup_step(backup.get(), pages_per_step);
    if (code == SQLITE_DONE) return;
    Connection& failed = is_of_copy(code) ? copy : source;
    throw SqliteError(code, sqlite3_errstr(code), failed.file());
}

std::uint64_t absorbed_of(Connection& db, int schema) {
    return schema < first_schema_with_journal ? 0 : select_version(db).absorbed;
}

void absorb(Connection& copy, const std::vector<FreshOrder>& missing, TimePoint now) {
    if (missing.empty()) return;
    migrate(copy);  // what takes orders in knows the present tables only
    add_fresh_table(copy);
    copy.begin_immediate();
    Transaction transaction{copy, now};
    // Whether somebody has to be asked about them is for the server that works them.
    take_into_tables(transaction, missing, false);
    copy.commit();
}

Result<int> find_schema(Connection& source, const std::filesystem::path& data_dir) {
    const int schema = read_schema_version(source);
    if (schema == 0) return fail(ErrorCode::unavailable, "There is no shop in " + data_dir.string() + " yet.");
    if (schema > schema_version()) {
        return fail(ErrorCode::unavailable, "The shop in " + data_dir.string() +
                                                " was written by a newer Waybill; back it up with that version.");
    }
    return schema;
}

// Fills all of the report that the tables know.
Result<BackupReport> copy_shop(const BackupOptions& options, const std::filesystem::path& into, Clock& clock) {
    Connection source(database_file(options.data_dir), Connection::Mode::read);
    const Result<int> schema = find_schema(source, options.data_dir);
    if (!schema) return std::unexpected(schema.error());
    if (Result<void> alone = refuse_beside_restore(options.data_dir); !alone) return std::unexpected(alone.error());
    const Result<std::string> secret = read_small_file(secret_file(options.data_dir));
    if (!secret) return std::unexpected(secret.error());

    const TimePoint moment = clock.now();
    const Placed placed = read_journal(options, absorbed_of(source, *schema));
    Connection copy(into, Connection::Mode::copy);
    std::vector<FreshOrder> missing;
    {
        const Snapshot snapshot(source);
        missing = continue_tables(placed, absorbed_of(source, *schema));
        copy_pages(source, copy);
    }
    // The copied header says that there is a log; it is read first, and then changed.
    copy.execute("SELECT count(*) FROM sqlite_schema; PRAGMA journal_mode=DELETE; PRAGMA journal_mode=MEMORY;");
    absorb(copy, missing, clock.now());
    BackupReport report = count_tables(copy);
    report.complete_until = moment;
    report.from_journal = static_cast<std::int64_t>(missing.size());
    report.schema = read_schema_version(copy);
    put_backup_notes(copy, report, *secret);
    if (Result<void> sound = check_tables(copy, into); !sound) return std::unexpected(sound.error());
    return report;
}

Result<BackupReport> write_file(const BackupOptions& options, Clock& clock) {
    Partial partial(options.file);
    if (Result<void> taken = partial.take(); !taken) return std::unexpected(taken.error());
    Result<BackupReport> report = copy_shop(options, partial.path, clock);
    if (!report) return report;
    const Result<SealedFile> sealed = seal(partial.path);
    if (!sealed) return std::unexpected(sealed.error());
    const Result<SealedFile> read_again = check_seal(partial.path);
    if (!read_again) return std::unexpected(read_again.error());
    report->sha256 = sealed->sha256;
    report->bytes = std::filesystem::file_size(partial.path);
    if (Result<void> named = partial.rename_to(options.file, options.replace); !named) {
        return std::unexpected(named.error());
    }
    return report;
}

}  // namespace

Result<BackupReport> back_up(const BackupOptions& options, Clock& clock) {
    std::error_code ignored;
    if (!std::filesystem::exists(database_file(options.data_dir), ignored)) {
        return fail(ErrorCode::unavailable, "There is no shop in " + options.data_dir.string() + ".");
    }
    if (!options.replace && std::filesystem::exists(options.file, ignored)) {
        return fail(ErrorCode::unavailable, "There is a file " + options.file.string() +
                                                " already; give another name, or --force to replace it.");
    }
    try {
        return write_file(options, clock);
    } catch (const SqliteError& error) {
        if (!is_environment(error.code())) throw;
        return describe_backup_failure(error, options.file);
    } catch (const std::filesystem::filesystem_error& error) {
        return file_trouble(options.file, error.code().value());
    } catch (const std::runtime_error&) {
        return fail(ErrorCode::unavailable, "The order journal in " + options.data_dir.string() +
                                                " does not fit its database, so nothing was backed up.");
    }
}

}  // namespace waybill::sqlite
