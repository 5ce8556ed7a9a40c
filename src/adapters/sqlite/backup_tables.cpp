#include "adapters/sqlite/backup_tables.hpp"

namespace waybill::sqlite {

namespace {

std::int64_t count(Connection& db, Sql sql) {
    Rows row = db.query(sql);
    return row.next() ? row.integer(0) : 0;
}

}  // namespace

BackupReport count_tables(Connection& db) {
    BackupReport report;
    report.orders = count(db, "SELECT count(*) FROM orders");
    report.users = count(db, "SELECT count(*) FROM users");
    report.products = count(db, "SELECT count(*) FROM products");
    report.units_of_stock = count(db, "SELECT total(available) FROM inventory");
    return report;
}

void put_backup_notes(Connection& db, const BackupReport& report, const std::string& secret) {
    db.execute(
        "CREATE TABLE backup_notes (complete_until INTEGER NOT NULL, orders INTEGER NOT NULL,"
        " from_journal INTEGER NOT NULL, secret TEXT NOT NULL) STRICT");
    db.run("INSERT INTO backup_notes VALUES (?1, ?2, ?3, ?4)", report.complete_until, report.orders,
           report.from_journal, secret);
}

std::optional<BackupNotes> take_backup_notes(Connection& db) {
    if (!db.query("SELECT 1 FROM sqlite_schema WHERE name = 'backup_notes'").next()) return std::nullopt;
    std::optional<BackupNotes> notes;
    {
        Rows row = db.query("SELECT complete_until, orders, from_journal, secret FROM backup_notes");
        if (row.next()) notes = BackupNotes{row.time(0), row.integer(1), row.integer(2), row.text(3)};
    }
    // The secret must not stay in a page that is free.
    db.execute("PRAGMA secure_delete=ON; DROP TABLE backup_notes;");
    return notes;
}

Result<void> check_tables(Connection& db, const std::filesystem::path& file) {
    Rows row = db.query("PRAGMA integrity_check(1)");
    if (row.next() && row.text(0) == "ok") return {};
    return fail(ErrorCode::unavailable, "The database in " + file.string() + " is damaged.");
}

std::unexpected<Error> describe_backup_failure(const SqliteError& error, const std::filesystem::path& file) {
    return fail(ErrorCode::unavailable,
                (error.file().empty() ? file.string() : error.file()) + " " + why_unusable(error.code()) + ".");
}

}  // namespace waybill::sqlite
