// A file descriptor that closes itself.
#pragma once

#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <utility>

namespace waybill {

// Of what the call that made it returned: negative where that failed, and errno says why.
class FileDescriptor {
public:
    FileDescriptor() = default;
    explicit FileDescriptor(int fd) : fd_(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        const FileDescriptor replaced(std::exchange(fd_, other.release()));
        return *this;
    }
    ~FileDescriptor() {
        if (fd_ >= 0) ::close(fd_);
    }

    [[nodiscard]] bool is_open() const { return fd_ >= 0; }
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }

    // For what may tell only then that a write has failed. False: errno says why.
    [[nodiscard]] bool close() { return ::close(release()) == 0; }

private:
    int fd_ = -1;
};

// `flags` of open(2). A file that it makes has mode 0600.
[[nodiscard]] inline FileDescriptor open_file(const std::filesystem::path& file, int flags) {
    return FileDescriptor(::open(file.c_str(), flags | O_CLOEXEC, 0600));
}

}  // namespace waybill
