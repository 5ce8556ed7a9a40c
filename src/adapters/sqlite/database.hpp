// The open database: one writing connection, the readers, and what happens after a failed sync.
//
// A failed sync leaves doubt about everything that was written since the last good one. All
// connections are closed and opened again, and nothing is acknowledged until the whole log was
// written anew, copied into the database and synced there. A second failed sync before any commit succeeded is
// final. Other errors that leave doubt are treated alike, but are never final.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "adapters/sqlite/connection.hpp"
#include "adapters/sqlite/disk_room.hpp"
#include "adapters/sqlite/read_pool.hpp"
#include "adapters/sqlite/sqlite.hpp"

namespace waybill::sqlite {

// For whoever meets it, without the path that only the operator may see.
[[nodiscard]] Error damaged_database();

// Everything but `is_healthy`, `readers`, `room`, the damage and `lose` is for the one thread that writes.
class Database {
public:
    // Throws SqliteError.
    Database(const SqliteOptions& options, Clock& clock, Log& log);
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    ~Database();

    [[nodiscard]] Connection& writer() { return *writer_; }
    [[nodiscard]] ReadPool& readers() { return readers_; }
    [[nodiscard]] DiskRoom& room() { return room_; }
    [[nodiscard]] const DiskRoom& room() const { return room_; }
    [[nodiscard]] bool is_healthy() const { return health_.load() == Health::good; }

    // Writes the log anew, so that the disk holds all of it that is read here: an earlier process, or
    // this one, may have met a failed sync. Errors: unavailable (another process writes). Throws
    // SqliteError.
    [[nodiscard]] Result<void> renew_log();

    // Opens everything again where that is due. Errors: unavailable.
    [[nodiscard]] Result<void> make_ready();

    // Repeats BEGIN IMMEDIATE while another process writes. Errors: unavailable (at the deadline).
    // Throws SqliteError.
    [[nodiscard]] Result<void> begin(SteadyTime deadline);

    // After a commit: copies the log when it has become long.
    void after_commit();

    // After an error that leaves doubt about what is on the disk.
    void distrust(const SqliteError& error);

    // Something that was read is not what it must be, and will not be again. From any thread; told once a minute,
    // since every request may meet it.
    void note_damage(const SqliteError& error);
    [[nodiscard]] bool is_damaged() const { return is_damaged_; }

    // Answers nothing from now on, and tells on_fatal. From any thread; once.
    void lose(const std::string& why);

private:
    enum class Health { good, doubtful, lost };

    // False, and nothing was opened, while an old reader is in use: as long as any connection stays
    // open, the log is not read and verified anew.
    [[nodiscard]] bool reopen();
    [[nodiscard]] int checkpoint_all();
    void count_failed_sync();

    const SqliteOptions options_;
    Clock& clock_;
    Log& log_;
    DiskRoom room_;
    std::unique_ptr<Connection> writer_;
    ReadPool readers_;
    std::atomic<Health> health_ = Health::good;
    std::atomic<bool> is_damaged_ = false;
    std::atomic<SteadyTime> damage_told_{};
    int failed_syncs_ = 0;  // since the last commit that was synced
};

}  // namespace waybill::sqlite
