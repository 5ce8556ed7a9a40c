#include "adapters/sqlite/read_pool.hpp"

#include <utility>

namespace waybill::sqlite {

ReadPool::Lease::Lease(ReadPool& pool, std::unique_ptr<Reader> reader, std::uint64_t opening)
    : pool_(&pool), reader_(std::move(reader)), opening_(opening) {}

ReadPool::Lease::~Lease() {
    if (reader_) pool_->give_back(std::move(reader_), opening_);
}

ReadPool::ReadPool(std::filesystem::path file, Milliseconds wait_max, bool keeps_views, Clock& clock)
    : file_(std::move(file)),
      wait_max_(wait_max),
      may_keep_views_(keeps_views),
      clock_(clock),
      keeps_views_(keeps_views) {}

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
    std::unique_ptr<Reader> reader;
    if (!idle_.empty()) {
        reader = std::move(idle_.back());
        idle_.pop_back();
    }
    lock.unlock();
    try {
        if (!reader) reader = std::make_unique<Reader>(file_);
        reader->renew_view();
        return Lease(*this, std::move(reader), opening);
    } catch (...) {
        reader.reset();  // before it counts as gone
        give_back(nullptr, opening);
        throw;
    }
}

void ReadPool::give_back(std::unique_ptr<Reader> reader, std::uint64_t opening) {
    const std::lock_guard lock(mutex_);
    --in_use_;
    // What could not be let go, for want of memory, would hold the log for ever.
    if (reader && !keeps_views_ && !reader->let_go()) reader.reset();
    if (!closed_ && opening == opening_ && reader) idle_.push_back(std::move(reader));
    reader.reset();
    given_back_.notify_all();
}

void ReadPool::keep_views(bool keep) {
    const std::lock_guard lock(mutex_);
    keeps_views_ = keep && may_keep_views_;
    if (!keeps_views_) std::erase_if(idle_, [](const auto& reader) { return !reader->let_go(); });
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
