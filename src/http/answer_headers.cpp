#include "http/answer_headers.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "http/request_checks.hpp"

namespace waybill::http {

namespace {

constexpr std::size_t own_headers_room = 20;

void append_two_digits(std::string& out, unsigned value) {
    out += static_cast<char>('0' + value / 10);
    out += static_cast<char>('0' + value % 10);
}

bool has(const Response& response, std::string_view name) {
    return std::ranges::any_of(response.headers, [&](const auto& header) { return equal_names(header.first, name); });
}

// One formatting for each second and thread.
const std::string& cached_http_date(TimePoint now) {
    struct Cached {
        std::chrono::sys_seconds second{};
        std::string text;
    };
    thread_local Cached cached;
    const auto second = std::chrono::floor<std::chrono::seconds>(now);
    if (cached.text.empty() || cached.second != second) cached = {second, format_http_date(now)};
    return cached.text;
}

}  // namespace

std::string format_http_date(TimePoint time) {
    constexpr std::array<std::string_view, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::seconds>(time - day)};
    std::string text;
    text.reserve(29);
    text += days[std::chrono::weekday{day}.c_encoding()];
    text += ", ";
    append_two_digits(text, static_cast<unsigned>(date.day()));
    text += ' ';
    text += months[static_cast<unsigned>(date.month()) - 1];
    text += ' ';
    const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
    append_two_digits(text, year / 100 % 100);
    append_two_digits(text, year % 100);
    text += ' ';
    append_two_digits(text, static_cast<unsigned>(clock.hours().count()));
    text += ':';
    append_two_digits(text, static_cast<unsigned>(clock.minutes().count()));
    text += ':';
    append_two_digits(text, static_cast<unsigned>(clock.seconds().count()));
    text += " GMT";
    return text;
}

std::int64_t to_seconds_up(Milliseconds duration) {
    return std::chrono::ceil<std::chrono::seconds>(std::max(duration, Milliseconds{0})).count();
}

void add_common_headers(Response& response, const Request& request, TimePoint now) {
    response.headers.reserve(own_headers_room);
    const bool caches = has(response, "Cache-Control");
    const bool has_policy = has(response, "Content-Security-Policy");
    response.with("X-Request-Id", request.request_id);
    response.with("Date", cached_http_date(now));
    response.with("X-Content-Type-Options", "nosniff");
    response.with("X-Frame-Options", "DENY");
    response.with("Referrer-Policy", "no-referrer");
    response.with("Cross-Origin-Resource-Policy", "same-origin");
    if (!has_policy)
        response.with("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
    if (!caches) response.with("Cache-Control", "no-store");
}

void add_rate_headers(Response& response, const RateStamp& stamp) {
    if (!stamp.limit.enabled() || has(response, "RateLimit")) return;
    const std::string burst = std::to_string(stamp.limit.burst);
    const std::string left = std::to_string(std::max<std::int64_t>(stamp.admission.remaining, 0));
    const std::string full_after = std::to_string(to_seconds_up(stamp.admission.full_after));
    const std::string name = '"' + std::string(stamp.policy) + '"';
    response.with("RateLimit-Policy", name + ";q=" + burst + ";w=" + std::to_string(to_seconds_up(stamp.limit.period)));
    response.with("RateLimit", name + ";r=" + left + ";t=" + full_after);
    response.with("X-RateLimit-Limit", burst);
    response.with("X-RateLimit-Remaining", left);
    response.with("X-RateLimit-Reset", full_after);
}

void add_cors_headers(Response& response, std::string_view origin, const std::vector<std::string>& origins) {
    if (origins.empty()) return;
    response.with("Vary", "Origin");
    if (origin.empty() || std::ranges::find(origins, origin) == origins.end()) return;
    response.with("Access-Control-Allow-Origin", std::string(origin));
    response.with("Access-Control-Allow-Credentials", "true");
    response.with("Access-Control-Expose-Headers",
                  "Idempotent-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, X-Cache, "
                  "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id");
}

void add_preflight_headers(Response& response, std::string_view methods) {
    response.with("Access-Control-Allow-Methods", std::string(methods));
    response.with("Access-Control-Allow-Headers",
                  "Authorization, Content-Type, Idempotency-Key, X-Request-Id, traceparent");
    response.with("Access-Control-Max-Age", "600");
}

}  // namespace waybill::http
