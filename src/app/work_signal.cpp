#include "app/work_signal.hpp"

namespace waybill {

namespace {

std::size_t slot_of(WorkKind kind) { return kind == WorkKind::process_order ? 0 : 1; }

}  // namespace

void WorkSignal::notify(WorkKind kind) {
    {
        const std::scoped_lock lock(mutex_);
        raised_[slot_of(kind)] = true;
    }
    // All: waiters of both kinds share the condition.
    changed_.notify_all();
}

void WorkSignal::wait(WorkKind kind, Milliseconds timeout, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    bool& raised = raised_[slot_of(kind)];
    changed_.wait_for(lock, std::move(stop), timeout, [&raised] { return raised; });
    raised = false;
}

}  // namespace waybill
