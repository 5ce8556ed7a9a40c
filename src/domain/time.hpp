// Wall-clock times are UTC with millisecond precision; durations carry their unit in the type.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace waybill {

using Milliseconds = std::chrono::milliseconds;
using TimePoint = std::chrono::sys_time<Milliseconds>;

// RFC 3339 with milliseconds and 'Z', for example 2026-01-31T09:30:00.125Z.
[[nodiscard]] std::string format_rfc3339(TimePoint time);
[[nodiscard]] std::array<char, 24> to_rfc3339(TimePoint time);

// Milliseconds since 1970, the form in which stores keep times.
[[nodiscard]] inline std::int64_t to_unix_ms(TimePoint time) { return time.time_since_epoch().count(); }
[[nodiscard]] inline TimePoint from_unix_ms(std::int64_t ms) { return TimePoint{Milliseconds{ms}}; }

}  // namespace waybill
