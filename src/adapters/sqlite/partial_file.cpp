#include "adapters/sqlite/partial_file.hpp"

#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <unistd.h>

#include "adapters/sqlite/backup_file.hpp"
#include "adapters/sqlite/data_dir.hpp"

namespace waybill::sqlite {

namespace {

constexpr int tries_max = 100;

FileDescriptor open_partial(const std::filesystem::path& path) { return open_file(path, O_RDWR | O_CREAT); }

// Since it was opened it may have become the file that it was written for.
bool has_name(int file, const std::filesystem::path& path) {
    struct stat opened {};
    struct stat named {};
    if (::fstat(file, &opened) != 0 || ::stat(path.c_str(), &named) != 0) return false;
    return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

// Who died between giving it its name and taking this one away has left both.
bool has_another_name(int file) {
    struct stat opened {};
    return ::fstat(file, &opened) == 0 && opened.st_nlink > 1;
}

}  // namespace

PartialFile::PartialFile(const std::filesystem::path& target)
    : path(target.string() + ".partial"), file_(open_partial(path)) {}

PartialFile::~PartialFile() {
    if (is_ours_) ::unlink(path.c_str());
}

Result<void> PartialFile::take() {
    for (int tried = 0; tried < tries_max; ++tried) {
        if (!file_.is_open()) return file_trouble(path, errno);
        if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) break;
        is_ours_ = has_name(file_.get(), path);
        if (is_ours_ && has_another_name(file_.get())) {
            if (::unlink(path.c_str()) != 0) return file_trouble(path, errno);
            is_ours_ = false;
        }
        if (is_ours_) {
            if (::ftruncate(file_.get(), 0) != 0 || ::fchmod(file_.get(), 0600) != 0) return file_trouble(path, errno);
            return {};
        }
        file_ = open_partial(path);
    }
    return fail(ErrorCode::unavailable, "Another backup writes " + path.string() + " at the moment.");
}

Result<void> PartialFile::rename_to(const std::filesystem::path& target, bool replace) {
    if (!replace && ::link(path.c_str(), target.c_str()) != 0) {
        // Not every file system has links.
        if (errno == EEXIST || std::filesystem::exists(target)) return file_trouble(target, EEXIST);
        replace = true;
    }
    if (replace && ::rename(path.c_str(), target.c_str()) != 0) return file_trouble(target, errno);
    if (replace) is_ours_ = false;
    return sync_dir(std::filesystem::absolute(target).parent_path());
}

}  // namespace waybill::sqlite
