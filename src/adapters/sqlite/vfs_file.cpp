#include "adapters/sqlite/vfs_file.hpp"

#include <algorithm>

#include "adapters/sqlite/connection.hpp"

namespace waybill::sqlite {

namespace {

// SQLite itself never writes more than a page at once (64 KiB), and counts on it.
constexpr std::size_t write_bytes_max = 1u << 16;

constexpr int short_reads_max = 10;

}  // namespace

void VfsFile::check(int code) const {
    if (code != SQLITE_OK) throw SqliteError(code, sqlite3_errstr(code), path_);
}

VfsFile::VfsFile(const std::filesystem::path& file) : path_(std::filesystem::absolute(file).string()) {
    sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
    memory_ = std::make_unique<std::byte[]>(static_cast<std::size_t>(vfs->szOsFile));
    file_ = reinterpret_cast<sqlite3_file*>(memory_.get());
    // Of SQLite's kinds of file this is the one that it creates with nothing but the path, and whose
    // first sync puts the name on the disk too.
    constexpr int kind = SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    check(vfs->xOpen(vfs, path_.c_str(), file_, kind, nullptr));
}

VfsFile::~VfsFile() {
    if (file_->pMethods != nullptr) file_->pMethods->xClose(file_);
}

std::uint64_t VfsFile::size() {
    sqlite3_int64 size = 0;
    check(file_->pMethods->xFileSize(file_, &size));
    return static_cast<std::uint64_t>(size);
}

std::string VfsFile::read(std::uint64_t at, std::size_t size) {
    for (int tried = 1;; ++tried) {
        const std::uint64_t end = this->size();
        std::string bytes(at >= end ? 0 : static_cast<std::size_t>(std::min<std::uint64_t>(size, end - at)), '\0');
        if (bytes.empty()) return bytes;
        const int code =
            file_->pMethods->xRead(file_, bytes.data(), static_cast<int>(bytes.size()), static_cast<sqlite3_int64>(at));
        // Another process has cut it since its size was asked for.
        if (code == SQLITE_IOERR_SHORT_READ && tried < short_reads_max) continue;
        check(code);
        return bytes;
    }
}

int VfsFile::write(std::uint64_t at, std::string_view bytes) {
    while (!bytes.empty()) {
        const std::string_view piece = bytes.substr(0, write_bytes_max);
        const int code = file_->pMethods->xWrite(file_, piece.data(), static_cast<int>(piece.size()),
                                                 static_cast<sqlite3_int64>(at));
        if (code != SQLITE_OK) return code;
        bytes.remove_prefix(piece.size());
        at += piece.size();
    }
    return SQLITE_OK;
}

int VfsFile::sync() { return file_->pMethods->xSync(file_, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY); }

int VfsFile::truncate(std::uint64_t size) {
    return file_->pMethods->xTruncate(file_, static_cast<sqlite3_int64>(size));
}

int VfsFile::write_anew() {
    const std::uint64_t end = size();
    for (std::uint64_t at = 0; at < end; at += write_bytes_max) {
        const int code = write(at, read(at, write_bytes_max));
        if (code != SQLITE_OK) return code;
    }
    return sync();
}

}  // namespace waybill::sqlite
