// The ends of orders: what cancelling and settling have in common, collected over a batch and
// written with a fixed number of commands.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "adapters/mongo/rows.hpp"
#include "adapters/mongo/transactions.hpp"

namespace waybill::mongo {

// A dead letter of an item that is removed. The epoch stays with it, so that a requeued item never
// meets an old holder's lease.
[[nodiscard]] Document write_dead_letter(const WorkItem& item, const std::string& reason, int attempts, TimePoint now);

// Due at once.
[[nodiscard]] WorkItem make_work_item(WorkId id, WorkKind kind, const OrderId& order_id, TimePoint now);

// Orders by id; what cannot be read is not among them.
[[nodiscard]] std::unordered_map<OrderId, Order> find_orders(Transaction& transaction,
                                                             const std::vector<std::string>& ids);

[[nodiscard]] std::unexpected<Error> lease_lost();

// The items of a batch, as long as their leases hold them.
class HeldItems {
public:
    HeldItems(Transaction& transaction, std::span<const LeaseKey> leases);

    // Whether there is such an item, whoever holds it.
    [[nodiscard]] bool contains(const WorkId& id) const { return items_.contains(id); }
    [[nodiscard]] bool holds(const LeaseKey& lease) const;

    // Once for each item; empty when the lease is lost, or the item is of another kind.
    [[nodiscard]] std::optional<WorkItem> take(const LeaseKey& lease, std::optional<WorkKind> kind = std::nullopt);

private:
    std::unordered_map<WorkId, WorkItem> items_;
};

// Gives stock back, or takes it: one command for all rows, grouped by amount.
class StockMoves {
public:
    void add(const ProductId& id, const std::string& location, std::int64_t amount) {
        moves_[stock_key(id, location)] += amount;
    }
    // Throws Conflict when a row is gone or holds too little.
    void write(Transaction& transaction) const;

private:
    std::map<std::string, std::int64_t> moves_;
};

class Endings {
public:
    explicit Endings(Transaction& transaction) : transaction_(transaction) {}

    // Moves `order` to a terminal state, also in memory; gives its stock back unless it was
    // processed; queues the mail to its user, if there still is one.
    void finish(Order& order, OrderStatus status, const std::string& reason);

    // The item is done with, and kept as a dead letter when there is one.
    void remove_work(const WorkId& id) { removed_.push_back(id.text); }
    void bury(const WorkItem& item, const std::string& reason, int attempts) {
        buried_.push_back(write_dead_letter(item, reason, attempts, transaction_.now));
    }

    void write();

private:
    struct Mail {
        OrderId order_id;
        OrderStatus status = OrderStatus::processed;
        UserId user_id;
    };
    [[nodiscard]] std::vector<Document> write_mails();

    Transaction& transaction_;
    std::vector<std::string> removed_;
    std::vector<Document> buried_;
    Updates orders_;
    StockMoves stock_;
    std::vector<Mail> mails_;
};

}  // namespace waybill::mongo
