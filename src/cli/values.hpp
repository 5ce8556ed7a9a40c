// Reading one configuration value from its text. Pure; errors are one sentence without the key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "domain/error.hpp"
#include "ports/rate_limiter.hpp"

namespace waybill::cli {

struct ListenAddress {
    std::string host;
    std::uint16_t port = 8080;
    bool operator==(const ListenAddress&) const = default;
};

// "200ms", "10s", "15m", "24h", "7d"; a bare number is seconds.
[[nodiscard]] Result<Milliseconds> parse_duration(std::string_view text);

// "300/1m": so many in that time; "0" is off.
[[nodiscard]] Result<RateLimit> parse_rate_limit(std::string_view text);

// "host:port", "[::1]:port", "host" (port 8080) or ":port" (all addresses).
[[nodiscard]] Result<ListenAddress> parse_listen_address(std::string_view text);

[[nodiscard]] Result<bool> parse_switch(std::string_view text);
[[nodiscard]] Result<std::int64_t> parse_integer(std::string_view text, std::int64_t min, std::int64_t max);

// "64KiB", "4MiB", "1GiB"; a bare number is bytes.
[[nodiscard]] Result<std::size_t> parse_size(std::string_view text);

// Comma-separated; spaces around an element and empty elements are dropped.
[[nodiscard]] std::vector<std::string> parse_list(std::string_view text);

}  // namespace waybill::cli
