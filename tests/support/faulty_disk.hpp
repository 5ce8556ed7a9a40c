// A disk that fails when told, and can be recorded: a layer over SQLite's own file access, the default
// while it lives. One at a time; every file that was opened through it must be closed before it goes.
#pragma once

#include <sqlite3.h>
#include <string>

#include "tests/support/disk_recording.hpp"

namespace waybill::testing {

enum class DiskStep { read, write, sync, truncate, open, remove, lock, shared_memory, shared_lock };

// Thread-safe.
class FaultyDisk {
public:
    static constexpr int for_ever = 1'000'000'000;

    FaultyDisk();
    ~FaultyDisk();
    FaultyDisk(const FaultyDisk&) = delete;
    FaultyDisk& operator=(const FaultyDisk&) = delete;

    // From now on `good` steps of this kind succeed, then `bad` ones fail with `code`, then all
    // succeed. A write that fails has done its first half, a sync leaves the data where it is, anything
    // else does nothing. Files named *`suffix` only.
    void fail(DiskStep step, int code, int good, int bad, const std::string& suffix = "");
    void heal();

    // Writes to files named *`suffix` wait while what this returns lives. One at a time.
    class Hold {
    public:
        explicit Hold(const std::string& suffix);
        ~Hold();
        Hold(const Hold&) = delete;
        Hold& operator=(const Hold&) = delete;
    };
    [[nodiscard]] Hold hold_writes(const std::string& suffix) { return Hold(suffix); }

    // Files that are opened from now on are on a file system that cannot share memory.
    void share_no_memory();

    // What happens to the files of its directory that are opened from now on. Null: nothing is
    // recorded. The recording outlives those files.
    void record(DiskRecording* into);

    // Steps that failed since `fail`.
    [[nodiscard]] int failures() const;
};

}  // namespace waybill::testing
