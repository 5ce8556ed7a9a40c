// Which adapter stands behind each port, by the configuration alone.
#pragma once

#include <memory>

#include "app/metrics.hpp"
#include "app/work_signal.hpp"
#include "cli/config.hpp"
#include "cli/wiring.hpp"
#include "ports/cache.hpp"
#include "ports/fulfilment.hpp"
#include "ports/mailer.hpp"
#include "ports/queue.hpp"
#include "ports/rate_limiter.hpp"

namespace waybill::cli {

// MongoDB where it is addressed, else the embedded store. `metrics` and `signal` outlive it. Errors: one
// sentence for a person.
[[nodiscard]] Result<std::unique_ptr<Store>> open_store(const Config& config, Clock& clock, Log& log, Metrics& metrics,
                                                        WorkSignal& signal, FatalStoreError on_fatal);

// Cache and rate limiter; on Redis with the local ones behind it.
struct SharedMemory {
    std::unique_ptr<RateLimiter> local_limiter;  // outlives `limiter`
    std::unique_ptr<Cache> cache;
    std::unique_ptr<RateLimiter> limiter;  // null: the local one
    std::shared_ptr<redis::Redis> redis;   // null without it
    [[nodiscard]] RateLimiter& limits() const { return limiter ? *limiter : *local_limiter; }
};
// Errors (validation_failed): the address of Redis.
[[nodiscard]] Result<SharedMemory> make_shared_memory(const Config& config, Clock& clock, Log& log);

// Null without one. Throws std::invalid_argument, with a sentence that names the setting.
[[nodiscard]] std::unique_ptr<Queue> make_queue(const Config& config, Clock& clock, Log& log);

// SMTP, else SES, else the folder. Throws std::invalid_argument, and std::system_error for the folder.
[[nodiscard]] std::unique_ptr<Mailer> make_mailer(const Config& config, Clock& clock, Log& log);

[[nodiscard]] std::unique_ptr<Fulfilment> make_fulfilment(const Config& config, Clock& clock, Log& log);

}  // namespace waybill::cli
