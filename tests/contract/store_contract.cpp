#include "tests/contract/store_contract.hpp"

#include <ostream>
#include <sstream>

namespace waybill::testing {

namespace {

User make_user(const UserId& id, const std::string& email) {
    User user;
    user.id = id;
    user.email = email;
    user.name = id.text;
    user.password_hash = "hash-of-" + id.text;
    return user;
}

std::string describe(const Order& order) {
    std::string text = order.id.text;
    text += ' ';
    text += to_text(order.status);
    text += ' ' + std::to_string(order.total) + ' ' + order.location + ' ' + order.user_id.text;
    text += ' ' + format_rfc3339(order.updated_at()) + ' ' + order.reason;
    for (const OrderLine& line : order.lines) {
        text += ' ' + line.product_id.text + '*' + std::to_string(line.quantity);
    }
    return text;
}

}  // namespace

void PrintTo(const StoreFactory& factory, std::ostream* out) { *out << factory.name; }

std::string id_of(const std::string& prefix, std::size_t number) {
    const std::string digits = std::to_string(number);
    return prefix + "-" + std::string(6 - std::min<std::size_t>(6, digits.size()), '0') + digits;
}

StoreContract::StoreContract() : opened(GetParam().make(clock)), store(*opened.store) {
    add_user(ada, "ada@example.com");
    add_user(bob, "bob@example.com");
}

void StoreContract::add_user(const UserId& id, const std::string& email) {
    (void)must(store.create_user(make_user(id, email), std::nullopt));
}

void StoreContract::add_product(const std::string& id, MinorUnits price, std::int64_t stock) {
    Product product;
    product.id = ProductId{id};
    product.name = "The " + id;
    product.description = "Some " + id;
    product.price = price;
    (void)must(store.create_product(product));
    set_stock(id, bangalore, stock);
}

void StoreContract::rename(const std::string& product_id, const std::string& name) {
    ProductPatch patch;
    patch.name = name;
    (void)must(store.update_product(ProductId{product_id}, patch));
}

void StoreContract::set_price(const std::string& product_id, MinorUnits price) {
    ProductPatch patch;
    patch.price = price;
    (void)must(store.update_product(ProductId{product_id}, patch));
}

void StoreContract::set_active(const std::string& product_id, bool active) {
    ProductPatch patch;
    patch.active = active;
    (void)must(store.update_product(ProductId{product_id}, patch));
}

void StoreContract::set_stock(const std::string& product_id, const std::string& location, std::int64_t available) {
    StockChange change;
    change.user_id = bob;
    change.product_id = ProductId{product_id};
    change.location = location;
    change.set = available;
    (void)must(store.change_stock(change));
}

std::int64_t StoreContract::stock_of(const std::string& product_id, const std::string& location) {
    const auto levels = must(store.list_stock({ProductId{product_id}, location}, std::nullopt, plenty));
    if (levels.size() != 1) throw std::runtime_error("no stock of " + product_id + " in " + location);
    return levels.front().available;
}

NewOrder StoreContract::new_order(const std::string& id, std::initializer_list<Piece> pieces, const UserId& user_id) {
    NewOrder order;
    order.order_id = OrderId{id};
    order.user_id = user_id;
    order.location = bangalore;
    for (const Piece& piece : pieces) order.lines.push_back({ProductId{piece.product_id}, piece.quantity});
    return order;
}

NewOrder StoreContract::with_key(NewOrder order, const std::string& key, std::uint8_t hash) {
    RequestHash request_hash{};
    request_hash.fill(hash);
    order.idempotency = IdempotencyKey{key, request_hash};
    return order;
}

Result<PlacedOrder> StoreContract::place(const NewOrder& order) {
    auto results = store.place_orders(std::span(&order, 1));
    if (results.size() != 1) throw std::runtime_error("one order must have one result");
    return std::move(results.front());
}

Order StoreContract::must_place(const std::string& id, std::initializer_list<Piece> pieces) {
    return must(place(new_order(id, pieces))).order;
}

Order StoreContract::order_of(const std::string& id) {
    auto found = must(store.find_order(OrderId{id}));
    if (!found) throw std::runtime_error("no order " + id);
    return *std::move(found);
}

std::vector<Order> StoreContract::all_orders() { return must(store.list_orders({}, std::nullopt, plenty)); }

std::vector<ClaimedWork> StoreContract::claim(WorkKind kind, std::size_t max) {
    return must(store.claim_work(kind, max, lease));
}

ClaimedWork StoreContract::claim_only(WorkKind kind) {
    auto claimed = claim(kind);
    if (claimed.size() != 1) throw std::runtime_error("claimed " + std::to_string(claimed.size()) + " items, not one");
    return std::move(claimed.front());
}

ClaimById StoreContract::claim_by_id(const std::string& order_id) {
    const WorkId id = process_work_id(OrderId{order_id});
    auto results = store.claim_work(std::span(&id, 1), lease);
    if (results.size() != 1) throw std::runtime_error("one id must have one result");
    return must(std::move(results.front()));
}

Result<void> StoreContract::settle(const ClaimedWork& work, bool processed, const std::string& reason,
                                   bool dead_letter) {
    const OrderSettlement settlement{work.lease, work.order.id, processed, reason, dead_letter, work.attempts};
    return store.settle_orders(std::span(&settlement, 1)).at(0);
}

Result<void> StoreContract::settle_mail(const ClaimedWork& work, bool dead_letter, const std::string& reason) {
    const MailSettlement settlement{work.lease, dead_letter, reason, work.attempts};
    return store.settle_mails(std::span(&settlement, 1)).at(0);
}

Result<void> StoreContract::retry(const ClaimedWork& work, Milliseconds delay, bool counts_as_attempt) {
    const Retry again{work.lease, delay, "no answer", counts_as_attempt};
    return store.retry_at(std::span(&again, 1)).at(0);
}

std::vector<SentWork> StoreContract::mark_sent(std::size_t max, std::size_t window) {
    return must(store.mark_sent(max, window, resend_after));
}

std::int64_t StoreContract::depth(WorkKind kind) {
    const StoreStats stats = must(store.stats());
    const auto found = stats.work.find(kind);
    return found == stats.work.end() ? 0 : found->second.count;
}

std::string StoreContract::world() {
    std::ostringstream text;
    for (const StockLevel& level : must(store.list_stock({}, std::nullopt, plenty))) {
        text << level.product_id.text << '@' << level.location << '=' << level.available << '\n';
    }
    for (const Order& order : all_orders()) text << describe(order) << '\n';
    const StoreStats stats = must(store.stats());
    for (const auto& [kind, found] : stats.work) {
        if (found.count > 0) text << to_text(kind) << ' ' << found.count << '\n';
    }
    text << stats.dead_letters << " dead letters, catalogue " << must(store.catalogue_version()) << '\n';
    return text.str();
}

}  // namespace waybill::testing
