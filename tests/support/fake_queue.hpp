// A queue in memory that, on command, loses, repeats, delays, reorders and refuses messages, or is
// away. Otherwise it keeps the port's word: at least once, hidden from a receive until acknowledged or
// shown again.
//
// Visibility is by the Clock; only the wait of a receive is real time, and ends with the first message
// that can be received. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ports/clock.hpp"
#include "ports/queue.hpp"

namespace waybill::testing {

class FakeQueue : public Queue {
public:
    explicit FakeQueue(Clock& clock, Milliseconds visibility = Milliseconds{15'000})
        : clock_(clock), visibility_(visibility) {}

    // ---- faults; each counts messages of send() and is used up by them

    void lose_next(std::size_t messages) { set(lose_, messages); }
    void repeat_next(std::size_t messages) { set(repeat_, messages); }
    void refuse_next(std::size_t messages) { set(refuse_, messages); }
    void delay_next(std::size_t messages, Milliseconds by) {
        set(delay_, messages);
        delay_by_ = by;
    }

    // Newest first instead of oldest first.
    void reorder() { set(newest_first_, true); }

    // Until come_back(): every call is `unavailable` and does nothing.
    void go_away() { set(away_, true); }
    void come_back() { set(away_, false); }

    // The next `calls` calls of `method` (send, receive, ack, extend) are done, and answered
    // `unavailable`: the reply was lost.
    void lose_replies(std::string_view method, std::size_t calls) {
        const std::lock_guard lock(mutex_);
        lost_replies_[std::string(method)] = calls;
    }

    // What an operator or an outage does.
    void empty() {
        const std::lock_guard lock(mutex_);
        kept_.clear();
    }

    // ---- what happened

    // Every message that was accepted, lost ones too, in order.
    [[nodiscard]] std::vector<QueueMessage> sent() const {
        const std::lock_guard lock(mutex_);
        return sent_;
    }
    // How often `method` was called, failures included.
    [[nodiscard]] std::size_t calls(std::string_view method) const {
        const std::lock_guard lock(mutex_);
        const auto found = calls_.find(std::string(method));
        return found == calls_.end() ? 0 : found->second;
    }
    // Messages that are neither acknowledged nor lost.
    [[nodiscard]] std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return kept_.size();
    }
    // How long the messages of `id` stay hidden; 0 when all of them can be received.
    [[nodiscard]] Milliseconds hidden_for(const WorkId& id) const;
    // The most often that one message was received.
    [[nodiscard]] int receives_max() const {
        const std::lock_guard lock(mutex_);
        return receives_max_;
    }
    // Blocks until nothing is left; false after `timeout`.
    [[nodiscard]] bool wait_until_empty(Milliseconds timeout = Milliseconds{10'000}) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, timeout, [this] { return kept_.empty(); });
    }
    // Blocks until a receive waits; false after `timeout`.
    [[nodiscard]] bool wait_for_receiver(Milliseconds timeout = Milliseconds{10'000}) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, timeout, [this] { return receivers_ > 0; });
    }

    // ---- the port

    [[nodiscard]] std::vector<Result<void>> send(std::span<const QueueMessage> messages) override;
    [[nodiscard]] Result<std::vector<ReceivedMessage>> receive(std::size_t max, Milliseconds wait) override;
    Result<void> ack(std::span<const ReceivedMessage> messages) override;
    Result<void> extend(std::span<const ReceivedMessage> messages, Milliseconds visibility) override;

private:
    struct Kept {
        WorkId work_id;
        SteadyTime visible_at{};
        std::string receipt{};  // of the latest receive; an older one means nothing any more
        int receives = 0;
    };

    template <class Value, class Given>
    void set(Value& value, Given given) {
        const std::lock_guard lock(mutex_);
        value = given;
        changed_.notify_all();
    }

    // With the lock held.
    bool loses_reply(const std::string& method);
    Result<void> take(const QueueMessage& message);
    std::vector<ReceivedMessage> hand_out(std::size_t max);

    Clock& clock_;
    const Milliseconds visibility_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::list<Kept> kept_;
    std::vector<QueueMessage> sent_;
    std::map<std::string, std::size_t> calls_;
    std::map<std::string, std::size_t> lost_replies_;
    std::size_t lose_ = 0;
    std::size_t repeat_ = 0;
    std::size_t refuse_ = 0;
    std::size_t delay_ = 0;
    Milliseconds delay_by_{};
    bool newest_first_ = false;
    bool away_ = false;
    int receivers_ = 0;
    std::uint64_t receipts_ = 0;
    int receives_max_ = 0;
};

}  // namespace waybill::testing
