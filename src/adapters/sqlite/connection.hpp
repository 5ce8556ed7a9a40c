// A thin layer over SQLite's C interface (sqlite.org/c3ref): connections, cached statements, errors.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <sqlite3.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "domain/ids.hpp"
#include "domain/time.hpp"

namespace waybill::sqlite {

// Carries SQLite's extended result code. Its text is for the log, never for a client.
class SqliteError : public std::runtime_error {
public:
    SqliteError(int code, const std::string& text, std::string file = {})
        : std::runtime_error(text), code_(code), file_(std::move(file)) {}
    [[nodiscard]] int code() const { return code_; }
    // The file that failed; empty where that is not known.
    [[nodiscard]] const std::string& file() const { return file_; }

private:
    int code_;
    std::string file_;
};

[[nodiscard]] bool is_busy(int code);

// What was written may be on the disk or not, and a later sync that succeeds says nothing about it.
[[nodiscard]] bool is_failed_sync(int code);

// A COMMIT that ended with this left no commit frame in the log. Every other error of a COMMIT may
// have come after that frame (a failed sync, a failed update of the shared index), and recovery
// would find it.
[[nodiscard]] bool is_surely_undone(int code);

// The file system cannot share memory, which the index of the log needs: that of another machine, often.
[[nodiscard]] bool is_without_shared_memory(int code);

// The disk, the memory or the file, and not a mistake of ours.
[[nodiscard]] bool is_environment(int code);

// The disk has no room for what was written.
[[nodiscard]] bool is_full(int code);

// The content is not what it must be, and repeating will not change that.
[[nodiscard]] bool is_damage(int code);

// The end of a sentence that begins with the database, for a person: what is wrong, and what to do.
[[nodiscard]] const char* why_unusable(int code);

// Statement text that was fixed at compile time: no value can become SQL. Statements are cached by
// its address.
class Sql {
public:
    consteval Sql(const char* literal) : text_(literal) {}  // NOLINT: literals convert
    [[nodiscard]] const char* text() const { return text_; }

private:
    const char* text_;
};

struct Blob {
    std::string_view bytes;
};

// For a table of ours; SQL sees NULL. The type is a literal.
struct Pointer {
    const void* object;
    const char* type;
};

// Of its main database; empty where it has none.
[[nodiscard]] std::string file_of(sqlite3* db);

// A prepared statement of a connection's cache.
struct CachedStatement {
    sqlite3_stmt* handle = nullptr;
    bool in_use = false;
};

// One use of a cached statement; gives it back when it ends. Columns count from 0.
class Rows {
public:
    template <class... Values>
    Rows(sqlite3* db, CachedStatement& statement, sqlite3_destructor_type lifetime, const Values&... values)
        : Rows(db, statement) {
        lifetime_ = lifetime;
        [[maybe_unused]] int index = 0;
        (bind(++index, values), ...);
    }
    Rows(const Rows&) = delete;
    Rows& operator=(const Rows&) = delete;
    ~Rows();

    // Throws SqliteError.
    [[nodiscard]] bool next();

    [[nodiscard]] bool is_null(int column) const;
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] std::string_view blob(int column) const;  // until the next row
    [[nodiscard]] TimePoint time(int column) const { return from_unix_ms(integer(column)); }
    [[nodiscard]] std::optional<TimePoint> optional_time(int column) const;

private:
    Rows(sqlite3* db, CachedStatement& statement);

    template <std::integral T>
    void bind(int index, T value) {
        bind_integer(index, static_cast<std::int64_t>(value));
    }
    template <class T>
    requires std::is_enum_v<T>
    void bind(int index, T value) { bind_integer(index, static_cast<std::int64_t>(value)); }
    template <class Tag>
    void bind(int index, const Id<Tag>& id) {
        bind_text(index, id.text);
    }
    template <class T>
    void bind(int index, const std::optional<T>& value) {
        if (value) {
            bind(index, *value);
        } else {
            bind_null(index);
        }
    }
    void bind(int index, const std::string& value) { bind_text(index, value); }
    void bind(int index, TimePoint value) { bind_integer(index, to_unix_ms(value)); }
    void bind(int index, Blob value);
    void bind(int index, Pointer value);
    void bind_integer(int index, std::int64_t value);
    void bind_text(int index, std::string_view value);
    void bind_null(int index);
    void check(int code) const;

    sqlite3* db_;
    CachedStatement& statement_;
    sqlite3_destructor_type lifetime_ = SQLITE_TRANSIENT;
};

// Not thread-safe: one thread at a time. Every method throws SqliteError.
class Connection {
public:
    // `copy`: a file of our own that nobody else opens, and that counts only after it was synced; no log.
    enum class Mode { write, read, copy };
    Connection(const std::filesystem::path& file, Mode mode);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    // Executes one statement; returns how many rows it changed.
    template <class... Values>
    std::int64_t run(Sql sql, const Values&... values) {
        Rows rows(db_, prepare(sql), SQLITE_STATIC, values...);
        while (rows.next()) {
        }
        return changes();
    }

    // Values are copied, so temporaries may end.
    template <class... Values>
    [[nodiscard]] Rows query(Sql sql, const Values&... values) {
        return Rows(db_, prepare(sql), SQLITE_TRANSIENT, values...);
    }

    // Several statements at once, uncached; for the schema and pragmas.
    void execute(Sql script);

    [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
    // Ends first what a rollback left open for want of memory.
    void begin_immediate();
    void commit() { run("COMMIT"); }
    // Never throws; a transaction that SQLite has ended by itself is no error. Without memory it may
    // fail: in_transaction() tells.
    void rollback() noexcept;

    void set_user_version(int version);

    // Returns SQLite's code; SQLITE_BUSY when it was not complete.
    [[nodiscard]] int checkpoint(int mode);

    // Pages in the log after the last commit that wrote; 0 when none did since this was last asked.
    [[nodiscard]] int take_log_pages();

    // Leaves the log as it is when the last connection closes.
    void keep_log_on_close();

    [[nodiscard]] sqlite3* handle() { return db_; }
    [[nodiscard]] std::string file() const { return file_of(db_); }
    [[nodiscard]] std::int64_t changes() const { return sqlite3_changes64(db_); }

private:
    [[nodiscard]] CachedStatement& prepare(Sql sql);
    void configure(Mode mode);
    void keep_log();
    void close() noexcept;

    sqlite3* db_ = nullptr;
    std::map<const void*, CachedStatement> statements_;
    int log_pages_ = 0;
};

// Several reads of one state of the database.
class Snapshot {
public:
    explicit Snapshot(Connection& db) : db_(db) { db_.run("BEGIN"); }
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;
    ~Snapshot() { db_.rollback(); }

private:
    Connection& db_;
};

}  // namespace waybill::sqlite
