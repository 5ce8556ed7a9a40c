// A file before it has its name: "<name>.partial". Nobody else writes it, and it goes when it is not kept.
#pragma once

#include <filesystem>

#include "domain/error.hpp"
#include "posix/file_descriptor.hpp"

namespace waybill::sqlite {

// Errors (unavailable): one sentence that names the file.
class PartialFile {
public:
    explicit PartialFile(const std::filesystem::path& target);
    PartialFile(const PartialFile&) = delete;
    PartialFile& operator=(const PartialFile&) = delete;
    ~PartialFile();

    // First: it is this object's then, and empty. Errors: another writes it.
    [[nodiscard]] Result<void> take();

    // Errors: there is a file of that name, unless it may be replaced.
    [[nodiscard]] Result<void> rename_to(const std::filesystem::path& target, bool replace);

    const std::filesystem::path path;

private:
    FileDescriptor file_;
    bool is_ours_ = false;
};

}  // namespace waybill::sqlite
