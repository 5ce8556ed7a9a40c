// A log that keeps its events, so that a test can ask for them.
// Thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "ports/log.hpp"

namespace waybill::testing {

class RecordingLog : public Log {
public:
    struct Event {
        LogLevel level = LogLevel::info;
        std::string name;
        std::map<std::string, std::string> fields;
    };

    [[nodiscard]] bool enabled(LogLevel) const override { return true; }

    void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) override {
        Event kept{level, std::string(event), {}};
        for (const LogField& field : fields) kept.fields.emplace(field.name, field.value);
        if (const TraceContext& trace = TracedScope::current(); trace.is_set()) {
            kept.fields.emplace("trace_id", trace_id_text(trace));
        }
        const std::lock_guard lock(mutex_);
        events_.push_back(std::move(kept));
    }

    [[nodiscard]] std::vector<Event> events() const {
        const std::lock_guard lock(mutex_);
        return events_;
    }

    [[nodiscard]] std::vector<Event> events_named(std::string_view name) const {
        std::vector<Event> found = events();
        std::erase_if(found, [&](const Event& event) { return event.name != name; });
        return found;
    }

    [[nodiscard]] std::size_t count(std::string_view name) const { return events_named(name).size(); }

    // Whether `text` stands anywhere in what was logged: the question for secrets.
    [[nodiscard]] bool mentions(std::string_view text) const {
        return std::ranges::any_of(events(), [&](const Event& event) {
            if (event.name.find(text) != std::string::npos) return true;
            return std::ranges::any_of(event.fields, [&](const auto& field) {
                return field.first.find(text) != std::string::npos || field.second.find(text) != std::string::npos;
            });
        });
    }

    void clear() {
        const std::lock_guard lock(mutex_);
        events_.clear();
    }

private:
    mutable std::mutex mutex_;
    std::vector<Event> events_;
};

}  // namespace waybill::testing
