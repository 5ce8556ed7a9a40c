// A read-only connection that keeps its view of the tables for as long as that is the newest.
//
// To begin and end a read transaction costs two calls of the kernel and locks that all readers share,
// more than most reads themselves. Whether anything was committed since, here or by another process,
// is seen in memory: every commit writes a new header into the index of SQLite's log
// (sqlite.org/walformat.html, 2.1), and nobody sees that commit before.
//
// A view that is kept holds the log: it cannot begin anew. Whoever copies the log has views let go.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "adapters/sqlite/connection.hpp"

namespace waybill::sqlite {

// Not thread-safe: one thread at a time.
class Reader {
public:
    // Throws SqliteError.
    explicit Reader(const std::filesystem::path& file) : connection_(file, Connection::Mode::read) {}

    // What is read from now on, until the view is renewed or let go, is one state of the tables, which
    // holds every commit that ended before this call. Throws SqliteError.
    void renew_view();

    // False: for want of memory it could not be.
    [[nodiscard]] bool let_go() noexcept;

    [[nodiscard]] Connection& connection() { return connection_; }

private:
    using LogState = std::array<std::uint32_t, 12>;  // the header of the index, 48 bytes

    // Empty before the first read.
    [[nodiscard]] std::optional<LogState> log_state();

    Connection connection_;
    const std::uint32_t* log_index_ = nullptr;  // memory that all processes share; SQLite's
    std::optional<LogState> begun_at_;
};

}  // namespace waybill::sqlite
