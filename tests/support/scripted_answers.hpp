// What a double answers to calls with a callback: scripted answers first, then a function of the
// call. Calls can be held until they are released. Thread-safe; callbacks run outside the lock.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "domain/time.hpp"

namespace waybill::testing {

template <class Call, class Answer>
class ScriptedAnswers {
public:
    using Done = std::move_only_function<void(Answer)>;
    using Rule = std::function<Answer(const Call&)>;

    explicit ScriptedAnswers(Rule rule) : rule_(std::move(rule)) {}

    void always(Rule rule) {
        const std::lock_guard lock(mutex_);
        rule_ = std::move(rule);
    }
    void next(Answer answer) {
        const std::lock_guard lock(mutex_);
        scripted_.push_back(std::move(answer));
    }
    using Choice = std::function<bool(const Call&)>;
    void hold(Choice which = [](const Call&) { return true; }) {
        const std::lock_guard lock(mutex_);
        holds_ = std::move(which);
    }

    void take(Call call, Done done) {
        std::unique_lock lock(mutex_);
        calls_.push_back(call);
        called_.notify_all();
        if (holds_ && holds_(call)) {
            held_.emplace_back(std::move(call), std::move(done));
            return;
        }
        answer(std::move(lock), call, std::move(done));
    }

    // Answers the oldest held call; false when none is held.
    bool release_one() {
        std::unique_lock lock(mutex_);
        if (held_.empty()) return false;
        auto [call, done] = std::move(held_.front());
        held_.pop_front();
        answer(std::move(lock), call, std::move(done));
        return true;
    }

    // Answers all held calls, and holds no more.
    void release_all() {
        {
            const std::lock_guard lock(mutex_);
            holds_ = nullptr;
        }
        while (release_one()) {
        }
    }

    [[nodiscard]] std::vector<Call> calls() const {
        const std::lock_guard lock(mutex_);
        return calls_;
    }
    [[nodiscard]] std::size_t held() const {
        const std::lock_guard lock(mutex_);
        return held_.size();
    }

    // Blocks until `count` calls have come; false after `timeout`.
    [[nodiscard]] bool wait_for_calls(std::size_t count, Milliseconds timeout = Milliseconds{10'000}) {
        std::unique_lock lock(mutex_);
        return called_.wait_for(lock, timeout, [&] { return calls_.size() >= count; });
    }

private:
    void answer(std::unique_lock<std::mutex> lock, const Call& call, Done done) {
        if (!scripted_.empty()) {
            Answer scripted = std::move(scripted_.front());
            scripted_.pop_front();
            lock.unlock();
            done(std::move(scripted));
            return;
        }
        const Rule rule = rule_;
        lock.unlock();
        done(rule(call));
    }

    mutable std::mutex mutex_;
    std::condition_variable called_;
    Rule rule_;
    std::deque<Answer> scripted_;
    Choice holds_;
    std::deque<std::pair<Call, Done>> held_;
    std::vector<Call> calls_;
};

}  // namespace waybill::testing
