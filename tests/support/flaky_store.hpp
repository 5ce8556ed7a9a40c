// A store in front of another that fails when it is told to: before the call (`unavailable`: nothing
// was done) or after it (`outcome_unknown`: it was done, and the answer was lost).
// Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ports/store.hpp"

namespace waybill::testing {

class FlakyStore : public Store {
public:
    explicit FlakyStore(Store& store) : store_(store) {}

    enum class Failure : std::uint8_t { before, after };
    static constexpr std::string_view any_method = "*";

    // Lets the next `calls` calls of `method` fail. The methods that can: ping, stats, place_orders,
    // claim_work, mark_sent, return_unsent, settle_orders, settle_mails, retry_at, extend, create_session,
    // change_password, find_session, list_revoked_sessions, catalogue_version, find_product, those of
    // password resets and those of an import.
    void fail_next(std::string_view method, std::size_t calls, Failure failure = Failure::before) {
        const std::lock_guard lock(mutex_);
        plans_[std::string(method)] = {calls, failure};
    }

    // All calls fail until recover().
    void fail_always(Failure failure = Failure::before) { fail_next(any_method, SIZE_MAX, failure); }

    void recover() {
        const std::lock_guard lock(mutex_);
        plans_.clear();
    }

    // Just before the next call of `method`, one of those above: what somebody else does meanwhile.
    void run_before(std::string_view method, std::function<void()> action) {
        const std::lock_guard lock(mutex_);
        actions_[std::string(method)] = std::move(action);
    }

    // How often `method` was called, failures included.
    [[nodiscard]] std::size_t calls(std::string_view method) const {
        const std::lock_guard lock(mutex_);
        const auto found = calls_.find(std::string(method));
        return found == calls_.end() ? 0 : found->second;
    }

    [[nodiscard]] Result<void> ping() override {
        return one("ping", [&] { return store_.ping(); });
    }
    [[nodiscard]] std::vector<Result<PlacedOrder>> place_orders(std::span<const NewOrder> orders) override {
        return each("place_orders", orders.size(), [&] { return store_.place_orders(orders); });
    }
    [[nodiscard]] Result<std::vector<ClaimedWork>> claim_work(WorkKind kind, std::size_t max,
                                                              Milliseconds lease) override {
        return one("claim_work", [&] { return store_.claim_work(kind, max, lease); });
    }
    [[nodiscard]] std::vector<Result<ClaimById>> claim_work(std::span<const WorkId> ids, Milliseconds lease) override {
        return each("claim_work", ids.size(), [&] { return store_.claim_work(ids, lease); });
    }
    [[nodiscard]] std::vector<Result<void>> settle_orders(std::span<const OrderSettlement> settlements) override {
        return each("settle_orders", settlements.size(), [&] { return store_.settle_orders(settlements); });
    }
    [[nodiscard]] std::vector<Result<void>> settle_mails(std::span<const MailSettlement> settlements) override {
        return each("settle_mails", settlements.size(), [&] { return store_.settle_mails(settlements); });
    }
    [[nodiscard]] std::vector<Result<void>> retry_at(std::span<const Retry> retries) override {
        return each("retry_at", retries.size(), [&] { return store_.retry_at(retries); });
    }
    [[nodiscard]] std::vector<Result<void>> extend(std::span<const LeaseKey> leases, Milliseconds lease) override {
        return each("extend", leases.size(), [&] { return store_.extend(leases, lease); });
    }
    [[nodiscard]] Result<std::optional<Session>> find_session(const SessionId& id) override {
        return one("find_session", [&] { return store_.find_session(id); });
    }
    [[nodiscard]] Result<std::vector<SessionId>> list_revoked_sessions(Milliseconds back) override {
        return one("list_revoked_sessions", [&] { return store_.list_revoked_sessions(back); });
    }
    [[nodiscard]] Result<std::uint64_t> catalogue_version() override {
        return one("catalogue_version", [&] { return store_.catalogue_version(); });
    }
    [[nodiscard]] Result<std::optional<Product>> find_product(const ProductId& id) override {
        return one("find_product", [&] { return store_.find_product(id); });
    }

    // What follows only passes on.
    [[nodiscard]] Result<Order> cancel_order(const OrderId& id, const std::optional<UserId>& owner) override {
        return store_.cancel_order(id, owner);
    }
    [[nodiscard]] Result<std::optional<Order>> find_order(const OrderId& id) override { return store_.find_order(id); }
    [[nodiscard]] Result<std::vector<Order>> list_orders(const OrderFilter& filter, const std::optional<PageKey>& after,
                                                         std::size_t limit) override {
        return store_.list_orders(filter, after, limit);
    }
    [[nodiscard]] Result<std::vector<SentWork>> mark_sent(std::size_t max, std::size_t window,
                                                          Milliseconds resend_after) override {
        return one("mark_sent", [&] { return store_.mark_sent(max, window, resend_after); });
    }
    [[nodiscard]] Result<void> return_unsent(std::span<const SentWork> sent) override {
        return one("return_unsent", [&] { return store_.return_unsent(sent); });
    }
    [[nodiscard]] Result<std::vector<DeadLetter>> list_dead_letters(const std::optional<PageKey>& after,
                                                                    std::size_t limit) override {
        return store_.list_dead_letters(after, limit);
    }
    [[nodiscard]] Result<DeadLetter> requeue_dead_letter(const WorkId& id) override {
        return store_.requeue_dead_letter(id);
    }
    [[nodiscard]] Result<DeadLetter> discard_dead_letter(const WorkId& id) override {
        return store_.discard_dead_letter(id);
    }
    [[nodiscard]] Result<User> create_user(const User& user, const std::optional<Session>& session) override {
        return store_.create_user(user, session);
    }
    [[nodiscard]] Result<std::optional<User>> find_user(const UserId& id) override { return store_.find_user(id); }
    [[nodiscard]] Result<std::optional<User>> find_user_by_email(const std::string& email) override {
        return store_.find_user_by_email(email);
    }
    [[nodiscard]] Result<void> rehash_password(const UserId& id, const std::string& expected_hash,
                                               const std::string& new_hash) override {
        return store_.rehash_password(id, expected_hash, new_hash);
    }
    [[nodiscard]] Result<std::vector<SessionId>> change_password(const UserId& id, const std::string& expected_hash,
                                                                 const std::string& new_hash,
                                                                 const std::optional<SessionId>& keep) override {
        return one("change_password", [&] { return store_.change_password(id, expected_hash, new_hash, keep); });
    }
    [[nodiscard]] Result<OpenedSession> create_session(const Session& session, const std::string& expected_hash,
                                                       Milliseconds lifetime) override {
        return one("create_session", [&] { return store_.create_session(session, expected_hash, lifetime); });
    }
    [[nodiscard]] Result<RotatedSession> rotate_session(const SessionId& id, std::uint32_t presented_generation,
                                                        Milliseconds grace, Milliseconds lifetime) override {
        return store_.rotate_session(id, presented_generation, grace, lifetime);
    }
    [[nodiscard]] Result<std::vector<Session>> list_sessions(const UserId& user_id) override {
        return store_.list_sessions(user_id);
    }
    [[nodiscard]] Result<void> revoke_session(const UserId& user_id, const SessionId& id) override {
        return store_.revoke_session(user_id, id);
    }
    [[nodiscard]] Result<std::vector<SessionId>> revoke_sessions(const UserId& user_id) override {
        return store_.revoke_sessions(user_id);
    }
    [[nodiscard]] Result<void> open_password_reset(const ResetId& id, const std::string& email,
                                                   Milliseconds lifetime) override {
        return one("open_password_reset", [&] { return store_.open_password_reset(id, email, lifetime); });
    }
    [[nodiscard]] Result<std::vector<SessionId>> reset_password(const ResetId& id,
                                                                const std::string& new_hash) override {
        return one("reset_password", [&] { return store_.reset_password(id, new_hash); });
    }
    [[nodiscard]] Result<std::vector<ResetMail>> claim_reset_mails(std::size_t max, Milliseconds lease) override {
        return one("claim_reset_mails", [&] { return store_.claim_reset_mails(max, lease); });
    }
    [[nodiscard]] Result<void> settle_reset_mails(std::span<const ResetMailSettlement> settlements) override {
        return one("settle_reset_mails", [&] { return store_.settle_reset_mails(settlements); });
    }
    [[nodiscard]] Result<CatalogueWrite> create_product(const Product& product) override {
        return store_.create_product(product);
    }
    [[nodiscard]] Result<CatalogueWrite> update_product(const ProductId& id, const ProductPatch& patch) override {
        return store_.update_product(id, patch);
    }
    [[nodiscard]] Result<std::vector<Product>> list_products(const std::optional<PageKey>& after,
                                                             std::size_t limit) override {
        return store_.list_products(after, limit);
    }
    [[nodiscard]] Result<StockChanged> change_stock(const StockChange& change) override {
        return store_.change_stock(change);
    }
    [[nodiscard]] Result<std::vector<StockLevel>> list_stock(const StockFilter& filter,
                                                             const std::optional<StockLevel>& after,
                                                             std::size_t limit) override {
        return store_.list_stock(filter, after, limit);
    }
    [[nodiscard]] Result<bool> seed(std::span<const SeedProduct> products) override { return store_.seed(products); }
    [[nodiscard]] std::vector<Result<bool>> import_users(std::span<const User> users, ImportMode mode) override {
        return each("import_users", users.size(), [&] { return store_.import_users(users, mode); });
    }
    [[nodiscard]] std::vector<Result<bool>> import_products(std::span<const Product> products,
                                                            ImportMode mode) override {
        return each("import_products", products.size(), [&] { return store_.import_products(products, mode); });
    }
    [[nodiscard]] std::vector<Result<bool>> import_stock(std::span<const StockLevel> levels, ImportMode mode) override {
        return each("import_stock", levels.size(), [&] { return store_.import_stock(levels, mode); });
    }
    [[nodiscard]] std::vector<Result<bool>> import_orders(std::span<const Order> orders, ImportMode mode) override {
        return each("import_orders", orders.size(), [&] { return store_.import_orders(orders, mode); });
    }
    [[nodiscard]] Result<StoreStats> stats() override {
        return one("stats", [&] { return store_.stats(); });
    }
    [[nodiscard]] std::optional<std::size_t> orders_in_journal() const override { return store_.orders_in_journal(); }
    [[nodiscard]] Result<SweepCounts> sweep(const Retention& retention, std::size_t max) override {
        return store_.sweep(retention, max);
    }

private:
    struct Plan {
        std::size_t calls = 0;
        Failure failure = Failure::before;
    };

    // What the present call of `method` shall meet.
    std::optional<Failure> next(std::string_view method) {
        if (const std::function<void()> action = take_action(method)) action();
        const std::lock_guard lock(mutex_);
        ++calls_[std::string(method)];
        for (const std::string_view name : {method, any_method}) {
            const auto plan = plans_.find(std::string(name));
            if (plan == plans_.end() || plan->second.calls == 0) continue;
            --plan->second.calls;
            return plan->second.failure;
        }
        return std::nullopt;
    }

    std::function<void()> take_action(std::string_view method) {
        const std::lock_guard lock(mutex_);
        auto found = actions_.extract(std::string(method));
        return found.empty() ? std::function<void()>{} : std::move(found.mapped());
    }

    static std::unexpected<Error> error_of(Failure failure) {
        if (failure == Failure::before) return fail(ErrorCode::unavailable, "The store is away.");
        return fail(ErrorCode::outcome_unknown, "The store did not say whether it was done.");
    }

    template <class Call>
    auto one(std::string_view method, Call call) -> decltype(call()) {
        const std::optional<Failure> failure = next(method);
        if (failure == Failure::before) return error_of(*failure);
        auto result = call();
        if (failure) return error_of(*failure);
        return result;
    }

    template <class Call>
    auto each(std::string_view method, std::size_t count, Call call) -> decltype(call()) {
        const std::optional<Failure> failure = next(method);
        if (failure == Failure::before) return decltype(call())(count, error_of(*failure));
        auto results = call();
        if (failure) results.assign(count, error_of(*failure));
        return results;
    }

    Store& store_;
    mutable std::mutex mutex_;
    std::map<std::string, Plan> plans_;
    std::map<std::string, std::function<void()>> actions_;
    std::map<std::string, std::size_t> calls_;
};

}  // namespace waybill::testing
