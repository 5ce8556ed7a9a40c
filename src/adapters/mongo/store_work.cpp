// Work items: claim, retry, extend. Sending is in store_sending.cpp.
#include <algorithm>

#include "adapters/mongo/mongo_store.hpp"
#include "adapters/mongo/order_steps.hpp"

namespace waybill::mongo {

namespace {

// Workers that meet each other's conflicts choose from this many times what they want.
constexpr std::size_t window_factor = 8;

// Due, or sent or claimed and left alone for too long. What lies further ahead than it can was
// written by a clock that has been set back since, and counts as reached.
bool is_reached(TimePoint at, TimePoint now, Milliseconds ahead_max) { return at <= now || at > now + ahead_max; }

bool may_be_claimed(const WorkItem& item, TimePoint now, Milliseconds ahead_max) {
    // The resend time of a sent item has a limit of its own; mark_sent knows it.
    if (item.state == WorkState::sent) return item.ready_at <= now;
    return is_reached(item.ready_at, now, ahead_max);
}

// may_be_claimed as a query; each branch is one run of the index.
Document ready_items(WorkKind kind, TimePoint now, Milliseconds ahead_max) {
    return doc("$or", array(doc("kind", to_text(kind), "ready_at", doc("$lte", now)),
                            doc("kind", to_text(kind), "ready_at", doc("$gt", now + ahead_max), "state",
                                doc("$ne", to_word(WorkState::sent)))));
}

Document longest_waiting_first() { return doc("ready_at", 1, "created_at", 1); }

// A run of `max` neighbours from anywhere in the window.
std::vector<WorkItem> choose(std::vector<WorkItem> window, std::size_t max, double dice) {
    if (window.size() <= max) return window;
    const std::size_t starts = window.size() - max + 1;
    const std::size_t start = std::min(starts - 1, static_cast<std::size_t>(dice * static_cast<double>(starts)));
    window.erase(window.begin(), window.begin() + static_cast<std::ptrdiff_t>(start));
    window.resize(max);
    return window;
}

// A batch of claims inside its transaction.
class Claiming {
public:
    Claiming(Transaction& transaction, Milliseconds lease, const std::vector<WorkItem>& items)
        : transaction_(transaction), lease_(lease) {
        std::vector<std::string> ids;
        for (const WorkItem& item : items) ids.push_back(item.order_id.text);
        orders_ = find_orders(transaction, ids);
    }

    // Empty when there is nothing left to do for the item: it has outlived its order's life, or was
    // set aside because its order cannot be read.
    [[nodiscard]] std::optional<ClaimedWork> claim(WorkItem& item);

    void write();

private:
    void set_aside(const WorkItem& item);
    void start(Order& order);

    Transaction& transaction_;
    Milliseconds lease_;
    std::unordered_map<OrderId, Order> orders_;
    Updates claimed_;
    Updates started_;
    std::vector<std::string> removed_;
    std::vector<Document> buried_;
    std::vector<std::string> unreadable_;
};

std::optional<ClaimedWork> Claiming::claim(WorkItem& item) {
    const TimePoint now = transaction_.now;
    const auto found = orders_.find(item.order_id);
    if (found == orders_.end()) {
        set_aside(item);
        return std::nullopt;
    }
    Order& order = found->second;
    if (item.kind == WorkKind::process_order && is_terminal(order.status)) {
        removed_.push_back(item.id.text);
        return std::nullopt;
    }
    if (item.kind == WorkKind::process_order && order.status == OrderStatus::pending) start(order);

    // A lease that is claimed again has ended without settle or retry.
    const int attempts_more = item.state == WorkState::claimed ? 1 : 0;
    const TimePoint first_try_at = item.first_try_at.value_or(now);
    Document set = doc("state", to_word(WorkState::claimed), "ready_at", now + lease_);
    if (!item.first_try_at) set.put("first_try_at", first_try_at);
    claimed_.add(item.id.text, doc(), doc("$set", set, "$inc", doc("epoch", 1, "tries", 1, "attempts", attempts_more)));
    item.state = WorkState::claimed;
    item.ready_at = now + lease_;
    item.attempts += attempts_more;
    return ClaimedWork{.lease = {item.id, ++item.epoch},
                       .kind = item.kind,
                       .order = order,
                       .mail_to = item.mail_to,
                       .attempts = item.attempts,
                       .tries = ++item.tries,
                       .since_first_try = std::max(now - first_try_at, Milliseconds{0})};
}

void Claiming::start(Order& order) {
    const TimePoint at = order.changed_at(transaction_.now);
    started_.add(order.id.text, doc("status", to_text(OrderStatus::pending)),
                 doc("$set", doc("status", to_text(OrderStatus::processing), "processing_at", at)));
    order.status = OrderStatus::processing;
    order.processing_at = at;
}

// Its stock stays taken, since nobody knows it.
void Claiming::set_aside(const WorkItem& item) {
    removed_.push_back(item.id.text);
    unreadable_.push_back(item.order_id.text);
    buried_.push_back(write_dead_letter(item, "The order cannot be read: its row is damaged or gone.", item.attempts,
                                        transaction_.now));
}

void Claiming::write() {
    transaction_.update(collection::orders, started_);
    transaction_.update(collection::work, claimed_);
    transaction_.remove(collection::work, removed_);
    transaction_.insert(collection::dead_letters, buried_);
    if (unreadable_.empty()) return;
    Document live = by_ids(unreadable_);
    live.put("status", doc("$in", std::vector<std::string>{std::string(to_text(OrderStatus::pending)),
                                                           std::string(to_text(OrderStatus::processing))}));
    (void)transaction_.update_where(
        collection::orders, live,
        doc("$set", doc("status", to_text(OrderStatus::failed), "finished_at", transaction_.now, "reason",
                        "The order cannot be read: its row is damaged or gone.")));
}

std::vector<Result<ClaimById>> claim_by_id(Transaction& transaction, std::span<const WorkId> ids, Milliseconds lease,
                                           Milliseconds ahead_max) {
    std::vector<WorkItem> items = transaction.find(collection::work, by_ids(texts(ids)), read_work_item);
    Claiming claiming(transaction, lease, items);
    std::unordered_map<WorkId, WorkItem*> by_name;
    for (WorkItem& item : items) by_name.emplace(item.id, &item);

    std::vector<Result<ClaimById>> results;
    for (const WorkId& id : ids) {
        ClaimById& answer = *results.emplace_back(ClaimById{});
        const auto found = by_name.find(id);
        if (found == by_name.end()) continue;
        WorkItem& item = *found->second;
        if (item.state == WorkState::sent || may_be_claimed(item, transaction.now, ahead_max)) {
            answer.work = claiming.claim(item);
            if (answer.work) {
                answer.outcome = ClaimById::Outcome::claimed;
            } else {
                by_name.erase(found);
            }
        } else if (item.state == WorkState::claimed) {
            answer = {ClaimById::Outcome::leased, {}, item.ready_at - transaction.now};
        }
        // Else a retry that is not due yet: it will be sent again at its time.
    }
    claiming.write();
    return results;
}

}  // namespace

Result<std::vector<ClaimedWork>> MongoStore::claim_work(WorkKind kind, std::size_t max, Milliseconds lease) {
    const Milliseconds ahead_max = options_.lease_ahead_max;
    // Looking first keeps an idle consumer from transactions; what comes due meanwhile is seen next time.
    const Result<bool> is_idle = transactions_.read([&](Connection& connection) {
        const Document ready = ready_items(kind, transactions_.time().now(connection), ahead_max);
        return connection
            .find(collection::work, ready, {.limit = 1, .fields = doc("_id", 1)}, [](const View&) { return true; })
            .empty();
    });
    if (!is_idle) return std::unexpected(is_idle.error());
    if (*is_idle || max == 0) return std::vector<ClaimedWork>{};

    const std::size_t count = std::min(max, elements_per_transaction_max);
    return transactions_.run(Lane::claims, [&](Transaction& transaction) -> Result<std::vector<ClaimedWork>> {
        const bool alone = !transactions_.turns().is_contended(Lane::claims);
        std::vector<WorkItem> items =
            choose(transaction.find(collection::work, ready_items(kind, transaction.now, ahead_max),
                                    {.sort = longest_waiting_first(), .limit = alone ? count : count * window_factor},
                                    read_work_item),
                   count, clock_.random_fraction());
        Claiming claiming(transaction, lease, items);
        std::vector<ClaimedWork> claimed;
        for (WorkItem& item : items) {
            if (std::optional<ClaimedWork> work = claiming.claim(item)) claimed.push_back(*std::move(work));
        }
        claiming.write();
        return claimed;
    });
}

std::vector<Result<ClaimById>> MongoStore::claim_work(std::span<const WorkId> ids, Milliseconds lease) {
    return write_each<ClaimById>(Lane::none, ids, [&](Transaction& transaction, std::span<const WorkId> part) {
        return claim_by_id(transaction, part, lease, options_.lease_ahead_max);
    });
}

std::vector<Result<void>> MongoStore::retry_at(std::span<const Retry> retries) {
    return write_each<void>(Lane::none, retries, [](Transaction& transaction, std::span<const Retry> part) {
        std::vector<LeaseKey> leases;
        for (const Retry& retry : part) leases.push_back(retry.lease);
        HeldItems items(transaction, leases);
        Updates updates;
        std::vector<Result<void>> results;
        for (const Retry& retry : part) {
            const std::optional<WorkItem> item = items.take(retry.lease);
            results.push_back(item ? Result<void>{} : lease_lost());
            if (!item) continue;
            updates.add(
                item->id.text, doc(),
                doc("$set", doc("state", to_word(WorkState::due), "ready_at", transaction.now + retry.delay), "$unset",
                    doc("resend_at", true), "$inc", doc("attempts", retry.counts_as_attempt ? 1 : 0)));
        }
        transaction.update(collection::work, updates);
        return results;
    });
}

std::vector<Result<void>> MongoStore::extend(std::span<const LeaseKey> leases, Milliseconds lease) {
    return write_each<void>(Lane::none, leases, [&](Transaction& transaction, std::span<const LeaseKey> part) {
        const HeldItems items(transaction, part);
        std::set<std::string> held;
        std::vector<Result<void>> results;
        for (const LeaseKey& key : part) {
            const bool holds = items.holds(key);
            if (holds) held.insert(key.work_id.text);
            results.push_back(holds ? Result<void>{} : lease_lost());
        }
        Updates updates;
        for (const std::string& id : held) {
            updates.add(id, doc(), doc("$set", doc("ready_at", transaction.now + lease)));
        }
        transaction.update(collection::work, updates);
        return results;
    });
}

}  // namespace waybill::mongo
