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

// Who uses the data directory. Only a server migrates; one server at a time.
enum class Access { server, command };

struct SqliteOptions {
    std::filesystem::path data_dir;
    Access access = Access::server;
    Milliseconds lease_ahead_max{16'000};  // WorkPolicy::ahead_max, see domain/work.hpp
    Milliseconds write_deadline{10'000};   // how long a write may wait for its turn
    Milliseconds busy_deadline{5'000};     // how long a batch is repeated while another process writes
    std::size_t writes_waiting_max = 4'096;

    // Orders that are durable in the journal and not in the tables yet; more wait.
    std::size_t fresh_orders_max = 16'384;

    // The journal has two halves of this size. Part of its format: a data directory keeps it.
    std::uint64_t journal_half_bytes = 16u << 20;

    // The log of the database is copied into it when it is this long, and readers are waited for (a
    // moment) at four times that. In pages of 4 KiB.
    int log_pages_max = 16'000;

    // Set where nobody has to be asked whether an order can be fulfilled: it is then claimed and settled
    // in the commit that takes it into the tables, Processed with its mail queued, and this is called
    // with the number of such orders.
    std::function<void(std::size_t)> on_processed{};

    // Called once, from any thread, when the disk failed to sync again after everything was opened
    // anew: the process should end. The store answers `unavailable` from then on.
    std::function<void(std::string)> on_fatal{};
};

// Opens or creates waybill.db, takes the lock (server), migrates, and takes the orders that a crash
// left in orders.journal into the tables. A command neither places orders nor changes stock. Errors (unavailable) are
// one sentence for a person: a directory that cannot be read, a second server, a newer schema.
[[nodiscard]] Result<std::unique_ptr<Store>> open_sqlite_store(const SqliteOptions& options, Clock& clock, Log& log);

}  // namespace waybill::sqlite
