// How long something in the background may wait, and what ends it early.
#pragma once

#include <memory>
#include <stop_token>

#include "ports/clock.hpp"
#include "posix/file_descriptor.hpp"

namespace waybill::redis {

// A file descriptor that another thread can make readable, so that a poll ends.
class Wake {
public:
    Wake();  // throws std::system_error

    void signal();
    void clear();
    [[nodiscard]] int fd() const { return event_.get(); }

private:
    FileDescriptor event_;
};

enum class Waited { ready, timed_out, stopped };

// What is signalled through `wake` ends a wait only when `stop` was requested as well.
struct Patience {
    const Clock& clock;
    SteadyTime deadline;
    Wake& wake;
    const std::stop_token& stop;

    [[nodiscard]] Milliseconds left() const;  // rounded up; not below zero

    // `events` are poll's.
    [[nodiscard]] Waited wait_for(int fd, short events) const;
};

}  // namespace waybill::redis
