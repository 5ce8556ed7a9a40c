// The Store on MongoDB. Private to this room and its tests.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "adapters/mongo/connection.hpp"
#include "adapters/mongo/mongo.hpp"
#include "adapters/mongo/transactions.hpp"
#include "ports/store.hpp"

namespace waybill::mongo {

// What one transaction takes at most; a larger call is several. MongoDB bounds one at 16 MB, and a
// line takes about 1 KB at worst.
inline constexpr std::size_t elements_per_transaction_max = 1'000;
inline constexpr std::size_t lines_per_transaction_max = 8'000;

class MongoStore final : public Store {
public:
    // As open_mongo_store.
    [[nodiscard]] static Result<std::unique_ptr<MongoStore>> open(const MongoOptions& options, Clock& clock, Log& log);

    MongoStore(const MongoOptions& options, std::unique_ptr<ConnectionPool> pool, Clock& clock, Log& log);

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
    Result<OpenedSession> create_session(const Session& session, const std::string& expected_hash,
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
    [[nodiscard]] std::optional<std::size_t> orders_in_journal() const override { return {}; }
    Result<SweepCounts> sweep(const Retention& retention, std::size_t max) override;

    // What a batch of orders asks of the catalogue.
    struct Asked {
        std::set<std::string> product_ids;
        std::set<std::string> locations;
        bool any_without_location = false;
    };

private:
    // Locations are never removed, so a name that was seen once is known for good.
    class KnownLocations {
    public:
        // The products there are, without their descriptions. Learns which of the locations there
        // are, or, for an order without one, whether there are several.
        [[nodiscard]] std::vector<Product> read_with_products(Connection& connection, const Asked& asked);

        [[nodiscard]] std::set<std::string> present_of(const std::set<std::string>& names) const;
        [[nodiscard]] std::vector<std::string> any_two() const;

    private:
        [[nodiscard]] std::vector<std::string> missing_of(const std::set<std::string>& names) const;
        [[nodiscard]] bool are_several() const;
        void add(const View& product);
        void add(std::string name);

        mutable std::mutex mutex_;
        std::set<std::string> known_;
    };

    [[nodiscard]] Result<void> prepare();
    [[nodiscard]] std::vector<Result<PlacedOrder>> place_part(std::span<const NewOrder> orders);

    // Results of a call that is worked in parts: `work` answers one result for each element of a part.
    template <class Element, class Work>
    [[nodiscard]] auto in_parts(std::span<const Element> elements, Work work) {
        std::invoke_result_t<Work&, std::span<const Element>> results;
        while (!elements.empty()) {
            const std::size_t count = std::min(elements.size(), elements_per_transaction_max);
            for (auto& result : work(elements.first(count))) results.push_back(std::move(result));
            elements = elements.subspan(count);
        }
        return results;
    }

    // The same, with one result of `body(Transaction&, part)`, a vector, in one transaction for each part.
    template <class One, class Element, class Body>
    [[nodiscard]] std::vector<Result<One>> write_each(Lane lane, std::span<const Element> elements, Body body) {
        return in_parts(elements, [&](std::span<const Element> part) {
            Result<std::vector<Result<One>>> results = transactions_.run(
                lane,
                [&](Transaction& transaction) -> Result<std::vector<Result<One>>> { return body(transaction, part); });
            if (results) return *std::move(results);
            return std::vector<Result<One>>(part.size(), std::unexpected(results.error()));
        });
    }

    const MongoOptions options_;
    Clock& clock_;
    Log& log_;
    std::unique_ptr<ConnectionPool> pool_;
    Transactions transactions_;
    KnownLocations locations_;
};

}  // namespace waybill::mongo
