#include "tests/support/memory_store.hpp"

namespace waybill::testing {

namespace {

// `decide(row)` is true for a row that is missing; `put(row)` puts it in.
template <class Row, class Decide, class Put>
std::vector<Result<bool>> import_rows(std::span<const Row> rows, ImportMode mode, Decide decide, Put put) {
    std::vector<Result<bool>> results;
    for (const Row& row : rows) {
        Result<bool> missing = decide(row);
        if (missing && *missing && mode == ImportMode::write) put(row);
        results.push_back(std::move(missing));
    }
    return results;
}

}  // namespace

std::vector<Result<bool>> MemoryStore::import_users(std::span<const User> users, ImportMode mode) {
    const std::lock_guard lock(mutex_);
    const auto decide = [this](const User& user) -> Result<bool> {
        if (users_.contains(user.id)) return false;
        if (!users_by_email_.contains(user.email)) return true;
        return fail(ErrorCode::email_taken, "There is an account with this address.");
    };
    return import_rows(users, mode, decide, [this](const User& user) {
        users_[user.id] = user;
        users_by_email_[user.email] = user.id;
    });
}

std::vector<Result<bool>> MemoryStore::import_products(std::span<const Product> products, ImportMode mode) {
    const std::lock_guard lock(mutex_);
    const std::size_t before = products_.size();
    const auto decide = [this](const Product& product) -> Result<bool> { return !products_.contains(product.id); };
    auto results =
        import_rows(products, mode, decide, [this](const Product& product) { products_[product.id] = product; });
    if (products_.size() > before) ++catalogue_version_;
    return results;
}

std::vector<Result<bool>> MemoryStore::import_stock(std::span<const StockLevel> levels, ImportMode mode) {
    const std::lock_guard lock(mutex_);
    const auto decide = [this](const StockLevel& level) -> Result<bool> {
        return !stock_.contains({level.product_id, level.location});
    };
    return import_rows(levels, mode, decide, [this](const StockLevel& level) {
        stock_[{level.product_id, level.location}] = level.available;
    });
}

std::vector<Result<bool>> MemoryStore::import_orders(std::span<const Order> orders, ImportMode mode) {
    const std::lock_guard lock(mutex_);
    const auto decide = [this](const Order& order) -> Result<bool> {
        const auto found = orders_.find(order.id);
        if (found == orders_.end()) return true;
        if (found->second.user_id == order.user_id) return false;
        return fail(ErrorCode::validation_failed, "There is an order with this id, of another user.");
    };
    return import_rows(orders, mode, decide, [this](const Order& order) {
        orders_[order.id] = order;
        if (is_terminal(order.status)) return;
        const WorkId work_id = process_work_id(order.id);
        work_[work_id] = make_item(work_id, WorkKind::process_order, order.id, clock_.now());
    });
}

}  // namespace waybill::testing
