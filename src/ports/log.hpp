// One structured line for each event, with the trace of what its thread works on (`trace_id`). Values are escaped by
// the adapter; callers never pass a password, token, key or connection string.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "domain/trace.hpp"

namespace waybill {

enum class LogLevel : std::uint8_t { debug, info, warn, error, off };

struct LogField {
    std::string_view name;
    std::string value;
};

// Thread-safe; never throws.
class Log {
public:
    virtual ~Log() = default;
    [[nodiscard]] virtual bool enabled(LogLevel level) const = 0;

    // `event` is a stable kebab-case word, for example "order-failed".
    virtual void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) = 0;
};

// What this thread works on while it lives; lines are written in every room on the way, and none of
// them should have to hand a trace through. Also for none: what is done for several at once.
class TracedScope {
public:
    explicit TracedScope(const TraceContext& trace) : before_(current_) { current_ = trace; }
    TracedScope(const TracedScope&) = delete;
    TracedScope& operator=(const TracedScope&) = delete;
    ~TracedScope() { current_ = before_; }

    [[nodiscard]] static const TraceContext& current() { return current_; }

private:
    static inline constinit thread_local TraceContext current_{};
    TraceContext before_;
};

}  // namespace waybill
