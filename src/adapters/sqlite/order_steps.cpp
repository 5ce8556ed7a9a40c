#include "adapters/sqlite/order_steps.hpp"

namespace waybill::sqlite {

namespace {

void return_stock(Connection& db, const Order& order) {
    for (const OrderLine& line : order.lines) {
        const std::int64_t changed =
            db.run("UPDATE inventory SET available = available + ?3 WHERE product_id = ?1 AND location = ?2",
                   line.product_id, order.location, line.quantity);
        require(changed == 1, "the stock row of an order is gone");
    }
    raise_stock_version(db);
}

void queue_mail(Transaction& transaction, const Order& order) {
    std::optional<std::string> address =
        read_first(transaction.db.query("SELECT email FROM users WHERE user_id = ?1", order.user_id),
                   [](const Rows& row) { return row.text(0); });
    if (!address) return;
    // A mail for this state that is queued already is this mail.
    (void)insert_work(transaction.db, mail_work_id(order.id, order.status), WorkKind::send_mail, order.id, *address,
                      transaction.now);
}

}  // namespace

std::string_view as_bytes(const RequestHash& hash) { return {reinterpret_cast<const char*>(hash.data()), hash.size()}; }

std::optional<Order> select_order(Connection& db, const OrderId& id) {
    return read_first(db.query("SELECT * FROM orders WHERE order_id = ?1", id), read_order);
}

std::optional<WorkItem> select_work(Connection& db, const WorkId& id) {
    return read_first(db.query("SELECT * FROM work WHERE work_id = ?1", id), read_work_item);
}

bool insert_work(Connection& db, const WorkId& id, WorkKind kind, const OrderId& order_id, const std::string& mail_to,
                 TimePoint now) {
    return db.run(
               "INSERT INTO work VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0, NULL, 0, ?6, ?5, NULL)"
               " ON CONFLICT (work_id) DO NOTHING",
               id, kind, WorkState::due, order_id, now, mail_to) == 1;
}

void delete_work(Connection& db, const WorkId& id) {
    require(db.run("DELETE FROM work WHERE work_id = ?1", id) == 1, "a work item is not there");
}

void raise_stock_version(Connection& db) {
    require(db.run("UPDATE counters SET value = value + 1 WHERE name = 'stock_version'") == 1,
            "the stock version is not there");
}

void bury(Transaction& transaction, const WorkItem& item, const std::string& reason, int attempts) {
    transaction.db.run("INSERT INTO dead_letters VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", item.id, item.kind,
                       item.order_id, reason, attempts, transaction.now, item.epoch, item.mail_to);
}

void finish_order(Transaction& transaction, Order& order, OrderStatus status, const std::string& reason) {
    require(may_become(order.status, status), "an order would go a forbidden way");
    const TimePoint at = order.changed_at(transaction.now);
    const std::int64_t changed = transaction.db.run(
        "UPDATE orders SET status = ?2, finished_at = ?3, reason = ?4 WHERE order_id = ?1 AND status = ?5", order.id,
        status, at, reason, order.status);
    require(changed == 1, "an order is not in the state that was read");
    order.status = status;
    order.finished_at = at;
    order.reason = reason;
    if (status != OrderStatus::processed && order.took_stock()) return_stock(transaction.db, order);
    queue_mail(transaction, order);
}

}  // namespace waybill::sqlite
