#include "tests/support/faulty_disk.hpp"

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

namespace waybill::testing {

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
std::optional<std::string> held;  // whose writes wait
std::condition_variable let_go;
bool shares_memory = true;
DiskRecording* recording = nullptr;
sqlite3_vfs* real_vfs = nullptr;
sqlite3_vfs faulty_vfs;

// SQLite allocates szOsFile bytes: ours, then those of the real file.
struct File {
    sqlite3_file base;
    const char* name;
    DiskRecording* recording;  // null: nobody asks
    DiskRecording::File recorded;
    bool syncs_directory;  // with its next sync
    [[nodiscard]] sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }

// SQLITE_OK when the step shall be done.
int decide(DiskStep step, const char* name) {
    const std::lock_guard lock(mutex);
    if (plan.code == SQLITE_OK || plan.step != step || name == nullptr) return SQLITE_OK;
    if (!std::string_view(name).ends_with(plan.suffix)) return SQLITE_OK;
    if (plan.good > 0) {
        --plan.good;
        return SQLITE_OK;
    }
    if (plan.bad == 0) return SQLITE_OK;
    --plan.bad;
    ++plan.failures;
    return plan.code;
}

void wait_while_held(const char* name) {
    std::unique_lock lock(mutex);
    let_go.wait(lock, [&] { return !held || name == nullptr || !std::string_view(name).ends_with(*held); });
}

int close(sqlite3_file* file) { return of(file).real()->pMethods->xClose(of(file).real()); }
int read(sqlite3_file* file, void* bytes, int size, sqlite3_int64 at) {
    if (const int code = decide(DiskStep::read, of(file).name); code != SQLITE_OK) return code;
    return of(file).real()->pMethods->xRead(of(file).real(), bytes, size, at);
}

int write_through(File& file, const void* bytes, int size, sqlite3_int64 at) {
    const int code = file.real()->pMethods->xWrite(file.real(), bytes, size, at);
    if (code == SQLITE_OK && file.recording != nullptr) {
        const std::string_view text(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
        file.recording->written(file.recorded, static_cast<std::uint64_t>(at), text);
    }
    return code;
}

int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
    wait_while_held(of(file).name);
    const int code = decide(DiskStep::write, of(file).name);
    if (code == SQLITE_OK) return write_through(of(file), bytes, size, at);
    (void)write_through(of(file), bytes, size / 2, at);
    return code;
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
    if (const int code = decide(DiskStep::truncate, of(file).name); code != SQLITE_OK) return code;
    const int code = of(file).real()->pMethods->xTruncate(of(file).real(), size);
    if (code == SQLITE_OK && of(file).recording != nullptr) {
        of(file).recording->truncated(of(file).recorded, static_cast<std::uint64_t>(size));
    }
    return code;
}

// Nothing of a test has to outlive the machine, so the real disk is never waited for.
int sync(sqlite3_file* file, int) {
    File& ours = of(file);
    const DiskRecording::Stamp begun = ours.recording == nullptr ? 0 : ours.recording->now();
    const int code = decide(DiskStep::sync, ours.name);
    if (ours.recording == nullptr) return code;
    if (code != SQLITE_OK) {
        ours.recording->sync_failed(ours.recorded, begun);
    } else {
        ours.recording->synced(ours.recorded, begun, std::exchange(ours.syncs_directory, false));
    }
    return code;
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
    return of(file).real()->pMethods->xFileSize(of(file).real(), size);
}
int lock_file(sqlite3_file* file, int level) {
    if (const int code = decide(DiskStep::lock, of(file).name); code != SQLITE_OK) return code;
    return of(file).real()->pMethods->xLock(of(file).real(), level);
}
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
    if (const int code = decide(DiskStep::shared_memory, of(file).name); code != SQLITE_OK) return code;
    return of(file).real()->pMethods->xShmMap(of(file).real(), page, size, extend, out);
}
int shm_lock(sqlite3_file* file, int offset, int n, int flags) {
    // A lock that is given back never fails.
    if ((flags & SQLITE_SHM_LOCK) != 0) {
        if (const int code = decide(DiskStep::shared_lock, of(file).name); code != SQLITE_OK) return code;
    }
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

// Those whose first sync puts the name on the disk too, as in SQLite's os_unix.c.
bool is_log_or_journal(int flags) {
    return (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL)) != 0;
}

void record_opening(File& file, bool existed, int flags) {
    {
        const std::lock_guard lock(mutex);
        file.recording = recording;
    }
    if (file.recording == nullptr || file.name == nullptr || !file.recording->covers(file.name)) {
        file.recording = nullptr;
        return;
    }
    file.recorded = file.recording->opened(std::filesystem::path(file.name).filename().string(), existed);
    file.syncs_directory = is_log_or_journal(flags);
}

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    File& ours = of(file);
    ours.base.pMethods = nullptr;
    ours.name = name;
    ours.recording = nullptr;
    ours.syncs_directory = false;
    if (const int code = decide(DiskStep::open, name); code != SQLITE_OK) return code;
    const bool existed = name != nullptr && std::filesystem::exists(name);
    const int code = real_vfs->xOpen(real_vfs, name, ours.real(), flags, out_flags);
    ours.base.pMethods = ours.real()->pMethods == nullptr ? nullptr : &methods_now();
    if (code == SQLITE_OK) record_opening(ours, existed, flags);
    return code;
}

int remove_file(sqlite3_vfs*, const char* name, int syncs_directory) {
    if (const int code = decide(DiskStep::remove, name); code != SQLITE_OK) return code;
    const int code = real_vfs->xDelete(real_vfs, name, 0);
    const std::lock_guard lock(mutex);
    if (code == SQLITE_OK && recording != nullptr && recording->covers(name)) {
        recording->removed(std::filesystem::path(name).filename().string(), syncs_directory != 0);
    }
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
    faulty_vfs.xDelete = remove_file;
    sqlite3_vfs_register(&faulty_vfs, 1);
    heal();
}

FaultyDisk::~FaultyDisk() {
    heal();
    record(nullptr);
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

FaultyDisk::Hold::Hold(const std::string& suffix) {
    const std::lock_guard lock(mutex);
    held = suffix;
}

FaultyDisk::Hold::~Hold() {
    {
        const std::lock_guard lock(mutex);
        held.reset();
    }
    let_go.notify_all();
}

void FaultyDisk::record(DiskRecording* into) {
    const std::lock_guard lock(mutex);
    recording = into;
}

void FaultyDisk::share_no_memory() {
    const std::lock_guard lock(mutex);
    shares_memory = false;
}

int FaultyDisk::failures() const {
    const std::lock_guard lock(mutex);
    return plan.failures;
}

}  // namespace waybill::testing
