// The embedded store: one SQLite database in the data directory.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "domain/error.hpp"
#include "domain/work.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"
#include "ports/store.hpp"

namespace waybill::sqlite {

// Who uses the data directory. Only a server migrates; one server, or one restore, at a time.
enum class Access { server, command, restore };

// The journal has two halves of this size. Part of its format: a data directory keeps it.
inline constexpr std::uint64_t journal_half_bytes_default = 16u << 20;

struct SqliteOptions {
    std::filesystem::path data_dir;
    Access access = Access::server;
    Milliseconds lease_ahead_max{16'000};  // WorkPolicy::ahead_max, see domain/work.hpp
    Milliseconds write_deadline{10'000};   // how long a write may wait for its turn
    Milliseconds busy_deadline{5'000};     // how long a batch is repeated while another process writes
    std::size_t writes_waiting_max = 4'096;

    // Orders that are durable in the journal and not in the tables yet; more wait.
    std::size_t fresh_orders_max = 16'384;

    std::uint64_t journal_half_bytes = journal_half_bytes_default;

    // The log of the database is copied into it when it is this long, and readers are waited for (a
    // moment) at four times that. In pages of 4 KiB.
    int log_pages_max = 16'000;

    // Where nobody has to be asked whether an order can be fulfilled: it is claimed and settled in the commit
    // that takes it into the tables, Processed with its mail queued.
    bool process_at_once = false;

    // Called with the number of orders that were processed so.
    std::function<void(std::size_t)> on_processed{};

    // Called once, from any thread, when the disk failed to sync again after everything was opened
    // anew: the process should end. The store answers `unavailable` from then on.
    std::function<void(std::string)> on_fatal{};
};

// Opens or creates waybill.db, takes the lock (server), migrates, and takes the orders that a crash
// left in orders.journal into the tables. A command neither places orders nor changes stock. Errors (unavailable) are
// one sentence for a person: a directory that cannot be read, a second server, a newer schema.
[[nodiscard]] Result<std::unique_ptr<Store>> open_sqlite_store(const SqliteOptions& options, Clock& clock, Log& log);

struct BackupOptions {
    std::filesystem::path data_dir;
    std::filesystem::path file;
    bool replace = false;  // a file of this name
    std::uint64_t journal_half_bytes = journal_half_bytes_default;
};

struct BackupReport {
    TimePoint complete_until{};  // every order that was acknowledged before is in it
    std::int64_t orders = 0;
    std::int64_t from_journal = 0;  // of them: those that the tables lacked
    std::int64_t users = 0;
    std::int64_t products = 0;
    std::int64_t units_of_stock = 0;
    int schema = 0;
    std::uint64_t bytes = 0;
    std::string sha256;  // of all but the last line
};

// Writes the shop to one file (mode 0600, since it holds the accounts and the secret of the data directory),
// beside a running server or without one. The file is written aside, synced, read again and checked, and
// takes its name last. Mails in the mail folder are not in it, nor what Redis holds. Errors: unavailable, one
// sentence: no shop there, a restore at work on it, a file that failed.
[[nodiscard]] Result<BackupReport> back_up(const BackupOptions& options, Clock& clock);

struct RestoreOptions {
    std::filesystem::path data_dir;
    std::filesystem::path file;  // of back_up, or the data directory of a shop that is not in use
    Milliseconds lock_wait{5'000};
    std::uint64_t journal_half_bytes = journal_half_bytes_default;
    std::function<void()> before_step{};  // for tests: what throws there is a death
};

struct RestoreReport {
    BackupReport backup;
    std::filesystem::path replaced;  // the folder with the data that was there; empty: there was none
    bool replaced_is_sound = true;   // false: its database or journal is damaged, or its database missing
};

// Puts a backup in the place of what the data directory holds: checked, brought to the present schema, and
// synced before one rename makes it count. No order of the replaced journal can reach it. Each file of the
// replaced shop is kept by itself, also where the database is missing. The secret stays when the backup has
// none. Redis is not touched: the versions of catalogue and stock are raised above all that it can have seen,
// and finished orders that it holds are the caller's to flush.
//
// Errors (unavailable, one sentence; nothing was changed unless it says so): a server or command that uses the
// directory, a damaged or newer file, a database or journal there that cannot be read though it is not damaged.
[[nodiscard]] Result<RestoreReport> restore(const RestoreOptions& options, Clock& clock);

}  // namespace waybill::sqlite
