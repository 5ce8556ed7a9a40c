#include "tests/support/fake_queue.hpp"

#include <algorithm>

namespace waybill::testing {

namespace {

// How soon a receive sees that the clock has moved.
constexpr Milliseconds look_again{5};

std::unexpected<Error> is_away() { return fail(ErrorCode::unavailable, "The queue is away."); }

bool use_up(std::size_t& count) { return count > 0 && count-- > 0; }

}  // namespace

Milliseconds FakeQueue::hidden_for(const WorkId& id) const {
    const std::lock_guard lock(mutex_);
    const SteadyTime now = clock_.steady_now();
    SteadyTime last = now;
    for (const Kept& kept : kept_) {
        if (kept.work_id == id) last = std::max(last, kept.visible_at);
    }
    return std::chrono::ceil<Milliseconds>(last - now);
}

std::vector<Result<void>> FakeQueue::send(std::span<const QueueMessage> messages) {
    const std::lock_guard lock(mutex_);
    ++calls_["send"];
    if (away_) return std::vector<Result<void>>(messages.size(), is_away());
    std::vector<Result<void>> results;
    for (const QueueMessage& message : messages) results.push_back(take(message));
    changed_.notify_all();
    if (loses_reply("send")) results.assign(messages.size(), is_away());
    return results;
}

Result<std::vector<ReceivedMessage>> FakeQueue::receive(std::size_t max, Milliseconds wait) {
    std::unique_lock lock(mutex_);
    ++calls_["receive"];
    ++receivers_;
    changed_.notify_all();
    std::vector<ReceivedMessage> received;
    for (Milliseconds waited{}; !away_; waited += look_again) {
        received = hand_out(max);
        if (!received.empty() || max == 0 || waited >= wait) break;
        changed_.wait_for(lock, look_again);
    }
    --receivers_;
    if (away_ || loses_reply("receive")) return is_away();
    return received;
}

Result<void> FakeQueue::ack(std::span<const ReceivedMessage> messages) {
    const std::lock_guard lock(mutex_);
    ++calls_["ack"];
    if (away_) return is_away();
    for (const ReceivedMessage& message : messages) {
        std::erase_if(kept_, [&](const Kept& kept) { return kept.receipt == message.receipt; });
    }
    changed_.notify_all();
    if (loses_reply("ack")) return is_away();
    return {};
}

Result<void> FakeQueue::extend(std::span<const ReceivedMessage> messages, Milliseconds visibility) {
    const std::lock_guard lock(mutex_);
    ++calls_["extend"];
    if (away_) return is_away();
    for (const ReceivedMessage& message : messages) {
        const auto kept = std::ranges::find(kept_, message.receipt, &Kept::receipt);
        if (kept != kept_.end()) kept->visible_at = clock_.steady_now() + visibility;
    }
    changed_.notify_all();
    if (loses_reply("extend")) return is_away();
    return {};
}

bool FakeQueue::loses_reply(const std::string& method) { return use_up(lost_replies_[method]); }

Result<void> FakeQueue::take(const QueueMessage& message) {
    if (use_up(refuse_)) return fail(ErrorCode::unavailable, "The queue refused the message.");
    sent_.push_back(message);
    if (use_up(lose_)) return {};
    const SteadyTime now = clock_.steady_now();
    const SteadyTime visible_at = use_up(delay_) ? now + delay_by_ : now;
    kept_.push_back({message.work_id, visible_at});
    if (use_up(repeat_)) kept_.push_back({message.work_id, visible_at});
    return {};
}

std::vector<ReceivedMessage> FakeQueue::hand_out(std::size_t max) {
    std::vector<ReceivedMessage> received;
    const SteadyTime now = clock_.steady_now();
    const auto give = [&](Kept& kept) {
        if (received.size() == max || kept.visible_at > now) return;
        kept.visible_at = now + visibility_;
        kept.receipt = "receipt-" + std::to_string(++receipts_);
        receives_max_ = std::max(receives_max_, ++kept.receives);
        received.push_back({kept.work_id, kept.receipt});
    };
    if (newest_first_) {
        std::for_each(kept_.rbegin(), kept_.rend(), give);
    } else {
        std::for_each(kept_.begin(), kept_.end(), give);
    }
    return received;
}

}  // namespace waybill::testing
