// Rows of another system.
#include <stdexcept>
#include <type_traits>

#include "adapters/sqlite/catalogue_steps.hpp"
#include "adapters/sqlite/order_steps.hpp"
#include "adapters/sqlite/rows.hpp"
#include "adapters/sqlite/sqlite_store.hpp"
#include "domain/encoding.hpp"

namespace waybill::sqlite {

namespace {

Result<bool> is_missing(Connection& db, const User& row) {
    Rows found = db.query("SELECT max(user_id = ?1) FROM users WHERE user_id = ?1 OR email = ?2", row.id, row.email);
    if (!found.next() || found.is_null(0)) return true;
    if (found.integer(0) != 0) return false;
    return fail(ErrorCode::email_taken, "There is an account with this address.");
}

Result<bool> is_missing(Connection& db, const Product& row) {
    return !db.query("SELECT 1 FROM products WHERE product_id = ?1", row.id).next();
}

Result<bool> is_missing(Connection& db, const StockLevel& row) {
    return !db.query("SELECT 1 FROM inventory WHERE product_id = ?1 AND location = ?2", row.product_id, row.location)
                .next();
}

Result<bool> is_missing(Connection& db, const Order& row) {
    Rows found = db.query("SELECT user_id FROM orders WHERE order_id = ?1", row.id);
    if (!found.next()) return true;
    if (found.text(0) == row.user_id.text) return false;
    return fail(ErrorCode::validation_failed, "There is an order with this id, of another user.");
}

void put(Transaction& transaction, const User& row) {
    transaction.db.run("INSERT INTO users VALUES (?1, ?2, ?3, ?4, ?5, ?6)", row.id, row.email, row.name,
                       row.password_hash, row.role, row.created_at);
}

void put(Transaction& transaction, const Product& row) { insert_product(transaction.db, row); }

void put(Transaction& transaction, const StockLevel& row) {
    put_stock(transaction.db, row.product_id, row.location, row.available);
}

void put(Transaction& transaction, const Order& row) {
    require(!row.took_stock(), "an imported order took stock here");
    require(is_terminal(row.status) || row.status == OrderStatus::pending, "an imported order is being worked");
    const std::string lines = encode_lines(row.lines);
    transaction.db.run("INSERT INTO orders VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, NULL)", row.id, row.user_id,
                       row.location, Blob{lines}, row.total, row.status, row.created_at, row.processing_at,
                       row.finished_at, row.reason);
    if (is_terminal(row.status)) return;
    require(insert_work(transaction.db, process_work_id(row.id), WorkKind::process_order, row.id, "", transaction.now),
            "an order that is not there has a work item");
}

template <class Row>
std::vector<Result<bool>> find_missing(Connection& db, std::span<const Row> rows) {
    std::vector<Result<bool>> results;
    results.reserve(rows.size());
    for (const Row& row : rows) results.push_back(is_missing(db, row));
    return results;
}

template <class Row>
std::vector<Result<bool>> put_missing(Transaction& transaction, std::span<const Row> rows) {
    std::vector<Result<bool>> results = find_missing(transaction.db, rows);
    bool any = false;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (!results[i] || !*results[i]) continue;
        put(transaction, rows[i]);
        any = true;
    }
    if constexpr (std::is_same_v<Row, Product>) {
        if (any) raise_catalogue_version(transaction.db);
    }
    return results;
}

template <class Row>
std::vector<Result<bool>> import_rows(SqliteStore& store, std::span<const Row> rows, ImportMode mode) {
    if (rows.empty()) return {};
    if (rows.size() > import_rows_max) throw std::length_error("too many rows for one import");
    using All = Result<std::vector<Result<bool>>>;
    All results = mode == ImportMode::look
                      ? store.read([&](Connection& db) { return find_missing(db, rows); })
                      : store.write([&](Transaction& transaction) -> All { return put_missing(transaction, rows); });
    if (!results) return {rows.size(), std::unexpected(results.error())};
    return *std::move(results);
}

}  // namespace

std::vector<Result<bool>> SqliteStore::import_users(std::span<const User> users, ImportMode mode) {
    return import_rows(*this, users, mode);
}

std::vector<Result<bool>> SqliteStore::import_products(std::span<const Product> products, ImportMode mode) {
    return import_rows(*this, products, mode);
}

std::vector<Result<bool>> SqliteStore::import_stock(std::span<const StockLevel> levels, ImportMode mode) {
    return import_rows(*this, levels, mode);
}

std::vector<Result<bool>> SqliteStore::import_orders(std::span<const Order> orders, ImportMode mode) {
    return import_rows(*this, orders, mode);
}

}  // namespace waybill::sqlite
