#include "adapters/sqlite/schema.hpp"

#include <array>

namespace waybill::sqlite {

namespace {

// Times are milliseconds since 1970; enums have the values of the domain's. Rows are read by the
// position of their columns (rows.cpp), so a later version adds columns at the end only.
//
// orders_by_status moves with its order, so that every list of a status, and their merge, reads no
// more than a page. work_by_ready orders what may be claimed: `ready_at` is the due time, the end of
// the lease, or the time to send again. It carries created_at so that the statistics read no rows.
constexpr Sql version_1 = R"sql(
CREATE TABLE orders (
    order_id TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, location TEXT NOT NULL, lines BLOB NOT NULL,
    total INTEGER NOT NULL, status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 4), created_at INTEGER NOT NULL,
    processing_at INTEGER, finished_at INTEGER, reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX orders_by_user ON orders (user_id, created_at, order_id);
CREATE INDEX orders_by_status ON orders (status, created_at, order_id);

CREATE TABLE idempotency (
    user_id TEXT NOT NULL, key TEXT NOT NULL, request_hash BLOB NOT NULL, order_id TEXT, available INTEGER,
    previous INTEGER, created_at INTEGER NOT NULL, PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_time ON idempotency (created_at);

CREATE TABLE work (
    work_id TEXT NOT NULL PRIMARY KEY, kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 1),
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2), order_id TEXT NOT NULL, ready_at INTEGER NOT NULL,
    epoch INTEGER NOT NULL, attempts INTEGER NOT NULL, tries INTEGER NOT NULL, first_try_at INTEGER,
    send_number INTEGER NOT NULL, mail_to TEXT NOT NULL, created_at INTEGER NOT NULL, resend_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX work_by_ready ON work (kind, ready_at, created_at);
CREATE INDEX work_sent ON work (ready_at) WHERE state = 1;

CREATE TABLE dead_letters (
    work_id TEXT NOT NULL PRIMARY KEY, kind INTEGER NOT NULL, order_id TEXT NOT NULL, reason TEXT NOT NULL,
    attempts INTEGER NOT NULL, created_at INTEGER NOT NULL, epoch INTEGER NOT NULL, mail_to TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX dead_letters_by_time ON dead_letters (created_at, work_id);

CREATE TABLE users (
    user_id TEXT NOT NULL PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, password_hash TEXT NOT NULL,
    role INTEGER NOT NULL CHECK (role BETWEEN 0 AND 1), created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    session_id TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, generation INTEGER NOT NULL,
    rotated_at INTEGER NOT NULL, created_at INTEGER NOT NULL, last_used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL, revoked_at INTEGER, agent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id, created_at, session_id);
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE products (
    product_id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, price INTEGER NOT NULL CHECK (price >= 0),
    active INTEGER NOT NULL CHECK (active BETWEEN 0 AND 1), created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL, description TEXT NOT NULL
) STRICT;
CREATE INDEX products_listed ON products (created_at, product_id) WHERE active = 1;

CREATE TABLE inventory (
    product_id TEXT NOT NULL, location TEXT NOT NULL, available INTEGER NOT NULL CHECK (available >= 0),
    PRIMARY KEY (product_id, location)
) STRICT, WITHOUT ROWID;
CREATE INDEX inventory_by_location ON inventory (location, product_id);

CREATE TABLE locations (location TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TABLE counters (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES ('catalogue_version', 1);
)sql";

// orders_absorbed: the newest order that the tables hold, by its number in the journal. stock_version
// is raised by every change of stock that is not an order's.
constexpr Sql version_2 = "INSERT INTO counters VALUES ('orders_absorbed', 0), ('stock_version', 1)";

// A reset without an account is there for its time only: it has no user, no address and no mail.
constexpr Sql version_3 = R"sql(
CREATE TABLE password_resets (
    reset_id TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, mail_to TEXT NOT NULL, created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL, used_at INTEGER, mail_ready_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX password_resets_by_user ON password_resets (user_id);
CREATE INDEX password_resets_by_end ON password_resets (expires_at);
CREATE INDEX password_resets_to_mail ON password_resets (mail_ready_at) WHERE mail_ready_at IS NOT NULL;
)sql";

// The bytes of domain/trace.hpp; NULL for an order that came without one.
constexpr Sql version_4 = "ALTER TABLE orders ADD COLUMN trace BLOB";

// The live sessions of an account are few, those that it has ended may be many.
constexpr Sql version_5 = R"sql(
DROP INDEX sessions_by_user;
CREATE INDEX sessions_live ON sessions (user_id, created_at, session_id) WHERE revoked_at IS NULL;
)sql";

// Element n leads from version n to n + 1.
constexpr std::array migrations{version_1, version_2, version_3, version_4, version_5};

}  // namespace

int schema_version() { return static_cast<int>(migrations.size()); }

int read_schema_version(Connection& db) {
    Rows rows = db.query("PRAGMA user_version");
    return rows.next() ? static_cast<int>(rows.integer(0)) : 0;
}

bool is_foreign(Connection& db) {
    const bool has_tables = db.query("SELECT 1 FROM sqlite_schema LIMIT 1").next();
    const bool has_ours = db.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'counters'").next();
    return has_tables ? read_schema_version(db) == 0 || !has_ours : read_schema_version(db) != 0;
}

std::string describe_newer(int schema) {
    return "was written by a newer Waybill (schema " + std::to_string(schema) + ", this one knows " +
           std::to_string(schema_version()) + "); use that version, or restore a backup of before";
}

void migrate(Connection& db) {
    if (read_schema_version(db) == schema_version()) return;
    db.begin_immediate();
    try {
        for (int version = read_schema_version(db); version < schema_version(); ++version) {
            db.execute(migrations[static_cast<std::size_t>(version)]);
        }
        db.set_user_version(schema_version());
        db.commit();
    } catch (...) {
        db.rollback();
        throw;
    }
}

}  // namespace waybill::sqlite
