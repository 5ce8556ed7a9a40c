#include "tests/unit/adapters/sqlite_faulty_vfs.hpp"

#include <cstddef>
#include <cstring>
#include <mutex>
#include <new>
#include <string_view>

namespace waybill::sqlite {

namespace {

struct Plan {
    DiskStep step = DiskStep::sync;
    int code = SQLITE_OK;
    int good = 0;
    int bad = 0;
    std::string suffix;
    int failures = 0;
};

std::mutex mutex;
Plan plan;
bool shares_memory = true;
sqlite3_vfs* real_vfs = nullptr;
sqlite3_vfs faulty_vfs;

// SQLite allocates szOsFile bytes: ours, then those of the real file.
struct File {
    sqlite3_file base;
    const char* name;
    [[nodiscard]] sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }

// SQLITE_OK when the step shall be done.
int decide(DiskStep step, const File& file) {
    const std::lock_guard lock(mutex);
    if (plan.code == SQLITE_OK || plan.step != step || file.name == nullptr) return SQLITE_OK;
    if (!std::string_view(file.name).ends_with(plan.suffix)) return SQLITE_OK;
    if (plan.good > 0) {
        --plan.good;
        return SQLITE_OK;
    }
    if (plan.bad == 0) return SQLITE_OK;
    --plan.bad;
    ++plan.failures;
    return plan.code;
}

int close(sqlite3_file* file) { return of(file).real()->pMethods->xClose(of(file).real()); }
int read(sqlite3_file* file, void* bytes, int size, sqlite3_int64 at) {
    return of(file).real()->pMethods->xRead(of(file).real(), bytes, size, at);
}
int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
    if (const int code = decide(DiskStep::write, of(file)); code != SQLITE_OK) return code;
    return of(file).real()->pMethods->xWrite(of(file).real(), bytes, size, at);
}
int truncate(sqlite3_file* file, sqlite3_int64 size) {
    return of(file).real()->pMethods->xTruncate(of(file).real(), size);
}
int sync(sqlite3_file* file, int flags) {
    if (const int code = decide(DiskStep::sync, of(file)); code != SQLITE_OK) return code;
    return of(file).real()->pMethods->xSync(of(file).real(), flags);
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
    return of(file).real()->pMethods->xFileSize(of(file).real(), size);
}
int lock_file(sqlite3_file* file, int level) { return of(file).real()->pMethods->xLock(of(file).real(), level); }
int unlock_file(sqlite3_file* file, int level) { return of(file).real()->pMethods->xUnlock(of(file).real(), level); }
int check_reserved(sqlite3_file* file, int* out) {
    return of(file).real()->pMethods->xCheckReservedLock(of(file).real(), out);
}
int control(sqlite3_file* file, int op, void* argument) {
    return of(file).real()->pMethods->xFileControl(of(file).real(), op, argument);
}
int sector_size(sqlite3_file* file) { return of(file).real()->pMethods->xSectorSize(of(file).real()); }
int characteristics(sqlite3_file* file) { return of(file).real()->pMethods->xDeviceCharacteristics(of(file).real()); }
int shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
    if (const int code = decide(DiskStep::shared_memory, of(file)); code != SQLITE_OK) return code;
    return of(file).real()->pMethods->xShmMap(of(file).real(), page, size, extend, out);
}
int shm_lock(sqlite3_file* file, int offset, int n, int flags) {
    return of(file).real()->pMethods->xShmLock(of(file).real(), offset, n, flags);
}
void shm_barrier(sqlite3_file* file) { of(file).real()->pMethods->xShmBarrier(of(file).real()); }
int shm_unmap(sqlite3_file* file, int remove) { return of(file).real()->pMethods->xShmUnmap(of(file).real(), remove); }

constexpr sqlite3_io_methods methods{.iVersion = 2,
                                     .xClose = close,
                                     .xRead = read,
                                     .xWrite = write,
                                     .xTruncate = truncate,
                                     .xSync = sync,
                                     .xFileSize = file_size,
                                     .xLock = lock_file,
                                     .xUnlock = unlock_file,
                                     .xCheckReservedLock = check_reserved,
                                     .xFileControl = control,
                                     .xSectorSize = sector_size,
                                     .xDeviceCharacteristics = characteristics,
                                     .xShmMap = shm_map,
                                     .xShmLock = shm_lock,
                                     .xShmBarrier = shm_barrier,
                                     .xShmUnmap = shm_unmap,
                                     .xFetch = nullptr,
                                     .xUnfetch = nullptr};

// The first version of these methods knew no shared memory, and without it there is no log.
constexpr sqlite3_io_methods without_shared_memory = [] {
    sqlite3_io_methods first = methods;
    first.iVersion = 1;
    return first;
}();

const sqlite3_io_methods& methods_now() {
    const std::lock_guard lock(mutex);
    return shares_memory ? methods : without_shared_memory;
}

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    File& ours = of(file);
    ours.name = name;
    const int code = real_vfs->xOpen(real_vfs, name, ours.real(), flags, out_flags);
    ours.base.pMethods = ours.real()->pMethods == nullptr ? nullptr : &methods_now();
    return code;
}

}  // namespace

FaultyDisk::FaultyDisk() {
    real_vfs = sqlite3_vfs_find(nullptr);
    faulty_vfs = *real_vfs;
    faulty_vfs.zName = "faulty";
    faulty_vfs.pNext = nullptr;
    faulty_vfs.szOsFile += static_cast<int>(sizeof(File));
    faulty_vfs.xOpen = open_file;
    sqlite3_vfs_register(&faulty_vfs, 1);
    heal();
}

FaultyDisk::~FaultyDisk() {
    heal();
    sqlite3_vfs_unregister(&faulty_vfs);
    sqlite3_vfs_register(real_vfs, 1);
}

void FaultyDisk::fail(DiskStep step, int code, int good, int bad, const std::string& suffix) {
    const std::lock_guard lock(mutex);
    plan = {step, code, good, bad, suffix, 0};
}

void FaultyDisk::heal() {
    const std::lock_guard lock(mutex);
    plan.code = SQLITE_OK;
    shares_memory = true;
}

void FaultyDisk::share_no_memory() {
    const std::lock_guard lock(mutex);
    shares_memory = false;
}

int FaultyDisk::failures() const {
    const std::lock_guard lock(mutex);
    return plan.failures;
}

}  // namespace waybill::sqlite
