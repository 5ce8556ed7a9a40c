#include "app/order_intake.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace waybill {

namespace {

// The part of a commit's usual time that gathering the next batch may take, and over how many
// commits "usual" is counted, so that a small batch between large ones does not set the measure.
constexpr int gather_part = 4;
constexpr int smoothing = 8;

// How much later than its deadline an order may be answered.
constexpr Milliseconds expiry_interval{50};

struct WaitingOrder {
    NewOrder order;
    std::size_t size = 0;
    OrderIntake::Done done;
    SteadyTime deadline;
};

// First in, first out, in one block of memory that stays: a push allocates only while the room grows
// to its load.
class WaitingRoom {
public:
    [[nodiscard]] bool empty() const { return head_ == slots_.size(); }
    [[nodiscard]] std::size_t size() const { return slots_.size() - head_; }
    [[nodiscard]] std::span<WaitingOrder> orders() { return std::span(slots_).subspan(head_); }
    void push(WaitingOrder order) { slots_.push_back(std::move(order)); }

    void pop(std::size_t count) {
        head_ += count;
        if (head_ <= slots_.size() / 2) return;
        slots_.erase(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(head_));
        head_ = 0;
    }

private:
    std::vector<WaitingOrder> slots_;
    std::size_t head_ = 0;
};

// What a commit takes. The quickest of the last ones counts: after one that stalled, what has gathered
// meanwhile is committed and nobody is refused; when all of them were slow, that is the pace.
class CommitPace {
public:
    using Duration = SteadyTime::duration;

    void note(Duration took) {
        took_.at(next_) = took;
        next_ = (next_ + 1) % took_.size();
    }
    [[nodiscard]] Duration expected() const { return *std::ranges::min_element(took_); }

private:
    std::array<Duration, 4> took_{};  // none is quick: as long as little is known, nobody is refused
    std::size_t next_ = 0;
};

// `done` is empty once the answer was given.
struct OwedAnswer {
    OrderIntake::Done done;
    SteadyTime deadline;
};

// One result is owed for each order, in order.
struct Batch {
    std::vector<NewOrder> orders;
    std::vector<OwedAnswer> answers;
    std::chrono::nanoseconds took{};  // its commit
};

struct LateAnswer {
    OrderIntake::Done done;
    ErrorCode code = ErrorCode::overloaded;
};

using TwinKey = std::pair<std::string_view, std::string_view>;

TwinKey twin_key(const NewOrder& order) { return {order.user_id.text, order.idempotency->key}; }

std::set<TwinKey> twin_keys(std::span<const NewOrder> orders) {
    std::set<TwinKey> keys;
    for (const NewOrder& order : orders) {
        if (order.idempotency) keys.insert(twin_key(order));
    }
    return keys;
}

Error late_error(ErrorCode code) {
    if (code == ErrorCode::outcome_unknown) {
        return {code, "The time for this request ended during its commit: the order may have been placed."};
    }
    if (code == ErrorCode::idempotency_in_progress) {
        return {code, "An earlier request with the same idempotency key is still under way."};
    }
    return {code, "Too many orders are waiting: nothing was done."};
}

}  // namespace

class OrderIntake::State {
public:
    State(Options options, Store& store, Clock& clock, Log& log, Metrics& metrics, WorkSignal& signal)
        : options_(options), store_(store), clock_(clock), log_(log), metrics_(metrics), signal_(signal) {}

    void submit(NewOrder order, std::size_t size, Done done);
    bool commit_batch();
    void expire_overdue();
    void start();
    void close();

private:
    enum class Phase { open, closing, closed };

    // Answers given after a look at the deadlines. Mutex held.
    void take_overdue_running(SteadyTime now, std::vector<LateAnswer>& late);
    void take_overdue_waiting(SteadyTime now, std::vector<LateAnswer>& late);

    [[nodiscard]] bool has_room() const;  // mutex held

    void begin_batch(Batch& batch);
    void fill_batch(Batch& batch);  // mutex held
    [[nodiscard]] std::size_t next_batch_size();
    [[nodiscard]] std::vector<Result<PlacedOrder>> place(Batch& batch);
    void finish_batch(Batch& batch, std::vector<Result<PlacedOrder>> results);
    [[nodiscard]] bool count(std::span<const Result<PlacedOrder>> results, std::span<const OwedAnswer> answers);

    void answer(Done& done, Result<PlacedOrder> result);
    void answer_late(std::vector<LateAnswer>& late);

    void run_committer();
    void gather();
    void run_expiry(const std::stop_token& stop);

    const Options options_;
    Store& store_;
    Clock& clock_;
    Log& log_;
    Metrics& metrics_;
    WorkSignal& signal_;

    std::mutex mutex_;
    std::condition_variable arrived_;
    std::condition_variable turn_over_;
    std::condition_variable_any expiry_stopped_;
    WaitingRoom waiting_;
    CommitPace pace_;
    Batch* running_ = nullptr;                 // the batch that the store has; its answers belong to the mutex
    bool committing_ = false;                  // from taking a batch until its last answer
    std::size_t wake_at_ = 0;                  // the committer sleeps until so many wait; 0: it is awake
    std::size_t crowd_ = 0;                    // who waited, or was about to be answered, when the last batch ended
    std::chrono::nanoseconds usual_commit_{};  // of late
    Phase phase_ = Phase::open;

    std::jthread committer_;
    std::jthread expiry_;
};

void OrderIntake::State::submit(NewOrder order, std::size_t size, Done done) {
    const SteadyTime deadline = clock_.steady_now() + options_.request_deadline;
    bool admitted = false;
    bool closed = false;
    bool wake = false;
    {
        const std::scoped_lock lock(mutex_);
        closed = phase_ != Phase::open;
        admitted = !closed && has_room();
        if (admitted) {
            waiting_.push({std::move(order), size, std::move(done), deadline});
            metrics_.orders_waiting.Set(static_cast<double>(waiting_.size()));
            wake = wake_at_ != 0 && waiting_.size() >= wake_at_;
            if (wake) wake_at_ = 0;
        }
    }
    if (wake) arrived_.notify_one();
    if (admitted) return;
    metrics_.orders_overloaded.Increment();
    answer(done, fail(closed ? Error{ErrorCode::overloaded, "The server is stopping: nothing was done."}
                             : late_error(ErrorCode::overloaded)));
}

// The batch under way, those that fill up before it, and its own.
bool OrderIntake::State::has_room() const {
    const std::size_t waiting = waiting_.size();
    if (waiting >= options_.waiting_max) return false;
    if (waiting < options_.batch_orders_max) return true;
    return pace_.expected() * (waiting / options_.batch_orders_max + 2) <= options_.wait_max;
}

bool OrderIntake::State::commit_batch() {
    Batch batch;
    begin_batch(batch);
    if (batch.orders.empty()) return false;
    finish_batch(batch, place(batch));
    return true;
}

void OrderIntake::State::begin_batch(Batch& batch) {
    std::vector<LateAnswer> late;
    {
        std::unique_lock lock(mutex_);
        turn_over_.wait(lock, [this] { return !committing_; });
        take_overdue_waiting(clock_.steady_now(), late);
        fill_batch(batch);
        if (!batch.orders.empty()) {
            committing_ = true;
            running_ = &batch;
        }
        metrics_.orders_waiting.Set(static_cast<double>(waiting_.size()));
    }
    answer_late(late);
}

void OrderIntake::State::fill_batch(Batch& batch) {
    const std::size_t size = next_batch_size();
    batch.orders.reserve(size);
    batch.answers.reserve(size);
    for (WaitingOrder& waiting : waiting_.orders().first(size)) {
        batch.orders.push_back(std::move(waiting.order));
        batch.answers.push_back({std::move(waiting.done), waiting.deadline});
    }
    waiting_.pop(size);
}

// One order at least, whatever its size.
std::size_t OrderIntake::State::next_batch_size() {
    std::size_t count = 0;
    std::size_t bytes = 0;
    for (const WaitingOrder& waiting : waiting_.orders()) {
        bytes += waiting.size;
        if (count == options_.batch_orders_max || (count > 0 && bytes > options_.batch_bytes_max)) break;
        ++count;
    }
    return count;
}

std::vector<Result<PlacedOrder>> OrderIntake::State::place(Batch& batch) {
    const std::span<const NewOrder> orders = batch.orders;
    const SteadyTime begun = clock_.steady_now();
    std::vector<Result<PlacedOrder>> results;
    std::string reason = "the store did not answer every order";
    try {
        results = store_.place_orders(orders);
    } catch (const std::exception& error) {
        reason = error.what();
    } catch (...) {
        reason = "an exception without a name";
    }
    metrics_.order_batch_size.Observe(static_cast<double>(orders.size()));
    batch.took = clock_.steady_now() - begun;
    metrics_.order_commit_seconds.Observe(std::chrono::duration<double>(batch.took).count());
    if (results.size() == orders.size()) return results;
    log_.write(LogLevel::error, "order-batch-failed", {{"orders", std::to_string(orders.size())}, {"reason", reason}});
    const Error unknown{ErrorCode::outcome_unknown, "The commit ended without an answer: the order may be placed."};
    return std::vector<Result<PlacedOrder>>(orders.size(), fail(unknown));
}

void OrderIntake::State::finish_batch(Batch& batch, std::vector<Result<PlacedOrder>> results) {
    {
        const std::scoped_lock lock(mutex_);
        running_ = nullptr;
        crowd_ = waiting_.size() + batch.orders.size();
        usual_commit_ += (batch.took - usual_commit_) / smoothing;
        pace_.note(batch.took);
    }
    const bool placed = count(results, batch.answers);
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (batch.answers[i].done) answer(batch.answers[i].done, std::move(results[i]));
    }
    if (placed) signal_.notify(WorkKind::process_order);
    {
        const std::scoped_lock lock(mutex_);
        committing_ = false;
    }
    turn_over_.notify_all();
}

// An order counts as placed although its customer was told "unknown"; a late error was counted then.
bool OrderIntake::State::count(std::span<const Result<PlacedOrder>> results, std::span<const OwedAnswer> answers) {
    int placed = 0, replayed = 0, refused = 0, without_stock = 0, overloaded = 0, unknown = 0;
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (results[i]) {
            ++(results[i]->replayed ? replayed : placed);
        } else if (answers[i].done) {
            const ErrorCode code = results[i].error().code;
            if (code == ErrorCode::unavailable) continue;  // no overload, and nothing that the customer did
            ++(code == ErrorCode::outcome_unknown ? unknown : code == ErrorCode::overloaded ? overloaded : refused);
            if (code == ErrorCode::insufficient_stock) ++without_stock;
        }
    }
    metrics_.orders_placed.Increment(placed);
    metrics_.orders_replayed.Increment(replayed);
    metrics_.orders_refused.Increment(refused);
    metrics_.stock_refusals.Increment(without_stock);
    metrics_.orders_overloaded.Increment(overloaded);
    metrics_.orders_outcome_unknown.Increment(unknown);
    return placed > 0;
}

void OrderIntake::State::expire_overdue() {
    std::vector<LateAnswer> late;
    {
        const std::scoped_lock lock(mutex_);
        const SteadyTime now = clock_.steady_now();
        take_overdue_running(now, late);
        take_overdue_waiting(now, late);
        metrics_.orders_waiting.Set(static_cast<double>(waiting_.size()));
    }
    answer_late(late);
}

void OrderIntake::State::take_overdue_running(SteadyTime now, std::vector<LateAnswer>& late) {
    if (running_ == nullptr) return;
    for (OwedAnswer& owed : running_->answers) {
        if (owed.deadline > now) break;
        if (owed.done) late.push_back({std::exchange(owed.done, nullptr), ErrorCode::outcome_unknown});
    }
}

// Deadlines stand in the order of arrival, so an earlier twin that still waited goes first and leaves
// the later one in its place: only a twin in the batch under way can be ahead.
void OrderIntake::State::take_overdue_waiting(SteadyTime now, std::vector<LateAnswer>& late) {
    if (waiting_.empty() || waiting_.orders().front().deadline > now) return;
    const std::set<TwinKey> under_way = running_ ? twin_keys(running_->orders) : std::set<TwinKey>{};
    std::size_t count = 0;
    for (WaitingOrder& waiting : waiting_.orders()) {
        if (waiting.deadline > now) break;
        const bool behind_twin = waiting.order.idempotency && under_way.contains(twin_key(waiting.order));
        late.push_back(
            {std::move(waiting.done), behind_twin ? ErrorCode::idempotency_in_progress : ErrorCode::overloaded});
        ++count;
    }
    waiting_.pop(count);
}

void OrderIntake::State::answer_late(std::vector<LateAnswer>& late) {
    for (LateAnswer& each : late) {
        if (each.code == ErrorCode::overloaded) metrics_.orders_overloaded.Increment();
        if (each.code == ErrorCode::outcome_unknown) metrics_.orders_outcome_unknown.Increment();
        if (each.code == ErrorCode::idempotency_in_progress) metrics_.orders_refused.Increment();
        answer(each.done, fail(late_error(each.code)));
    }
}

// The other answers of a batch do not depend on the one whose receiver throws.
void OrderIntake::State::answer(Done& done, Result<PlacedOrder> result) {
    try {
        done(std::move(result));
    } catch (const std::exception& error) {
        log_.write(LogLevel::error, "order-answer-failed", {{"reason", error.what()}});
    } catch (...) {
        log_.write(LogLevel::error, "order-answer-failed", {});
    }
}

void OrderIntake::State::start() {
    committer_ = std::jthread([this] { run_committer(); });
    expiry_ = std::jthread([this](const std::stop_token& stop) { run_expiry(stop); });
}

void OrderIntake::State::run_committer() {
    for (;;) {
        while (commit_batch()) gather();
        std::unique_lock lock(mutex_);
        while (waiting_.empty() && phase_ == Phase::open) {
            wake_at_ = 1;
            arrived_.wait(lock);
        }
        wake_at_ = 0;
        if (waiting_.empty()) return;
    }
}

// Customers who order again as soon as they are answered would else fall into two halves that take
// turns, each batch with the half that the other left out.
void OrderIntake::State::gather() {
    std::unique_lock lock(mutex_);
    if (options_.gather_max == Milliseconds{0} || crowd_ < 2) return;
    const std::size_t wanted = std::min(crowd_, options_.batch_orders_max);
    const auto longest = std::min<std::chrono::nanoseconds>(options_.gather_max, usual_commit_ / gather_part);
    wake_at_ = wanted;
    arrived_.wait_for(lock, longest, [&] { return waiting_.size() >= wanted || phase_ != Phase::open; });
    wake_at_ = 0;
}

void OrderIntake::State::run_expiry(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        {
            std::unique_lock lock(mutex_);
            expiry_stopped_.wait_for(lock, stop, expiry_interval, [] { return false; });
        }
        expire_overdue();
    }
}

void OrderIntake::State::close() {
    {
        std::unique_lock lock(mutex_);
        if (phase_ != Phase::open) {
            turn_over_.wait(lock, [this] { return phase_ == Phase::closed; });
            return;
        }
        phase_ = Phase::closing;
    }
    arrived_.notify_one();
    if (committer_.joinable()) committer_.join();
    while (commit_batch()) {
    }
    expiry_.request_stop();
    if (expiry_.joinable()) expiry_.join();
    {
        const std::scoped_lock lock(mutex_);
        phase_ = Phase::closed;
    }
    turn_over_.notify_all();
}

OrderIntake::OrderIntake(Options options, Store& store, Clock& clock, Log& log, Metrics& metrics, WorkSignal& signal)
    : state_(std::make_unique<State>(options, store, clock, log, metrics, signal)) {}

OrderIntake::~OrderIntake() { close(); }

void OrderIntake::submit(NewOrder order, std::size_t size, Done done) {
    state_->submit(std::move(order), size, std::move(done));
}

bool OrderIntake::commit_batch() { return state_->commit_batch(); }

void OrderIntake::expire_overdue() { state_->expire_overdue(); }

void OrderIntake::start() { state_->start(); }

void OrderIntake::close() { state_->close(); }

}  // namespace waybill
