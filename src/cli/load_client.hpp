// A small HTTP client for `waybill bench`: each of its connections to this machine asks again as soon
// as it was answered. Not thread-safe; runs threads of its own.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "domain/error.hpp"
#include "ports/clock.hpp"

namespace waybill::cli {

struct Load {
    std::uint16_t port = 0;
    std::size_t connections = 1;
    Milliseconds warm_up{};  // not counted
    Milliseconds duration{};
    // The text of the request with that number, each asked for once. Called from several threads.
    std::function<std::string(std::uint64_t number)> request;
};

struct LoadFigures {
    double per_second = 0;
    double p50_ms = 0;
    double p99_ms = 0;
    std::uint64_t refused = 0;  // answers that are not 2xx
};

// Returns after `duration`, or soon after a stop is requested, with what there is. `watch` is called
// a few times a second with the answers counted so far and the time that took. Errors (unavailable):
// one sentence, when a connection cannot be made or is lost.
[[nodiscard]] Result<LoadFigures> run_load(const Load& load, Clock& clock, const std::stop_token& stop,
                                           const std::function<void(std::uint64_t answers, Milliseconds in)>& watch);

}  // namespace waybill::cli
