// What makes a copy complete is the order of its steps: the journal is read before the tables. An order that
// is not in the journal then is in the tables already, and one that leaves the journal meanwhile is in them
// later; those that the copy of the tables lacks are taken into it.
#include "adapters/sqlite/copy_shop.hpp"

#include <map>
#include <memory>
#include <stdexcept>
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

using Placed = std::map<std::uint64_t, FreshOrder>;

// A record that is written meanwhile is whole, or not there. Without a server, which has its orders in memory,
// what cannot be reached would be lost.
Result<Placed> read_journal(const std::filesystem::path& data_dir, std::uint64_t half_bytes, Connection& source,
                            int schema, Clock& clock) {
    Placed placed;
    const Result<DirLock> lock = lock_data_dir(data_dir, Access::command, Milliseconds{0}, clock);
    if (!lock) return std::unexpected(lock.error());
    const std::uint64_t absorbed = absorbed_of(source, schema);
    const std::filesystem::path file = journal_file(data_dir);
    if (!std::filesystem::exists(file)) return placed;
    try {
        OrderJournal journal(file, half_bytes);
        journal.replay([&](JournaledOrder order) {
            if (order.sequence <= absorbed) return;
            const std::uint64_t sequence = order.sequence;
            placed.insert_or_assign(sequence, std::make_shared<const JournaledOrder>(std::move(order)));
        });
        const std::uint64_t newest = placed.empty() ? absorbed : placed.rbegin()->first;
        if (lock->held() && journal.look_beyond(newest).newest != 0) {
            return fail(ErrorCode::unavailable, "The order journal in " + data_dir.string() + " is damaged.");
        }
    } catch (const SqliteError&) {
        throw;
    } catch (const std::runtime_error&) {
        return fail(ErrorCode::unavailable,
                    "The order journal in " + data_dir.string() + " does not fit its database.");
    }
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

// What the pages hold is the source's; the copy was written a moment ago.
std::unexpected<Error> damaged(const std::filesystem::path& data_dir) {
    return fail(ErrorCode::unavailable,
                "The database " + database_file(data_dir).string() + " " + why_unusable(SQLITE_CORRUPT) + ".");
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

}  // namespace

std::uint64_t absorbed_of(Connection& db, int schema) {
    return schema < first_schema_with_journal ? 0 : select_version(db).absorbed;
}

namespace {

Result<BackupReport> try_copy_shop(const std::filesystem::path& data_dir, std::uint64_t journal_half_bytes,
                                   const std::filesystem::path& into, Clock& clock) {
    Connection source(database_file(data_dir), Connection::Mode::read);
    const Result<int> schema = find_schema(source, data_dir);
    if (!schema) return std::unexpected(schema.error());
    if (Result<void> alone = refuse_beside_restore(data_dir); !alone) return std::unexpected(alone.error());
    const Result<std::string> secret = read_small_file(secret_file(data_dir));
    if (!secret) return std::unexpected(secret.error());

    const TimePoint moment = clock.now();
    const Result<Placed> placed = read_journal(data_dir, journal_half_bytes, source, *schema, clock);
    if (!placed) return std::unexpected(placed.error());
    Connection copy(into, Connection::Mode::copy);
    std::vector<FreshOrder> missing;
    {
        const Snapshot snapshot(source);
        missing = continue_tables(*placed, absorbed_of(source, *schema));
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
    if (!check_tables(copy, into)) return damaged(data_dir);
    return report;
}

}  // namespace

Result<BackupReport> copy_shop(const std::filesystem::path& data_dir, std::uint64_t journal_half_bytes,
                               const std::filesystem::path& into, Clock& clock) {
    try {
        return try_copy_shop(data_dir, journal_half_bytes, into, clock);
    } catch (const SqliteError& error) {
        if (!is_damage(error.code())) throw;
        return damaged(data_dir);
    }
}

}  // namespace waybill::sqlite
