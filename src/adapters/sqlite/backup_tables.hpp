// What a backup holds beside the tables of the shop, and what must hold of all of them. Everything throws
// SqliteError.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "adapters/sqlite/connection.hpp"
#include "adapters/sqlite/sqlite.hpp"

namespace waybill::sqlite {

struct BackupNotes {
    TimePoint complete_until{};
    std::int64_t orders = 0;
    std::int64_t from_journal = 0;
    std::string secret;  // empty: the shop had none in its data directory
};

// Orders, users, products and units of stock.
[[nodiscard]] BackupReport count_tables(Connection& db);

void put_backup_notes(Connection& db, const BackupReport& report, const std::string& secret);

// Empty in a database that is no backup.
[[nodiscard]] std::optional<BackupNotes> take_backup_notes(Connection& db);

// Errors (unavailable): one sentence that names `file`.
[[nodiscard]] Result<void> check_tables(Connection& db, const std::filesystem::path& file);

// One sentence about the file of the error; `file` is for an error that knows none.
[[nodiscard]] std::unexpected<Error> describe_backup_failure(const SqliteError& error,
                                                             const std::filesystem::path& file);

}  // namespace waybill::sqlite
