// Rows of another system.
#include <set>
#include <stdexcept>
#include <unordered_map>

#include "adapters/mongo/catalogue_steps.hpp"
#include "adapters/mongo/mongo_store.hpp"
#include "adapters/mongo/order_steps.hpp"
#include "adapters/mongo/rows.hpp"

namespace waybill::mongo {

namespace {

// True: the row is missing.
using Outcomes = std::vector<Result<bool>>;

std::string key_of(const StockLevel& level) { return stock_key(level.product_id, level.location); }

template <class Row>
std::string key_of(const Row& row) {
    return row.id.text;
}

template <class Row>
std::vector<std::string> keys_of(std::span<const Row> rows) {
    std::vector<std::string> keys;
    for (const Row& row : rows) keys.push_back(key_of(row));
    return keys;
}

// The ids that are there, each with its `field`. `source` is a transaction or a connection.
template <class Source>
std::unordered_map<std::string, std::string> find_known(Source& source, const char* collection, const Document& filter,
                                                        const char* field) {
    std::unordered_map<std::string, std::string> known;
    const FindOptions options{.fields = doc(field, 1)};
    const auto read = [&](const View& found) { return std::pair(found.text("_id"), found.text(field)); };
    for (auto& [id, value] : source.find(collection, filter, options, read)) known.emplace(id, std::move(value));
    return known;
}

template <class Source>
Outcomes find_missing(Source& source, std::span<const User> users) {
    std::vector<std::string> addresses;
    for (const User& user : users) addresses.push_back(user.email);
    const Document same = doc("$or", array(by_ids(keys_of(users)), doc("email", doc("$in", addresses))));
    const auto known = find_known(source, collection::users, same, "email");
    std::set<std::string> taken;
    for (const auto& [id, email] : known) taken.insert(email);
    Outcomes results;
    for (const User& user : users) {
        if (known.contains(user.id.text)) {
            results.emplace_back(false);
        } else if (taken.contains(user.email)) {
            results.emplace_back(fail(ErrorCode::email_taken, "There is an account with this address."));
        } else {
            results.emplace_back(true);
        }
    }
    return results;
}

template <class Source>
Outcomes find_missing(Source& source, std::span<const Order> orders) {
    const auto known = find_known(source, collection::orders, by_ids(keys_of(orders)), "user_id");
    Outcomes results;
    for (const Order& order : orders) {
        const auto found = known.find(order.id.text);
        if (found != known.end() && found->second != order.user_id.text) {
            results.emplace_back(
                fail(ErrorCode::validation_failed, "There is an order with this id, of another user."));
        } else {
            results.emplace_back(found == known.end());
        }
    }
    return results;
}

template <class Source>
Outcomes find_missing(Source& source, const char* collection, const std::vector<std::string>& keys) {
    const auto known = find_known(source, collection, by_ids(keys), "_id");
    Outcomes results;
    for (const std::string& key : keys) results.emplace_back(!known.contains(key));
    return results;
}

template <class Source>
Outcomes find_missing(Source& source, std::span<const Product> products) {
    return find_missing(source, collection::products, keys_of(products));
}

template <class Source>
Outcomes find_missing(Source& source, std::span<const StockLevel> levels) {
    return find_missing(source, collection::inventory, keys_of(levels));
}

void put(Transaction& transaction, const std::vector<User>& users) {
    std::vector<Document> made;
    for (const User& user : users) made.push_back(write_user(user));
    transaction.insert(collection::users, made);
}

void put(Transaction& transaction, const std::vector<Product>& products) {
    if (products.empty()) return;
    std::vector<Document> made;
    for (const Product& product : products) made.push_back(write_product(product));
    transaction.insert(collection::products, made);
    (void)raise_catalogue_version(transaction);
}

void put(Transaction& transaction, const std::vector<StockLevel>& levels) {
    if (!levels.empty()) put_stock(transaction, levels);
}

void put(Transaction& transaction, const std::vector<Order>& orders) {
    std::vector<Document> made;
    std::vector<Document> work;
    for (const Order& order : orders) {
        require(!order.took_stock(), "an imported order took stock here");
        require(is_terminal(order.status) || order.status == OrderStatus::pending, "an imported order is being worked");
        made.push_back(write_order(order));
        if (is_terminal(order.status)) continue;
        work.push_back(write_work_item(
            make_work_item(process_work_id(order.id), WorkKind::process_order, order.id, transaction.now)));
    }
    transaction.insert(collection::orders, made);
    transaction.insert(collection::work, work);
}

template <class Row>
Outcomes put_missing(Transaction& transaction, std::span<const Row> rows) {
    Outcomes results = find_missing(transaction, rows);
    std::vector<Row> missing;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (results[i] && *results[i]) missing.push_back(rows[i]);
    }
    put(transaction, missing);
    return results;
}

template <class Row>
Outcomes import_rows(Transactions& transactions, Lane lane, std::span<const Row> rows, ImportMode mode) {
    if (rows.empty()) return {};
    if (rows.size() > import_rows_max) throw std::length_error("too many rows for one import");
    const auto look = [&](Connection& connection) { return find_missing(connection, rows); };
    const auto write = [&](Transaction& transaction) -> Result<Outcomes> { return put_missing(transaction, rows); };
    Result<Outcomes> results = mode == ImportMode::look ? transactions.read(look) : transactions.run(lane, write);
    if (!results) return {rows.size(), std::unexpected(results.error())};
    return *std::move(results);
}

}  // namespace

std::vector<Result<bool>> MongoStore::import_users(std::span<const User> users, ImportMode mode) {
    return import_rows(transactions_, Lane::none, users, mode);
}

std::vector<Result<bool>> MongoStore::import_products(std::span<const Product> products, ImportMode mode) {
    return import_rows(transactions_, Lane::none, products, mode);
}

std::vector<Result<bool>> MongoStore::import_stock(std::span<const StockLevel> levels, ImportMode mode) {
    return import_rows(transactions_, Lane::stock, levels, mode);
}

std::vector<Result<bool>> MongoStore::import_orders(std::span<const Order> orders, ImportMode mode) {
    return import_rows(transactions_, Lane::none, orders, mode);
}

}  // namespace waybill::mongo
