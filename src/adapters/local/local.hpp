// The adapters that need nothing but this machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "ports/cache.hpp"
#include "ports/clock.hpp"
#include "ports/fulfilment.hpp"
#include "ports/log.hpp"
#include "ports/mailer.hpp"
#include "ports/rate_limiter.hpp"

namespace waybill::local {

[[nodiscard]] std::unique_ptr<Clock> make_system_clock();

enum class LogFormat { text, json };

// One line for each event on `stream`; control characters are escaped.
[[nodiscard]] std::unique_ptr<Log> make_stream_log(std::FILE* stream, LogLevel level, LogFormat format, Clock& clock);

struct MemoryCacheOptions {
    std::size_t entries_max = 100'000;
    std::size_t bytes_max = 32u << 20;
};
// Least recently used goes first.
[[nodiscard]] std::unique_ptr<Cache> make_memory_cache(const MemoryCacheOptions& options, Clock& clock);

struct MemoryLimiterOptions {
    std::size_t buckets_max = 100'000;
};
[[nodiscard]] std::unique_ptr<RateLimiter> make_memory_limiter(const MemoryLimiterOptions& options, Clock& clock);

struct MailFolderOptions {
    std::filesystem::path folder;
    std::size_t in_flight_max = 4'096;
};
// <folder>/<YYYY-MM-DD>/<identity>.eml, written aside and renamed, one sync for all that waits.
// Throws std::system_error when the folder cannot be made.
[[nodiscard]] std::unique_ptr<Mailer> make_mail_folder(const MailFolderOptions& options, Log& log);

// Deletes day folders older than `keep`; returns how many mails went.
std::size_t sweep_mail_folder(const std::filesystem::path& folder, TimePoint now, Milliseconds keep);

// Accepts every order.
[[nodiscard]] std::unique_ptr<Fulfilment> make_accepting_fulfilment();

// What the kernel says of this process; what it does not say is 0.
struct ProcessFigures {
    double started_seconds = 0;  // since 1970
    double cpu_seconds = 0;
    double resident_bytes = 0;
    double virtual_bytes = 0;
    std::size_t open_files = 0;
    std::size_t open_files_max = 0;
};
[[nodiscard]] ProcessFigures read_process_figures();

struct DiskRoom {
    std::uint64_t available_bytes = 0;
    std::uint64_t size_bytes = 0;
};
// Empty where there is no such folder.
[[nodiscard]] std::optional<DiskRoom> read_disk_room(const std::filesystem::path& folder);

}  // namespace waybill::local
