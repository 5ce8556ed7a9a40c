#include "domain/trace.hpp"

#include <algorithm>
#include <span>

#include "domain/hex.hpp"

namespace waybill {

namespace {

// version "-" trace id "-" span id "-" flags
constexpr std::size_t id_at = 3;
constexpr std::size_t span_at = 36;
constexpr std::size_t flags_at = 53;

constexpr std::uint8_t known_flags = 0x03;

// 16 for what is no digit; one in upper case is none here (w3.org/TR/trace-context, 3.2.2).
std::uint8_t digit_of(char c) {
    if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
    return 16;
}

bool read_hex(std::string_view text, std::span<std::uint8_t> bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::uint8_t high = digit_of(text[2 * i]);
        const std::uint8_t low = digit_of(text[2 * i + 1]);
        if (high > 15 || low > 15) return false;
        bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return true;
}

bool is_complete(const TraceContext& trace) { return trace.is_set() && trace.span_id != decltype(trace.span_id){}; }

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view text) {
    if (text.size() < traceparent_length) return std::nullopt;
    if (text[id_at - 1] != '-' || text[span_at - 1] != '-' || text[flags_at - 1] != '-') return std::nullopt;
    std::uint8_t version = 0;
    std::uint8_t flags = 0;
    TraceContext trace;
    if (!read_hex(text, std::span(&version, 1)) || !read_hex(text.substr(id_at), trace.id) ||
        !read_hex(text.substr(span_at), trace.span_id) || !read_hex(text.substr(flags_at), std::span(&flags, 1))) {
        return std::nullopt;
    }
    if (version == 0xff || !is_complete(trace)) return std::nullopt;
    const std::string_view more = text.substr(traceparent_length);
    if (!more.empty() && (version == 0 || more.front() != '-')) return std::nullopt;
    trace.flags = flags & known_flags;
    return trace;
}

std::string to_traceparent(const TraceContext& trace) {
    if (!trace.is_set()) return {};
    std::string text = "00-";
    text.reserve(traceparent_length);
    append_hex(text, trace.id);
    text += '-';
    append_hex(text, trace.span_id);
    text += '-';
    append_hex(text, std::span(&trace.flags, 1));
    return text;
}

std::string trace_id_text(const TraceContext& trace) { return to_hex(trace.id); }

std::string_view as_bytes(const TraceContext& trace) {
    return {reinterpret_cast<const char*>(&trace), sizeof(TraceContext)};
}

std::optional<TraceContext> read_trace(std::string_view bytes) {
    if (bytes.size() != sizeof(TraceContext)) return std::nullopt;
    TraceContext trace;
    auto rest = bytes.begin();
    const auto take = [&](auto& member) {
        std::copy_n(rest, member.size(), member.begin());
        rest += static_cast<std::ptrdiff_t>(member.size());
    };
    take(trace.id);
    take(trace.span_id);
    trace.flags = static_cast<std::uint8_t>(*rest);
    if (!is_complete(trace)) return std::nullopt;
    return trace;
}

}  // namespace waybill
