#include "worker/pause.hpp"

#include <condition_variable>
#include <mutex>

namespace waybill::worker {

void pause_for(Milliseconds duration, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    stopped.wait_for(lock, stop, duration, [] { return false; });
}

}  // namespace waybill::worker
