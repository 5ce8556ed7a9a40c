#include "adapters/sqlite/write_queue.hpp"

#include <algorithm>

namespace waybill::sqlite {

namespace {

Error not_writable() { return {ErrorCode::unavailable, "The store cannot be written at the moment."}; }

Error environment_error(int code) {
    if (is_damage(code)) return damaged_database();
    if (is_full(code)) return {ErrorCode::unavailable, "The disk of the store is full."};
    return not_writable();
}

Error in_doubt() {
    return {ErrorCode::outcome_unknown, "The disk failed while this was being stored; it may have been done."};
}

template <class Group>
void settle_with(Group group, const Error& error) {
    for (auto* waiting : group) waiting->error = error;
}

}  // namespace

WriteQueue::WriteQueue(const SqliteOptions& options, Database& database, Clock& clock, Log& log)
    : options_(options), database_(database), clock_(clock), log_(log) {}

Result<void> WriteQueue::run(const Work& work) {
    Waiting me(work);
    std::unique_lock lock(mutex_);
    if (waiting_.size() >= options_.writes_waiting_max) {
        return fail(ErrorCode::overloaded, "Too many writes wait for the store.");
    }
    waiting_.push_back(&me);
    const SteadyTime deadline = clock_.steady_now() + options_.write_deadline;
    while (!me.settled) {
        if (me.taken) {
            me.turn.wait(lock);
            continue;
        }
        if (!leading_ && waiting_.front() == &me) {
            lead(lock);
            continue;
        }
        const auto left = deadline - clock_.steady_now();
        if (left <= left.zero()) {
            std::erase(waiting_, &me);
            return fail(ErrorCode::unavailable, "This write waited too long for its turn.");
        }
        me.turn.wait_for(lock, left);
    }
    lock.unlock();
    if (me.thrown) std::rethrow_exception(me.thrown);
    if (me.error) return fail(*me.error);
    return {};
}

std::size_t WriteQueue::waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
}

void WriteQueue::lead(std::unique_lock<std::mutex>& lock) {
    leading_ = true;
    const std::vector<Waiting*> group = take_group();
    lock.unlock();
    try {
        commit(group);
    } catch (...) {
        // Not even a rollback or the log worked: nobody can say what became of these.
        for (Waiting* waiting : group) waiting->thrown = std::current_exception();
    }
    lock.lock();
    leading_ = false;
    for (Waiting* waiting : group) {
        waiting->settled = true;
        waiting->turn.notify_one();
    }
    if (!waiting_.empty()) waiting_.front()->turn.notify_one();
}

std::vector<WriteQueue::Waiting*> WriteQueue::take_group() {
    const auto size = static_cast<std::ptrdiff_t>(std::min(waiting_.size(), writes_per_commit_max));
    std::vector<Waiting*> group(waiting_.begin(), waiting_.begin() + size);
    waiting_.erase(waiting_.begin(), waiting_.begin() + size);
    for (Waiting* waiting : group) waiting->taken = true;
    return group;
}

void WriteQueue::commit(Group group) {
    const TracedScope of_none{TraceContext{}};
    Failures failures;
    if (!commit_at_once(group, clock_.steady_now() + options_.busy_deadline, failures)) commit_each(group, failures);
    if (failures.writes == 0) return;
    log_.write(LogLevel::error, "store-write-failed",
               {{"code", std::to_string(failures.code)},
                {"reason", failures.reason},
                {"writes", std::to_string(failures.writes)}});
}

// All together wait no longer than one of them might.
void WriteQueue::commit_each(Group group, Failures& failures) {
    const SteadyTime deadline = clock_.steady_now() + options_.busy_deadline;
    for (Waiting* waiting : group) {
        waiting->thrown = nullptr;
        if (clock_.steady_now() >= deadline || !database_.is_healthy()) {
            waiting->error = not_writable();
            continue;
        }
        (void)commit_at_once(Group(&waiting, 1), deadline, failures);
    }
}

// False: it was rolled back for a reason that one of several may have caused, so that each has to be
// tried alone.
bool WriteQueue::commit_at_once(Group group, SteadyTime deadline, Failures& failures) {
    bool at_commit = false;
    try {
        if (Result<void> ready = database_.make_ready(); !ready) {
            settle_with(group, ready.error());
            return true;
        }
        if (Result<void> begun = database_.begin(deadline); !begun) {
            settle_with(group, begun.error());
            return true;
        }
        run_works(group);
        at_commit = true;
        database_.writer().commit();
    } catch (const SqliteError& error) {
        return undo(group, error, at_commit, failures);
    } catch (...) {
        database_.writer().rollback();
        if (group.size() > 1) return false;
        group.front()->thrown = std::current_exception();
        return true;
    }
    ++commits_;
    database_.after_commit();
    return true;
}

// A write that throws undoes the transaction, also for the others; they are run again without it.
void WriteQueue::run_works(Group group) {
    for (Waiting* waiting : group) {
        Transaction transaction{database_.writer(), clock_.now()};
        waiting->work(transaction);
    }
}

bool WriteQueue::undo(Group group, const SqliteError& error, bool at_commit, Failures& failures) {
    database_.writer().rollback();
    if (is_failed_sync(error.code()) || (at_commit && !is_surely_undone(error.code()))) {
        settle_with(group, in_doubt());
        database_.distrust(error);
        return true;
    }
    if (group.size() > 1) return false;
    if (is_full(error.code())) {
        database_.room().lacked();
    } else if (is_damage(error.code())) {
        database_.note_damage(error);
    } else if (++failures.writes == 1) {
        failures.code = error.code();
        failures.reason = error.what();
    }
    if (is_environment(error.code())) {
        settle_with(group, environment_error(error.code()));
    } else {
        group.front()->thrown = std::make_exception_ptr(error);
    }
    return true;
}

}  // namespace waybill::sqlite
