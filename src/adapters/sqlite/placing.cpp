#include "adapters/sqlite/placing.hpp"

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "adapters/sqlite/order_steps.hpp"
#include "adapters/sqlite/rows.hpp"

namespace waybill::sqlite {

namespace {

class Placing {
public:
    Placing(Connection& db, const PlacingFacts& facts, TimePoint now)
        : db_(db),
          fresh_(facts.fresh),
          memory_(facts.memory),
          next_sequence_(facts.next_sequence),
          now_(now),
          version_(select_version(db)) {
        memory_.adopt(version_);
    }

    void place(const NewOrder& order);
    [[nodiscard]] PlannedBatch take() { return std::move(batch_); }

private:
    using RequestKey = std::pair<UserId, std::string>;

    // An order that is placed already. `is_durable`: not by this batch.
    struct Known {
        Order order;
        bool is_durable = true;
    };

    [[nodiscard]] Result<std::optional<Known>> find_by_key(const NewOrder& order);
    [[nodiscard]] std::optional<Known> find_by_id(const OrderId& id);
    [[nodiscard]] Result<Order> plan(const NewOrder& order);
    void replay(const NewOrder& order, Known known);
    void accept(const NewOrder& order, Order planned);
    [[nodiscard]] Result<std::string> find_location(const std::optional<std::string>& requested);
    [[nodiscard]] const Product* find_product(const ProductId& id);
    [[nodiscard]] std::int64_t find_available(const ProductId& id, const std::string& location);

    Connection& db_;
    const FreshOrders::View& fresh_;
    PlacingMemory& memory_;
    std::uint64_t next_sequence_;
    TimePoint now_;
    TablesVersion version_;
    PlannedBatch batch_;
    std::unordered_map<OrderId, FreshOrder> accepted_by_id_;
    std::map<RequestKey, FreshOrder> accepted_by_key_;
};

void Placing::place(const NewOrder& order) {
    Result<std::optional<Known>> known = find_by_key(order);
    if (!known) {
        batch_.results.push_back(std::unexpected(known.error()));
        return;
    }
    // An id that exists already is a repeat, whatever would become of the order today.
    if (!*known) *known = find_by_id(order.order_id);
    if (*known) {
        replay(order, **std::move(known));
        return;
    }
    Result<Order> planned = plan(order);
    if (planned) {
        accept(order, *std::move(planned));
    } else {
#ifdef WAYBILL_MUTANT_REFUSED_ELEMENT_KEEPS_ITS_STOCK
        for (const RequestedLine& line : order.lines) {
            auto& by_location = memory_.available[line.product_id];
            const auto at = by_location.find(order.location.value_or(""));
            if (at != by_location.end() && at->second >= line.quantity) at->second -= line.quantity;
        }
#endif
        batch_.results.push_back(std::unexpected(planned.error()));
    }
}

std::unexpected<Error> reused() {
    return fail(ErrorCode::idempotency_key_reused, "This key was used for another request.");
}

Result<std::optional<Placing::Known>> Placing::find_by_key(const NewOrder& order) {
    if (!order.idempotency) return std::nullopt;
    const auto in_batch = accepted_by_key_.find({order.user_id, order.idempotency->key});
    const bool is_durable = in_batch == accepted_by_key_.end();
    if (const FreshOrder fresh = is_durable ? fresh_.find(order.user_id, order.idempotency->key) : in_batch->second) {
        if (fresh->idempotency->request_hash != order.idempotency->request_hash) return reused();
        return Known{fresh->order, is_durable};
    }
#ifdef WAYBILL_MUTANT_KEY_NOT_SCOPED_BY_USER
    Rows record = db_.query("SELECT request_hash, order_id FROM idempotency WHERE key = ?1", order.idempotency->key);
#else
    Rows record = db_.query("SELECT request_hash, order_id FROM idempotency WHERE user_id = ?1 AND key = ?2",
                            order.user_id, order.idempotency->key);
#endif
    if (!record.next()) return std::nullopt;
    if (record.is_null(1) || record.blob(0) != as_bytes(order.idempotency->request_hash)) return reused();
    std::optional<Order> placed = select_order(db_, OrderId(record.text(1)));
    require(placed.has_value(), "an idempotency record names an order that is not there");
    return Known{*std::move(placed)};
}

std::optional<Placing::Known> Placing::find_by_id(const OrderId& id) {
    const auto in_batch = accepted_by_id_.find(id);
    if (in_batch != accepted_by_id_.end()) return Known{in_batch->second->order, false};
    if (const FreshOrder fresh = fresh_.find(id)) return Known{fresh->order};
    std::optional<Order> placed = select_order(db_, id);
    if (!placed) return std::nullopt;
    return Known{*std::move(placed)};
}

Result<Order> Placing::plan(const NewOrder& order) {
    Result<std::string> location = find_location(order.location);
    if (!location) return std::unexpected(location.error());
    std::vector<LineFacts> facts;
    facts.reserve(order.lines.size());
    for (const RequestedLine& line : order.lines) {
        facts.push_back({find_product(line.product_id), find_available(line.product_id, *location)});
    }
    return plan_order(order, *std::move(location), facts, now_);
}

void Placing::replay(const NewOrder& order, Known known) {
    require(known.order.user_id == order.user_id, "the id of a new order belongs to somebody else's");
    if (!known.is_durable) batch_.rest_on_accepted.push_back(batch_.results.size());
    batch_.results.push_back(PlacedOrder{as_placed(std::move(known.order)), true});
}

void Placing::accept(const NewOrder& order, Order planned) {
    for (const OrderLine& line : planned.lines) {
        std::int64_t& available = memory_.available.at(line.product_id).at(planned.location);
        require(line.quantity > 0 && line.quantity <= available, "an order was planned beyond its stock");
#ifndef WAYBILL_MUTANT_CHECK_THEN_DECREMENT
        available -= line.quantity;
#endif
    }
    const auto fresh =
        std::make_shared<const JournaledOrder>(JournaledOrder{next_sequence_++, planned, order.idempotency});
    accepted_by_id_.emplace(planned.id, fresh);
    if (order.idempotency) accepted_by_key_.emplace(RequestKey{order.user_id, order.idempotency->key}, fresh);
    batch_.accepted.push_back(fresh);
    batch_.rest_on_accepted.push_back(batch_.results.size());
    batch_.results.push_back(PlacedOrder{std::move(planned), false});
}

Result<std::string> Placing::find_location(const std::optional<std::string>& requested) {
    auto [entry, is_new] = memory_.locations.try_emplace(requested);
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
    const auto known = memory_.products.find(id);
    if (known != memory_.products.end()) return &known->second;
    Rows row = db_.query("SELECT name, price, active FROM products WHERE product_id = ?1", id);
    if (!row.next()) return nullptr;
    Product product{
        .id = id, .name = row.text(0), .description = {}, .price = row.integer(1), .active = row.integer(2) != 0};
    return &memory_.products.emplace(id, std::move(product)).first->second;
}

// 0, which is not remembered, where there is no such stock.
std::int64_t Placing::find_available(const ProductId& id, const std::string& location) {
    const auto known = memory_.available.find(id);
    if (known != memory_.available.end()) {
        const auto at = known->second.find(location);
        if (at != known->second.end()) return at->second;
    }
    Rows row = db_.query("SELECT available FROM inventory WHERE product_id = ?1 AND location = ?2", id, location);
    if (!row.next()) return 0;
    const std::int64_t available = row.integer(0) - fresh_.taken(id, location, version_.absorbed);
    memory_.available[id].emplace(location, available);
    return available;
}

}  // namespace

TablesVersion select_version(Connection& db) {
    TablesVersion version;
    int known = 0;
    Rows row = db.query("SELECT name, value FROM counters");
    while (row.next()) {
        const std::string name = row.text(0);
        const auto value = static_cast<std::uint64_t>(row.integer(1));
        if (name == "orders_absorbed") version.absorbed = value;
        if (name == "catalogue_version") version.catalogue = value;
        if (name == "stock_version") version.stock = value;
        ++known;
    }
    require(known == 3, "the counters of the tables are not as they must be");
    return version;
}

void PlacingMemory::adopt(const TablesVersion& present) {
    if (present.catalogue != version_.catalogue || products.size() > rows_remembered_max) products.clear();
    if (present.stock != version_.stock || available.size() > rows_remembered_max) forget_stock();
    if (locations.size() > rows_remembered_max) locations.clear();
    version_ = present;
}

void PlacingMemory::forget_stock() {
    available.clear();
    locations.clear();
}

PlannedBatch plan_batch(Connection& db, const PlacingFacts& facts, std::span<const NewOrder> orders, TimePoint now) {
    Placing placing(db, facts, now);
    for (const NewOrder& order : orders) placing.place(order);
    return placing.take();
}

}  // namespace waybill::sqlite
