#include "adapters/sqlite/order_log.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "adapters/sqlite/fresh_table.hpp"
#include "adapters/sqlite/order_steps.hpp"

namespace waybill::sqlite {

namespace {

constexpr Milliseconds retry_every{100};

Error in_doubt() {
    return {ErrorCode::outcome_unknown, "The disk failed while this was being stored; it may have been done."};
}

// Pending, with the item that has them processed.
void insert_pending(Connection& db, const FreshBatch& batch) {
    db.run(
        "INSERT OR FAIL INTO orders SELECT order_id, user_id, location, lines, total, 0, created_at, NULL, NULL, '',"
        " trace FROM fresh_orders(?1)",
        as_pointer(batch));
    db.run(
        "INSERT OR FAIL INTO work SELECT process_id, 0, 0, order_id, created_at, 0, 0, 0, NULL, 0, '', created_at, NULL"
        " FROM fresh_orders(?1)",
        as_pointer(batch));
}

// Claimed and settled at once, with the mail that says so.
void insert_processed(Transaction& transaction, const FreshBatch& batch) {
    auto& [db, now] = transaction;
    db.run(
        "INSERT OR FAIL INTO orders SELECT order_id, user_id, location, lines, total, 2, created_at,"
        " max(created_at, ?2), max(created_at, ?2), '', trace FROM fresh_orders(?1)",
        as_pointer(batch), now);
    db.run(
        "INSERT OR FAIL INTO work SELECT mail_id, 1, 0, order_id, ?2, 0, 0, 0, NULL, 0, email, ?2, NULL"
        " FROM fresh_orders(?1) AS fresh CROSS JOIN users ON users.user_id = fresh.user_id",
        as_pointer(batch), now);
}

void insert_idempotency(Connection& db, const FreshBatch& batch) {
    db.run(
        "INSERT OR FAIL INTO idempotency SELECT user_id, key, request_hash, order_id, NULL, NULL, created_at"
        " FROM fresh_orders(?1) WHERE key IS NOT NULL",
        as_pointer(batch));
}

// One row for each product and place, however many of the orders take from it.
void take_stock(Connection& db, FreshBatch orders) {
    std::map<std::pair<ProductId, std::string>, std::int64_t> taken;
    for (const FreshOrder& placed : orders) {
        for (const OrderLine& line : placed->order.lines) {
            taken[{line.product_id, placed->order.location}] += line.quantity;
        }
    }
    for (const auto& [key, quantity] : taken) {
        const std::int64_t changed = db.run(
            "UPDATE inventory SET available = available - ?3 WHERE product_id = ?1 AND location = ?2 AND available >= "
            "?3",
            key.first, key.second, quantity);
        require(changed == 1, "the stock that an order took is not there");
    }
}

std::unexpected<Error> does_not_fit(const std::filesystem::path& data_dir, const std::string& why) {
    return fail(ErrorCode::unavailable, "The file " + journal_file(data_dir).string() + " " + why +
                                            " Restore it and waybill.db from one backup, or move it away to start "
                                            "without the orders in it.");
}

std::unexpected<Error> is_damaged(const std::filesystem::path& data_dir) {
    return does_not_fit(data_dir, "was written by another version of Waybill, or is damaged.");
}

// The orders of the journal that the tables lack.
Result<std::vector<FreshOrder>> read_missing(OrderJournal& journal, const std::filesystem::path& data_dir,
                                             std::uint64_t absorbed, Log& log) {
    std::vector<FreshOrder> missing;
    bool fits = true;
    try {
        journal.replay([&](JournaledOrder placed) {
            if (placed.sequence <= absorbed) return;
            fits = fits && placed.sequence == absorbed + missing.size() + 1;
            missing.push_back(std::make_shared<const JournaledOrder>(std::move(placed)));
        });
    } catch (const SqliteError&) {
        throw;
    } catch (const std::runtime_error&) {
        return is_damaged(data_dir);
    }
    if (!fits) return does_not_fit(data_dir, "does not continue its database.");
    const OrderJournal::Found beyond = journal.look_beyond(absorbed + missing.size());
    if (beyond.newest != 0) return is_damaged(data_dir);
    if (beyond.broken_octets != 0) {
        // What a crash in the middle of a write leaves: its orders were not acknowledged.
        log.write(LogLevel::warn, "order-journal-record-broken", {{"octets", std::to_string(beyond.broken_octets)}});
    }
    return missing;
}

// Tables of another time may lack what the orders took.
Result<void> recover(WriteQueue& writes, const SqliteOptions& options, FreshBatch missing) {
    try {
        return writes.run([&](Transaction& t) { take_into_tables(t, missing, options.process_at_once); });
    } catch (const std::runtime_error&) {
        return does_not_fit(options.data_dir, "does not fit its database.");
    }
}

}  // namespace

void take_into_tables(Transaction& transaction, FreshBatch orders, bool processed) {
    Connection& db = transaction.db;
    const std::uint64_t absorbed = select_version(db).absorbed;
    const auto first = std::ranges::find_if(orders, [&](const FreshOrder& o) { return o->sequence > absorbed; });
    const FreshBatch missing(first, orders.end());
    if (missing.empty()) return;
    if (processed) {
        insert_processed(transaction, missing);
    } else {
        insert_pending(db, missing);
    }
    insert_idempotency(db, missing);
    take_stock(db, missing);
    db.run("UPDATE counters SET value = ?1 WHERE name = 'orders_absorbed'", missing.back()->sequence);
}

Result<std::unique_ptr<OrderLog>> OrderLog::open(const SqliteOptions& options, Database& database, WriteQueue& writes,
                                                 Log& log) {
    auto journal = std::make_unique<OrderJournal>(journal_file(options.data_dir), options.journal_half_bytes);
    const std::uint64_t absorbed = select_version(database.writer()).absorbed;
    const Result<std::vector<FreshOrder>> missing = read_missing(*journal, options.data_dir, absorbed, log);
    if (!missing) return std::unexpected(missing.error());
    if (missing->empty()) {
        return std::unique_ptr<OrderLog>(new OrderLog(options, database, writes, log, std::move(journal), absorbed));
    }
    if (Result<void> taken = recover(writes, options, *missing); !taken) {
        return std::unexpected(taken.error());
    }
    log.write(LogLevel::info, "orders-recovered", {{"orders", std::to_string(missing->size())}});
    if (options.process_at_once && options.on_processed) options.on_processed(missing->size());
    return std::unique_ptr<OrderLog>(
        new OrderLog(options, database, writes, log, std::move(journal), missing->back()->sequence));
}

OrderLog::OrderLog(const SqliteOptions& options, Database& database, WriteQueue& writes, Log& log,
                   std::unique_ptr<OrderJournal> journal, std::uint64_t absorbed)
    : options_(options),
      database_(database),
      writes_(writes),
      log_(log),
      journal_(std::move(journal)),
      next_sequence_(absorbed + 1),
      fresh_(absorbed),
      absorber_([this](const std::stop_token& stop) { run(stop); }) {}

OrderLog::~OrderLog() {
    const bool complete = wait_until_absorbed().has_value();
    absorber_.request_stop();
    absorber_.join();
    if (complete) journal_->clear();
}

std::vector<Result<PlacedOrder>> OrderLog::place(std::size_t orders, const Plan& plan) {
    const std::lock_guard turn(placing_);
    if (Result<void> ready = make_ready(orders); !ready) return {orders, std::unexpected(ready.error())};
    // Until the batch has come to its end, also where that is an exception.
    if (std::exchange(memory_is_ahead_, true)) memory_.forget_stock();
    Result<PlannedBatch> batch = [&] {
        const FreshOrders::View view(fresh_);
        return plan({view, memory_, next_sequence_});
    }();
    if (!batch) return {orders, std::unexpected(batch.error())};
    if (const Result<void> stored = store(*batch); stored) {
        memory_is_ahead_ = false;
    } else {
        for (const std::size_t i : batch->rest_on_accepted) batch->results[i] = std::unexpected(stored.error());
    }
    return std::move(batch->results);
}

Result<void> OrderLog::make_ready(std::size_t orders) {
    const std::size_t others_max = options_.fresh_orders_max - std::min(orders, options_.fresh_orders_max);
    if (Result<void> room = fresh_.wait_for_room(others_max, options_.write_deadline); !room) return room;
    if (!is_trusted_) {
        if (Result<void> taken = wait_until_absorbed(); !taken) return taken;
        journal_->reopen();
        is_trusted_ = true;
        log_.write(LogLevel::info, "order-journal-opened-again", {});
    }
    if (fresh_.size() == 0) journal_->start_over();
    return {};
}

Result<void> OrderLog::store(const PlannedBatch& batch) {
    if (batch.accepted.empty()) return {};
    std::vector<std::string> records;
    records.reserve(batch.accepted.size());
    for (const FreshOrder& placed : batch.accepted) {
        records.push_back(encode_journaled(placed->order, placed->idempotency));
    }
    if (!journal_->has_room_for(records)) {
        // The half before this one; the tables have taken it long since.
        if (Result<void> taken = wait_for(journal_->newest_of_other_half()); !taken) return taken;
        journal_->turn();
    }
#ifdef WAYBILL_MUTANT_ACKNOWLEDGE_BEFORE_COMMIT
    const OrderJournal::Outcome outcome = OrderJournal::Outcome::durable;
#else
    const OrderJournal::Outcome outcome = journal_->append(next_sequence_, records);
#endif
    if (outcome == OrderJournal::Outcome::not_written) {
        database_.room().lacked();
        return fail(ErrorCode::unavailable, "The disk of the store is full.");
    }
    // Orders that may be in the journal are placed: a restart would find them there, after others had
    // taken their stock.
    next_sequence_ += batch.accepted.size();
    fresh_.publish(batch.accepted);
    if (outcome == OrderJournal::Outcome::in_doubt) {
        doubt_journal();
        return fail(in_doubt());
    }
    has_failed_ = false;
    database_.room().sufficed();
    return {};
}

// The tables take what it holds, and it starts over, before another order is acknowledged.
void OrderLog::doubt_journal() {
    is_trusted_ = false;
    log_.write(LogLevel::error, "order-journal-in-doubt", {});
    if (std::exchange(has_failed_, true)) database_.lose("The disk failed to store orders twice in a row.");
}

Result<std::unique_lock<std::mutex>> OrderLog::pause() {
    std::unique_lock paused(placing_);
    if (Result<void> taken = wait_until_absorbed(); !taken) return std::unexpected(taken.error());
    return paused;
}

Result<void> OrderLog::wait_until_absorbed() const { return wait_for(fresh_.newest()); }

Result<void> OrderLog::wait_until_absorbed(const UserId& user_id) const { return wait_for(fresh_.newest_of(user_id)); }

Result<void> OrderLog::wait_until_absorbed(const OrderId& id) const {
    const FreshOrder fresh = find(id);
    return wait_for(fresh ? fresh->sequence : 0);
}

Result<void> OrderLog::wait_for(std::uint64_t sequence) const {
    if (sequence == 0) return {};
    return fresh_.wait_until_absorbed(sequence, options_.write_deadline);
}

void OrderLog::run(const std::stop_token& stop) {
    int failures = 0;
    for (;;) {
        const std::vector<FreshOrder> orders = fresh_.next(absorb_orders_max, absorb_linger, stop);
        if (orders.empty()) return;
        const Result<void> taken = absorb(orders);
        if (taken) {
            failures = 0;
            if (options_.process_at_once && options_.on_processed) options_.on_processed(orders.size());
            fresh_.absorbed();
            continue;
        }
        // The first failure may be one that opening everything again has cured.
        if (++failures == 1) continue;
        if (failures == 2) log_.write(LogLevel::error, "orders-not-absorbed", {{"reason", taken.error().detail}});
        fresh_.stuck({ErrorCode::unavailable, taken.error().detail});
        if (fresh_.wait_for_stop(retry_every, stop)) return;
    }
}

Result<void> OrderLog::absorb(FreshBatch orders) {
    try {
        return writes_.run([&](Transaction& t) { take_into_tables(t, orders, options_.process_at_once); });
    } catch (const std::exception& error) {
        log_.write(LogLevel::error, "orders-absorbed-badly", {{"reason", error.what()}});
        return fail(ErrorCode::unavailable, "Orders that were placed cannot be taken into the tables.");
    }
}

}  // namespace waybill::sqlite
