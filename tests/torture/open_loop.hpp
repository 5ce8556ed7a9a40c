// Sends equal requests at a fixed rate, whatever becomes of them, over many connections.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace waybill::torture {

struct OpenLoopOptions {
    std::uint16_t port = 0;
    std::string request{};  // as it is sent
    double per_second = 0;
    double seconds = 0;
    std::size_t connections = 1'024;
};

struct OpenLoopResult {
    long offered = 0;
    long created = 0;                  // 201
    long refused = 0;                  // 503 that says when to come again
    long otherwise = 0;                // any other status
    long unanswered = 0;               // the connection was lost, or the answer came too late
    double seconds = 0;                // until the last answer
    std::vector<double> latency_ms{};  // of what was created, from when it should have been sent; sorted
    std::vector<double> refusal_ms{};  // of what was refused
    double first_quiet_s = 0;          // from when on nothing was refused any more
    [[nodiscard]] static double percentile(const std::vector<double>& sorted, double share);
};

// Several threads. Returns when everything is answered, or ten seconds after the end.
[[nodiscard]] OpenLoopResult offer(const OpenLoopOptions& options);

}  // namespace waybill::torture
