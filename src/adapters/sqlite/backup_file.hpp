// The file of a backup: a database, and one last line that says how long it is and what its SHA-256 is, so
// that a copy that was cut or damaged on its way is noticed before anything rests on it.
//
//   waybill-backup 1 <bytes before this line> <SHA-256 of them>
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "domain/error.hpp"

namespace waybill::sqlite {

struct SealedFile {
    std::uint64_t database_bytes = 0;
    std::string sha256;  // hexadecimal
};

// Adds the last line and syncs. Errors (unavailable): one sentence that names the file.
[[nodiscard]] Result<SealedFile> seal(const std::filesystem::path& file);

// Reads all of it. Errors (unavailable): it is no backup, is damaged, or cannot be read.
[[nodiscard]] Result<SealedFile> check_seal(const std::filesystem::path& file);

// The database alone, into a file of mode 0600 that is made or emptied, synced. Errors (unavailable).
[[nodiscard]] Result<void> copy_database(const std::filesystem::path& file, const SealedFile& sealed,
                                         const std::filesystem::path& into);

// Writes a small file of mode 0600, synced. Errors (unavailable).
[[nodiscard]] Result<void> write_small_file(const std::filesystem::path& file, const std::string& text);

// Empty where there is none. Errors (unavailable): it cannot be read, or is longer than 4 KiB.
[[nodiscard]] Result<std::string> read_small_file(const std::filesystem::path& file);

// What is written to it is on the disk. Errors (unavailable).
[[nodiscard]] Result<void> sync_file(const std::filesystem::path& file);

// One sentence about a file that cannot be used, by errno.
[[nodiscard]] std::unexpected<Error> file_trouble(const std::filesystem::path& file, int error);

}  // namespace waybill::sqlite
