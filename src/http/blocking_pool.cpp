#include "http/blocking_pool.hpp"

#include <algorithm>
#include <utility>

namespace waybill::http {

BlockingPool::BlockingPool(ThreadName name, std::size_t threads, std::size_t waiting_max) : waiting_max_(waiting_max) {
    for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) {
        threads_.emplace_back([this, name](const std::stop_token& stop) {
            name_thread(name);
            run(stop);
        });
    }
}

BlockingPool::~BlockingPool() {
    for (std::jthread& thread : threads_) thread.request_stop();
    threads_.clear();
}

bool BlockingPool::submit(Job&& job) {
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= waiting_max_) return false;
        waiting_.push_back(std::move(job));
    }
    changed_.notify_one();
    return true;
}

std::size_t BlockingPool::waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
}

void BlockingPool::run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
        if (stop.stop_requested()) return;
        Job job = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        job();
        job = nullptr;
        lock.lock();
    }
}

}  // namespace waybill::http
