// The adapters that need nothing but this machine.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>

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

}  // namespace waybill::local
