#include "app/import_pass.hpp"

#include <algorithm>
#include <iterator>

namespace waybill {

namespace {

constexpr const char* items_collection = "OrderItem";

std::string joined(const std::vector<std::string>& labels) {
    std::string text;
    for (const std::string& label : labels) text += (text.empty() ? "" : ", ") + label;
    return text;
}

bool is_about_the_row(ErrorCode code) { return code == ErrorCode::email_taken || code == ErrorCode::validation_failed; }

}  // namespace

ImportPass::ImportPass(const ImportOptions& options, LegacySystem system, LegacySource& source, Store& store,
                       Clock& clock, ImportMode mode)
    : options_(options),
      system_(system),
      terms_{options.currency, options.location, clock.now()},
      source_(source),
      store_(store),
      clock_(clock),
      mode_(mode) {
    report_.system = system;
    for (const std::string& name : collections_of(system)) report_.collections.push_back({.name = name});
}

Result<ImportReport> ImportPass::run() {
    using Step = Result<void> (ImportPass::*)(const std::string&);
    const std::vector<Step> steps =
        system_ == LegacySystem::a
            ? std::vector<Step>{&ImportPass::read_users, &ImportPass::read_stocked_products, &ImportPass::read_orders}
            : std::vector<Step>{&ImportPass::read_users, &ImportPass::read_products, &ImportPass::read_stock,
                                &ImportPass::read_items, &ImportPass::read_orders};
    const std::vector<std::string> names = collections_of(system_);
    for (std::size_t i = 0; i < steps.size(); ++i) {
        if (Result<void> done = (this->*steps[i])(names[i]); !done) return std::unexpected(done.error());
    }
    skip_orphans();
    return std::move(report_);
}

// ---- bookkeeping

CollectionReport& ImportPass::report_of(const std::string& collection) {
    return *std::ranges::find(report_.collections, collection, &CollectionReport::name);
}

void ImportPass::note(std::map<std::string, RemarkList>& lists, const Remark& remark) {
    RemarkList& list = lists[remark.kind];
    ++list.count;
    if (list.details.size() < remarks_listed_max) list.details.push_back(remark.detail);
}

void ImportPass::book(CollectionReport& report, Outcome outcome, const std::vector<Remark>& remarks,
                      std::int64_t documents) {
    switch (outcome) {
        case Outcome::imported:
            report.imported += documents;
            for (const Remark& remark : remarks) note(report.remarks, remark);
            return;
        case Outcome::unchanged:
            report.unchanged += documents;
            return;
        case Outcome::skipped:
            report.skipped += documents;
            return;
    }
}

void ImportPass::skip(CollectionReport& report, const Remark& reason) {
    book(report, Outcome::skipped, {});
    note(report.skips, reason);
}

Remark ImportPass::why_refused(const Error& error, const std::string& label) {
    if (error.code == ErrorCode::email_taken) return {"another account here has the same e-mail address", label};
    return {"another user's order here has the same id", label};
}

Result<void> ImportPass::read(const std::string& collection,
                              const std::function<Result<void>(const LegacyDocument&, CollectionReport&)>& visit) {
    CollectionReport& report = report_of(collection);
    const Result<std::int64_t> about = source_.count_documents(collection);
    if (!about) return std::unexpected(about.error());
    const auto tell = [&] {
        if (options_.on_progress) {
            options_.on_progress({collection, report.read, *about, mode_ == ImportMode::look});
        }
    };
    tell();
    Result<void> done = source_.read(collection, [&](const LegacyDocument& document) {
        if (++report.read % import_documents_per_progress == 0) tell();
        return visit(document, report);
    });
    tell();
    return done;
}

Result<void> ImportPass::hold() {
    if (++rows_held_ <= options_.rows_held_max) return {};
    return fail(ErrorCode::validation_failed, "The old database has more than " +
                                                  std::to_string(options_.rows_held_max) +
                                                  " users, products, rows of stock and orders; import it in parts.");
}

template <class Row>
Result<std::vector<Result<bool>>> ImportPass::put(std::span<const Row> rows, std::size_t rows_max,
                                                  std::vector<Result<bool>> (Store::*import)(std::span<const Row>,
                                                                                             ImportMode)) {
    std::vector<Result<bool>> results;
    while (!rows.empty()) {
        const std::size_t count = std::min(rows.size(), rows_max);
        for (Result<bool>& result : (store_.*import)(rows.first(count), mode_)) {
            if (!result && !is_about_the_row(result.error().code)) return std::unexpected(result.error());
            results.push_back(std::move(result));
        }
        rows = rows.subspan(count);
    }
    return results;
}

// ---- accounts

Result<void> ImportPass::read_users(const std::string& collection) {
    std::vector<Waiting<User>> waiting;
    Result<void> done = read(collection, [&](const LegacyDocument& document, CollectionReport& report) -> Result<void> {
        Taking<User> taken = take_user(document, terms_);
        if (!taken) {
            skip(report, taken.error());
            return {};
        }
        const std::string label = label_of(document);
        if (users_.contains(taken->row.id)) {
            skip(report,
                 {"another user before it has the same _id (of another type)", label + ": " + taken->row.email});
            return {};
        }
        if (const auto first = addresses_.find(taken->row.email); first != addresses_.end()) {
            skip(report, {"another user before it has the same e-mail address (upper and lower case are one)",
                          label + ": as " + first->second});
            return {};
        }
        if (Result<void> held = hold(); !held) return held;
        addresses_.emplace(taken->row.email, label);
        users_.insert(taken->row.id);
        // Whoever tries to log in must not learn from the time it takes that there is no password.
        if (taken->row.password_hash.empty()) {
            taken->row.password_hash = make_unmatched_hash(options_.password_cost, clock_);
        }
        waiting.push_back({std::move(taken->row), label, std::move(taken->remarks)});
        return waiting.size() < import_rows_max ? Result<void>{} : flush_users(waiting, report);
    });
    if (!done) return done;
    return flush_users(waiting, report_of(collection));
}

Result<void> ImportPass::flush_users(std::vector<Waiting<User>>& waiting, CollectionReport& report) {
    std::vector<User> rows;
    for (const Waiting<User>& one : waiting) rows.push_back(one.row);
    const auto results = put(std::span<const User>(rows), import_rows_max, &Store::import_users);
    if (!results) return std::unexpected(results.error());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const Result<bool>& result = (*results)[i];
        if (!result) {
            skip(report, why_refused(result.error(), waiting[i].label));
            users_.erase(rows[i].id);
            continue;
        }
        book(report, *result ? Outcome::imported : Outcome::unchanged, waiting[i].remarks);
    }
    waiting.clear();
    return {};
}

// ---- catalogue and stock

// One document is a product and its stock; both are put in once.
Result<void> ImportPass::read_stocked_products(const std::string& collection) {
    struct Entry {
        Product product;
        Sum sum;
        bool has_stock = false;
    };
    std::map<ProductId, Entry> entries;
    Result<void> done = read(collection, [&](const LegacyDocument& document, CollectionReport& report) -> Result<void> {
        Taking<StockedProduct> taken = take_stocked_product(document, terms_);
        if (!taken) {
            skip(report, taken.error());
            return {};
        }
        if (Result<void> held = hold(); !held) return held;
        products_.emplace(taken->row.product.id, taken->row.product.name);
        Entry& entry = entries.try_emplace(taken->row.product.id, Entry{taken->row.product, {}, false}).first->second;
        entry.has_stock = entry.has_stock || taken->row.stock.has_value();
        entry.sum.units = add_stock(entry.sum.units, taken->row.stock.value_or(0));
        entry.sum.labels.push_back(label_of(document));
        std::ranges::move(taken->remarks, std::back_inserter(entry.sum.remarks));
        return {};
    });
    if (!done) return done;
    std::vector<Product> products;
    std::vector<StockLevel> levels;
    for (auto& [id, entry] : entries) {
        if (entry.sum.labels.size() > 1) {
            entry.sum.remarks.push_back({"the product is there several times; its stock was added up",
                                         printable(id.text) + ": " + joined(entry.sum.labels)});
        }
        products.push_back(entry.product);
        if (!entry.has_stock) continue;
        levels.push_back({id, terms_.location, bounded_stock(entry.sum.units, id.text, entry.sum.remarks)});
    }
    const auto put_in = put(std::span<const Product>(products), import_rows_max, &Store::import_products);
    if (!put_in) return std::unexpected(put_in.error());
    const auto stocked = put(std::span<const StockLevel>(levels), import_rows_max, &Store::import_stock);
    if (!stocked) return std::unexpected(stocked.error());
    std::size_t product = 0;
    std::size_t level = 0;
    for (const auto& [id, entry] : entries) {
        const bool is_new_product = (*put_in)[product++].value_or(false);
        const bool is_new_stock = entry.has_stock && (*stocked)[level++].value_or(false);
        book(report_of(collection), is_new_product || is_new_stock ? Outcome::imported : Outcome::unchanged,
             entry.sum.remarks, static_cast<std::int64_t>(entry.sum.labels.size()));
    }
    return {};
}

Result<void> ImportPass::read_products(const std::string& collection) {
    std::vector<Waiting<Product>> waiting;
    const auto flush = [&](CollectionReport& report) -> Result<void> {
        std::vector<Product> rows;
        for (const Waiting<Product>& one : waiting) rows.push_back(one.row);
        const auto results = put(std::span<const Product>(rows), import_rows_max, &Store::import_products);
        if (!results) return std::unexpected(results.error());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const bool is_new = (*results)[i].value_or(false);
            book(report, is_new ? Outcome::imported : Outcome::unchanged, waiting[i].remarks);
        }
        waiting.clear();
        return {};
    };
    Result<void> done = read(collection, [&](const LegacyDocument& document, CollectionReport& report) -> Result<void> {
        Taking<Product> taken = take_product(document, terms_);
        if (!taken) {
            skip(report, taken.error());
            return {};
        }
        if (products_.contains(taken->row.id)) {
            skip(report, {"another product before it has the same _id (of another type)",
                          label_of(document) + ": " + taken->row.name});
            return {};
        }
        if (Result<void> held = hold(); !held) return held;
        products_.emplace(taken->row.id, taken->row.name);
        waiting.push_back({std::move(taken->row), label_of(document), std::move(taken->remarks)});
        return waiting.size() < import_rows_max ? Result<void>{} : flush(report);
    });
    if (!done) return done;
    return flush(report_of(collection));
}

Result<void> ImportPass::read_stock(const std::string& collection) {
    std::map<StockKey, Sum> sums;
    Result<void> done = read(collection, [&](const LegacyDocument& document, CollectionReport& report) -> Result<void> {
        Taking<StockLevel> taken = take_stock(document, terms_);
        if (taken && !products_.contains(taken->row.product_id)) {
            taken = std::unexpected(
                Remark{"there is no such product", label_of(document) + ": product " + taken->row.product_id.text});
        }
        if (!taken) {
            skip(report, taken.error());
            return {};
        }
        if (Result<void> held = hold(); !held) return held;
        Sum& sum = sums[{taken->row.product_id, taken->row.location}];
        sum.units = add_stock(sum.units, taken->row.available);
        sum.labels.push_back(label_of(document));
        std::ranges::move(taken->remarks, std::back_inserter(sum.remarks));
        return {};
    });
    if (!done) return done;
    std::vector<StockLevel> levels;
    for (auto& [key, sum] : sums) {
        const std::string label = key.first.text + " in " + key.second;
        if (sum.labels.size() > 1) {
            sum.remarks.push_back({"stock of one product and place was added up",
                                   label + ": " + std::to_string(sum.units) + " from " + joined(sum.labels)});
        }
        levels.push_back({key.first, key.second, bounded_stock(sum.units, label, sum.remarks)});
    }
    const auto results = put(std::span<const StockLevel>(levels), import_rows_max, &Store::import_stock);
    if (!results) return std::unexpected(results.error());
    std::size_t level = 0;
    for (const auto& [key, sum] : sums) {
        const bool is_new = (*results)[level++].value_or(false);
        book(report_of(collection), is_new ? Outcome::imported : Outcome::unchanged, sum.remarks,
             static_cast<std::int64_t>(sum.labels.size()));
    }
    return {};
}

// ---- orders

Result<void> ImportPass::read_items(const std::string& collection) {
    return read(collection, [&](const LegacyDocument& document, CollectionReport& report) -> Result<void> {
        const std::string label = label_of(document);
        const std::optional<std::string> key = order_key_of(document);
        if (!key) {
            skip(report, {"the item names no order", label});
            return {};
        }
        if (++items_held_ > import_items_held_max) {
            return fail(ErrorCode::validation_failed, "The old database has more than " +
                                                          std::to_string(import_items_held_max) +
                                                          " lines of orders; import it in parts.");
        }
        Items& items = items_[*key];
        Taking<OrderLine> taken = take_order_item(document, terms_);
        if (taken) {
            items.taken.push_back({std::move(taken->row), label, std::move(taken->remarks)});
        } else {
            items.broken = label;
            skip(report, taken.error());
        }
        return {};
    });
}

ImportPass::Items ImportPass::items_of(const LegacyDocument& order) {
    Items all;
    for (const std::string& key : keys_of_order(order)) {
        auto found = items_.extract(key);
        if (found.empty()) continue;
        std::ranges::move(found.mapped().taken, std::back_inserter(all.taken));
        if (!found.mapped().broken.empty()) all.broken = found.mapped().broken;
    }
    return all;
}

Taking<Order> ImportPass::take_order(const LegacyDocument& document, WaitingOrder& waiting) {
    if (system_ == LegacySystem::a) return take_order_a(document, terms_);
    Items items = items_of(document);
    waiting.items = static_cast<std::int64_t>(items.taken.size());
    if (!items.broken.empty()) {
        return std::unexpected(
            Remark{"one of its items cannot be taken over", waiting.label + ": item " + items.broken});
    }
    std::vector<OrderLine> lines;
    for (Item& item : items.taken) {
        const auto product = products_.find(item.line.product_id);
        if (item.line.name.empty() && product != products_.end()) item.line.name = product->second;
        lines.push_back(std::move(item.line));
        std::ranges::move(item.remarks, std::back_inserter(waiting.remarks));
    }
    return take_order_b(document, std::move(lines), terms_);
}

void ImportPass::skip_order(CollectionReport& report, const Remark& reason, std::int64_t items) {
    skip(report, reason);
    if (items == 0) return;
    CollectionReport& item_report = report_of(items_collection);
    book(item_report, Outcome::skipped, {}, items);
    note(item_report.skips, {"its order was skipped", reason.detail});
}

void ImportPass::remark_unknown(WaitingOrder& waiting) const {
    const std::string& id = waiting.order.id.text;
    if (!users_.contains(waiting.order.user_id)) {
        waiting.remarks.push_back(
            {"the order's user is not among the accounts", id + ": " + waiting.order.user_id.text});
    }
    for (const OrderLine& line : waiting.order.lines) {
        if (products_.contains(line.product_id)) continue;
        waiting.remarks.push_back({"a product of the order is not in the catalogue", id + ": " + line.product_id.text});
    }
}

Result<void> ImportPass::read_orders(const std::string& collection) {
    std::vector<WaitingOrder> waiting;
    Result<void> done = read(collection, [&](const LegacyDocument& document, CollectionReport& report) -> Result<void> {
        WaitingOrder one{.order = {}, .label = label_of(document), .remarks = {}};
        Taking<Order> taken = take_order(document, one);
        if (taken && taken->row.status == OrderStatus::pending) {
            ++report_.pending;
            if (options_.pending == PendingOrders::refuse) {
                taken = std::unexpected(Remark{"the order is still Pending", taken->row.id.text});
            } else if (options_.pending == PendingOrders::fail) {
                taken->row = fail_pending(std::move(taken->row), terms_.now);
            }
        }
        if (taken && !order_ids_.insert(taken->row.id.text).second) {
            taken = std::unexpected(
                Remark{"another order before it has the same orderId", one.label + ": " + taken->row.id.text});
        }
        if (!taken) {
            skip_order(report, taken.error(), one.items);
            return {};
        }
        if (Result<void> held = hold(); !held) return held;
        one.order = std::move(taken->row);
        std::ranges::move(taken->remarks, std::back_inserter(one.remarks));
        remark_unknown(one);
        waiting.push_back(std::move(one));
        return waiting.size() < import_orders_max ? Result<void>{} : flush_orders(waiting, report);
    });
    if (!done) return done;
    return flush_orders(waiting, report_of(collection));
}

Result<void> ImportPass::flush_orders(std::vector<WaitingOrder>& waiting, CollectionReport& report) {
    std::vector<Order> rows;
    for (const WaitingOrder& one : waiting) rows.push_back(one.order);
    const auto results = put(std::span<const Order>(rows), import_orders_max, &Store::import_orders);
    if (!results) return std::unexpected(results.error());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const Result<bool>& result = (*results)[i];
        if (!result) {
            skip_order(report, why_refused(result.error(), rows[i].id.text), waiting[i].items);
            continue;
        }
        const Outcome outcome = *result ? Outcome::imported : Outcome::unchanged;
        book(report, outcome, waiting[i].remarks);
        if (waiting[i].items > 0) book(report_of(items_collection), outcome, {}, waiting[i].items);
    }
    waiting.clear();
    return {};
}

// Lines whose order is not there.
void ImportPass::skip_orphans() {
    for (const auto& [key, items] : items_) {
        for (const Item& item : items.taken) {
            skip(report_of(items_collection), {"there is no such order", item.label + ": " + printable(key)});
        }
    }
}

}  // namespace waybill
