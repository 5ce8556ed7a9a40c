// The whole of a shop as one database: its tables, the orders that only its journal has, and its secret.
#pragma once

#include <cstdint>
#include <filesystem>

#include "adapters/sqlite/connection.hpp"
#include "adapters/sqlite/sqlite.hpp"

namespace waybill::sqlite {

// Writes `into`, an empty file that nobody else opens, with the notes of backup_tables.hpp; not synced. A
// server may run meanwhile. The report lacks what only a sealed file has. Errors: unavailable, one
// sentence. Throws SqliteError.
[[nodiscard]] Result<BackupReport> copy_shop(const std::filesystem::path& data_dir, std::uint64_t journal_half_bytes,
                                             const std::filesystem::path& into, Clock& clock);

// The number of the newest order in the tables. Throws SqliteError.
[[nodiscard]] std::uint64_t absorbed_of(Connection& db, int schema);

}  // namespace waybill::sqlite
