// A thread that does one thing again and again until it is stopped: the janitor's sweep, the reading
// of revocations and of the catalogue version.
#pragma once

#include <functional>
#include <thread>

#include "domain/time.hpp"
#include "ports/log.hpp"
#include "ports/thread_name.hpp"

namespace waybill::worker {

// Calls `task` at once and then every `interval`, on a thread of that name. An exception is logged and does not end it.
// Stops and joins when it is destroyed.
class Periodic {
public:
    Periodic(ThreadName name, Milliseconds interval, std::function<void()> task, Log& log);

private:
    std::jthread thread_;
};

}  // namespace waybill::worker
