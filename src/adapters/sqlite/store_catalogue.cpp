// Products and stock.
#include "adapters/sqlite/catalogue_steps.hpp"
#include "adapters/sqlite/order_steps.hpp"
#include "adapters/sqlite/rows.hpp"
#include "adapters/sqlite/sqlite_store.hpp"

namespace waybill::sqlite {

namespace {

std::optional<Result<StockChanged>> find_replay(Connection& db, const StockChange& change) {
    if (!change.idempotency) return std::nullopt;
    Rows record = db.query("SELECT request_hash, available, previous FROM idempotency WHERE user_id = ?1 AND key = ?2",
                           change.user_id, change.idempotency->key);
    if (!record.next()) return std::nullopt;
    if (record.is_null(1) || record.blob(0) != as_bytes(change.idempotency->request_hash)) {
        return fail(ErrorCode::idempotency_key_reused, "This key was used for another request.");
    }
    return StockChanged{record.integer(1), record.integer(2), true};
}

// Empty when the level would leave its bounds.
std::optional<std::int64_t> level_after(const StockChange& change, std::int64_t previous) {
    if (change.set.has_value() == change.delta.has_value()) return std::nullopt;
    if (change.delta && (*change.delta > stock_max || *change.delta < -stock_max)) return std::nullopt;
    const std::int64_t level = change.set ? *change.set : previous + *change.delta;
    if (level < 0 || level > stock_max) return std::nullopt;
    return level;
}

Result<StockChanged> apply_change(Transaction& transaction, const StockChange& change) {
    auto& [db, now] = transaction;
    if (std::optional<Result<StockChanged>> replay = find_replay(db, change)) return *replay;
    if (!select_product(db, change.product_id)) {
        return fail(ErrorCode::unknown_product, "There is no such product.");
    }
    const std::int64_t previous =
        read_first(db.query("SELECT available FROM inventory WHERE product_id = ?1 AND location = ?2",
                            change.product_id, change.location),
                   [](const Rows& row) { return row.integer(0); })
            .value_or(0);
    const std::optional<std::int64_t> level = level_after(change, previous);
    if (!level) {
        return fail(ErrorCode::validation_failed,
                    "The stock must stay between 0 and " + std::to_string(stock_max) + ".");
    }
    put_stock(db, change.product_id, change.location, *level);
    if (change.idempotency) {
        db.run("INSERT INTO idempotency VALUES (?1, ?2, ?3, NULL, ?4, ?5, ?6)", change.user_id, change.idempotency->key,
               Blob{as_bytes(change.idempotency->request_hash)}, *level, previous, now);
    }
    return StockChanged{*level, previous, false};
}

StockLevel read_stock(const Rows& row) { return {ProductId(row.text(0)), row.text(1), row.integer(2)}; }

}  // namespace

Result<CatalogueWrite> SqliteStore::create_product(const Product& product) {
    return write([&](Transaction& transaction) -> Result<CatalogueWrite> {
        auto& [db, now] = transaction;
        // A repeat after an unknown commit.
        if (std::optional<Product> known = select_product(db, product.id)) {
            return CatalogueWrite{*std::move(known), select_catalogue_version(db)};
        }
        Product stored = product;
        stored.created_at = now;
        stored.updated_at = now;
        insert_product(db, stored);
        return CatalogueWrite{std::move(stored), raise_catalogue_version(db)};
    });
}

Result<CatalogueWrite> SqliteStore::update_product(const ProductId& id, const ProductPatch& patch) {
    return write([&](Transaction& transaction) -> Result<CatalogueWrite> {
        auto& [db, now] = transaction;
        std::optional<Product> known = select_product(db, id);
        if (!known) return fail(ErrorCode::not_found, "There is no such product.");
        Product changed = apply_patch(*std::move(known), patch, now);
        db.run(
            "UPDATE products SET name = ?2, price = ?3, active = ?4, updated_at = ?5, description = ?6"
            " WHERE product_id = ?1",
            id, changed.name, changed.price, changed.active, changed.updated_at, changed.description);
        return CatalogueWrite{std::move(changed), raise_catalogue_version(db)};
    });
}

Result<std::optional<Product>> SqliteStore::find_product(const ProductId& id) {
    return read([&](Connection& db) { return select_product(db, id); });
}

Result<std::vector<Product>> SqliteStore::list_products(const std::optional<PageKey>& after, std::size_t limit) {
    const PageKey from = after.value_or(PageKey{TimePoint::max(), {}});
    return read([&](Connection& db) {
        return read_all(db.query("SELECT * FROM products WHERE active = 1 AND (created_at, product_id) < (?1, ?2)"
                                 " ORDER BY created_at DESC, product_id DESC LIMIT ?3",
                                 from.created_at, from.id, limit),
                        read_product);
    });
}

Result<std::uint64_t> SqliteStore::catalogue_version() {
    return read([](Connection& db) { return select_catalogue_version(db); });
}

Result<StockChanged> SqliteStore::change_stock(const StockChange& change) {
    if (!order_log_) return fail(ErrorCode::unavailable, "Only the server changes stock.");
    // Stock that fresh orders took is not missing in the tables yet.
    const Result<std::unique_lock<std::mutex>> paused = order_log_->pause();
    if (!paused) return std::unexpected(paused.error());
    return write([&](Transaction& transaction) { return apply_change(transaction, change); });
}

Result<std::vector<StockLevel>> SqliteStore::list_stock(const StockFilter& filter,
                                                        const std::optional<StockLevel>& after, std::size_t limit) {
    if (Result<void> taken = wait_until_absorbed(); !taken) return std::unexpected(taken.error());
    const StockLevel from = after.value_or(StockLevel{});
    return read([&](Connection& db) {
        if (filter.product_id) {
            return read_all(
                db.query("SELECT * FROM inventory WHERE product_id = ?1 AND (product_id, location) > (?2, ?3)"
                         " AND (?4 IS NULL OR location = ?4) ORDER BY location LIMIT ?5",
                         filter.product_id, from.product_id, from.location, filter.location, limit),
                read_stock);
        }
        if (filter.location) {
            return read_all(db.query("SELECT * FROM inventory WHERE location = ?1 AND (product_id, location) > (?2, ?3)"
                                     " ORDER BY product_id LIMIT ?4",
                                     filter.location, from.product_id, from.location, limit),
                            read_stock);
        }
        return read_all(db.query("SELECT * FROM inventory WHERE (product_id, location) > (?1, ?2)"
                                 " ORDER BY product_id, location LIMIT ?3",
                                 from.product_id, from.location, limit),
                        read_stock);
    });
}

Result<bool> SqliteStore::seed(std::span<const SeedProduct> products) {
    return write([&](Transaction& transaction) -> Result<bool> {
        auto& [db, now] = transaction;
        if (db.query("SELECT 1 FROM products LIMIT 1").next()) return false;
        for (const SeedProduct& element : products) {
            Product stored = element.product;
            stored.created_at = now;
            stored.updated_at = now;
            insert_product(db, stored);
            for (const StockLevel& level : element.stock) {
                put_stock(db, level.product_id, level.location, level.available);
            }
        }
        raise_catalogue_version(db);
        return true;
    });
}

}  // namespace waybill::sqlite
