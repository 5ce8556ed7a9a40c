#include "adapters/sqlite/connection.hpp"

#include <cassert>
#include <utility>

namespace waybill::sqlite {

namespace {

// The log's growth is ours to watch: SQLite's own checkpoints drop the error of a failed sync.
constexpr int automatic_checkpoint_off = 0;

// How long SQLite itself waits for another process; longer waits are repeated by the caller.
constexpr int writer_busy_ms = 20;
constexpr int reader_busy_ms = 1'000;

int primary(int code) { return code & 0xff; }

SqliteError last_error(sqlite3* db, int code) { return {code, sqlite3_errmsg(db), file_of(db)}; }

}  // namespace

std::string file_of(sqlite3* db) {
    const char* const file = sqlite3_db_filename(db, "main");
    return file == nullptr ? "" : file;
}

bool is_busy(int code) { return primary(code) == SQLITE_BUSY || primary(code) == SQLITE_LOCKED; }

bool is_failed_sync(int code) { return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC; }

bool is_surely_undone(int code) {
    return primary(code) == SQLITE_FULL || primary(code) == SQLITE_BUSY || code == SQLITE_IOERR_WRITE;
}

bool is_without_shared_memory(int code) {
    return code == SQLITE_IOERR_SHMOPEN || code == SQLITE_IOERR_SHMMAP || code == SQLITE_IOERR_SHMLOCK;
}

bool is_environment(int code) {
    switch (primary(code)) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_NOMEM:
        case SQLITE_READONLY:
        case SQLITE_INTERRUPT:
        case SQLITE_IOERR:
        case SQLITE_CORRUPT:
        case SQLITE_FULL:
        case SQLITE_CANTOPEN:
        case SQLITE_PROTOCOL:
        case SQLITE_PERM:
        case SQLITE_AUTH:
        case SQLITE_NOTADB:
        case SQLITE_NOLFS:
            return true;
        default:
            return false;
    }
}

bool is_full(int code) { return primary(code) == SQLITE_FULL; }

bool is_damage(int code) { return primary(code) == SQLITE_NOTADB || primary(code) == SQLITE_CORRUPT; }

const char* why_unusable(int code) {
    if (is_without_shared_memory(code)) {
        return "cannot be kept on its file system; choose another --data-dir, on a local disk";
    }
    switch (primary(code)) {
        case SQLITE_NOTADB:
        case SQLITE_CORRUPT:
            return "is damaged, or is no Waybill database; restore it from a backup";
        case SQLITE_FULL:
            return "cannot be written: the disk is full";
        case SQLITE_READONLY:
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
            return "cannot be opened for writing; check who owns its files";
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return "is kept busy by another process; try again";
        case SQLITE_IOERR:
            return "cannot be read or written: the disk fails";
        default:
            return "cannot be opened";
    }
}

Rows::Rows(sqlite3* db, CachedStatement& statement) : db_(db), statement_(statement) {
    if (statement_.in_use) throw std::logic_error("a statement was used again before its rows were read");
    statement_.in_use = true;
}

Rows::~Rows() {
    sqlite3_reset(statement_.handle);
    sqlite3_clear_bindings(statement_.handle);
    statement_.in_use = false;
}

bool Rows::next() {
    const int code = sqlite3_step(statement_.handle);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    throw last_error(db_, sqlite3_extended_errcode(db_));
}

bool Rows::is_null(int column) const { return sqlite3_column_type(statement_.handle, column) == SQLITE_NULL; }

std::int64_t Rows::integer(int column) const { return sqlite3_column_int64(statement_.handle, column); }

std::string Rows::text(int column) const { return std::string(blob(column)); }

std::string_view Rows::blob(int column) const {
    const void* bytes = sqlite3_column_blob(statement_.handle, column);
    const int size = sqlite3_column_bytes(statement_.handle, column);
    if (bytes == nullptr) return {};
    return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

std::optional<TimePoint> Rows::optional_time(int column) const {
    if (is_null(column)) return std::nullopt;
    return time(column);
}

void Rows::bind(int index, Blob value) {
    // A null pointer would bind NULL where an empty value is meant.
    const char* bytes = value.bytes.empty() ? "" : value.bytes.data();
    check(sqlite3_bind_blob64(statement_.handle, index, bytes, value.bytes.size(), lifetime_));
}

void Rows::bind(int index, Pointer value) {
    check(sqlite3_bind_pointer(statement_.handle, index, const_cast<void*>(value.object), value.type, nullptr));
}

void Rows::bind_integer(int index, std::int64_t value) { check(sqlite3_bind_int64(statement_.handle, index, value)); }

void Rows::bind_text(int index, std::string_view value) {
    const char* bytes = value.empty() ? "" : value.data();
    check(sqlite3_bind_text64(statement_.handle, index, bytes, value.size(), lifetime_, SQLITE_UTF8));
}

void Rows::bind_null(int index) { check(sqlite3_bind_null(statement_.handle, index)); }

void Rows::check(int code) const {
    if (code != SQLITE_OK) throw last_error(db_, sqlite3_extended_errcode(db_));
}

Connection::Connection(const std::filesystem::path& file, Mode mode) {
    const int access = mode != Mode::read ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    const int code = sqlite3_open_v2(file.c_str(), &db_, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
    try {
        if (code != SQLITE_OK) throw SqliteError(code, sqlite3_errstr(code), file.string());
        configure(mode);
    } catch (...) {
        close();
        throw;
    }
}

Connection::~Connection() { close(); }

void Connection::close() noexcept {
    for (const auto& [text, statement] : statements_) sqlite3_finalize(statement.handle);
    statements_.clear();
    [[maybe_unused]] const int code = sqlite3_close(db_);
    assert(code == SQLITE_OK);  // a statement outlives its connection
    db_ = nullptr;
}

void Connection::configure(Mode mode) {
    sqlite3_busy_timeout(db_, mode == Mode::read ? reader_busy_ms : writer_busy_ms);
    execute("PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;");
    // A rollback journal on the disk could outlive its process, and meet another file of the same name.
    if (mode == Mode::copy) execute("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF;");
    if (mode != Mode::write) return;
    // The default of 2 MB is less than a busy batch writes, and every page too many is written twice.
    execute("PRAGMA page_size=4096;");
    keep_log();
    execute("PRAGMA synchronous=FULL; PRAGMA cache_size=-32768;");
    sqlite3_wal_autocheckpoint(db_, automatic_checkpoint_off);
    sqlite3_wal_hook(
        db_,
        [](void* self, sqlite3*, const char*, int pages) {
            static_cast<Connection*>(self)->log_pages_ = pages;
            return SQLITE_OK;
        },
        this);
}

// Where SQLite can keep no log it stays with a rollback journal, and that is no error of its own.
void Connection::keep_log() {
    Rows mode = query("PRAGMA journal_mode=WAL");
    if (!mode.next() || mode.text(0) != "wal") {
        throw SqliteError(SQLITE_IOERR_SHMOPEN, "no memory can be shared, so no log can be kept");
    }
}

void Connection::execute(Sql script) {
    const int code = sqlite3_exec(db_, script.text(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) throw last_error(db_, code);
}

void Connection::begin_immediate() {
    rollback();
    if (in_transaction()) throw SqliteError(SQLITE_NOMEM, "no memory to end a transaction");
    run("BEGIN IMMEDIATE");
}

void Connection::rollback() noexcept {
    if (in_transaction()) sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Connection::set_user_version(int version) {
    // A pragma takes no bound values; a number of ours is safe as text.
    const std::string pragma = "PRAGMA user_version=" + std::to_string(version);
    const int code = sqlite3_exec(db_, pragma.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) throw last_error(db_, code);
}

int Connection::checkpoint(int mode) { return sqlite3_wal_checkpoint_v2(db_, "main", mode, nullptr, nullptr); }

int Connection::take_log_pages() { return std::exchange(log_pages_, 0); }

void Connection::keep_log_on_close() { sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr); }

CachedStatement& Connection::prepare(Sql sql) {
    CachedStatement& statement = statements_[sql.text()];
    if (statement.handle == nullptr) {
        const int code = sqlite3_prepare_v3(db_, sql.text(), -1, SQLITE_PREPARE_PERSISTENT, &statement.handle, nullptr);
        if (code != SQLITE_OK) throw last_error(db_, code);
    }
    return statement;
}

}  // namespace waybill::sqlite
