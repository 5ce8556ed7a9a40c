// The way of an order into the store: decided on the tables and what they lack, made durable in the
// journal (then it is acknowledged), and taken into the tables by a thread of its own.
//
// The journal costs one small sequential write for a batch; the tables take many batches in one
// transaction. Nothing waits for the tables but a reader that would miss its order there.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "adapters/sqlite/data_dir.hpp"
#include "adapters/sqlite/fresh_orders.hpp"
#include "adapters/sqlite/fresh_table.hpp"
#include "adapters/sqlite/order_journal.hpp"
#include "adapters/sqlite/placing.hpp"
#include "adapters/sqlite/write_queue.hpp"
#include "domain/error.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"

namespace waybill::sqlite {

// Orders that one transaction takes into the tables.
inline constexpr std::size_t absorb_orders_max = 1'024;

// How long a new order waits for others to share its transaction, while nobody waits for it: each
// transaction has a sync of its own, which the journal's would have to wait for.
inline constexpr Milliseconds absorb_linger{5};

// May be repeated: what the tables hold already is left out. `processed`: claimed and settled at once. Throws
// where the tables lack what an order took.
void take_into_tables(Transaction& transaction, FreshBatch orders, bool processed);

// Thread-safe.
class OrderLog {
public:
    // Takes what an earlier process left in the journal into the tables. Errors (unavailable) are a
    // sentence for a person. Throws SqliteError.
    [[nodiscard]] static Result<std::unique_ptr<OrderLog>> open(const SqliteOptions& options, Database& database,
                                                                WriteQueue& writes, Log& log);
    ~OrderLog();

    // Decides with `plan`, and returns when the batch is durable.
    using Plan = std::function<Result<PlannedBatch>(const PlacingFacts& facts)>;
    [[nodiscard]] std::vector<Result<PlacedOrder>> place(std::size_t orders, const Plan& plan);

    // Keeps new orders out while it lives. Everything that was placed is in the tables. Errors:
    // unavailable.
    [[nodiscard]] Result<std::unique_lock<std::mutex>> pause();

    // An order as it was placed, if it may be missing in the tables.
    [[nodiscard]] FreshOrder find(const OrderId& id) const { return FreshOrders::View(fresh_).find(id); }

    // Of the orders that the tables lack.
    [[nodiscard]] std::size_t size() const { return fresh_.size(); }
    [[nodiscard]] bool is_empty() const { return size() == 0; }

    // Until the tables hold every order placed before the call (by that user). Errors: unavailable.
    [[nodiscard]] Result<void> wait_until_absorbed() const;
    [[nodiscard]] Result<void> wait_until_absorbed(const UserId& user_id) const;
    [[nodiscard]] Result<void> wait_until_absorbed(const OrderId& id) const;

private:
    OrderLog(const SqliteOptions& options, Database& database, WriteQueue& writes, Log& log,
             std::unique_ptr<OrderJournal> journal, std::uint64_t absorbed);

    [[nodiscard]] Result<void> make_ready(std::size_t orders);
    [[nodiscard]] Result<void> store(const PlannedBatch& batch);
    [[nodiscard]] Result<void> wait_for(std::uint64_t sequence) const;
    void run(const std::stop_token& stop);
    [[nodiscard]] Result<void> absorb(FreshBatch orders);
    void doubt_journal();

    const SqliteOptions options_;
    Database& database_;
    WriteQueue& writes_;
    Log& log_;
    std::mutex placing_;  // everything up to fresh_
    const std::unique_ptr<OrderJournal> journal_;
    std::uint64_t next_sequence_;
    bool is_trusted_ = true;   // the journal
    bool has_failed_ = false;  // and no batch became durable since
    PlacingMemory memory_;
    bool memory_is_ahead_ = false;  // it may hold the stock of a batch that was not stored
    FreshOrders fresh_;
    std::jthread absorber_;
};

}  // namespace waybill::sqlite
