// Products and stock.
#include "adapters/mongo/catalogue_steps.hpp"
#include "adapters/mongo/mongo_store.hpp"
#include "adapters/mongo/rows.hpp"

namespace waybill::mongo {

namespace {

std::optional<Product> find_product_in(Transaction& transaction, const ProductId& id) {
    return transaction.find_one(collection::products, by_id(id.text), read_product);
}

std::optional<Result<StockChanged>> find_replay(Transaction& transaction, const StockChange& change) {
    if (!change.idempotency) return std::nullopt;
    const RequestHash& hash = change.idempotency->request_hash;
    const std::string_view wanted(reinterpret_cast<const char*>(hash.data()), hash.size());
    return transaction.find_one(collection::idempotency, by_id(request_key(change.user_id, change.idempotency->key)),
                                [&](const View& record) -> Result<StockChanged> {
                                    if (!record.has("available") || record.binary("request_hash") != wanted) {
                                        return fail(ErrorCode::idempotency_key_reused,
                                                    "This key was used for another request.");
                                    }
                                    return StockChanged{record.integer("available"), record.integer("previous"), true};
                                });
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
    if (std::optional<Result<StockChanged>> replay = find_replay(transaction, change)) return *replay;
    if (!find_product_in(transaction, change.product_id)) {
        return fail(ErrorCode::unknown_product, "There is no such product.");
    }
    const std::int64_t previous =
        transaction
            .find_one(collection::inventory, by_id(stock_key(change.product_id, change.location)),
                      [](const View& found) { return found.integer("available"); })
            .value_or(0);
    const std::optional<std::int64_t> level = level_after(change, previous);
    if (!level) {
        return fail(ErrorCode::validation_failed,
                    "The stock must stay between 0 and " + std::to_string(stock_max) + ".");
    }
    const StockLevel put{change.product_id, change.location, *level};
    put_stock(transaction, std::span(&put, 1));
    if (change.idempotency) {
        const std::span<const std::uint8_t> hash = change.idempotency->request_hash;
        transaction.insert(collection::idempotency,
                           {doc("_id", request_key(change.user_id, change.idempotency->key), "request_hash", hash,
                                "available", *level, "previous", previous, "created_at", transaction.now)});
    }
    return StockChanged{*level, previous, false};
}

}  // namespace

Result<CatalogueWrite> MongoStore::create_product(const Product& product) {
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<CatalogueWrite> {
        // A repeat after an unknown commit.
        if (std::optional<Product> known = find_product_in(transaction, product.id)) {
            return CatalogueWrite{*std::move(known), find_catalogue_version(transaction)};
        }
        Product stored = product;
        stored.created_at = transaction.now;
        stored.updated_at = transaction.now;
        transaction.insert(collection::products, {write_product(stored)});
        return CatalogueWrite{std::move(stored), raise_catalogue_version(transaction)};
    });
}

Result<CatalogueWrite> MongoStore::update_product(const ProductId& id, const ProductPatch& patch) {
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<CatalogueWrite> {
        std::optional<Product> known = find_product_in(transaction, id);
        if (!known) return fail(ErrorCode::not_found, "There is no such product.");
        Product changed = apply_patch(*std::move(known), patch, transaction.now);
        Updates updates;
        updates.add(id.text, doc(),
                    doc("$set", doc("name", changed.name, "description", changed.description, "price", changed.price,
                                    "active", changed.active, "updated_at", changed.updated_at)));
        transaction.update(collection::products, updates);
        return CatalogueWrite{std::move(changed), raise_catalogue_version(transaction)};
    });
}

Result<std::optional<Product>> MongoStore::find_product(const ProductId& id) {
    return transactions_.read([&](Connection& connection) -> std::optional<Product> {
        auto found = connection.find(collection::products, by_id(id.text), {.limit = 1}, read_product);
        if (found.empty()) return std::nullopt;
        return std::move(found.front());
    });
}

Result<std::vector<Product>> MongoStore::list_products(const std::optional<PageKey>& after, std::size_t limit) {
    if (limit == 0) return std::vector<Product>{};
    Document active = doc("active", true);
    put_page(active, after);
    return transactions_.read([&](Connection& connection) {
        return connection.find(collection::products, active, {.sort = newest_first(), .limit = limit}, read_product);
    });
}

Result<std::uint64_t> MongoStore::catalogue_version() {
    return transactions_.read([](Connection& connection) {
        const auto found = connection.find(collection::meta, by_id(catalogue_id), {.limit = 1}, read_catalogue_version);
        require(!found.empty(), "the catalogue version is not there");
        return found.front();
    });
}

Result<StockChanged> MongoStore::change_stock(const StockChange& change) {
    return transactions_.run(Lane::stock, [&](Transaction& transaction) { return apply_change(transaction, change); });
}

Result<std::vector<StockLevel>> MongoStore::list_stock(const StockFilter& filter,
                                                       const std::optional<StockLevel>& after, std::size_t limit) {
    if (limit == 0) return std::vector<StockLevel>{};
    std::vector<Document> all{doc()};
    if (filter.product_id) all.push_back(doc("product_id", *filter.product_id));
    if (filter.location) all.push_back(doc("location", *filter.location));
    if (after) {
        all.push_back(doc("product_id", doc("$gte", after->product_id)));
        all.push_back(doc("$or", array(doc("product_id", doc("$gt", after->product_id)),
                                       doc("location", doc("$gt", after->location)))));
    }
    return transactions_.read([&](Connection& connection) {
        return connection.find(collection::inventory, doc("$and", all),
                               {.sort = doc("product_id", 1, "location", 1), .limit = limit}, read_stock);
    });
}

Result<bool> MongoStore::seed(std::span<const SeedProduct> seeds) {
    return transactions_.run(Lane::stock, [&](Transaction& transaction) -> Result<bool> {
        if (transaction.find_one(collection::products, doc(), [](const View&) { return true; })) return false;
        std::vector<Document> rows;
        std::vector<StockLevel> levels;
        for (const SeedProduct& seed : seeds) {
            Product stored = seed.product;
            stored.created_at = transaction.now;
            stored.updated_at = transaction.now;
            rows.push_back(write_product(stored));
            levels.insert(levels.end(), seed.stock.begin(), seed.stock.end());
        }
        transaction.insert(collection::products, rows);
        put_stock(transaction, levels);
        (void)raise_catalogue_version(transaction);
        return true;
    });
}

}  // namespace waybill::mongo
