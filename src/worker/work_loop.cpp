#include "worker/work_loop.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace waybill::worker {

namespace {

// An item that we hold: its try is under way, or has ended and is not settled yet.
struct Held {
    SteadyTime began;
    SteadyTime heartbeat_at;
    bool lost = false;  // somebody else may have claimed it; what its try brings will not be written
};

Milliseconds until(SteadyTime time, SteadyTime now) {
    return std::max(std::chrono::ceil<Milliseconds>(time - now), Milliseconds::zero());
}

}  // namespace

class WorkLoop::State : public std::enable_shared_from_this<State> {
public:
    State(WorkKind kind, WorkLoopOptions options, Processing& processing, WorkSource& source, Clock& clock, Log& log,
          Metrics& metrics, WorkSignal& signal)
        : kind_(kind),
          options_(options),
          processing_(processing),
          source_(source),
          clock_(clock),
          log_(log),
          metrics_(metrics),
          signal_(signal) {}

    Milliseconds step() {
        {
            const std::lock_guard lock(mutex_);
            in_round_ = true;
        }
        note_round();
        guarded([this] { settle_finished(); });
        guarded([this] { extend_due(); });
        bool more_waits = false;
        if (!draining_) guarded([&] { more_waits = claim(); });
        return pause_after(more_waits);
    }

    void run(std::stop_token stop, Milliseconds drain_max) {
        while (!stop.stop_requested()) {
            const Milliseconds pause = step();
            if (pause > Milliseconds::zero()) signal_.wait(kind_, pause, stop);
        }
        draining_ = true;
        const SteadyTime deadline = clock_.steady_now() + drain_max;
        for (;;) {
            const Milliseconds pause = step();
            const Milliseconds left = until(deadline, clock_.steady_now());
            if (held_.empty() || left == Milliseconds::zero()) return;
            signal_.wait(kind_, std::min(pause, left), {});
        }
    }

    [[nodiscard]] bool is_unanswered() const { return unanswered_; }

    // From here on what ends is dropped, and nothing but this object is touched.
    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        metrics_.work_in_flight(kind_).Decrement(static_cast<double>(held_.size()));
    }

private:
    void guarded(const std::function<void()>& part) {
        try {
            part();
        } catch (const std::exception& problem) {
            log_.write(LogLevel::error, "worker-step-failed",
                       {{"kind", std::string(to_text(kind_))}, {"error", problem.what()}});
        }
    }

    // ---- settle

    void settle_finished() {
        take_ended();
        const SteadyTime now = clock_.steady_now();
        if (now < settle_not_before_) return;
        while (!ended_.empty()) {
            const std::size_t count = std::min(ended_.size(), options_.batch_max);
            const auto end = ended_.begin() + static_cast<std::ptrdiff_t>(count);
            std::vector<FinishedTry> batch(std::make_move_iterator(ended_.begin()), std::make_move_iterator(end));
            ended_.erase(ended_.begin(), end);
            if (!settle_batch(std::move(batch))) {
                settle_not_before_ = now + options_.poll_every;
                return;
            }
        }
    }

    // False when something has to be written again.
    bool settle_batch(std::vector<FinishedTry> batch) {
        std::vector<LeaseKey> leases;
        leases.reserve(batch.size());
        for (const FinishedTry& ended : batch) leases.push_back(ended.work.lease);

        SettledTries settled;
        try {
            settled = processing_.settle(kind_, std::move(batch));
        } catch (...) {
            for (const LeaseKey& lease : leases) forget(lease, false);  // their leases end
            throw;
        }
        for (const LeaseKey& lease : settled.written) forget(lease, true);
        for (const FinishedTry& ended : settled.unwritten) std::erase(leases, ended.work.lease);
        for (const LeaseKey& lease : leases) forget(lease, false);
        if (settled.unwritten.empty()) return true;
        note_outage("What was done could not be written.");
        ended_.insert(ended_.end(), std::make_move_iterator(settled.unwritten.begin()),
                      std::make_move_iterator(settled.unwritten.end()));
        return false;
    }

    void take_ended() {
        std::vector<FinishedTry> finished;
        {
            const std::lock_guard lock(mutex_);
            finished.swap(finished_);
        }
        for (FinishedTry& one : finished) {
            count(one);
            ended_.push_back(std::move(one));
        }
    }

    void count(const FinishedTry& ended) {
        metrics_.work_tries(kind_, ended.outcome).Increment();
        const auto held = held_.find(ended.work.lease);
        if (held == held_.end()) return;
        const auto took = std::chrono::duration<double>(clock_.steady_now() - held->second.began);
        metrics_.work_try_seconds(kind_).Observe(took.count());
        if (ended.outcome == TryOutcome::no_answer && !ended.of_this_item) unanswered_ = true;
        if (ended.outcome == TryOutcome::done || ended.outcome == TryOutcome::refused) unanswered_ = false;
    }

    // ---- extend

    void extend_due() {
        const SteadyTime now = clock_.steady_now();
        std::vector<LeaseKey> due;
        for (const auto& [lease, held] : held_) {
            if (due.size() == options_.batch_max) break;
            if (!held.lost && held.heartbeat_at <= now) due.push_back(lease);
        }
        if (due.empty()) return;
        for (const LeaseKey& lease : due) held_.at(lease).heartbeat_at = now + options_.poll_every;

        const std::vector<Result<void>> results = source_.extend(due, processing_.policy().lease);
        for (std::size_t i = 0; i < std::min(due.size(), results.size()); ++i) {
            Held& held = held_.at(due[i]);
            if (results[i]) {
                held.heartbeat_at = now + processing_.policy().heartbeat;
            } else if (results[i].error().code == ErrorCode::lease_lost) {
                held.lost = true;
            }
        }
    }

    // ---- claim

    // True when more is likely to wait.
    bool claim() {
        const std::size_t places_max = processing_.in_flight_max(kind_);
        if (held_.size() >= places_max) return false;
        const SteadyTime now = clock_.steady_now();
        if (now < claim_not_before_) return false;
        claim_not_before_ = now + options_.poll_every;  // stays when the store is away or throws

        const std::size_t wanted = std::min(options_.batch_max, places_max - held_.size());
        Result<WorkSource::Claimed> claimed = source_.claim(wanted, processing_.policy().lease);
        if (!claimed) {
            note_outage(claimed.error().detail);
            return false;
        }
        claim_not_before_ = now;
        if (ended_.empty()) note_recovery();
        for (ClaimedWork& work : claimed->work) {
            guarded([&] { begin(std::move(work), now); });  // one that throws leaves the others theirs
        }
        return claimed->more_wait && held_.size() < places_max;
    }

    void begin(ClaimedWork work, SteadyTime now) {
        const LeaseKey lease = work.lease;
        if (!held_.try_emplace(lease, Held{now, now + processing_.policy().heartbeat}).second) return;
        metrics_.work_in_flight(kind_).Increment();
        try {
            processing_.begin(std::move(work),
                              [self = shared_from_this()](FinishedTry ended) { self->finish(std::move(ended)); });
        } catch (...) {
            forget(lease, false);
            throw;
        }
    }

    // Any thread. A round that is running looks for what has finished before it ends.
    void finish(FinishedTry ended) {
        const std::lock_guard lock(mutex_);
        if (closed_) return;
        finished_.push_back(std::move(ended));
        if (!in_round_) signal_.notify(kind_);
    }

    void forget(const LeaseKey& lease, bool written) {
        if (held_.erase(lease) == 0) return;
        metrics_.work_in_flight(kind_).Decrement();
        source_.release(lease, written);
    }

    // ---- pauses

    Milliseconds pause_after(bool more_waits) {
        const SteadyTime now = clock_.steady_now();
        const bool some_finished = end_round();
        if (more_waits || (some_finished && now >= settle_not_before_)) return Milliseconds::zero();
        Milliseconds pause = options_.poll_every;
        for (const auto& [lease, held] : held_) {
            if (!held.lost) pause = std::min(pause, until(held.heartbeat_at, now));
        }
        if (!ended_.empty()) pause = std::min(pause, until(settle_not_before_, now));
        return pause;
    }

    // True when something finished meanwhile; what finishes later wakes the loop.
    bool end_round() {
        const std::lock_guard lock(mutex_);
        in_round_ = false;
        return !finished_.empty();
    }

    void note_round() {
        if (last_round_ == nullptr) last_round_ = &metrics_.add_last_round(kind_);
        last_round_->Set(std::chrono::duration<double>(clock_.now().time_since_epoch()).count());
    }

    // Once for each outage.
    void note_outage(const std::string& problem) {
        if (std::exchange(store_away_, true)) return;
        log_.write(LogLevel::warn, "work-store-away", {{"kind", std::string(to_text(kind_))}, {"error", problem}});
    }

    void note_recovery() {
        if (!std::exchange(store_away_, false)) return;
        log_.write(LogLevel::info, "work-store-back", {{"kind", std::string(to_text(kind_))}});
    }

    const WorkKind kind_;
    const WorkLoopOptions options_;
    Processing& processing_;
    WorkSource& source_;
    Clock& clock_;
    Log& log_;
    Metrics& metrics_;
    WorkSignal& signal_;

    // Of the loop's thread only.
    std::map<LeaseKey, Held, LeaseOrder> held_;
    std::vector<FinishedTry> ended_;  // not settled yet; their leases are kept
    SteadyTime settle_not_before_{};
    SteadyTime claim_not_before_{};
    prometheus::Gauge* last_round_ = nullptr;
    bool store_away_ = false;
    bool draining_ = false;

    std::atomic<bool> unanswered_ = false;

    std::mutex mutex_;
    bool closed_ = false;
    bool in_round_ = false;
    std::vector<FinishedTry> finished_;
};

WorkLoop::WorkLoop(WorkKind kind, WorkLoopOptions options, Processing& processing, Store& store, Clock& clock, Log& log,
                   Metrics& metrics, WorkSignal& signal)
    : store_work_(std::make_unique<StoreWork>(kind, store)),
      state_(std::make_shared<State>(kind, options, processing, *store_work_, clock, log, metrics, signal)) {}

WorkLoop::WorkLoop(WorkKind kind, WorkLoopOptions options, Processing& processing, WorkSource& source, Clock& clock,
                   Log& log, Metrics& metrics, WorkSignal& signal)
    : state_(std::make_shared<State>(kind, options, processing, source, clock, log, metrics, signal)) {}

WorkLoop::~WorkLoop() { state_->close(); }

bool WorkLoop::is_unanswered() const { return state_->is_unanswered(); }

Milliseconds WorkLoop::step() { return state_->step(); }

void WorkLoop::run(std::stop_token stop, Milliseconds drain_max) { state_->run(std::move(stop), drain_max); }

}  // namespace waybill::worker
