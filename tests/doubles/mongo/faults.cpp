#include "tests/doubles/mongo/faults.hpp"

#include <algorithm>
#include <array>

#include "tests/doubles/mongo/command_error.hpp"

namespace waybill::testing::mongo {

bool is_housekeeping(const std::string& command) {
    static constexpr std::array names = {"hello",       "isMaster",  "ismaster",    "ping",
                                         "endSessions", "saslStart", "saslContinue"};
    return std::ranges::find(names, command) != names.end();
}

void Faults::arm(Fault fault) {
    const std::lock_guard lock(mutex_);
    armed_.push_back({std::move(fault), 0});
}

void Faults::clear() {
    {
        const std::lock_guard lock(mutex_);
        armed_.clear();
    }
    release();
}

std::optional<Fault> Faults::take(const std::string& command, const std::string& collection) {
    const std::lock_guard lock(mutex_);
    std::optional<Fault> met;
    for (Armed& armed : armed_) {
        const Fault& fault = armed.fault;
        const bool named = fault.command == command || (fault.command == "*" && !is_housekeeping(command));
        if (!named || (!fault.collection.empty() && fault.collection != collection)) continue;
        ++armed.seen;
        if (!met && armed.seen >= fault.nth) met = fault;
    }
    std::erase_if(armed_, [](const Armed& armed) { return armed.seen >= armed.fault.nth + armed.fault.times - 1; });
    return met;
}

void Faults::freeze() {
    const std::lock_guard lock(mutex_);
    frozen_ = true;
}

void Faults::release() {
    const std::lock_guard lock(mutex_);
    frozen_ = false;
    ++releases_;
    changed_.notify_all();
}

void Faults::wait_for_release() {
    std::unique_lock lock(mutex_);
    ++standing_;
    changed_.notify_all();
    changed_.wait(lock, [&, seen = releases_] { return stopped_ || releases_ != seen; });
    --standing_;
}

void Faults::wait_while_frozen() {
    std::unique_lock lock(mutex_);
    if (!frozen_) return;
    ++standing_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return stopped_ || !frozen_; });
    --standing_;
}

int Faults::frozen() const {
    const std::lock_guard lock(mutex_);
    return standing_;
}

bool Faults::wait_for_frozen(int count, Milliseconds limit) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] { return standing_ >= count; });
}

void Faults::stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
}

void Faults::start() {
    const std::lock_guard lock(mutex_);
    stopped_ = false;
}

Fault parse_fault(const Object& source) {
    struct Named {
        std::string_view name;
        Fault::Action action;
    };
    static constexpr std::array actions = {
        Named{"error", Fault::Action::error},
        Named{"errorAfter", Fault::Action::error_after},
        Named{"writeConcernError", Fault::Action::write_concern_error},
        Named{"cutBefore", Fault::Action::cut_before},
        Named{"cutAfter", Fault::Action::cut_after},
        Named{"freezeBefore", Fault::Action::freeze_before},
        Named{"freezeAfter", Fault::Action::freeze_after},
        Named{"stepDown", Fault::Action::step_down},
    };
    Fault fault;
    for (const Field& field : source) {
        const auto* text = field.value.as<std::string>();
        if (field.name == "command" && text) {
            fault.command = *text;
        } else if (field.name == "action" && text) {
            const auto* const found = std::ranges::find(actions, *text, &Named::name);
            if (found == actions.end()) throw CommandError(code::bad_value, "no such action: " + *text);
            fault.action = found->action;
        } else if (field.name == "message" && text) {
            fault.message = *text;
        } else if (field.name == "collection" && text) {
            fault.collection = *text;
        } else if (field.name == "code") {
            fault.code = static_cast<int>(field.value.to_int64());
        } else if (field.name == "nth") {
            fault.nth = static_cast<int>(field.value.to_int64());
        } else if (field.name == "times") {
            fault.times = static_cast<int>(field.value.to_int64());
        } else if (field.name == "aborts") {
            fault.aborts = field.value.truthy();
        } else if (field.name == "stepDownMs") {
            fault.step_down_for = Milliseconds{field.value.to_int64()};
        } else if (field.name == "labels" && field.value.is<Array>()) {
            for (const Value& label : *field.value.as<Array>()) {
                if (label.is<std::string>()) fault.labels.push_back(*label.as<std::string>());
            }
        } else {
            throw CommandError(code::unknown_field, "a fault has no field " + field.name + " of this type");
        }
    }
    if (fault.command.empty() || fault.nth < 1 || fault.times < 1) {
        throw CommandError(code::bad_value, "a fault needs a command, and nth and times from 1");
    }
    return fault;
}

}  // namespace waybill::testing::mongo
