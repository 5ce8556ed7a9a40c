// Placing a batch of orders in one transaction, with a number of commands that does not depend on
// how many there are:
//
//   products, with the locations that are not known yet, then in the transaction
//   1 idempotency records  2 stock  3 orders that exist (only for repeats, replays and refusals)
//   4 take stock  5 records  6 orders  7 work  and the commit.
#include <algorithm>
#include <iterator>
#include <ranges>
#include <set>
#include <unordered_map>

#include "adapters/mongo/mongo_store.hpp"
#include "adapters/mongo/order_steps.hpp"

namespace waybill::mongo {

namespace {

std::span<const std::uint8_t> as_bytes(const RequestHash& hash) { return hash; }

std::unexpected<Error> key_reused() {
    return fail(ErrorCode::idempotency_key_reused, "This key was used for another request.");
}

struct Record {
    std::string request_hash;
    std::optional<OrderId> order_id;  // empty: a change of stock used the key
};

// What the batch needs to know of the catalogue, read before the transaction.
struct Catalogue {
    std::unordered_map<ProductId, Product> products;
    std::set<std::string> named_locations;    // those that orders name, and that exist
    std::vector<std::string> some_locations;  // of those known: two at most, enough to see whether there is one
    [[nodiscard]] const Product* find(const ProductId& id) const {
        const auto found = products.find(id);
        return found == products.end() ? nullptr : &found->second;
    }
};

// One batch inside its transaction. Orders are decided one after the other, each from what those
// before it left; nothing is written until all are decided.
class Placing {
public:
    Placing(Transaction& transaction, std::span<const NewOrder> orders, const Catalogue& catalogue)
        : transaction_(transaction), orders_(orders), catalogue_(catalogue) {}

    [[nodiscard]] std::vector<Result<PlacedOrder>> place();

private:
    using Outcome = std::optional<Result<PlacedOrder>>;

    void read_records();
    void read_stock();
    void read_stored_orders();
    [[nodiscard]] static bool needs_stored_order(const Outcome& outcome);
    void look_again(const NewOrder& order, Outcome& outcome) const;

    [[nodiscard]] Outcome decide(const NewOrder& order);
    [[nodiscard]] Outcome find_replay(const NewOrder& order) const;
    [[nodiscard]] Outcome find_placed(const NewOrder& order, const OrderId& id) const;
    [[nodiscard]] Result<Order> plan(const NewOrder& order) const;
    [[nodiscard]] std::vector<std::string> locations_for(const NewOrder& order) const;
    void accept(const NewOrder& order, const Order& planned);
    void write();

    Transaction& transaction_;
    std::span<const NewOrder> orders_;
    const Catalogue& catalogue_;
    std::unordered_map<std::string, Record> records_;
    std::unordered_map<std::string, std::int64_t> stock_;  // left after those decided so far
    std::unordered_map<OrderId, Order> stored_;            // those that were read
    std::unordered_map<OrderId, Order> accepted_;          // of this batch

    StockMoves taken_;
    std::vector<Document> new_records_;
    std::vector<Document> new_orders_;
    std::vector<Document> new_work_;
};

std::vector<Result<PlacedOrder>> Placing::place() {
    read_records();
    read_stock();
    // An id that was met in vain before is looked for at once; else ids are new, and are only looked
    // for where that decides.
    if (transaction_.run_number > 1) read_stored_orders();

    std::vector<Outcome> outcomes;
    for (const NewOrder& order : orders_) outcomes.push_back(decide(order));
    if (transaction_.run_number == 1 && std::ranges::any_of(outcomes, needs_stored_order)) {
        read_stored_orders();
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            if (needs_stored_order(outcomes[i])) look_again(orders_[i], outcomes[i]);
        }
    }
    write();

    std::vector<Result<PlacedOrder>> results;
    for (Outcome& outcome : outcomes) {
        require(outcome.has_value(), "an idempotency record names an order that is not there");
        results.push_back(*std::move(outcome));
    }
    return results;
}

// A replay whose order was not read yet; or a refusal: an id that exists already is a repeat,
// whatever would become of the order today.
bool Placing::needs_stored_order(const Outcome& outcome) {
    if (!outcome) return true;
    return !*outcome && outcome->error().code != ErrorCode::idempotency_key_reused;
}

void Placing::look_again(const NewOrder& order, Outcome& outcome) const {
    if (!outcome) {
        outcome = find_replay(order);
    } else if (stored_.contains(order.order_id)) {
        outcome = find_placed(order, order.order_id);
    }
}

void Placing::read_records() {
    std::vector<std::string> keys;
    for (const NewOrder& order : orders_) {
        if (order.idempotency) keys.push_back(request_key(order.user_id, order.idempotency->key));
    }
    if (keys.empty()) return;
    const auto read = [](const View& found) {
        Record record{found.binary("request_hash"), std::nullopt};
        if (found.has("order_id")) record.order_id = OrderId(found.text("order_id"));
        return std::pair(found.text("_id"), std::move(record));
    };
    for (auto& [key, record] : transaction_.find(collection::idempotency, by_ids(keys), read)) {
        records_.emplace(key, std::move(record));
    }
}

void Placing::read_stock() {
    std::set<std::string> keys;
    for (const NewOrder& order : orders_) {
        const std::vector<std::string> places = locations_for(order);
        if (places.size() != 1) continue;
        for (const RequestedLine& line : order.lines) keys.insert(stock_key(line.product_id, places.front()));
    }
    if (keys.empty()) return;
    const auto read = [](const View& found) { return std::pair(found.text("_id"), found.integer("available")); };
    for (auto& [key, available] : transaction_.find(collection::inventory, by_ids({keys.begin(), keys.end()}), read)) {
        stock_.emplace(key, available);
    }
}

void Placing::read_stored_orders() {
    std::set<std::string> ids;
    for (const NewOrder& order : orders_) ids.insert(order.order_id.text);
    for (const auto& [key, record] : records_) {
        if (record.order_id) ids.insert(record.order_id->text);
    }
    stored_ = find_orders(transaction_, {ids.begin(), ids.end()});
}

// Empty: a replay whose order has not been read.
Placing::Outcome Placing::decide(const NewOrder& order) {
    if (order.idempotency && records_.contains(request_key(order.user_id, order.idempotency->key))) {
        return find_replay(order);
    }
    if (Outcome placed = find_placed(order, order.order_id)) return placed;
    Result<Order> planned = plan(order);
    if (!planned) return Result<PlacedOrder>(std::unexpected(planned.error()));
    accept(order, *planned);
    return Result<PlacedOrder>(PlacedOrder{*std::move(planned), false});
}

Placing::Outcome Placing::find_replay(const NewOrder& order) const {
    if (!order.idempotency) return std::nullopt;
    const auto found = records_.find(request_key(order.user_id, order.idempotency->key));
    if (found == records_.end()) return std::nullopt;
    const Record& record = found->second;
    const std::span<const std::uint8_t> hash = as_bytes(order.idempotency->request_hash);
    if (!record.order_id || !std::ranges::equal(record.request_hash, hash, {},
                                                [](char octet) { return static_cast<std::uint8_t>(octet); })) {
        return Result<PlacedOrder>(key_reused());
    }
    return find_placed(order, *record.order_id);
}

Placing::Outcome Placing::find_placed(const NewOrder& order, const OrderId& id) const {
    for (const auto* known : {&accepted_, &stored_}) {
        const auto found = known->find(id);
        if (found == known->end()) continue;
        require(found->second.user_id == order.user_id, "the id of a new order belongs to somebody else's");
        return Result<PlacedOrder>(PlacedOrder{as_placed(found->second), true});
    }
    return std::nullopt;
}

Result<Order> Placing::plan(const NewOrder& order) const {
    Result<std::string> location = resolve_location(order.location, locations_for(order));
    if (!location) return std::unexpected(location.error());
    std::vector<LineFacts> facts;
    facts.reserve(order.lines.size());
    for (const RequestedLine& line : order.lines) {
        const auto level = stock_.find(stock_key(line.product_id, *location));
        facts.push_back({catalogue_.find(line.product_id), level == stock_.end() ? 0 : level->second});
    }
    return plan_order(order, *std::move(location), facts, transaction_.now);
}

std::vector<std::string> Placing::locations_for(const NewOrder& order) const {
    if (!order.location) return catalogue_.some_locations;
    if (!catalogue_.named_locations.contains(*order.location)) return {};
    return {*order.location};
}

void Placing::accept(const NewOrder& order, const Order& planned) {
    for (const OrderLine& line : planned.lines) {
        std::int64_t& level = stock_.at(stock_key(line.product_id, planned.location));
        require(line.quantity > 0 && line.quantity <= level, "an order was planned beyond its stock");
        level -= line.quantity;
        taken_.add(line.product_id, planned.location, -line.quantity);
    }
    if (order.idempotency) {
        const std::string key = request_key(order.user_id, order.idempotency->key);
        const std::span<const std::uint8_t> hash = as_bytes(order.idempotency->request_hash);
        new_records_.push_back(
            doc("_id", key, "request_hash", hash, "order_id", planned.id, "created_at", transaction_.now));
        records_.emplace(key, Record{std::string(hash.begin(), hash.end()), planned.id});
    }
    new_orders_.push_back(write_order(planned));
    WorkItem work = make_work_item(process_work_id(planned.id), WorkKind::process_order, planned.id, transaction_.now);
    work.trace = planned.trace;
    new_work_.push_back(write_work_item(work));
    accepted_.emplace(planned.id, planned);
}

void Placing::write() {
    taken_.write(transaction_);
    transaction_.insert(collection::idempotency, new_records_);
    transaction_.insert(collection::orders, new_orders_);
    transaction_.insert(collection::work, new_work_);
}

MongoStore::Asked asked_of(std::span<const NewOrder> orders) {
    MongoStore::Asked asked;
    for (const NewOrder& order : orders) {
        for (const RequestedLine& line : order.lines) asked.product_ids.insert(line.product_id.text);
        if (order.location) asked.locations.insert(*order.location);
        asked.any_without_location = asked.any_without_location || !order.location;
    }
    return asked;
}

// The product without its description, which may be long and decides nothing.
Document product_fields() { return doc("name", 1, "price", 1, "active", 1); }

Product read_product_facts(const View& found) {
    Product product;
    product.id = ProductId(found.text("_id"));
    product.name = found.text("name");
    product.price = found.integer("price");
    product.active = found.boolean("active");
    return product;
}

// Every product has them; they are the same in each.
Document joined(const char* name, const Document& stage) {
    return doc("$lookup", doc("from", collection::locations, "pipeline", array(stage), "as", name));
}

// How many of the first orders one transaction may take.
std::size_t part_of(std::span<const NewOrder> orders) {
    std::size_t lines = 0;
    for (std::size_t i = 0; i < orders.size(); ++i) {
        lines += orders[i].lines.size();
        if (i > 0 && (i == elements_per_transaction_max || lines > lines_per_transaction_max)) return i;
    }
    return orders.size();
}

}  // namespace

std::vector<std::string> MongoStore::KnownLocations::missing_of(const std::set<std::string>& names) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> missing;
    std::ranges::set_difference(names, known_, std::back_inserter(missing));
    return missing;
}

bool MongoStore::KnownLocations::are_several() const {
    const std::lock_guard lock(mutex_);
    return known_.size() > 1;
}

void MongoStore::KnownLocations::add(const View& product) {
    const std::lock_guard lock(mutex_);
    for (const char* joined_as : {"named", "any"}) {
        if (!product.has(joined_as)) continue;
        for (const Document& location : product.documents(joined_as)) known_.insert(View(location).text("_id"));
    }
}

void MongoStore::KnownLocations::add(std::string name) {
    const std::lock_guard lock(mutex_);
    known_.insert(std::move(name));
}

std::set<std::string> MongoStore::KnownLocations::present_of(const std::set<std::string>& names) const {
    const std::lock_guard lock(mutex_);
    std::set<std::string> present;
    std::ranges::set_intersection(names, known_, std::inserter(present, present.end()));
    return present;
}

std::vector<std::string> MongoStore::KnownLocations::any_two() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> two;
    std::ranges::copy(known_ | std::views::take(2), std::back_inserter(two));
    return two;
}

// What is not known yet of locations comes with the products, in the same command.
std::vector<Product> MongoStore::KnownLocations::read_with_products(Connection& connection, const Asked& asked) {
    const std::vector<std::string> missing = missing_of(asked.locations);
    const bool any_missing = asked.any_without_location && !are_several();
    const Document wanted = by_ids({asked.product_ids.begin(), asked.product_ids.end()});
    if (missing.empty() && !any_missing) {
        return connection.find(collection::products, wanted, {.fields = product_fields()}, read_product_facts);
    }
    const Document those = doc("$match", by_ids(missing));
    const Document any = doc("$limit", 2);
    std::vector<Document> pipeline = array(doc("$match", wanted), doc("$project", product_fields()));
    if (!missing.empty()) pipeline.push_back(joined("named", those));
    if (any_missing) pipeline.push_back(joined("any", any));
    std::vector<Product> products;
    connection.aggregate(collection::products, pipeline, [&](const View& found) {
        if (products.empty()) add(found);
        products.push_back(read_product_facts(found));
    });
    if (!products.empty()) return products;
    // Nothing to join them to.
    for (const Document& stage : {those, any}) {
        connection.aggregate(collection::locations, {stage}, [&](const View& found) { add(found.text("_id")); });
    }
    return products;
}

std::vector<Result<PlacedOrder>> MongoStore::place_orders(std::span<const NewOrder> orders) {
    std::vector<Result<PlacedOrder>> results;
    while (!orders.empty()) {
        const std::size_t count = part_of(orders);
        for (Result<PlacedOrder>& result : place_part(orders.first(count))) results.push_back(std::move(result));
        orders = orders.subspan(count);
    }
    return results;
}

std::vector<Result<PlacedOrder>> MongoStore::place_part(std::span<const NewOrder> orders) {
    const Asked asked = asked_of(orders);
    Catalogue catalogue;
    std::vector<Result<PlacedOrder>> results;
    const auto read_catalogue = [&](Connection& connection) {
        catalogue.products.clear();
        for (Product& product : locations_.read_with_products(connection, asked)) {
            const ProductId id = product.id;
            catalogue.products.emplace(id, std::move(product));
        }
        catalogue.named_locations = locations_.present_of(asked.locations);
        catalogue.some_locations = locations_.any_two();
    };
    const Result<void> committed = transactions_.run_until_committed(
        Lane::stock, read_catalogue,
        [&](Transaction& transaction) { results = Placing(transaction, orders, catalogue).place(); });
    if (!committed) results.assign(orders.size(), std::unexpected(committed.error()));
    return results;
}

}  // namespace waybill::mongo
