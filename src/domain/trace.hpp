// Which chain of requests something belongs to, across every process that takes part in it.
// Source: W3C Trace Context, w3.org/TR/trace-context (the header `traceparent`).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace waybill {

inline constexpr std::size_t traceparent_length = 55;  // of version 00

// Absent while its id is zero.
struct TraceContext {
    std::array<std::uint8_t, 16> id{};
    std::array<std::uint8_t, 8> span_id{};  // of the step that hands it on: the parent of what follows
    std::uint8_t flags = 0;

    [[nodiscard]] bool is_set() const { return id != decltype(id){}; }
    bool operator==(const TraceContext&) const = default;
};
static_assert(sizeof(TraceContext) == 25, "stores keep it as these bytes");

// Empty where the text is none: another form, capitals, an id of zeros, version ff. A newer version
// may have more at its end. Of the flags only those that are known stay (sampled, random).
[[nodiscard]] std::optional<TraceContext> parse_traceparent(std::string_view text);

// In version 00; empty where there is no trace.
[[nodiscard]] std::string to_traceparent(const TraceContext& trace);

// 32 hex digits.
[[nodiscard]] std::string trace_id_text(const TraceContext& trace);

// The 25 bytes of the members in their order; what has another size, or ids of zeros, is none.
[[nodiscard]] std::string_view as_bytes(const TraceContext& trace);
[[nodiscard]] std::optional<TraceContext> read_trace(std::string_view bytes);

}  // namespace waybill
