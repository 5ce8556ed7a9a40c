// The store on MongoDB: a replica set (4.0 or newer) or a sharded cluster (4.2 or newer).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "domain/error.hpp"
#include "domain/work.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"
#include "ports/store.hpp"

namespace waybill::mongo {

// Whose time is stored. `given_clock` is for tests that own time on a server that they do not own.
enum class TimeSource : std::uint8_t { primary, given_clock };

struct MongoOptions {
    // mongodb:// or mongodb+srv://, with credentials and TLS options. Its path is the default
    // authSource only, never the database. A pool size or timeout that stands in it wins over the
    // ones below.
    std::string uri;
    std::string database = "waybill";

    std::uint32_t pool_size = 64;  // connections to each server
    Milliseconds connect_timeout{3'000};
    Milliseconds server_selection_timeout{3'000};
    Milliseconds socket_timeout{5'000};      // one command and its answer
    Milliseconds wait_queue_timeout{2'000};  // for a free connection of the pool; then `overloaded`
    Milliseconds request_deadline{10'000};   // a call with all its repeats
    Milliseconds backoff_min{5};             // between the repeats of a call, jittered
    Milliseconds backoff_max{200};
    Milliseconds lease_ahead_max{16'000};  // WorkPolicy::ahead_max, see domain/work.hpp
    Milliseconds time_renewal{30'000};     // how often the primary's time is read; 0: in every call
    TimeSource time_source = TimeSource::primary;

    // The server deletes what a sweep has not deleted by then.
    Milliseconds idempotency_ttl{172'800'000};  // after it was written
    Milliseconds session_ttl{86'400'000};       // after it expired

    // Called for each command that is sent, from any thread; must not block.
    std::function<void()> on_command{};
};

// Connects, refuses what cannot keep the promises of the Store, makes collections and indexes.
// Errors (unavailable, validation_failed: the URI) are one sentence for a person that says what to
// do; they name hosts, never credentials.
[[nodiscard]] Result<std::unique_ptr<Store>> open_mongo_store(const MongoOptions& options, Clock& clock, Log& log);

}  // namespace waybill::mongo
