#include <algorithm>
#include <tuple>

#include "tests/support/memory_store.hpp"
#include "tests/support/newest_first.hpp"

namespace waybill::testing {

namespace {

// Empty when the level would leave its bounds.
std::optional<std::int64_t> level_after(const StockChange& change, std::int64_t previous) {
    if (change.set.has_value() == change.delta.has_value()) return std::nullopt;
    if (change.delta && (*change.delta > stock_max || *change.delta < -stock_max)) return std::nullopt;
    const std::int64_t level = change.set ? *change.set : previous + *change.delta;
    if (level < 0 || level > stock_max) return std::nullopt;
    return level;
}

// Erases the first `max` entries for which `is_over` holds, and counts them.
template <class Map, class Predicate>
std::int64_t erase_some(Map& rows, std::size_t max, Predicate is_over) {
    std::int64_t erased = 0;
    for (auto row = rows.begin(); row != rows.end() && erased < static_cast<std::int64_t>(max);) {
        if (is_over(row->second)) {
            row = rows.erase(row);
            ++erased;
        } else {
            ++row;
        }
    }
    return erased;
}

}  // namespace

Result<CatalogueWrite> MemoryStore::create_product(const Product& product) {
    const std::lock_guard lock(mutex_);
    if (const auto known = products_.find(product.id); known != products_.end()) {
        return CatalogueWrite{known->second, catalogue_version_};
    }
    Product stored = product;
    stored.created_at = clock_.now();
    stored.updated_at = stored.created_at;
    products_[stored.id] = stored;
    return CatalogueWrite{stored, ++catalogue_version_};
}

Result<CatalogueWrite> MemoryStore::update_product(const ProductId& id, const ProductPatch& patch) {
    const std::lock_guard lock(mutex_);
    const auto found = products_.find(id);
    if (found == products_.end()) return fail(ErrorCode::not_found, "There is no such product.");
    found->second = apply_patch(found->second, patch, clock_.now());
    return CatalogueWrite{found->second, ++catalogue_version_};
}

Result<std::optional<Product>> MemoryStore::find_product(const ProductId& id) {
    const std::lock_guard lock(mutex_);
    const auto found = products_.find(id);
    if (found == products_.end()) return std::optional<Product>{};
    return found->second;
}

Result<std::vector<Product>> MemoryStore::list_products(const std::optional<PageKey>& after, std::size_t limit) {
    const std::lock_guard lock(mutex_);
    std::vector<Product> rows;
    for (const auto& [id, product] : products_) {
        if (product.active) rows.push_back(product);
    }
    return page_newest_first(std::move(rows), after, limit);
}

Result<std::uint64_t> MemoryStore::catalogue_version() {
    const std::lock_guard lock(mutex_);
    return catalogue_version_;
}

Result<StockChanged> MemoryStore::change_stock(const StockChange& change) {
    const std::lock_guard lock(mutex_);
    if (change.idempotency) {
        const auto record = idempotency_.find({change.user_id, change.idempotency->key});
        if (record != idempotency_.end()) {
            const auto* changed = std::get_if<StockChanged>(&record->second.success);
            if (changed == nullptr || record->second.request_hash != change.idempotency->request_hash) {
                return fail(ErrorCode::idempotency_key_reused, "This key was used for another request.");
            }
            return StockChanged{changed->available, changed->previous, true};
        }
    }
    if (!products_.contains(change.product_id)) {
        return fail(ErrorCode::unknown_product, "There is no such product.");
    }
    const StockKey key{change.product_id, change.location};
    const std::int64_t previous = available(key);
    const std::optional<std::int64_t> level = level_after(change, previous);
    if (!level) return fail(ErrorCode::validation_failed, "The stock would leave its bounds.");

    stock_[key] = *level;
    const StockChanged changed{*level, previous, false};
    if (change.idempotency) {
        idempotency_[{change.user_id, change.idempotency->key}] = {change.idempotency->request_hash, changed,
                                                                   clock_.now()};
    }
    return changed;
}

Result<std::vector<StockLevel>> MemoryStore::list_stock(const StockFilter& filter,
                                                        const std::optional<StockLevel>& after, std::size_t limit) {
    const std::lock_guard lock(mutex_);
    std::vector<StockLevel> levels;
    for (const auto& [key, level] : stock_) {
        if (levels.size() == limit) break;
        if (filter.product_id && key.first != *filter.product_id) continue;
        if (filter.location && key.second != *filter.location) continue;
        if (after && std::tie(key.first, key.second) <= std::tie(after->product_id, after->location)) continue;
        levels.push_back({key.first, key.second, level});
    }
    return levels;
}

Result<bool> MemoryStore::seed(std::span<const SeedProduct> products) {
    const std::lock_guard lock(mutex_);
    if (!products_.empty()) return false;
    const TimePoint now = clock_.now();
    for (const SeedProduct& element : products) {
        Product stored = element.product;
        stored.created_at = now;
        stored.updated_at = now;
        products_[stored.id] = stored;
        for (const StockLevel& level : element.stock) stock_[{level.product_id, level.location}] = level.available;
    }
    ++catalogue_version_;
    return true;
}

Result<StoreStats> MemoryStore::stats() {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    StoreStats found;
    found.work = {{WorkKind::process_order, {}}, {WorkKind::send_mail, {}}};
    for (const auto& [id, item] : work_) {
        WorkDepth& depth = found.work[item.kind];
        ++depth.count;
        depth.oldest_age = std::max(depth.oldest_age, now - item.created_at);
    }
    found.dead_letters = static_cast<std::int64_t>(dead_letters_.size());
    return found;
}

Result<SweepCounts> MemoryStore::sweep(const Retention& retention, std::size_t max) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    SweepCounts counts;
    counts.idempotency_records = erase_some(idempotency_, max, [&](const IdempotencyRecord& record) {
        return record.created_at + retention.idempotency_keep < now;
    });
    counts.sessions = erase_some(sessions_, max, [&](const Session& session) { return session.expires_at < now; });
    counts.dead_letters = erase_some(dead_letters_, max, [&](const DeadItem& dead) {
        return dead.letter.created_at + retention.dead_letter_keep < now;
    });
    counts.password_resets =
        erase_some(resets_, max, [&](const PasswordReset& reset) { return reset.expires_at < now; });
    return counts;
}

}  // namespace waybill::testing
