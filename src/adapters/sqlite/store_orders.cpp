// Orders: place, find, list, cancel.
#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "adapters/sqlite/order_steps.hpp"
#include "adapters/sqlite/sqlite_store.hpp"
#include "domain/encoding.hpp"

namespace waybill::sqlite {

namespace {

// One batch inside its transaction. Products, places and stock are read once; the stock that the
// batch takes is counted here and written at the end, one row for each product and place.
class Placing {
public:
    explicit Placing(Transaction& transaction) : db_(transaction.db), now_(transaction.now) {}

    [[nodiscard]] Result<PlacedOrder> place(const NewOrder& order);

    // Throws when a row no longer holds what the plans counted on.
    void write_stock();

private:
    struct Stock {
        std::int64_t available = 0;  // after what was taken
        std::int64_t taken = 0;
    };
    using StockKey = std::pair<ProductId, std::string>;

    [[nodiscard]] std::optional<Result<PlacedOrder>> find_replay(const NewOrder& order);
    [[nodiscard]] Result<Order> plan(const NewOrder& order);
    [[nodiscard]] std::optional<PlacedOrder> find_placed(const NewOrder& order, const OrderId& id);
    [[nodiscard]] Result<std::string> find_location(const std::optional<std::string>& requested);
    [[nodiscard]] const Product* find_product(const ProductId& id);
    [[nodiscard]] Stock& find_stock(const ProductId& id, const std::string& location);
    [[nodiscard]] bool insert(const NewOrder& order, const Order& planned);

    Connection& db_;
    TimePoint now_;
    std::map<std::optional<std::string>, std::vector<std::string>> known_locations_;  // by what was requested
    std::unordered_map<ProductId, std::optional<Product>> products_;
    std::map<StockKey, Stock> stock_;
};

Result<PlacedOrder> Placing::place(const NewOrder& order) {
    if (std::optional<Result<PlacedOrder>> replay = find_replay(order)) return *std::move(replay);
    Result<Order> planned = plan(order);
    if (planned && insert(order, *planned)) return PlacedOrder{*std::move(planned), false};
    // An id that exists already is a repeat, whatever would become of the order today.
    if (std::optional<PlacedOrder> placed = find_placed(order, order.order_id)) return *std::move(placed);
    require(!planned, "an order could be neither written nor found");
    return std::unexpected(planned.error());
}

Result<Order> Placing::plan(const NewOrder& order) {
    Result<std::string> location = find_location(order.location);
    if (!location) return std::unexpected(location.error());
    std::vector<LineFacts> facts;
    facts.reserve(order.lines.size());
    for (const RequestedLine& line : order.lines) {
        facts.push_back({find_product(line.product_id), find_stock(line.product_id, *location).available});
    }
    return plan_order(order, *std::move(location), facts, now_);
}

std::optional<Result<PlacedOrder>> Placing::find_replay(const NewOrder& order) {
    if (!order.idempotency) return std::nullopt;
    Rows record = db_.query("SELECT request_hash, order_id FROM idempotency WHERE user_id = ?1 AND key = ?2",
                            order.user_id, order.idempotency->key);
    if (!record.next()) return std::nullopt;
    if (record.is_null(1) || record.blob(0) != as_bytes(order.idempotency->request_hash)) {
        return fail(ErrorCode::idempotency_key_reused, "This key was used for another request.");
    }
    std::optional<PlacedOrder> placed = find_placed(order, OrderId(record.text(1)));
    require(placed.has_value(), "an idempotency record names an order that is not there");
    return *std::move(placed);
}

std::optional<PlacedOrder> Placing::find_placed(const NewOrder& order, const OrderId& id) {
    std::optional<Order> known = select_order(db_, id);
    if (!known) return std::nullopt;
    require(known->user_id == order.user_id, "the id of a new order belongs to somebody else's");
    return PlacedOrder{as_placed(*std::move(known)), true};
}

Result<std::string> Placing::find_location(const std::optional<std::string>& requested) {
    auto [entry, is_new] = known_locations_.try_emplace(requested);
    if (is_new) {
        const auto name = [](const Rows& row) { return row.text(0); };
        // Two names are enough to see whether there is only one.
        entry->second =
            requested ? read_all(db_.query("SELECT location FROM locations WHERE location = ?1", *requested), name)
                      : read_all(db_.query("SELECT location FROM locations LIMIT 2"), name);
    }
    return resolve_location(requested, entry->second);
}

const Product* Placing::find_product(const ProductId& id) {
    auto [entry, is_new] = products_.try_emplace(id);
    if (is_new) {
        // Without the description, which may be long and decides nothing.
        entry->second = read_first(db_.query("SELECT name, price, active FROM products WHERE product_id = ?1", id),
                                   [&](const Rows& row) {
                                       return Product{.id = id,
                                                      .name = row.text(0),
                                                      .description = {},
                                                      .price = row.integer(1),
                                                      .active = row.integer(2) != 0};
                                   });
    }
    return entry->second ? &*entry->second : nullptr;
}

Placing::Stock& Placing::find_stock(const ProductId& id, const std::string& location) {
    auto [entry, is_new] = stock_.try_emplace(StockKey{id, location});
    if (is_new) {
        Rows row = db_.query("SELECT available FROM inventory WHERE product_id = ?1 AND location = ?2", id, location);
        if (row.next()) entry->second.available = row.integer(0);
    }
    return entry->second;
}

// False, and nothing was written, when the id exists already.
bool Placing::insert(const NewOrder& order, const Order& planned) {
    const std::int64_t inserted = db_.run(
        "INSERT INTO orders VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, NULL, '') ON CONFLICT (order_id) DO NOTHING",
        planned.id, planned.user_id, planned.location, Blob{encode_lines(planned.lines)}, planned.total, planned.status,
        planned.created_at);
    if (inserted == 0) return false;
    for (const OrderLine& line : planned.lines) {
        Stock& stock = find_stock(line.product_id, planned.location);
        require(line.quantity > 0 && line.quantity <= stock.available, "an order was planned beyond its stock");
        stock.available -= line.quantity;
        stock.taken += line.quantity;
    }
    if (order.idempotency) {
        db_.run("INSERT INTO idempotency VALUES (?1, ?2, ?3, ?4, NULL, NULL, ?5)", order.user_id,
                order.idempotency->key, Blob{as_bytes(order.idempotency->request_hash)}, planned.id, now_);
    }
    const bool queued = insert_work(db_, process_work_id(planned.id), WorkKind::process_order, planned.id, "", now_);
    require(queued, "the work of a new order is there already");
    return true;
}

void Placing::write_stock() {
    for (const auto& [key, stock] : stock_) {
        if (stock.taken == 0) continue;
        const std::int64_t changed = db_.run(
            "UPDATE inventory SET available = available - ?3 WHERE product_id = ?1 AND location = ?2 AND available >= "
            "?3",
            key.first, key.second, stock.taken);
        require(changed == 1, "the stock of a plan is no longer there");
    }
}

// ---- lists

bool is_newer(const Order& a, const Order& b) { return std::tie(a.created_at, a.id) > std::tie(b.created_at, b.id); }

// The key that lies before every row, so that a first page needs no statement of its own.
PageKey start_of(const std::optional<PageKey>& after) { return after.value_or(PageKey{TimePoint::max(), {}}); }

std::vector<Order> list_with_status(Connection& db, OrderStatus status, const PageKey& from, std::size_t limit) {
    return read_all(db.query("SELECT * FROM orders WHERE status = ?1 AND (created_at, order_id) < (?2, ?3)"
                             " ORDER BY created_at DESC, order_id DESC LIMIT ?4",
                             status, from.created_at, from.id, limit),
                    read_order);
}

// Every status has its own run of the index; the newest of all are among the newest of each.
std::vector<Order> list_all(Connection& db, const PageKey& from, std::size_t limit) {
    std::vector<Order> all;
    const Snapshot snapshot(db);
    for (const OrderStatus status : {OrderStatus::pending, OrderStatus::processing, OrderStatus::processed,
                                     OrderStatus::failed, OrderStatus::cancelled}) {
        for (Order& order : list_with_status(db, status, from, limit)) all.push_back(std::move(order));
    }
    std::ranges::sort(all, is_newer);
    all.resize(std::min(all.size(), limit));
    return all;
}

// With a status this reads on through the user's own orders until the page is full.
std::vector<Order> list_of_user(Connection& db, const UserId& user_id, const std::optional<OrderStatus>& status,
                                const PageKey& from, std::size_t limit) {
    return read_all(db.query("SELECT * FROM orders INDEXED BY orders_by_user WHERE user_id = ?1"
                             " AND (created_at, order_id) < (?2, ?3) AND (?4 IS NULL OR status = ?4)"
                             " ORDER BY created_at DESC, order_id DESC LIMIT ?5",
                             user_id, from.created_at, from.id, status, limit),
                    read_order);
}

}  // namespace

std::vector<Result<PlacedOrder>> SqliteStore::place_orders(std::span<const NewOrder> orders) {
    std::vector<Result<PlacedOrder>> results;
    if (orders.empty()) return results;
    const Result<void> committed = writes_.run([&](Transaction& transaction) {
        results.clear();
        Placing placing(transaction);
        for (const NewOrder& order : orders) results.push_back(placing.place(order));
        placing.write_stock();
    });
    if (!committed) results.assign(orders.size(), std::unexpected(committed.error()));
    return results;
}

Result<Order> SqliteStore::cancel_order(const OrderId& id, const std::optional<UserId>& owner) {
    return write([&](Transaction& transaction) -> Result<Order> {
        std::optional<Order> order = select_order(transaction.db, id);
        if (!order || (owner && order->user_id != *owner)) {
            return fail(ErrorCode::not_found, "There is no such order.");
        }
        if (order->status == OrderStatus::cancelled) return *std::move(order);
        if (!may_become(order->status, OrderStatus::cancelled)) {
            return fail(ErrorCode::invalid_transition, "The order can no longer be cancelled.");
        }
        delete_work(transaction.db, process_work_id(id));
        finish_order(transaction, *order, OrderStatus::cancelled, {});
        return *std::move(order);
    });
}

Result<std::optional<Order>> SqliteStore::find_order(const OrderId& id) {
    return read([&](Connection& db) { return select_order(db, id); });
}

Result<std::vector<Order>> SqliteStore::list_orders(const OrderFilter& filter, const std::optional<PageKey>& after,
                                                    std::size_t limit) {
    const PageKey from = start_of(after);
    return read([&](Connection& db) {
        if (filter.user_id) return list_of_user(db, *filter.user_id, filter.status, from, limit);
        if (filter.status) return list_with_status(db, *filter.status, from, limit);
        return list_all(db, from, limit);
    });
}

}  // namespace waybill::sqlite
