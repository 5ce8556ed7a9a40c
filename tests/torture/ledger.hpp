// Everything that was seen from outside in one round: each call with its answer, or without one. What
// the checks say is derived from this and from the final state alone. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tests/system/http_client.hpp"

namespace waybill::torture {

using Micros = std::int64_t;  // since the round began

// What an entry of the history is about; empty: nothing of that kind.
struct Subject {
    std::string user{};
    std::string key{};
    std::string order{};
    std::string product{};
};

struct Event {
    Micros begun = 0;
    Micros ended = 0;
    std::string actor;
    std::string what;
    std::string said;
    Subject about;
};

struct Line {
    std::string product;
    long quantity = 0;
};

// One POST /orders.
struct Attempt {
    std::string user;
    std::string key;  // empty: without
    std::string body;
    std::vector<Line> lines;
    Micros begun = 0;
    Micros ended = 0;
    int status = 0;  // 0: no answer
    std::string code{};
    std::string answer{};
    std::string order{};  // of a 201
};

struct OrderRead {
    std::string order;
    Micros begun = 0;
    Micros ended = 0;
    std::string status;
    std::string terminal_body{};  // by id, once it is terminal
};

struct CancelCall {
    std::string order;
    Micros begun = 0;
    Micros ended = 0;
    int status = 0;
};

struct PriceChange {
    std::string product;
    std::int64_t minor = 0;
    Micros begun = 0;
    Micros ended = 0;
    int status = 0;
};

struct PriceRead {
    std::string product;
    std::int64_t minor = 0;
    Micros begun = 0;
    Micros ended = 0;
};

struct StockAdjustment {
    std::string product;
    long delta = 0;
    std::string key;
    bool done = false;
};

// A rule that was looked at where the call was made.
struct Finding {
    int invariant = 0;
    bool held = true;
    std::string what;
    Subject about;
};

struct Counts {
    long accepted = 0;
    long replayed = 0;
    long unknown = 0;
    long success = 0;
    long refused = 0;
    long unavailable = 0;
    long outcome_unknown = 0;
};

class Ledger {
public:
    [[nodiscard]] Micros now() const {
        return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun_).count();
    }

    // Of every call; counts its answer, and looks whether it was an honest one (I14).
    void note_call(const Event& event, const system_test::Answer& answer);
    // A fault, or what was done about one.
    void note(const std::string& actor, const std::string& what, const Subject& about = {});

    void add(Attempt attempt) { push(attempts_, std::move(attempt)); }
    void add(OrderRead read) { push(reads_, std::move(read)); }
    void add(CancelCall call) { push(cancels_, std::move(call)); }
    void add(PriceChange change) { push(price_changes_, std::move(change)); }
    void add(PriceRead read) { push(price_reads_, std::move(read)); }
    void add(StockAdjustment change) { push(adjustments_, std::move(change)); }
    void find(int invariant, bool held, const std::string& what, const Subject& about = {}) {
        push(findings_, Finding{invariant, held, held ? std::string{} : what, held ? Subject{} : about});
    }

    // Copies, as of now.
    [[nodiscard]] std::vector<Attempt> attempts() const { return copy(attempts_); }
    [[nodiscard]] std::vector<OrderRead> reads() const { return copy(reads_); }
    [[nodiscard]] std::vector<CancelCall> cancels() const { return copy(cancels_); }
    [[nodiscard]] std::vector<PriceChange> price_changes() const { return copy(price_changes_); }
    [[nodiscard]] std::vector<PriceRead> price_reads() const { return copy(price_reads_); }
    [[nodiscard]] std::vector<StockAdjustment> adjustments() const { return copy(adjustments_); }
    [[nodiscard]] std::vector<Finding> findings() const { return copy(findings_); }
    [[nodiscard]] Counts counts() const;

    // What happened to it in the order of time, with the faults that were going on.
    [[nodiscard]] std::string history_of(const Subject& about) const;

private:
    template <class T>
    void push(std::vector<T>& list, T&& entry) {
        const std::lock_guard lock(mutex_);
        list.push_back(std::move(entry));
    }
    template <class T>
    [[nodiscard]] std::vector<T> copy(const std::vector<T>& list) const {
        const std::lock_guard lock(mutex_);
        return list;
    }

    const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    mutable std::mutex mutex_;
    std::vector<Event> events_;
    std::vector<Attempt> attempts_;
    std::vector<OrderRead> reads_;
    std::vector<CancelCall> cancels_;
    std::vector<PriceChange> price_changes_;
    std::vector<PriceRead> price_reads_;
    std::vector<StockAdjustment> adjustments_;
    std::vector<Finding> findings_;
    Counts counts_;
};

[[nodiscard]] inline bool is_unknown(int status) { return status == 0 || status == 504; }

}  // namespace waybill::torture
