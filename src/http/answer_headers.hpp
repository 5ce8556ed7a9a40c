// The headers that every answer has, beside those of its route.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/time.hpp"
#include "http/message.hpp"
#include "ports/rate_limiter.hpp"

namespace waybill::http {

// What the limiter said, and under which policy name.
struct RateStamp {
    std::string_view policy;
    RateLimit limit;
    Admission admission;
};

// IMF-fixdate (RFC 9110, 5.6.7).
[[nodiscard]] std::string format_http_date(TimePoint time);

// Whole seconds, rounded up, for Retry-After and the rate-limit headers.
[[nodiscard]] std::int64_t to_seconds_up(Milliseconds duration);

// X-Request-Id, Date and the security headers; a route's own value of Cache-Control or
// Content-Security-Policy stays.
void add_common_headers(Response& response, const Request& request, TimePoint now);

// RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers) and X-RateLimit-*.
void add_rate_headers(Response& response, const RateStamp& stamp);

// Nothing when no origin is configured. Never `*`: the exact origin, because cookies are allowed.
void add_cors_headers(Response& response, std::string_view origin, const std::vector<std::string>& origins);

// The further headers of a preflight's answer.
void add_preflight_headers(Response& response, std::string_view methods);

}  // namespace waybill::http
