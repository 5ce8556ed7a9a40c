// A file through SQLite's own file access (sqlite.org/c3ref/vfs.html), so that whatever stands in for
// the disk of the database, in a test for one, stands in for this file too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <sqlite3.h>
#include <string>
#include <string_view>

namespace waybill::sqlite {

// Not thread-safe. Errors are SQLite's result codes.
class VfsFile {
public:
    // Opens, or creates. Throws SqliteError.
    explicit VfsFile(const std::filesystem::path& file);
    VfsFile(const VfsFile&) = delete;
    VfsFile& operator=(const VfsFile&) = delete;
    ~VfsFile();

    // Throws SqliteError.
    [[nodiscard]] std::uint64_t size();

    // Fewer bytes at the end of the file. Throws SqliteError.
    [[nodiscard]] std::string read(std::uint64_t at, std::size_t size);

    [[nodiscard]] int write(std::uint64_t at, std::string_view bytes);
    [[nodiscard]] int sync();
    [[nodiscard]] int truncate(std::uint64_t size);

    // Writes all that it holds once more, and syncs it. After a sync that failed the kernel may count
    // as written what is not on the disk, and then no later sync says anything about those bytes.
    [[nodiscard]] int write_anew();

private:
    void check(int code) const;

    const std::string path_;  // SQLite keeps a pointer to it
    std::unique_ptr<std::byte[]> memory_;
    sqlite3_file* file_;
};

}  // namespace waybill::sqlite
