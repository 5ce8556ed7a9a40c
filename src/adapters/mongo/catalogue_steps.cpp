#include "adapters/mongo/catalogue_steps.hpp"

#include <set>
#include <string>

#include "adapters/mongo/rows.hpp"

namespace waybill::mongo {

namespace {

Document put_level(const StockLevel& level) {
    return doc("q", by_id(stock_key(level.product_id, level.location)), "u",
               doc("$set", doc("available", level.available), "$setOnInsert",
                   doc("product_id", level.product_id, "location", level.location)),
               "upsert", true);
}

}  // namespace

std::uint64_t read_catalogue_version(const View& catalogue) {
    return static_cast<std::uint64_t>(catalogue.integer("version"));
}

std::uint64_t find_catalogue_version(Transaction& transaction) {
    const std::optional<std::uint64_t> version =
        transaction.find_one(collection::meta, by_id(catalogue_id), read_catalogue_version);
    require(version.has_value(), "the catalogue version is not there");
    return *version;
}

std::uint64_t raise_catalogue_version(Transaction& transaction) {
    const std::int64_t changed =
        transaction.update_where(collection::meta, by_id(catalogue_id), doc("$inc", doc("version", 1)));
    require(changed == 1, "the catalogue version is not there");
    return find_catalogue_version(transaction);
}

void put_stock(Transaction& transaction, std::span<const StockLevel> levels) {
    std::vector<Document> rows;
    std::set<std::string> names;
    for (const StockLevel& level : levels) {
        rows.push_back(put_level(level));
        names.insert(level.location);
    }
    transaction.apply(collection::inventory, rows);
    const std::vector<std::string> wanted(names.begin(), names.end());
    for (const std::string& known :
         transaction.find(collection::locations, by_ids(wanted), [](const View& found) { return found.text("_id"); })) {
        names.erase(known);
    }
    std::vector<Document> made;
    for (const std::string& name : names) made.push_back(by_id(name));
    transaction.insert(collection::locations, made);
}

}  // namespace waybill::mongo
