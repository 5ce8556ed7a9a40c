// What a disk was told, step by step, and what it may hold after a power cut at any of those steps.
//
// The model is the weakest disk that SQLite is written for (sqlite.org/atomiccommit.html, section 2,
// and sqlite.org/psow.html):
//   - What was written before a sync began that succeeded is certain. fdatasync counts as a sync: it
//     takes the size with it where the data needs it.
//   - Every write and truncation since then is kept, dropped or torn at 512-byte sectors, each by
//     itself and in any order. A file may have grown over sectors whose data did not arrive; they hold
//     zeros or anything.
//   - A write changes no byte outside of itself ("powersafe overwrite", SQLite's default on Unix): what
//     lies beside it in the same sector stays.
//   - A sync that failed makes nothing certain, and the next one does not mend that: the kernel may have
//     dropped the pages and called them clean. Until they are written anew they are kept, dropped or torn.
//   - A name that was made or removed is certain after the next sync of the directory, which SQLite does
//     with the first sync of each journal or log file, and at a removal that asks for it. Until then
//     it is there or not, each by itself. What is there when the recording begins is certain, and so is
//     a file that was made past SQLite: the store syncs the directory after making one.
// Shared memory (-shm) holds nothing worth keeping and never outlives a cut.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace waybill::testing {

// Thread-safe.
class DiskRecording {
public:
    // A place between two steps; steps before it have happened.
    using Stamp = std::size_t;
    static constexpr Stamp never = std::numeric_limits<Stamp>::max();
    using File = std::size_t;

    // Files directly in `dir`.
    explicit DiskRecording(const std::filesystem::path& dir);

    [[nodiscard]] bool covers(const std::filesystem::path& file) const;
    [[nodiscard]] Stamp now() const { return now_; }

    // ---- what happens; names are those of files in the directory

    [[nodiscard]] File opened(const std::string& name, bool existed);
    void removed(const std::string& name, bool syncs_directory);
    void written(File file, std::uint64_t at, std::string_view bytes);
    void truncated(File file, std::uint64_t size);
    // `begun` is when the sync was asked for: what others wrote meanwhile is not certain.
    void synced(File file, Stamp begun, bool syncs_directory);
    void sync_failed(File file, Stamp begun);

    // ---- what may be left of it

    // Writes the files as they may be after a cut at `at` into `dir`, which is made. The same
    // recording, place and seed give the same bytes.
    void recreate(Stamp at, std::uint64_t seed, const std::filesystem::path& dir) const;

    // Writes into `name` that began at `from` or behind, without those of nothing but zeros.
    [[nodiscard]] std::size_t writes_behind(const std::string& name, std::uint64_t from) const;
    [[nodiscard]] std::size_t failed_syncs() const;

private:
    enum class Kind : std::uint8_t { link, unlink, write, truncate, sync, failed_sync };
    struct Step {
        Kind kind = Kind::write;
        File file = 0;
        std::uint64_t at = 0;  // or the new size
        std::string bytes;     // or a name
        Stamp begun = 0;
        bool syncs_directory = false;
    };
    // What is known of a step at the moment of the cut.
    enum class Fate : std::uint8_t { open, certain, doubtful };
    using Dice = std::mt19937_64;

    void add(Step step);
    [[nodiscard]] std::vector<Fate> decide(Stamp at) const;
    [[nodiscard]] std::map<std::string, File> names_after(Stamp at, const std::vector<Fate>& fates, Dice& dice) const;
    [[nodiscard]] std::string content_after(File file, Stamp at, const std::vector<Fate>& fates, Dice& dice) const;

    const std::filesystem::path dir_;
    mutable std::mutex mutex_;
    std::vector<Step> steps_;
    std::atomic<Stamp> now_ = 0;         // of its own, so that it can be asked where a lock is held
    std::vector<std::string> initial_;   // content of each file when it was first seen
    std::map<std::string, File> found_;  // names that were there, and certain
    std::map<std::string, File> names_;  // now
};

}  // namespace waybill::testing
