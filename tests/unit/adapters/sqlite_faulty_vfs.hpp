// A disk that fails when told: a layer over SQLite's own file access, the default while it lives.
#pragma once

#include <sqlite3.h>
#include <string>

namespace waybill::sqlite {

enum class DiskStep { write, sync, shared_memory };

class FaultyDisk {
public:
    FaultyDisk();
    ~FaultyDisk();
    FaultyDisk(const FaultyDisk&) = delete;
    FaultyDisk& operator=(const FaultyDisk&) = delete;

    // From now on `good` steps of this kind succeed, then `bad` ones fail with `code` (the write is
    // not done, the sync leaves the data where it is), then all succeed. Files named *`suffix` only.
    void fail(DiskStep step, int code, int good, int bad, const std::string& suffix = "");
    void heal();

    // Files that are opened from now on are on a file system that cannot share memory.
    void share_no_memory();

    // Steps that failed since `fail`.
    [[nodiscard]] int failures() const;
};

}  // namespace waybill::sqlite
