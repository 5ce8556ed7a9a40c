// The tables, and how older ones become the present ones.
#pragma once

#include "adapters/sqlite/connection.hpp"

namespace waybill::sqlite {

// What this build reads and writes (PRAGMA user_version).
[[nodiscard]] int schema_version();

[[nodiscard]] int read_schema_version(Connection& db);

// From any older version to the present one, in one transaction. Throws SqliteError.
void migrate(Connection& db);

}  // namespace waybill::sqlite
