#include "app/queue_deliveries.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <optional>
#include <utility>

namespace waybill {

namespace {

Error error_of(const std::exception& problem) { return {ErrorCode::internal, problem.what()}; }

std::vector<WorkId> ids_of(const auto& taken) {
    std::vector<WorkId> ids;
    ids.reserve(taken.size());
    for (const auto& waiting : taken) ids.push_back(waiting.message.work_id);
    return ids;
}

std::vector<ReceivedMessage> messages_of(const auto& answers) {
    std::vector<ReceivedMessage> messages;
    messages.reserve(answers.size());
    for (const auto& answer : answers) messages.push_back(answer.message);
    return messages;
}

}  // namespace

// Kept for what a receive may bring, and given back when it has ended, however it does.
class QueueDeliveries::Places {
public:
    explicit Places(QueueDeliveries& deliveries) : deliveries_(deliveries) {
        const std::lock_guard lock(deliveries_.mutex_);
        count_ = deliveries_.closed_ ? 0 : std::min(deliveries_.free_places(), deliveries_.options_.receive_max);
        deliveries_.reserved_ += count_;
    }
    Places(const Places&) = delete;
    Places& operator=(const Places&) = delete;
    ~Places() {
        const std::lock_guard lock(deliveries_.mutex_);
        deliveries_.reserved_ -= count_;
        deliveries_.changed_.notify_all();
    }
    [[nodiscard]] std::size_t count() const { return count_; }

private:
    QueueDeliveries& deliveries_;
    std::size_t count_ = 0;
};

QueueDeliveries::QueueDeliveries(const Options& options, const WorkPolicy& policy, Queue& queue, Store& store,
                                 Clock& clock, Log& log)
    : options_(options), policy_(policy), queue_(queue), store_(store), clock_(clock), log_(log) {}

std::size_t QueueDeliveries::free_places() const {
    const std::size_t claims = reserved_ + waiting_.size() + worked_on_.size();
    const std::size_t all = claims + acks_.size() + hides_.size();
    return std::min(options_.claims_max - std::min(claims, options_.claims_max),
                    options_.messages_max - std::min(all, options_.messages_max));
}

// ---- from the queue

Result<std::size_t> QueueDeliveries::receive() {
    const Places places(*this);
    if (places.count() == 0) return 0;
    Result<std::vector<ReceivedMessage>> received = queue_.receive(places.count(), options_.long_poll);
    if (!received) return fail(std::move(received.error()));

    const SteadyTime heartbeat_at = clock_.steady_now() + policy_.heartbeat;
    const std::lock_guard lock(mutex_);
    for (ReceivedMessage& message : *received) put_back({std::move(message), heartbeat_at});
    return received->size();
}

void QueueDeliveries::put_back(Waiting waiting) {
    if (closed_) {
        hide(waiting.message, Milliseconds::zero());
    } else {
        waiting_.push_back(std::move(waiting));
    }
}

void QueueDeliveries::wait_for_place(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, std::move(stop), [this] { return free_places() > 0; });
}

void QueueDeliveries::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (const Waiting& waiting : waiting_) hide(waiting.message, Milliseconds::zero());
    waiting_.clear();
}

// ---- to the queue

void QueueDeliveries::hide(const ReceivedMessage& message, Milliseconds visibility) {
    hides_.insert_or_assign(message.receipt, Hide{message, visibility});
    changed_.notify_all();
}

void QueueDeliveries::wait_for_answer(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, std::move(stop), [this] { return has_answers(); });
}

Result<QueueDeliveries::Answered> QueueDeliveries::answer() {
    // Hides first: they have a time.
    if (auto hidden = send_hides(); !hidden) return fail(std::move(hidden.error()));
    const Result<std::size_t> acked = send_acks();
    if (!acked) return fail(acked.error());
    const std::lock_guard lock(mutex_);
    changed_.notify_all();  // places are free
    return Answered{*acked, has_answers()};
}

std::vector<QueueDeliveries::Hide> QueueDeliveries::take_hides() {
    std::vector<Hide> taken;
    const std::lock_guard lock(mutex_);
    for (auto it = hides_.begin(); it != hides_.end() && taken.size() < options_.answer_max;) {
        // One call hides all of its messages for as long.
        const bool fits = taken.empty() || it->second.visibility == taken.front().visibility;
        if (fits) taken.push_back(std::move(it->second));
        it = fits ? hides_.erase(it) : std::next(it);
    }
    return taken;
}

// One that fails is not repeated: the next heartbeat is, and a message that shows itself too early
// meets the lease.
Result<void> QueueDeliveries::send_hides() {
    const std::vector<Hide> taken = take_hides();
    if (taken.empty()) return {};
    return queue_.extend(messages_of(taken), taken.front().visibility);
}

std::vector<QueueDeliveries::Ack> QueueDeliveries::take_acks() {
    const std::lock_guard lock(mutex_);
    const auto count = static_cast<std::ptrdiff_t>(std::min(acks_.size(), options_.answer_max));
    std::vector<Ack> taken(std::make_move_iterator(acks_.begin()), std::make_move_iterator(acks_.begin() + count));
    acks_.erase(acks_.begin(), acks_.begin() + count);
    return taken;
}

Result<std::size_t> QueueDeliveries::send_acks() {
    std::vector<Ack> taken = take_acks();
    if (taken.empty()) return 0;
    Result<void> acked = queue_.ack(messages_of(taken));
    if (acked) return taken.size();
    const std::lock_guard lock(mutex_);
    for (Ack& ack : taken) {
        if (++ack.tries < options_.ack_tries_max) acks_.push_back(std::move(ack));
    }
    return fail(std::move(acked.error()));
}

// ---- for the loop

Result<WorkSource::Claimed> QueueDeliveries::claim(std::size_t max, Milliseconds lease) {
    std::vector<Waiting> taken = take_waiting(max);
    if (taken.empty()) return Claimed{};
    std::vector<Result<ClaimById>> answers = claim_all(taken, lease);

    Claimed claimed;
    std::optional<Error> away;
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < taken.size(); ++i) {
        if (answers[i]) {
            note_claim(std::move(taken[i]), std::move(*answers[i]), claimed.work);
        } else if (is_passing(answers[i].error().code)) {
            away = std::move(answers[i].error());
            const SteadyTime now = clock_.steady_now();
            if (taken[i].heartbeat_at <= now) {
                hide(taken[i].message, policy_.lease);
                taken[i].heartbeat_at = now + policy_.heartbeat;
            }
            put_back(std::move(taken[i]));
        } else {
            // Left alone it shows itself again, until the queue puts it aside.
            log_.write(LogLevel::error, "message-failed",
                       {{"work", taken[i].message.work_id.text}, {"error", answers[i].error().detail}});
        }
    }
    changed_.notify_all();
    if (away && claimed.work.empty()) return fail(std::move(*away));
    claimed.more_wait = !away && !waiting_.empty();
    return claimed;
}

std::vector<QueueDeliveries::Waiting> QueueDeliveries::take_waiting(std::size_t max) {
    const std::lock_guard lock(mutex_);
    const auto count = static_cast<std::ptrdiff_t>(std::min(max, waiting_.size()));
    std::vector<Waiting> taken(std::make_move_iterator(waiting_.begin()),
                               std::make_move_iterator(waiting_.begin() + count));
    waiting_.erase(waiting_.begin(), waiting_.begin() + count);
    return taken;
}

// An exception for the batch is repeated one by one, so that it stays with the message that causes it.
std::vector<Result<ClaimById>> QueueDeliveries::claim_all(const std::vector<Waiting>& taken, Milliseconds lease) {
    const std::vector<WorkId> ids = ids_of(taken);
    const auto missing = fail(ErrorCode::internal, "The store gave no result.");
    try {
        std::vector<Result<ClaimById>> answers = store_.claim_work(ids, lease);
        answers.resize(ids.size(), missing);
        return answers;
    } catch (const std::exception& problem) {
        log_.write(LogLevel::error, "claim-crashed", {{"error", problem.what()}});
    }
    std::vector<Result<ClaimById>> answers;
    for (const WorkId& id : ids) {
        try {
            std::vector<Result<ClaimById>> one = store_.claim_work(std::span(&id, 1), lease);
            one.resize(1, missing);
            answers.push_back(std::move(one.front()));
        } catch (const std::exception& problem) {
            answers.emplace_back(fail(error_of(problem)));
        }
    }
    return answers;
}

void QueueDeliveries::note_claim(Waiting waiting, ClaimById answer, std::vector<ClaimedWork>& claimed) {
    switch (answer.outcome) {
        case ClaimById::Outcome::claimed:
            if (answer.work->kind != WorkKind::process_order) {  // its own loop takes it when this lease has ended
                log_.write(LogLevel::error, "message-of-another-kind", {{"work", waiting.message.work_id.text}});
                acks_.push_back({std::move(waiting.message)});
                return;
            }
#ifdef WAYBILL_MUTANT_DELETE_BEFORE_PROCESSING
            acks_.push_back({waiting.message});
#endif
            worked_on_.insert_or_assign(answer.work->lease, std::move(waiting.message));
            claimed.push_back(std::move(*answer.work));
            return;
        case ClaimById::Outcome::nothing_to_do:
            acks_.push_back({std::move(waiting.message)});
            return;
        case ClaimById::Outcome::leased:
            hide(waiting.message, answer.leased_for);
            return;
    }
}

std::vector<Result<void>> QueueDeliveries::extend(std::span<const LeaseKey> leases, Milliseconds lease) {
    std::vector<Result<void>> results = store_.extend(leases, lease);
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < std::min(leases.size(), results.size()); ++i) {
        const auto found = worked_on_.find(leases[i]);
        if (results[i] && found != worked_on_.end()) hide(found->second, lease);
    }
    return results;
}

void QueueDeliveries::release(const LeaseKey& lease, bool written) {
    const std::lock_guard lock(mutex_);
    const auto found = worked_on_.find(lease);
    if (found == worked_on_.end()) return;
    hides_.erase(found->second.receipt);
    if (written) acks_.push_back({std::move(found->second)});
    worked_on_.erase(found);
    changed_.notify_all();
}

}  // namespace waybill
