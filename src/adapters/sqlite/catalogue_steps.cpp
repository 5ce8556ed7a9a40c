#include "adapters/sqlite/catalogue_steps.hpp"

#include "adapters/sqlite/order_steps.hpp"
#include "adapters/sqlite/rows.hpp"

namespace waybill::sqlite {

std::optional<Product> select_product(Connection& db, const ProductId& id) {
    return read_first(db.query("SELECT * FROM products WHERE product_id = ?1", id), read_product);
}

std::uint64_t select_catalogue_version(Connection& db) {
    Rows row = db.query("SELECT value FROM counters WHERE name = 'catalogue_version'");
    require(row.next(), "the catalogue version is not there");
    return static_cast<std::uint64_t>(row.integer(0));
}

std::uint64_t raise_catalogue_version(Connection& db) {
    require(db.run("UPDATE counters SET value = value + 1 WHERE name = 'catalogue_version'") == 1,
            "the catalogue version is not there");
    return select_catalogue_version(db);
}

void insert_product(Connection& db, const Product& product) {
    db.run("INSERT INTO products VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", product.id, product.name, product.price,
           product.active, product.created_at, product.updated_at, product.description);
}

void put_stock(Connection& db, const ProductId& id, const std::string& location, std::int64_t available) {
    db.run(
        "INSERT INTO inventory VALUES (?1, ?2, ?3)"
        " ON CONFLICT (product_id, location) DO UPDATE SET available = excluded.available",
        id, location, available);
    db.run("INSERT INTO locations VALUES (?1) ON CONFLICT DO NOTHING", location);
    raise_stock_version(db);
}

}  // namespace waybill::sqlite
