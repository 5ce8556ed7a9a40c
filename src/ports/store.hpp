// The truth. Every method is one whole transaction, durable when it answers; there is no begin or
// commit outside an adapter.
//
// Hot writes take a span and return one result for each element, in order. A refused element leaves
// no trace and does not disturb its neighbours; an error of the whole batch is in every result.
// Stored times are the store's own.
//
// Thread-safe; every method may block. Errors of every method: `unavailable` (nothing was done) and,
// for writes, `overloaded` (too many wait; nothing was done) and `outcome_unknown` (it may have been
// done). Others are named at each method.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "domain/error.hpp"
#include "domain/password_reset.hpp"
#include "ports/store_types.hpp"

namespace waybill {

class Store {
public:
    virtual ~Store() = default;

    // Whether the store can answer now.
    [[nodiscard]] virtual Result<void> ping() = 0;

    // ---- orders

    // Order, stock, idempotency record and work item in one commit. A record with the same user and
    // key replays its order (same hash) or refuses (idempotency_key_reused), within the batch too;
    // an order id that exists already replays it. Prices, stock and refusals are plan_order's, from
    // rows read in the same transaction.
    [[nodiscard]] virtual std::vector<Result<PlacedOrder>> place_orders(std::span<const NewOrder> orders) = 0;

    // Pending only: stock back, work item gone, mail item in. A cancelled order is answered as it
    // is. Somebody else's order is not_found (`owner` empty: any). Errors: not_found,
    // invalid_transition.
    [[nodiscard]] virtual Result<Order> cancel_order(const OrderId& id, const std::optional<UserId>& owner) = 0;

    [[nodiscard]] virtual Result<std::optional<Order>> find_order(const OrderId& id) = 0;

    // Newest first, strictly after `after` in that order.
    [[nodiscard]] virtual Result<std::vector<Order>> list_orders(const OrderFilter& filter,
                                                                 const std::optional<PageKey>& after,
                                                                 std::size_t limit) = 0;

    // ---- work

    // Items that may be claimed: due, or claimed with an ended lease (which counts as an attempt).
    // With `process_order` the order becomes Processing in the same commit. Longest waiting first.
    [[nodiscard]] virtual Result<std::vector<ClaimedWork>> claim_work(WorkKind kind, std::size_t max,
                                                                      Milliseconds lease) = 0;

    // The same by id, for messages of a queue; sent items too.
    [[nodiscard]] virtual std::vector<Result<ClaimById>> claim_work(std::span<const WorkId> ids,
                                                                    Milliseconds lease) = 0;

    // Marks process_order items that are due, or sent and past their resend time, as sent, raises
    // their send number and returns those it won. No more than `window` items are sent at a time.
    [[nodiscard]] virtual Result<std::vector<SentWork>> mark_sent(std::size_t max, std::size_t window,
                                                                  Milliseconds resend_after) = 0;

    // What a queue refused becomes due again, where the send number is still ours.
    [[nodiscard]] virtual Result<void> return_unsent(std::span<const SentWork> items) = 0;

    // Errors: lease_lost (the epoch is no longer ours: nothing was written).
    [[nodiscard]] virtual std::vector<Result<void>> settle_orders(std::span<const OrderSettlement> settlements) = 0;
    [[nodiscard]] virtual std::vector<Result<void>> settle_mails(std::span<const MailSettlement> settlements) = 0;
    [[nodiscard]] virtual std::vector<Result<void>> retry_at(std::span<const Retry> retries) = 0;
    [[nodiscard]] virtual std::vector<Result<void>> extend(std::span<const LeaseKey> leases, Milliseconds lease) = 0;

    // ---- dead letters

    // Newest first.
    [[nodiscard]] virtual Result<std::vector<DeadLetter>> list_dead_letters(const std::optional<PageKey>& after,
                                                                            std::size_t limit) = 0;

    // Mail only: due at once, with fresh attempts and a fresh deadline. Errors: not_found,
    // invalid_transition (an order's).
    [[nodiscard]] virtual Result<DeadLetter> requeue_dead_letter(const WorkId& id) = 0;
    [[nodiscard]] virtual Result<DeadLetter> discard_dead_letter(const WorkId& id) = 0;

    // ---- users and sessions

    // created_at is set by the store. With a session, both or neither. Errors: email_taken.
    [[nodiscard]] virtual Result<User> create_user(const User& user, const std::optional<Session>& session) = 0;
    [[nodiscard]] virtual Result<std::optional<User>> find_user(const UserId& id) = 0;
    [[nodiscard]] virtual Result<std::optional<User>> find_user_by_email(const std::string& email) = 0;

    // Replaces the hash only where it still is `expected_hash` (else nothing happens).
    [[nodiscard]] virtual Result<void> rehash_password(const UserId& id, const std::string& expected_hash,
                                                       const std::string& new_hash) = 0;

    // New hash, every session of the user but `keep` revoked and every reset used up, in one commit;
    // returns the revoked sessions. Only where the hash still is `expected_hash`, the one that the
    // current password was checked against. Errors: invalid_credentials (it is another, or there is
    // no such account: nothing was done).
    [[nodiscard]] virtual Result<std::vector<SessionId>> change_password(const UserId& id,
                                                                         const std::string& expected_hash,
                                                                         const std::string& new_hash,
                                                                         const std::optional<SessionId>& keep) = 0;

    // For who has shown the password of `expected_hash`: only where the account still has it in the
    // commit, so that no session begins after a new password has ended them all. created_at,
    // last_used_at and rotated_at are set by the store, expires_at to `lifetime` from then. A repeat
    // with the same id makes the same session again. Errors: invalid_credentials (the hash is another,
    // or there is no such account).
    // (create_user makes its session with the account, whose hash nobody can have changed; it reads
    // the lifetime as session.expires_at - session.created_at.)
    [[nodiscard]] virtual Result<Session> create_session(const Session& session, const std::string& expected_hash,
                                                         Milliseconds lifetime) = 0;
    [[nodiscard]] virtual Result<std::optional<Session>> find_session(const SessionId& id) = 0;

    // decide_refresh in one transaction. rotate: generation + 1, expires_at = now + lifetime. reused:
    // the session is revoked. Errors: refresh_invalid, refresh_reused.
    [[nodiscard]] virtual Result<RotatedSession> rotate_session(const SessionId& id, std::uint32_t presented_generation,
                                                                Milliseconds grace, Milliseconds lifetime) = 0;

    // Live sessions, newest first; at most sessions_listed_max.
    [[nodiscard]] virtual Result<std::vector<Session>> list_sessions(const UserId& user_id) = 0;

    // Revoking a revoked session is no error. Errors: not_found (no such session of that user).
    [[nodiscard]] virtual Result<void> revoke_session(const UserId& user_id, const SessionId& id) = 0;
    [[nodiscard]] virtual Result<std::vector<SessionId>> revoke_sessions(const UserId& user_id) = 0;

    // Sessions revoked within `back` of the store's present time.
    [[nodiscard]] virtual Result<std::vector<SessionId>> list_revoked_sessions(Milliseconds back) = 0;

    // ---- forgotten passwords

    // Writes one row whatever the address, so that neither answer nor time tells whether there is an
    // account. Where there is one, and fewer than password_resets_open_max of it are open, a mail is
    // due at once. A repeat with the same id changes nothing.
    [[nodiscard]] virtual Result<void> open_password_reset(const ResetId& id, const std::string& email,
                                                           Milliseconds lifetime) = 0;

    // New hash, every session of the account revoked and every reset of it used up, in one commit;
    // returns the revoked sessions. Errors: reset_invalid (unknown, used or expired).
    [[nodiscard]] virtual Result<std::vector<SessionId>> reset_password(const ResetId& id,
                                                                        const std::string& new_hash) = 0;

    // Mails that are due, or were claimed and left alone for `lease`, of resets that can still be
    // used. Longest waiting first.
    [[nodiscard]] virtual Result<std::vector<ResetMail>> claim_reset_mails(std::size_t max, Milliseconds lease) = 0;

    // What somebody else has claimed since is left alone.
    [[nodiscard]] virtual Result<void> settle_reset_mails(std::span<const ResetMailSettlement> settlements) = 0;

    // ---- catalogue and stock

    // Every write raises the catalogue version in its commit. Errors of update: not_found.
    [[nodiscard]] virtual Result<CatalogueWrite> create_product(const Product& product) = 0;
    [[nodiscard]] virtual Result<CatalogueWrite> update_product(const ProductId& id, const ProductPatch& patch) = 0;
    [[nodiscard]] virtual Result<std::optional<Product>> find_product(const ProductId& id) = 0;

    // Active products, newest first.
    [[nodiscard]] virtual Result<std::vector<Product>> list_products(const std::optional<PageKey>& after,
                                                                     std::size_t limit) = 0;
    [[nodiscard]] virtual Result<std::uint64_t> catalogue_version() = 0;

    // A new location appears with its first stock. Errors: unknown_product, validation_failed (would
    // go below zero or above stock_max), idempotency_key_reused.
    [[nodiscard]] virtual Result<StockChanged> change_stock(const StockChange& change) = 0;

    // Sorted by (product id, location); `after` is the last pair that was seen.
    [[nodiscard]] virtual Result<std::vector<StockLevel>> list_stock(const StockFilter& filter,
                                                                     const std::optional<StockLevel>& after,
                                                                     std::size_t limit) = 0;

    // Products and stock at once, only while the catalogue is empty; true when they were put in.
    [[nodiscard]] virtual Result<bool> seed(std::span<const SeedProduct> products) = 0;

    // ---- moving in

    // Rows of another system, as they are: ids, times and states are kept, and no mail is queued. At most
    // import_rows_max of them, with different ids and addresses. True: put in. False: there is such a
    // row, and it stays as it is; so a repeat changes nothing.

    // Errors: email_taken (by an account with another id).
    [[nodiscard]] virtual std::vector<Result<bool>> import_users(std::span<const User> users, ImportMode mode) = 0;
    [[nodiscard]] virtual std::vector<Result<bool>> import_products(std::span<const Product> products,
                                                                    ImportMode mode) = 0;
    // Of products that there are.
    [[nodiscard]] virtual std::vector<Result<bool>> import_stock(std::span<const StockLevel> levels,
                                                                 ImportMode mode) = 0;
    // Orders that took no stock here (no_location), pending or terminal; a pending one gets its work item.
    // Errors: validation_failed (another user has an order with this id).
    [[nodiscard]] virtual std::vector<Result<bool>> import_orders(std::span<const Order> orders, ImportMode mode) = 0;

    // ---- upkeep

    [[nodiscard]] virtual Result<StoreStats> stats() = 0;

    // False while the store's own disk is full, or when its own database was found damaged: it answers what it
    // can. Asks memory only.
    [[nodiscard]] virtual bool is_well() const { return true; }

    // Deletes at most `max` expired rows of each kind; never an item that is due, sent or claimed.
    [[nodiscard]] virtual Result<SweepCounts> sweep(const Retention& retention, std::size_t max) = 0;
};

inline constexpr std::size_t sessions_listed_max = 100;
inline constexpr std::size_t password_resets_open_max = 5;
inline constexpr std::size_t import_rows_max = 500;

}  // namespace waybill
