// What the tests of the waiting room share: a store whose commits can be held, and orders to submit.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "app/catalogue.hpp"
#include "app/order_intake.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/recording_log.hpp"

namespace waybill::testing {

inline constexpr std::chrono::seconds patience{10};      // until an answer that should come counts as lost
inline constexpr std::chrono::milliseconds glimpse{30};  // a look at what should not happen
inline constexpr Milliseconds long_time{3'600'000};

inline const ProductId lamp{"67c8830b7ef1b848ac52ebec"};
inline const UserId ada{"ada"};
inline const UserId bob{"bob"};

using Answer = std::future<Result<PlacedOrder>>;

inline bool is_there(const Answer& answer) {
    return answer.wait_for(std::chrono::seconds{0}) == std::future_status::ready;
}

// A lost answer is an error of its own, so that no test hangs on it.
inline Result<PlacedOrder> wait_for(Answer& answer) {
    if (answer.wait_for(patience) == std::future_status::ready) return answer.get();
    return fail(ErrorCode::internal, "no answer came");
}

inline std::string word(ErrorCode code) {
    if (code == ErrorCode::overloaded) return "overloaded";
    if (code == ErrorCode::outcome_unknown) return "outcome_unknown";
    if (code == ErrorCode::idempotency_in_progress) return "idempotency_in_progress";
    if (code == ErrorCode::idempotency_key_reused) return "idempotency_key_reused";
    if (code == ErrorCode::unknown_product) return "unknown_product";
    if (code == ErrorCode::insufficient_stock) return "insufficient_stock";
    if (code == ErrorCode::unavailable) return "unavailable";
    return "another error";
}

// "placed", "replayed", or the word of the error.
inline std::string outcome(Answer& answer) {
    const Result<PlacedOrder> result = wait_for(answer);
    if (!result) return word(result.error().code);
    return result->replayed ? "replayed" : "placed";
}

inline std::vector<std::string> outcomes(std::vector<Answer>& answers) {
    std::vector<std::string> words;
    for (Answer& answer : answers) words.push_back(outcome(answer));
    return words;
}

// A store whose commits can be held, and made to end badly.
class GatedStore : public MemoryStore {
public:
    using MemoryStore::MemoryStore;
    using Results = std::vector<Result<PlacedOrder>>;
    using Commit = std::function<Results(std::span<const NewOrder>)>;

    ~GatedStore() override { release(); }

    // Takes the place of the next commit; `real` is the commit itself.
    void next_commit(std::function<Results(std::span<const NewOrder>, const Commit& real)> commit) {
        const std::lock_guard lock(mutex_);
        next_ = std::move(commit);
    }

    void hold() {
        const std::lock_guard lock(mutex_);
        held_ = true;
    }
    void release() {
        const std::lock_guard lock(mutex_);
        held_ = false;
        changed_.notify_all();
    }
    [[nodiscard]] bool wait_until_begun(std::size_t batches) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, [&] { return batches_.size() >= batches; });
    }
    [[nodiscard]] std::vector<std::size_t> batches() {
        const std::lock_guard lock(mutex_);
        return batches_;
    }
    [[nodiscard]] int committers_max() const { return committers_max_; }

    [[nodiscard]] Results place_orders(std::span<const NewOrder> orders) override {
        const int committers = ++committers_;
        if (committers > committers_max_) committers_max_ = committers;
        decltype(next_) commit;
        {
            std::unique_lock lock(mutex_);
            batches_.push_back(orders.size());
            changed_.notify_all();
            changed_.wait(lock, [&] { return !held_; });
            commit = std::exchange(next_, nullptr);
        }
        const Commit real = [this](std::span<const NewOrder> all) { return MemoryStore::place_orders(all); };
        struct Leave {
            std::atomic<int>& count;
            ~Leave() { --count; }
        } const leave{committers_};
        return commit ? commit(orders, real) : real(orders);
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool held_ = false;
    std::vector<std::size_t> batches_;
    std::function<Results(std::span<const NewOrder>, const Commit&)> next_;
    std::atomic<int> committers_{0};
    std::atomic<int> committers_max_{0};
};

class OrderIntakeFixture : public ::testing::Test {
protected:
    OrderIntakeFixture() { store.seed(demo_catalogue(clock.now())).value(); }
    ~OrderIntakeFixture() override { store.release(); }

    OrderIntake& intake(OrderIntake::Options options = {}) {
        if (!intake_) intake_.emplace(options, store, clock, log, metrics, signal);
        return *intake_;
    }

    NewOrder order_of(const UserId& user, std::int64_t quantity = 1) {
        const std::string number = std::to_string(++orders_made_);
        return {OrderId{"order-" + number}, user, "bangalore", {{lamp, quantity}}, {}, {}};
    }

    // `body` stands for what the request hash is made of.
    NewOrder keyed(const UserId& user, const std::string& key, std::uint8_t body = 1, std::int64_t quantity = 1) {
        NewOrder order = order_of(user, quantity);
        order.idempotency = IdempotencyKey{key, {body}};
        return order;
    }

    Answer submit(NewOrder order, std::size_t size = 100) {
        auto promise = std::make_shared<std::promise<Result<PlacedOrder>>>();
        Answer answer = promise->get_future();
        intake().submit(std::move(order), size, [promise](Result<PlacedOrder> result) {
            promise->set_value(std::move(result));  // throws at a second answer, which is logged
        });
        return answer;
    }

    std::vector<Answer> submit_all(std::vector<NewOrder> orders) {
        std::vector<Answer> answers;
        for (NewOrder& order : orders) answers.push_back(submit(std::move(order)));
        return answers;
    }

    // Commits on another thread, and returns once the store has the batch.
    std::future<bool> commit_in_background() {
        const std::size_t begun = store.batches().size();
        auto committed = std::async(std::launch::async, [this] { return intake().commit_batch(); });
        EXPECT_TRUE(store.wait_until_begun(begun + 1));
        return committed;
    }

    std::int64_t lamps_left() { return store.list_stock({lamp, "bangalore"}, {}, 1).value().at(0).available; }
    void leave_lamps(std::int64_t count) {
        StockChange change{ada, lamp, "bangalore", count, {}, "", {}};
        store.change_stock(change).value();
    }

    bool work_was_signalled(std::chrono::milliseconds wait) {
        std::stop_source stop;
        auto woken = std::async(std::launch::async, [this, token = stop.get_token()] {
            signal.wait(WorkKind::process_order, long_time, token);
        });
        const bool signalled = woken.wait_for(wait) == std::future_status::ready;
        stop.request_stop();
        return signalled;
    }

    FakeClock clock;
    GatedStore store{clock};
    RecordingLog log;
    Metrics metrics;
    WorkSignal signal;

private:
    int orders_made_ = 0;
    std::optional<OrderIntake> intake_;
};

}  // namespace waybill::testing
