// Group commit: every write is a closure, and one transaction takes all that wait.
//
// The write at the head of the queue leads: its thread runs the transaction for all that wait while
// the others sleep, so a lone write costs no change of threads, and one sync serves many.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapters/sqlite/database.hpp"

namespace waybill::sqlite {

// How many writes one transaction takes.
inline constexpr std::size_t writes_per_commit_max = 256;

// What a write sees. `now` is the time of all that it stores.
struct Transaction {
    Connection& db;
    TimePoint now;
};

// Thread-safe.
class WriteQueue {
public:
    using Work = std::function<void(Transaction&)>;

    WriteQueue(const SqliteOptions& options, Database& database, Clock& clock, Log& log);

    // Returns when `work` is durable. It may be run again after it was rolled back, and it runs on any
    // thread that writes. What it throws undoes it alone and is thrown here. Errors: overloaded,
    // unavailable (nothing was done), outcome_unknown.
    [[nodiscard]] Result<void> run(const Work& work);

    // Transactions that were committed.
    [[nodiscard]] std::uint64_t commits() const { return commits_.load(); }

    // Writes that wait for their turn.
    [[nodiscard]] std::size_t waiting() const;

private:
    struct Waiting {
        explicit Waiting(const Work& wanted) : work(wanted) {}
        const Work& work;
        bool taken = false;
        bool settled = false;
        std::optional<Error> error;
        std::exception_ptr thrown;
        std::condition_variable turn;
    };
    using Group = std::span<Waiting* const>;

    // What is known of a group's failures; the first stands for all.
    struct Failures {
        std::size_t writes = 0;
        int code = 0;
        std::string reason;
    };

    void lead(std::unique_lock<std::mutex>& lock);
    [[nodiscard]] std::vector<Waiting*> take_group();
    void commit(Group group);
    void commit_each(Group group, Failures& failures);
    [[nodiscard]] bool commit_at_once(Group group, SteadyTime deadline, Failures& failures);
    void run_works(Group group);
    [[nodiscard]] bool undo(Group group, const SqliteError& error, bool at_commit, Failures& failures);

    const SqliteOptions options_;
    Database& database_;
    Clock& clock_;
    Log& log_;
    mutable std::mutex mutex_;
    std::deque<Waiting*> waiting_;
    bool leading_ = false;
    std::atomic<std::uint64_t> commits_ = 0;
};

}  // namespace waybill::sqlite
