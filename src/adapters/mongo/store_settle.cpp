// The end of a work item: settled, or kept as a dead letter.
#include "adapters/mongo/mongo_store.hpp"
#include "adapters/mongo/order_steps.hpp"

namespace waybill::mongo {

namespace {

template <class Settlement>
std::vector<LeaseKey> leases_of(std::span<const Settlement> settlements) {
    std::vector<LeaseKey> leases;
    for (const Settlement& one : settlements) leases.push_back(one.lease);
    return leases;
}

class OrderSettling {
public:
    OrderSettling(Transaction& transaction, std::span<const OrderSettlement> settlements)
        : transaction_(transaction),
          settlements_(settlements),
          items_(transaction, leases_of(settlements)),
          endings_(transaction) {
        std::vector<std::string> ids;
        for (const OrderSettlement& one : settlements) ids.push_back(one.order_id.text);
        orders_ = find_orders(transaction, ids);
    }

    [[nodiscard]] std::vector<Result<void>> settle_all() {
        std::vector<Result<void>> results;
        for (const OrderSettlement& one : settlements_) results.push_back(settle(one));
        endings_.write();
        return results;
    }

private:
    [[nodiscard]] Result<void> settle(const OrderSettlement& settlement) {
        const OrderStatus status = settlement.processed ? OrderStatus::processed : OrderStatus::failed;
        const auto order = orders_.find(settlement.order_id);
        const std::optional<WorkItem> item = items_.take(settlement.lease, WorkKind::process_order);
        if (!item) {
            // Our own commit, if it happened, has left exactly this behind.
            const bool is_ours = transaction_.may_have_committed && !items_.contains(settlement.lease.work_id) &&
                                 order != orders_.end() && order->second.status == status;
            if (is_ours) return {};
            return lease_lost();
        }
        require(item->order_id == settlement.order_id, "a settlement names another order than its work item");
        require(order != orders_.end(), "a work item names an order that is not there");
        endings_.remove_work(item->id);
        if (settlement.dead_letter) endings_.bury(*item, settlement.reason, settlement.attempts);
        endings_.finish(order->second, status, settlement.processed ? std::string() : settlement.reason);
        return {};
    }

    Transaction& transaction_;
    std::span<const OrderSettlement> settlements_;
    HeldItems items_;
    Endings endings_;
    std::unordered_map<OrderId, Order> orders_;
};

std::vector<Result<void>> settle_mails_in(Transaction& transaction, std::span<const MailSettlement> settlements) {
    HeldItems items(transaction, leases_of(settlements));
    Endings endings(transaction);
    std::vector<Result<void>> results;
    for (const MailSettlement& settlement : settlements) {
        const std::optional<WorkItem> item = items.take(settlement.lease, WorkKind::send_mail);
        if (!item) {
            const bool may_be_ours = transaction.may_have_committed && !items.contains(settlement.lease.work_id);
            results.push_back(may_be_ours ? Result<void>{} : lease_lost());
            continue;
        }
        endings.remove_work(item->id);
        if (settlement.dead_letter) endings.bury(*item, settlement.reason, settlement.attempts);
        results.emplace_back();
    }
    endings.write();
    return results;
}

// What is kept of an item beside what a DeadLetter shows.
struct KeptLetter {
    DeadLetter letter;
    std::uint64_t epoch = 0;
    std::string mail_to;
};

std::optional<KeptLetter> find_letter(Transaction& transaction, const WorkId& id) {
    return transaction.find_one(collection::dead_letters, by_id(id.text), [](const View& found) {
        return KeptLetter{read_dead_letter(found), static_cast<std::uint64_t>(found.integer("epoch")),
                          found.text_or("mail_to", "")};
    });
}

std::unexpected<Error> no_such_letter() { return fail(ErrorCode::not_found, "There is no such dead letter."); }

}  // namespace

std::vector<Result<void>> MongoStore::settle_orders(std::span<const OrderSettlement> settlements) {
    // Only what fails touches stock.
    const bool all_processed = std::ranges::all_of(settlements, &OrderSettlement::processed);
    return write_each<void>(all_processed ? Lane::none : Lane::stock, settlements,
                            [](Transaction& transaction, std::span<const OrderSettlement> part) {
                                return OrderSettling(transaction, part).settle_all();
                            });
}

std::vector<Result<void>> MongoStore::settle_mails(std::span<const MailSettlement> settlements) {
    return write_each<void>(Lane::none, settlements, settle_mails_in);
}

Result<std::vector<DeadLetter>> MongoStore::list_dead_letters(const std::optional<PageKey>& after, std::size_t limit) {
    if (limit == 0) return std::vector<DeadLetter>{};
    Document where;
    put_page(where, after);
    return transactions_.read([&](Connection& connection) {
        return connection.find(collection::dead_letters, where, {.sort = newest_first(), .limit = limit},
                               read_dead_letter);
    });
}

Result<DeadLetter> MongoStore::requeue_dead_letter(const WorkId& id) {
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<DeadLetter> {
        std::optional<KeptLetter> kept = find_letter(transaction, id);
        if (!kept) return no_such_letter();
        if (kept->letter.kind != WorkKind::send_mail) {
            return fail(ErrorCode::invalid_transition, "Only a mail can be queued again.");
        }
        WorkItem item = make_work_item(id, kept->letter.kind, kept->letter.order_id, transaction.now);
        item.epoch = kept->epoch;
        item.mail_to = kept->mail_to;
        transaction.remove(collection::dead_letters, {id.text});
        transaction.insert(collection::work, {write_work_item(item)});
        return std::move(kept->letter);
    });
}

Result<DeadLetter> MongoStore::discard_dead_letter(const WorkId& id) {
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<DeadLetter> {
        std::optional<KeptLetter> kept = find_letter(transaction, id);
        if (!kept) return no_such_letter();
        transaction.remove(collection::dead_letters, {id.text});
        return std::move(kept->letter);
    });
}

}  // namespace waybill::mongo
