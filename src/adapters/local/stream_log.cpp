#include <cstdint>
#include <mutex>

#include "adapters/local/local.hpp"
#include "domain/hex.hpp"
#include "domain/utf8.hpp"

namespace waybill::local {

namespace {

constexpr std::size_t log_value_bytes_max = 2'000;

std::string_view to_word(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "DEBUG";
        case LogLevel::info:
            return "INFO";
        case LogLevel::warn:
            return "WARN";
        case LogLevel::error:
            return "ERROR";
        case LogLevel::off:
            return "OFF";
    }
    return "OFF";
}

struct CodePoint {
    char32_t value = 0;
    std::size_t size = 0;  // 0: not UTF-8
};

CodePoint read_code_point(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const std::size_t size = utf8_sequence_length(text);
    if (size == 0) return {};
    char32_t value = size == 1 ? byte(0) : byte(0) & (0x7fu >> size);
    for (std::size_t i = 1; i < size; ++i) value = (value << 6) | (byte(i) & 0x3fu);
    return {value, size};
}

// Also what ends a line or turns the writing direction in a viewer.
bool must_be_escaped(char32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void append_escape(std::string& out, char32_t c) {
    switch (c) {
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            break;
    }
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += hex_digits[(c >> shift) & 15];
}

void append_escaped(std::string& out, std::string_view text) {
    const bool cut = text.size() > log_value_bytes_max;
    if (cut) text = text.substr(0, log_value_bytes_max);
    while (!text.empty()) {
        const CodePoint c = read_code_point(text);
        if (c.size == 0) {
            append_escape(out, 0xfffd);
        } else if (must_be_escaped(c.value)) {
            append_escape(out, c.value);
        } else {
            if (c.value == '"' || c.value == '\\') out += '\\';
            out += text.substr(0, c.size);
        }
        text.remove_prefix(c.size == 0 ? 1 : c.size);
    }
    if (cut) out += "...";
}

void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    append_escaped(out, text);
    out += '"';
}

bool needs_quotes(std::string_view text) {
    if (text.empty()) return true;
    for (const char c : text) {
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) return true;
    }
    return false;
}

std::string text_line(TimePoint now, LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
    std::string line = format_rfc3339(now);
    line += ' ';
    line += to_word(level);
    line += ' ';
    append_escaped(line, event);
    for (const LogField& field : fields) {
        line += ' ';
        append_escaped(line, field.name);
        line += '=';
        needs_quotes(field.value) ? append_quoted(line, field.value) : append_escaped(line, field.value);
    }
    if (const TraceContext& trace = TracedScope::current(); trace.is_set()) line += " trace_id=" + trace_id_text(trace);
    line += '\n';
    return line;
}

std::string json_line(TimePoint now, LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
    std::string line = "{\"time\":\"" + format_rfc3339(now) + "\",\"level\":\"";
    line += to_word(level);
    line += "\",\"event\":";
    append_quoted(line, event);
    for (const LogField& field : fields) {
        line += ',';
        append_quoted(line, field.name);
        line += ':';
        append_quoted(line, field.value);
    }
    if (const TraceContext& trace = TracedScope::current(); trace.is_set()) {
        line += ",\"trace_id\":\"" + trace_id_text(trace) + '"';
    }
    line += "}\n";
    return line;
}

class StreamLog final : public Log {
public:
    StreamLog(std::FILE* stream, LogLevel level, LogFormat format, Clock& clock)
        : stream_(stream), level_(level), format_(format), clock_(clock) {}

    bool enabled(LogLevel level) const override { return level >= level_ && level != LogLevel::off; }

    void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) override {
        if (!enabled(level)) return;
        try {
            const std::string line = format_ == LogFormat::json ? json_line(clock_.now(), level, event, fields)
                                                                : text_line(clock_.now(), level, event, fields);
            const std::lock_guard lock(mutex_);
            std::fwrite(line.data(), 1, line.size(), stream_);
            std::fflush(stream_);
        } catch (...) {  // NOLINT(bugprone-empty-catch): nowhere is left to tell it
            // A line that cannot be made or written is lost; the work it tells about goes on.
        }
    }

private:
    std::mutex mutex_;
    std::FILE* stream_;
    LogLevel level_;
    LogFormat format_;
    Clock& clock_;
};

}  // namespace

std::unique_ptr<Log> make_stream_log(std::FILE* stream, LogLevel level, LogFormat format, Clock& clock) {
    return std::make_unique<StreamLog>(stream, level, format, clock);
}

}  // namespace waybill::local
