// The tables, and how older ones become the present ones.
#pragma once

#include <string>

#include "adapters/sqlite/connection.hpp"

namespace waybill::sqlite {

// What this build reads and writes (PRAGMA user_version).
[[nodiscard]] int schema_version();

[[nodiscard]] int read_schema_version(Connection& db);

// Whether every table that there is comes from another program. Throws SqliteError.
[[nodiscard]] bool is_foreign(Connection& db);

// What to say of such databases, after "The database in ...".
inline constexpr const char* no_waybill_database =
    "is no Waybill database; choose another --data-dir, or move its waybill.db away";
[[nodiscard]] std::string describe_newer(int schema);

// From any older version to the present one, in one transaction. Throws SqliteError.
void migrate(Connection& db);

}  // namespace waybill::sqlite
