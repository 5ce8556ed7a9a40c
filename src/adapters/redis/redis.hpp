// Cache and rate limiter on Redis (5 or newer; no cluster mode).
//
// Redis is never waited for: a call takes at most `call_timeout`, connections are made in the
// background, and after `failures_max` failures in a row nothing is sent for `pause`; then one
// connection made in the background decides. While Redis is away a lookup finds nothing, writes are
// dropped and limits are counted by the limiter that was handed in. Few connections carry all
// threads: what arrives while another call is under way is sent together.
//
// Everything here is thread-safe. `clock` and `log` must outlive what is made. Errors and logs name
// host and port only.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "domain/error.hpp"
#include "ports/cache.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"
#include "ports/rate_limiter.hpp"

namespace waybill::redis {

struct RedisOptions {
    // redis[s]://[[user]:password@]host[:port][/database]; user and password percent-encoded.
    std::string url;
    std::string key_prefix = "waybill:";
    // PEM, in place of the system's authorities; rediss only.
    std::filesystem::path ca_file{};

    Milliseconds call_timeout{10};
    Milliseconds connect_timeout{1'000};  // name, TCP, TLS and login together; in the background
    int failures_max = 3;
    Milliseconds pause{1'000};

    std::size_t connections = 2;
    std::size_t calls_max = 1'024;           // for each connection; more are not sent
    std::size_t calls_bytes_max = 8u << 20;  // the same
    std::size_t key_bytes_max = 1'024;       // a longer key is not sent
    std::size_t value_bytes_max = 1u << 20;  // a longer value is not cached
};

class Redis;

// The server need not be there. Errors: validation_failed (the URL or an option; says what is wrong,
// without the password).
[[nodiscard]] Result<std::shared_ptr<Redis>> open_redis(const RedisOptions& options, Clock& clock, Log& log);

[[nodiscard]] std::unique_ptr<Cache> make_redis_cache(std::shared_ptr<Redis> redis);

// `local` counts while Redis is away; it must outlive the limiter.
[[nodiscard]] std::unique_ptr<RateLimiter> make_redis_limiter(std::shared_ptr<Redis> redis, RateLimiter& local);

// For a start whose first answers shall have the cache and the shared limits: until every connection
// is up or was refused once, and `connect_timeout` at most.
void wait_until_tried(Redis& redis);

// Whether every connection came up in time. For tests.
[[nodiscard]] bool wait_until_connected(Redis& redis, Milliseconds timeout);

// Whether nothing is sent at present, because calls failed.
[[nodiscard]] bool is_away(const Redis& redis);

// For `doctor`: contacts the server, logs in, and does everything that Waybill needs there once, with
// keys of its own that it removes. A phrase that says what was found, or an error that says what to
// do.
[[nodiscard]] Result<std::string> check_redis(const RedisOptions& options, Clock& clock);

}  // namespace waybill::redis
