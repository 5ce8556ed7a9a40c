// What everybody in a simulation shares: the time, the dice, the trace, the ledger. And the gate between a
// process and the world, at which each call may wait, fail, lose its answer, or be the last of its process.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "ports/clock.hpp"
#include "tests/simulation/dice.hpp"
#include "tests/simulation/fiber.hpp"
#include "tests/simulation/ledger.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/trace.hpp"

namespace waybill::simulation {

// Both clocks of the machine that all run on. Atomic, since SQLite's store has a thread of its own.
class Time {
public:
    [[nodiscard]] TimePoint now() const { return TimePoint{Milliseconds{wall_ms_.load()}}; }
    [[nodiscard]] SteadyTime steady() const { return SteadyTime{Milliseconds{steady_ms_.load()}}; }
    [[nodiscard]] std::int64_t passed_ms() const { return steady_ms_.load() - start_ms; }
    void pass(Milliseconds time) {
        wall_ms_ += time.count();
        steady_ms_ += time.count();
    }
    void jump(Milliseconds by) { wall_ms_ += by.count(); }

private:
    static constexpr std::int64_t start_ms = 3'600'000;
    std::atomic<std::int64_t> wall_ms_ = 1'767'225'600'000;  // 2026-01-01T00:00:00Z
    std::atomic<std::int64_t> steady_ms_ = start_ms;
};

class SimClock final : public Clock {
public:
    SimClock(Time& time, std::uint64_t seed) : time_(time), dice_(seed) {}

    [[nodiscard]] TimePoint now() const override { return time_.now(); }
    [[nodiscard]] SteadyTime steady_now() const override { return time_.steady(); }
    void sleep_for(Milliseconds duration) override { time_.pass(duration); }
    void fill_random(std::span<std::uint8_t> bytes) override {
        for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(dice_.next() >> 56);
        std::copy_n(bytes.begin(), std::min(bytes.size(), last_.emplace().size()), last_->begin());
    }
    [[nodiscard]] double random_fraction() override { return dice_.fraction(); }

    // The bytes that an id was made of since this was last asked.
    [[nodiscard]] std::optional<std::array<std::uint8_t, 10>> take_random() { return std::exchange(last_, {}); }

private:
    Time& time_;
    Dice dice_;
    std::optional<std::array<std::uint8_t, 10>> last_{};
};

// How often what happened: a run in which nothing went wrong proves little.
enum class Count : std::uint8_t {
    orders,
    replays,
    refusals,
    unknown_outcomes,
    cancellations,
    reads,
    mails,
    mail_copies,
    dead_letters,
    kills,
    freezes,
    jumps,
    calls,
    suspensions,
    calls_not_done,
    answers_lost,
    cache_faults,
    queue_faults,
};
inline constexpr std::array count_words{
    "orders",         "replays",      "refusals",     "unknown outcomes", "cancellations", "reads", "mails",
    "mail copies",    "dead letters", "kills",        "freezes",          "clock jumps",   "calls", "suspensions",
    "calls not done", "answers lost", "cache faults", "queue faults"};
using Counts = std::array<std::uint64_t, count_words.size()>;

struct Stage {
    Stage(const Options& options, const Plan& chosen)
        : plan(chosen), dice(options.seed ^ 0x5741'5942'494c'4cU), trace(options.keeps_lines), ledger(trace) {}
    const Plan plan;
    Time time;
    Dice dice;
    Trace trace;
    Ledger ledger;
    Counts counts{};
    bool is_faulty = true;  // until the faults stop

    void count(Count what, std::uint64_t times = 1) { counts.at(static_cast<std::size_t>(what)) += times; }
    [[nodiscard]] bool happens(double chance) { return is_faulty && dice.chance(chance); }
};

// Ends what a process was doing when it died. Not a std::exception: the product must not handle it.
struct ProcessDied {};

class Gate {
public:
    Gate(Stage& stage, int process) : stage_(stage), process_(process) {}

    enum class Fate : std::uint8_t { done, not_done, answer_lost };

    [[nodiscard]] Stage& stage() { return stage_; }
    [[nodiscard]] int process() const { return process_; }
    [[nodiscard]] bool is_alive() const { return is_alive_; }
    void die() { is_alive_ = false; }

    // Before and after a call. Throw ProcessDied.
    void enter(std::string_view call);
    void leave(std::string_view call);

    // `rate`: how often a call fails, in one way or the other.
    [[nodiscard]] Fate draw(double rate);

private:
    void pass(std::string_view call, std::string_view side);

    Stage& stage_;
    int process_;
    bool is_alive_ = true;
};

}  // namespace waybill::simulation
