// The way of one process to the store: each call may wait, be the last of its process, fail, or lose its
// answer; and the ledger hears what the store did, whoever else hears of it.
#pragma once

#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "ports/store.hpp"
#include "tests/simulation/stage.hpp"

namespace waybill::simulation {

class SimStore final : public Store {
public:
    SimStore(Gate& gate, Store& store) : gate_(gate), store_(store) {}

    // For a while this process does not reach the store.
    void cut_off_until(SteadyTime time) { cut_off_until_ = time; }

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
    [[nodiscard]] Result<void> return_unsent(std::span<const SentWork> items) override;
    [[nodiscard]] std::vector<Result<void>> settle_orders(std::span<const OrderSettlement> settlements) override;
    [[nodiscard]] std::vector<Result<void>> settle_mails(std::span<const MailSettlement> settlements) override;
    [[nodiscard]] std::vector<Result<void>> retry_at(std::span<const Retry> retries) override;
    [[nodiscard]] std::vector<Result<void>> extend(std::span<const LeaseKey> leases, Milliseconds lease) override;
    [[nodiscard]] Result<std::vector<DeadLetter>> list_dead_letters(const std::optional<PageKey>& after,
                                                                    std::size_t limit) override;
    [[nodiscard]] Result<DeadLetter> requeue_dead_letter(const WorkId& id) override;
    [[nodiscard]] Result<DeadLetter> discard_dead_letter(const WorkId& id) override;
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
    // Moving in happens beside the shop's life.
    [[nodiscard]] std::vector<Result<bool>> import_users(std::span<const User> users, ImportMode mode) override {
        return store_.import_users(users, mode);
    }
    [[nodiscard]] std::vector<Result<bool>> import_products(std::span<const Product> products,
                                                            ImportMode mode) override {
        return store_.import_products(products, mode);
    }
    [[nodiscard]] std::vector<Result<bool>> import_stock(std::span<const StockLevel> levels, ImportMode mode) override {
        return store_.import_stock(levels, mode);
    }
    [[nodiscard]] std::vector<Result<bool>> import_orders(std::span<const Order> orders, ImportMode mode) override {
        return store_.import_orders(orders, mode);
    }
    [[nodiscard]] Result<StoreStats> stats() override;
    [[nodiscard]] std::optional<std::size_t> orders_in_journal() const override { return store_.orders_in_journal(); }
    [[nodiscard]] Result<SweepCounts> sweep(const Retention& retention, std::size_t max) override;

    // Accounts and sessions are not simulated.
    [[nodiscard]] Result<bool> seed(std::span<const SeedProduct>) override { return absent(); }
    [[nodiscard]] Result<User> create_user(const User&, const std::optional<Session>&) override { return absent(); }
    [[nodiscard]] Result<std::optional<User>> find_user(const UserId&) override { return absent(); }
    [[nodiscard]] Result<std::optional<User>> find_user_by_email(const std::string&) override { return absent(); }
    [[nodiscard]] Result<void> rehash_password(const UserId&, const std::string&, const std::string&) override {
        return absent();
    }
    [[nodiscard]] Result<std::vector<SessionId>> change_password(const UserId&, const std::string&, const std::string&,
                                                                 const std::optional<SessionId>&) override {
        return absent();
    }
    [[nodiscard]] Result<OpenedSession> create_session(const Session&, const std::string&, Milliseconds) override {
        return absent();
    }
    [[nodiscard]] Result<std::optional<Session>> find_session(const SessionId&) override { return absent(); }
    [[nodiscard]] Result<RotatedSession> rotate_session(const SessionId&, std::uint32_t, Milliseconds,
                                                        Milliseconds) override {
        return absent();
    }
    [[nodiscard]] Result<std::vector<Session>> list_sessions(const UserId&) override { return absent(); }
    [[nodiscard]] Result<void> revoke_session(const UserId&, const SessionId&) override { return absent(); }
    [[nodiscard]] Result<std::vector<SessionId>> revoke_sessions(const UserId&) override { return absent(); }
    [[nodiscard]] Result<std::vector<SessionId>> list_revoked_sessions(Milliseconds) override { return absent(); }
    [[nodiscard]] Result<void> open_password_reset(const ResetId&, const std::string&, Milliseconds) override {
        return absent();
    }
    [[nodiscard]] Result<std::vector<SessionId>> reset_password(const ResetId&, const std::string&) override {
        return absent();
    }
    [[nodiscard]] Result<std::vector<ResetMail>> claim_reset_mails(std::size_t, Milliseconds) override {
        return absent();
    }
    [[nodiscard]] Result<void> settle_reset_mails(std::span<const ResetMailSettlement>) override { return absent(); }

private:
    static std::unexpected<Error> absent() { return fail(ErrorCode::internal, "This is not simulated."); }
    [[nodiscard]] Gate::Fate draw();
    [[nodiscard]] std::unexpected<Error> not_done(std::string_view call);
    [[nodiscard]] std::unexpected<Error> answer_lost(std::string_view call, bool writes);

    template <class Call>
    auto one(std::string_view name, bool writes, const Call& call) -> decltype(call()) {
        gate_.enter(name);
        const Gate::Fate fate = draw();
        if (fate == Gate::Fate::not_done) return not_done(name);
        auto result = call();
        gate_.leave(name);
        if (fate == Gate::Fate::answer_lost) return answer_lost(name, writes);
        return result;
    }

    // One result for each element of a write.
    template <class Call>
    auto each(std::string_view name, std::size_t count, const Call& call) -> decltype(call()) {
        gate_.enter(name);
        const Gate::Fate fate = draw();
        if (fate == Gate::Fate::not_done) return decltype(call())(count, not_done(name));
        auto results = call();
        gate_.leave(name);
        if (fate == Gate::Fate::answer_lost) results.assign(count, answer_lost(name, true));
        return results;
    }

    void note_claim(const ClaimedWork& work);
    void note_settled(const LeaseKey& lease, bool was_written, std::string_view call);

    Gate& gate_;
    Store& store_;
    SteadyTime cut_off_until_{};
};

}  // namespace waybill::simulation
