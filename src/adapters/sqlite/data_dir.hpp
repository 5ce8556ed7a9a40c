// The data directory and the lock file that says who uses it.
#pragma once

#include <filesystem>
#include <utility>

#include "adapters/sqlite/sqlite.hpp"
#include "domain/error.hpp"
#include "ports/clock.hpp"
#include "posix/file_descriptor.hpp"

namespace waybill::sqlite {

// Held until the object goes, or the process ends.
class DirLock {
public:
    DirLock() = default;
    explicit DirLock(FileDescriptor file) : file_(std::move(file)) {}
    [[nodiscard]] bool held() const { return file_.is_open(); }
    void release() { file_ = {}; }

private:
    FileDescriptor file_;
};

// Creates the directory (mode 0700) where it is missing. Errors (unavailable): one sentence that names it.
[[nodiscard]] Result<void> make_data_dir(const std::filesystem::path& data_dir);

// A new name is on the disk only after its directory was synced. Errors as above.
[[nodiscard]] Result<void> sync_dir(const std::filesystem::path& dir);

// Creates the directory, an empty database file and an empty journal (0600) where they are
// missing.
// Errors (unavailable): one sentence that names the directory.
[[nodiscard]] Result<void> prepare_data_dir(const std::filesystem::path& data_dir);

// A server, or a restore, refuses beside another (unavailable, names its process). It waits a moment, no
// longer than `wait`, for a command that holds the lock, and where it is not sure who does. For a
// command, a lock that is taken by any but a restore is no error: not held.
[[nodiscard]] Result<DirLock> lock_data_dir(const std::filesystem::path& data_dir, Access access, Milliseconds wait,
                                            Clock& clock);

// For whoever uses the database without the lock, once it is open: a restore writes its name first and looks
// for open databases then, so one of both sees the other. Errors (unavailable): names the restore's process.
[[nodiscard]] Result<void> refuse_beside_restore(const std::filesystem::path& data_dir);

[[nodiscard]] std::filesystem::path database_file(const std::filesystem::path& data_dir);
// SQLite's log beside it.
[[nodiscard]] std::filesystem::path log_file(const std::filesystem::path& data_dir);
[[nodiscard]] std::filesystem::path journal_file(const std::filesystem::path& data_dir);
[[nodiscard]] std::filesystem::path secret_file(const std::filesystem::path& data_dir);

}  // namespace waybill::sqlite
