#include "adapters/mongo/order_steps.hpp"

#include <set>
#include <stdexcept>

namespace waybill::mongo {

Document write_dead_letter(const WorkItem& item, const std::string& reason, int attempts, TimePoint now) {
    return doc("_id", item.id, "kind", to_text(item.kind), "order_id", item.order_id, "reason", reason, "attempts",
               attempts, "created_at", now, "epoch", item.epoch, "mail_to", item.mail_to);
}

WorkItem make_work_item(WorkId id, WorkKind kind, const OrderId& order_id, TimePoint now) {
    WorkItem item;
    item.id = std::move(id);
    item.kind = kind;
    item.order_id = order_id;
    item.ready_at = now;
    item.created_at = now;
    return item;
}

std::unordered_map<OrderId, Order> find_orders(Transaction& transaction, const std::vector<std::string>& ids) {
    std::unordered_map<OrderId, Order> orders;
    if (ids.empty()) return orders;
    const auto read = [](const View& found) -> std::optional<Order> {
        try {
            return read_order(found);
        } catch (const std::runtime_error&) {
            // A damaged document must not hold up the others.
            return std::nullopt;
        }
    };
    for (std::optional<Order>& order : transaction.find(collection::orders, by_ids(ids), read)) {
        if (!order) continue;
        const OrderId id = order->id;
        orders.emplace(id, *std::move(order));
    }
    return orders;
}

std::unexpected<Error> lease_lost() { return fail(ErrorCode::lease_lost, "Somebody else holds this item now."); }

HeldItems::HeldItems(Transaction& transaction, std::span<const LeaseKey> leases) {
    std::vector<std::string> ids;
    for (const LeaseKey& lease : leases) ids.push_back(lease.work_id.text);
    for (WorkItem& item : transaction.find(collection::work, by_ids(ids), read_work_item)) {
        const WorkId id = item.id;
        items_.emplace(id, std::move(item));
    }
}

bool HeldItems::holds(const LeaseKey& lease) const {
    const auto found = items_.find(lease.work_id);
    return found != items_.end() && found->second.state == WorkState::claimed && found->second.epoch == lease.epoch;
}

std::optional<WorkItem> HeldItems::take(const LeaseKey& lease, std::optional<WorkKind> kind) {
    if (!holds(lease)) return std::nullopt;
    const auto found = items_.find(lease.work_id);
    if (kind && found->second.kind != *kind) return std::nullopt;
    return std::move(items_.extract(found).mapped());
}

void StockMoves::write(Transaction& transaction) const {
    Updates updates;
    for (const auto& [key, amount] : moves_) {
        if (amount == 0) continue;
        const Document condition = amount < 0 ? doc("available", doc("$gte", -amount)) : doc();
        updates.add(key, condition, doc("$inc", doc("available", amount)));
    }
    transaction.update(collection::inventory, updates);
}

void Endings::finish(Order& order, OrderStatus status, const std::string& reason) {
    require(may_become(order.status, status), "an order would go a forbidden way");
    const TimePoint at = order.changed_at(transaction_.now);
    orders_.add(order.id.text, doc("status", to_text(order.status)),
                doc("$set", doc("status", to_text(status), "finished_at", at, "reason", reason)));
    order.status = status;
    order.finished_at = at;
    order.reason = reason;
    if (status != OrderStatus::processed && order.took_stock()) {
        for (const OrderLine& line : order.lines) stock_.add(line.product_id, order.location, line.quantity);
    }
    mails_.push_back({order.id, status, order.user_id});
}

std::vector<Document> Endings::write_mails() {
    if (mails_.empty()) return {};
    std::set<UserId> user_ids;
    std::vector<std::string> mail_ids;
    for (const Mail& mail : mails_) {
        user_ids.insert(mail.user_id);
        mail_ids.push_back(mail_work_id(mail.order_id, mail.status).text);
    }
    std::unordered_map<UserId, std::string> addresses;
    for (auto& [id, address] : transaction_.find(
             collection::users, by_ids(texts(user_ids)), {.fields = doc("email", 1)},
             [](const View& found) { return std::pair(UserId(found.text("_id")), found.text("email")); })) {
        addresses.emplace(id, std::move(address));
    }
    // A mail for this state that is queued already is this mail.
    std::set<std::string> queued;
    for (std::string& id : transaction_.find(collection::work, by_ids(mail_ids), {.fields = doc("_id", 1)},
                                             [](const View& found) { return found.text("_id"); })) {
        queued.insert(std::move(id));
    }
    std::vector<Document> made;
    for (const Mail& mail : mails_) {
        const auto address = addresses.find(mail.user_id);
        const WorkId id = mail_work_id(mail.order_id, mail.status);
        if (address == addresses.end() || queued.contains(id.text)) continue;
        WorkItem item = make_work_item(id, WorkKind::send_mail, mail.order_id, transaction_.now);
        item.mail_to = address->second;
        made.push_back(write_work_item(item));
    }
    return made;
}

void Endings::write() {
    const std::vector<Document> mails = write_mails();
    transaction_.remove(collection::work, removed_);
    transaction_.update(collection::orders, orders_);
    stock_.write(transaction_);
    transaction_.insert(collection::work, mails);
    transaction_.insert(collection::dead_letters, buried_);
}

}  // namespace waybill::mongo
