// Threads for what waits: the store, or a password hash. Bounded, so that a slow store becomes a
// refusal and not a queue without end.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "ports/thread_name.hpp"

namespace waybill::http {

// Thread-safe.
class BlockingPool {
public:
    using Job = std::move_only_function<void()>;

    BlockingPool(ThreadName name, std::size_t threads, std::size_t waiting_max);
    // Jobs that run are waited for, those that wait are dropped.
    ~BlockingPool();

    // False when `waiting_max` jobs wait already; `job` is then untouched. Jobs do not throw.
    [[nodiscard]] bool submit(Job&& job);

    [[nodiscard]] std::size_t waiting() const;

private:
    void run(const std::stop_token& stop);

    std::size_t waiting_max_;
    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<Job> waiting_;
    std::vector<std::jthread> threads_;
};

}  // namespace waybill::http
