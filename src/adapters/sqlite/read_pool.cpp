#include "adapters/sqlite/read_pool.hpp"

#include <utility>

namespace waybill::sqlite {

ReadPool::Lease::Lease(ReadPool& pool, std::unique_ptr<Connection> connection, std::uint64_t opening)
    : pool_(&pool), connection_(std::move(connection)), opening_(opening) {}

ReadPool::Lease::~Lease() {
    if (connection_) pool_->give_back(std::move(connection_), opening_);
}

ReadPool::ReadPool(std::filesystem::path file, Milliseconds wait_max, Clock& clock)
    : file_(std::move(file)), wait_max_(wait_max), clock_(clock) {}

Result<ReadPool::Lease> ReadPool::lease() {
    std::unique_lock lock(mutex_);
    const SteadyTime deadline = clock_.steady_now() + wait_max_;
    while (!closed_ && idle_.empty() && in_use_ >= readers_max) {
        const auto left = deadline - clock_.steady_now();
        if (left <= left.zero()) return fail(ErrorCode::unavailable, "Too many reads wait for the store.");
        given_back_.wait_for(lock, left);
    }
    if (closed_) return fail(ErrorCode::unavailable, "The store is being opened again.");
    ++in_use_;
    const std::uint64_t opening = opening_;
    if (!idle_.empty()) {
        std::unique_ptr<Connection> connection = std::move(idle_.back());
        idle_.pop_back();
        return Lease(*this, std::move(connection), opening);
    }
    lock.unlock();
    try {
        return Lease(*this, std::make_unique<Connection>(file_, Connection::Mode::read), opening);
    } catch (...) {
        give_back(nullptr, opening);
        throw;
    }
}

void ReadPool::give_back(std::unique_ptr<Connection> connection, std::uint64_t opening) {
    const std::lock_guard lock(mutex_);
    --in_use_;
    // What could not be rolled back, for want of memory, would show its old state for ever.
    if (connection && connection->in_transaction()) connection.reset();
    if (!closed_ && opening == opening_ && connection) idle_.push_back(std::move(connection));
    connection.reset();
    given_back_.notify_all();
}

bool ReadPool::close(Milliseconds wait) {
    std::unique_lock lock(mutex_);
    closed_ = true;
    idle_.clear();
    given_back_.notify_all();
    return given_back_.wait_for(lock, wait, [this] { return in_use_ == 0; });
}

void ReadPool::reopen() {
    const std::lock_guard lock(mutex_);
    closed_ = false;
    ++opening_;
}

std::size_t ReadPool::connections() const {
    const std::lock_guard lock(mutex_);
    return idle_.size() + in_use_;
}

}  // namespace waybill::sqlite
