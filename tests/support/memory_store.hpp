// The whole store in ordered maps under one mutex: correct by reading, and the same seed gives the
// same run. Decisions are the domain's; this only keeps what they decide.
// Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "domain/work.hpp"
#include "ports/clock.hpp"
#include "ports/store.hpp"

namespace waybill::testing {

class MemoryStore : public Store {
public:
    // A lease or retry that lies further ahead than `ahead_max` counts as reached.
    explicit MemoryStore(Clock& clock, Milliseconds ahead_max = WorkPolicy{}.ahead_max());

    [[nodiscard]] Result<void> ping() override;

    [[nodiscard]] std::vector<Result<PlacedOrder>> place_orders(std::span<const NewOrder> orders) override;
    [[nodiscard]] Result<Order> cancel_order(const OrderId& id, const std::optional<UserId>& owner) override;
    [[nodiscard]] Result<std::optional<Order>> find_order(const OrderId& id) override;
    [[nodiscard]] Result<std::vector<Order>> list_orders(const OrderFilter& filter, const std::optional<PageKey>& after,
                                                         std::size_t limit) override;

    [[nodiscard]] Result<std::vector<ClaimedWork>> claim_work(WorkKind kind, std::size_t max,
                                                              Milliseconds lease) override;
    [[nodiscard]] std::vector<Result<ClaimById>> claim_work(std::span<const WorkId> ids, Milliseconds lease) override;
    [[nodiscard]] Result<std::vector<SentWork>> mark_sent(std::size_t max, std::size_t window,
                                                          Milliseconds resend_after) override;
    [[nodiscard]] Result<void> return_unsent(std::span<const SentWork> sent) override;
    [[nodiscard]] std::vector<Result<void>> settle_orders(std::span<const OrderSettlement> settlements) override;
    [[nodiscard]] std::vector<Result<void>> settle_mails(std::span<const MailSettlement> settlements) override;
    [[nodiscard]] std::vector<Result<void>> retry_at(std::span<const Retry> retries) override;
    [[nodiscard]] std::vector<Result<void>> extend(std::span<const LeaseKey> leases, Milliseconds lease) override;

    [[nodiscard]] Result<std::vector<DeadLetter>> list_dead_letters(const std::optional<PageKey>& after,
                                                                    std::size_t limit) override;
    [[nodiscard]] Result<DeadLetter> requeue_dead_letter(const WorkId& id) override;
    [[nodiscard]] Result<DeadLetter> discard_dead_letter(const WorkId& id) override;

    [[nodiscard]] Result<User> create_user(const User& user, const std::optional<Session>& session) override;
    [[nodiscard]] Result<std::optional<User>> find_user(const UserId& id) override;
    [[nodiscard]] Result<std::optional<User>> find_user_by_email(const std::string& email) override;
    [[nodiscard]] Result<void> rehash_password(const UserId& id, const std::string& expected_hash,
                                               const std::string& new_hash) override;
    [[nodiscard]] Result<std::vector<SessionId>> change_password(const UserId& id, const std::string& expected_hash,
                                                                 const std::string& new_hash,
                                                                 const std::optional<SessionId>& keep) override;

    [[nodiscard]] Result<OpenedSession> create_session(const Session& session, const std::string& expected_hash,
                                                       Milliseconds lifetime) override;
    [[nodiscard]] Result<std::optional<Session>> find_session(const SessionId& id) override;
    [[nodiscard]] Result<RotatedSession> rotate_session(const SessionId& id, std::uint32_t presented_generation,
                                                        Milliseconds grace, Milliseconds lifetime) override;
    [[nodiscard]] Result<std::vector<Session>> list_sessions(const UserId& user_id) override;
    [[nodiscard]] Result<void> revoke_session(const UserId& user_id, const SessionId& id) override;
    [[nodiscard]] Result<std::vector<SessionId>> revoke_sessions(const UserId& user_id) override;
    [[nodiscard]] Result<std::vector<SessionId>> list_revoked_sessions(Milliseconds back) override;
    [[nodiscard]] Result<void> open_password_reset(const ResetId& id, const std::string& email,
                                                   Milliseconds lifetime) override;
    [[nodiscard]] Result<std::vector<SessionId>> reset_password(const ResetId& id,
                                                                const std::string& new_hash) override;
    [[nodiscard]] Result<std::vector<ResetMail>> claim_reset_mails(std::size_t max, Milliseconds lease) override;
    [[nodiscard]] Result<void> settle_reset_mails(std::span<const ResetMailSettlement> settlements) override;

    [[nodiscard]] Result<CatalogueWrite> create_product(const Product& product) override;
    [[nodiscard]] Result<CatalogueWrite> update_product(const ProductId& id, const ProductPatch& patch) override;
    [[nodiscard]] Result<std::optional<Product>> find_product(const ProductId& id) override;
    [[nodiscard]] Result<std::vector<Product>> list_products(const std::optional<PageKey>& after,
                                                             std::size_t limit) override;
    [[nodiscard]] Result<std::uint64_t> catalogue_version() override;
    [[nodiscard]] Result<StockChanged> change_stock(const StockChange& change) override;
    [[nodiscard]] Result<std::vector<StockLevel>> list_stock(const StockFilter& filter,
                                                             const std::optional<StockLevel>& after,
                                                             std::size_t limit) override;
    [[nodiscard]] Result<bool> seed(std::span<const SeedProduct> products) override;

    [[nodiscard]] std::vector<Result<bool>> import_users(std::span<const User> users, ImportMode mode) override;
    [[nodiscard]] std::vector<Result<bool>> import_products(std::span<const Product> products,
                                                            ImportMode mode) override;
    [[nodiscard]] std::vector<Result<bool>> import_stock(std::span<const StockLevel> levels, ImportMode mode) override;
    [[nodiscard]] std::vector<Result<bool>> import_orders(std::span<const Order> orders, ImportMode mode) override;

    [[nodiscard]] Result<StoreStats> stats() override;
    [[nodiscard]] std::optional<std::size_t> orders_in_journal() const override { return {}; }
    [[nodiscard]] Result<SweepCounts> sweep(const Retention& retention, std::size_t max) override;

private:
    struct WorkItem {
        WorkId id;
        WorkKind kind = WorkKind::process_order;
        OrderId order_id;
        WorkState state = WorkState::due;
        TimePoint ready_at{};  // due: its time; sent: when to send again; claimed: the end of its lease
        std::optional<TimePoint> resend_at{};
        std::uint64_t epoch = 0;
        std::uint32_t send_number = 0;
        int attempts = 0;
        int tries = 0;
        std::optional<TimePoint> first_try_at{};
        TimePoint created_at{};
        std::uint64_t number = 0;  // items with one time keep the order in which they came
        std::optional<Order> mail_order{};
        std::string mail_to{};
    };
    struct DeadItem {
        DeadLetter letter;
        WorkItem item;
    };
    struct IdempotencyRecord {
        RequestHash request_hash{};
        std::variant<OrderId, StockChanged> success;
        TimePoint created_at{};
    };
    struct PasswordReset {
        UserId user_id;  // empty: nobody's
        std::string mail_to;
        TimePoint created_at{};
        TimePoint expires_at{};
        std::optional<TimePoint> used_at{};
        std::optional<TimePoint> mail_ready_at{};
    };
    using StockKey = std::pair<ProductId, std::string>;
    using RequestKey = std::pair<UserId, std::string>;

    [[nodiscard]] Result<PlacedOrder> place(const NewOrder& order, TimePoint now);
    [[nodiscard]] Result<Order> plan(const NewOrder& order, TimePoint now) const;
    [[nodiscard]] std::vector<std::string> locations() const;
    [[nodiscard]] std::int64_t available(const StockKey& key) const;
    void return_stock(const Order& order);
    void finish(Order& order, OrderStatus status, std::string reason, TimePoint now);
    [[nodiscard]] WorkItem make_item(WorkId id, WorkKind kind, const OrderId& order_id, TimePoint now);

    [[nodiscard]] bool may_be_claimed(const WorkItem& item, TimePoint now) const;
    [[nodiscard]] bool may_be_sent(const WorkItem& item, Milliseconds resend_after, TimePoint now) const;
    [[nodiscard]] ClaimedWork claim(WorkItem& item, Milliseconds lease, TimePoint now);
    [[nodiscard]] ClaimById claim_by_id(const WorkId& id, Milliseconds lease, TimePoint now);
    [[nodiscard]] Result<WorkItem*> held_item(const LeaseKey& lease);
    [[nodiscard]] Result<void> settle_order(const OrderSettlement& settlement, TimePoint now);
    [[nodiscard]] Result<void> settle_mail(const MailSettlement& settlement, TimePoint now);
    void bury(const WorkItem& item, const std::string& reason, int attempts, TimePoint now);

    [[nodiscard]] std::vector<SessionId> revoke_where(const UserId& user_id, const std::optional<SessionId>& keep,
                                                      TimePoint now);
    [[nodiscard]] std::vector<SessionId> end_oldest(const UserId& user_id, const SessionId& newcomer, TimePoint now);
    void use_up_resets(const UserId& user_id, TimePoint now);
    [[nodiscard]] bool has_hash(const UserId& user_id, const std::string& hash) const;
    [[nodiscard]] Session store_session(Session session, Milliseconds lifetime, TimePoint now);

    mutable std::mutex mutex_;
    Clock& clock_;
    Milliseconds ahead_max_;
    std::map<OrderId, Order> orders_;
    std::map<WorkId, WorkItem> work_;
    std::map<WorkId, DeadItem> dead_letters_;
    std::uint64_t items_made_ = 0;
    std::map<RequestKey, IdempotencyRecord> idempotency_;
    std::map<UserId, User> users_;
    std::map<std::string, UserId> users_by_email_;
    std::map<SessionId, Session> sessions_;
    std::map<ResetId, PasswordReset> resets_;
    std::map<ProductId, Product> products_;
    std::uint64_t catalogue_version_ = 0;
    std::map<StockKey, std::int64_t> stock_;
};

}  // namespace waybill::testing
