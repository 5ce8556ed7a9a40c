// What a restore replaces. Its files get second names in a folder of their own, and the first names stay
// until one rename decides; before that everything can be taken back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "domain/error.hpp"
#include "ports/clock.hpp"

namespace waybill::sqlite {

// For the holder of the data directory's lock. Errors (unavailable): one sentence that names the file.
class ReplacedShop {
public:
    // `step` is called before each change on the disk.
    ReplacedShop(const std::filesystem::path& data_dir, std::uint64_t journal_half_bytes, Clock& clock,
                 std::function<void()> step)
        : dir_(data_dir), journal_half_bytes_(journal_half_bytes), clock_(clock), step_(std::move(step)) {}

    // Copies SQLite's log into the database, which is then one file, and keeps what there is: the database,
    // the journal, the secret. A database that is damaged is kept as it is; any other trouble is an error.
    [[nodiscard]] Result<void> keep();

    // What SQLite left beside the database would be taken for the new one's.
    [[nodiscard]] Result<void> take_logs_away();

    // After an error: everything is as it was, and the folder gone. What cannot be taken back is told.
    [[nodiscard]] std::unexpected<Error> take_back(Error why);

    // Empty: nothing was there.
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
    // Whether it can be put back: its database is there, and neither that nor its journal is damaged.
    [[nodiscard]] bool is_sound() const { return is_sound_; }

private:
    [[nodiscard]] Result<void> empty_log();
    [[nodiscard]] bool find_sound() const;
    [[nodiscard]] Result<void> make_folder();
    [[nodiscard]] Result<void> link(const std::filesystem::path& file);

    const std::filesystem::path& dir_;
    const std::uint64_t journal_half_bytes_;
    Clock& clock_;
    const std::function<void()> step_;
    std::filesystem::path folder_;
    std::vector<std::filesystem::path> linked_;  // second names
    std::vector<std::filesystem::path> moved_;   // first names
    bool is_sound_ = true;
};

}  // namespace waybill::sqlite
