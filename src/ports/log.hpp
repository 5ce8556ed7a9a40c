// One structured line for each event. Values are escaped by the adapter; callers never pass a
// password, token, key or connection string.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

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

}  // namespace waybill
