// A file descriptor that closes itself.
#pragma once

#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <utility>

namespace waybill::sqlite {

// A file that it makes has mode 0600. Where it is not open, errno says why.
class OpenFile {
public:
    OpenFile(const std::filesystem::path& file, int flags) : file_(::open(file.c_str(), flags | O_CLOEXEC, 0600)) {}
    OpenFile(OpenFile&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
    OpenFile& operator=(OpenFile&& other) noexcept {
        std::swap(file_, other.file_);
        return *this;
    }
    ~OpenFile() {
        if (file_ >= 0) ::close(file_);
    }
    [[nodiscard]] bool is_open() const { return file_ >= 0; }
    [[nodiscard]] int get() const { return file_; }

private:
    int file_;
};

}  // namespace waybill::sqlite
