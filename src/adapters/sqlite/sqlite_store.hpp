// The Store on SQLite. Private to this room and its tests.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "adapters/sqlite/data_dir.hpp"
#include "adapters/sqlite/database.hpp"
#include "adapters/sqlite/order_log.hpp"
#include "adapters/sqlite/rows.hpp"
#include "adapters/sqlite/sqlite.hpp"
#include "adapters/sqlite/write_queue.hpp"
#include "ports/store.hpp"

namespace waybill::sqlite {

class SqliteStore final : public Store {
public:
    // As open_sqlite_store.
    [[nodiscard]] static Result<std::unique_ptr<SqliteStore>> open(const SqliteOptions& options, Clock& clock,
                                                                   Log& log);

    SqliteStore(const SqliteOptions& options, DirLock lock, Clock& clock, Log& log);

    Result<void> ping() override;

    std::vector<Result<PlacedOrder>> place_orders(std::span<const NewOrder> orders) override;
    Result<Order> cancel_order(const OrderId& id, const std::optional<UserId>& owner) override;
    Result<std::optional<Order>> find_order(const OrderId& id) override;
    Result<std::vector<Order>> list_orders(const OrderFilter& filter, const std::optional<PageKey>& after,
                                           std::size_t limit) override;

    Result<std::vector<ClaimedWork>> claim_work(WorkKind kind, std::size_t max, Milliseconds lease) override;
    std::vector<Result<ClaimById>> claim_work(std::span<const WorkId> ids, Milliseconds lease) override;
    Result<std::vector<SentWork>> mark_sent(std::size_t max, std::size_t window, Milliseconds resend_after) override;
    Result<void> return_unsent(std::span<const SentWork> items) override;
    std::vector<Result<void>> settle_orders(std::span<const OrderSettlement> settlements) override;
    std::vector<Result<void>> settle_mails(std::span<const MailSettlement> settlements) override;
    std::vector<Result<void>> retry_at(std::span<const Retry> retries) override;
    std::vector<Result<void>> extend(std::span<const LeaseKey> leases, Milliseconds lease) override;

    Result<std::vector<DeadLetter>> list_dead_letters(const std::optional<PageKey>& after, std::size_t limit) override;
    Result<DeadLetter> requeue_dead_letter(const WorkId& id) override;
    Result<DeadLetter> discard_dead_letter(const WorkId& id) override;

    Result<User> create_user(const User& user, const std::optional<Session>& session) override;
    Result<std::optional<User>> find_user(const UserId& id) override;
    Result<std::optional<User>> find_user_by_email(const std::string& email) override;
    Result<void> rehash_password(const UserId& id, const std::string& expected_hash,
                                 const std::string& new_hash) override;
    Result<std::vector<SessionId>> change_password(const UserId& id, const std::string& expected_hash,
                                                   const std::string& new_hash,
                                                   const std::optional<SessionId>& keep) override;
    Result<Session> create_session(const Session& session, const std::string& expected_hash,
                                   Milliseconds lifetime) override;
    Result<std::optional<Session>> find_session(const SessionId& id) override;
    Result<RotatedSession> rotate_session(const SessionId& id, std::uint32_t presented_generation, Milliseconds grace,
                                          Milliseconds lifetime) override;
    Result<std::vector<Session>> list_sessions(const UserId& user_id) override;
    Result<void> revoke_session(const UserId& user_id, const SessionId& id) override;
    Result<std::vector<SessionId>> revoke_sessions(const UserId& user_id) override;
    Result<std::vector<SessionId>> list_revoked_sessions(Milliseconds back) override;

    Result<void> open_password_reset(const ResetId& id, const std::string& email, Milliseconds lifetime) override;
    Result<std::vector<SessionId>> reset_password(const ResetId& id, const std::string& new_hash) override;
    Result<std::vector<ResetMail>> claim_reset_mails(std::size_t max, Milliseconds lease) override;
    Result<void> settle_reset_mails(std::span<const ResetMailSettlement> settlements) override;

    Result<CatalogueWrite> create_product(const Product& product) override;
    Result<CatalogueWrite> update_product(const ProductId& id, const ProductPatch& patch) override;
    Result<std::optional<Product>> find_product(const ProductId& id) override;
    Result<std::vector<Product>> list_products(const std::optional<PageKey>& after, std::size_t limit) override;
    Result<std::uint64_t> catalogue_version() override;
    Result<StockChanged> change_stock(const StockChange& change) override;
    Result<std::vector<StockLevel>> list_stock(const StockFilter& filter, const std::optional<StockLevel>& after,
                                               std::size_t limit) override;
    Result<bool> seed(std::span<const SeedProduct> products) override;

    std::vector<Result<bool>> import_users(std::span<const User> users, ImportMode mode) override;
    std::vector<Result<bool>> import_products(std::span<const Product> products, ImportMode mode) override;
    std::vector<Result<bool>> import_stock(std::span<const StockLevel> levels, ImportMode mode) override;
    std::vector<Result<bool>> import_orders(std::span<const Order> orders, ImportMode mode) override;

    Result<StoreStats> stats() override;
    [[nodiscard]] bool is_well() const override;
    Result<SweepCounts> sweep(const Retention& retention, std::size_t max) override;

    // Runs `body(Transaction&)`, which returns a Result, in the next group commit. An error that it
    // returns does not undo what it wrote.
    template <class Body>
    [[nodiscard]] auto write(Body body) -> std::invoke_result_t<Body&, Transaction&> {
        std::optional<std::invoke_result_t<Body&, Transaction&>> result;
        const Result<void> committed =
            writes_.run([&](Transaction& transaction) { result.emplace(body(transaction)); });
        if (!committed) return std::unexpected(committed.error());
        return *std::move(result);
    }

    // One result of `body(Transaction&, element)` for each element, all in one transaction.
    template <class Element, class Body>
    [[nodiscard]] auto write_each(std::span<const Element> elements, Body body) {
        using One = std::invoke_result_t<Body&, Transaction&, const Element&>;
        std::vector<One> results;
        if (elements.empty()) return results;
        const Result<void> committed = writes_.run([&](Transaction& transaction) {
            results.clear();
            for (const Element& element : elements) results.push_back(body(transaction, element));
        });
        if (!committed) results.assign(elements.size(), std::unexpected(committed.error()));
        return results;
    }

    // Runs `body(Connection&)`, which returns a plain value, on a reader, so on one state of the tables.
    template <class Body>
    [[nodiscard]] auto read(Body body) -> Result<std::invoke_result_t<Body&, Connection&>> {
        if (!database_.is_healthy()) {
            // An empty write opens everything again, where that is possible.
            if (Result<void> repaired = write([](Transaction&) { return Result<void>{}; }); !repaired) {
                return std::unexpected(repaired.error());
            }
        }
        try {
            Result<ReadPool::Lease> lease = database_.readers().lease();
            if (!lease) return std::unexpected(lease.error());
            return body(lease->connection());
        } catch (const SqliteError& error) {
            return std::unexpected(read_failed(error));
        }
    }

    // For tests.
    [[nodiscard]] WriteQueue& writes() { return writes_; }
    [[nodiscard]] Database& database() { return database_; }

private:
    // Before a read that must show all orders placed so far. Errors: unavailable.
    [[nodiscard]] Result<void> wait_until_absorbed() const;

    void try_to_write();

    [[nodiscard]] Result<void> wait_for_work(WorkKind kind, std::size_t max);

    // Logs what the environment did; rethrows our own mistakes.
    [[nodiscard]] Error read_failed(const SqliteError& error);

    const SqliteOptions options_;
    Clock& clock_;
    Log& log_;
    DirLock lock_;  // outlives the connections
    Database database_;
    WriteQueue writes_;
    std::unique_ptr<OrderLog> order_log_;  // a server's; a command takes no orders and no stock
};

}  // namespace waybill::sqlite
