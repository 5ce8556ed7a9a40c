#include "tests/durability/shop_audit.hpp"

#include <algorithm>
#include <sqlite3.h>

namespace waybill::testing {

namespace {

constexpr Milliseconds lease{15'000};
constexpr Milliseconds past_every_lease{20'000};
constexpr std::size_t page_size = 100;

bool is_as_wanted(const Order& order, const NewOrder& wanted) {
    return order.user_id == wanted.user_id && order.location == wanted.location &&
           std::ranges::equal(order.lines, wanted.lines, [](const OrderLine& line, const RequestedLine& asked) {
               return line.product_id == asked.product_id && line.quantity == asked.quantity;
           });
}

// What was seen, or reached, may only be followed by these.
bool may_follow(OrderStatus earlier, OrderStatus later) {
    if (earlier == later || earlier == OrderStatus::pending) return true;
    return earlier == OrderStatus::processing && (later == OrderStatus::processed || later == OrderStatus::failed);
}

bool returns_stock(OrderStatus status) { return status == OrderStatus::failed || status == OrderStatus::cancelled; }

}  // namespace

ShopAudit::ShopAudit(Store& store, FakeClock& clock, const History& history)
    : store_(store), clock_(clock), history_(history) {}

template <class T>
bool ShopAudit::worked(const Result<T>& result, const std::string& what) {
    if (!result) breach(what + ": " + result.error().detail);
    return result.has_value();
}

std::vector<std::string> ShopAudit::run() {
    const Result<std::vector<Product>> products = store_.list_products(std::nullopt, page_size);
    if (!worked(products, "products")) return breaches_;
    if (products->empty()) {
        if (history_.seeding.acknowledged()) breach("the products are gone");
        return breaches_;
    }
    read_orders();
    check_orders();
    check_work();
    check_accounts();
    check_sessions();
    check_shelf();
    repeat_stock_changes();
    repeat_orders();
    check_conservation("after the repeats");
    order_anew();
    work_off();
    check_conservation("after all was worked off");
    return breaches_;
}

void ShopAudit::read_orders() {
    found_.clear();
    std::optional<PageKey> after;
    for (;;) {
        const Result<std::vector<Order>> page = store_.list_orders({}, after, page_size);
        if (!worked(page, "list") || page->empty()) return;
        for (const Order& order : *page) found_.emplace(order.id, order);
        after = PageKey{page->back().created_at, page->back().id.text};
    }
}

void ShopAudit::check_orders() {
    for (const auto& [id, order] : found_) {
        const auto story = history_.orders.find(id);
        if (story == history_.orders.end()) {
            breach("nobody placed " + id.text);
        } else if (!is_as_wanted(order, story->second.wanted)) {
            breach(id.text + " is not what was ordered");
        }
    }
    for (const auto& [id, story] : history_.orders) {
        const auto found = found_.find(id);
        if (found == found_.end()) {
            if (story.placing.acknowledged()) breach("lost: " + id.text);
            continue;
        }
        if (story.refusal.acknowledged()) breach(id.text + " was refused and is there");
        if (story.placed && as_placed(found->second) != *story.placed) breach(id.text + " is another order now");
        check_status(story, found->second);
    }
}

void ShopAudit::check_status(const OrderStory& story, const Order& found) {
    const auto must_have = [&](const Step& step, OrderStatus status, const std::string& what) {
        if (step.acknowledged() && !may_follow(status, found.status)) breach(found.id.text + ": lost its " + what);
    };
    must_have(story.cancel, OrderStatus::cancelled, "cancellation");
    must_have(story.processed, OrderStatus::processed, "settlement");
    must_have(story.failed, OrderStatus::failed, "failure");
    must_have(story.claim, OrderStatus::processing, "claim");
    const auto must_be_asked = [&](OrderStatus status, const Step& step) {
        if (found.status == status && !step.attempted()) {
            breach(found.id.text + ": nobody made it " + std::string(to_text(status)));
        }
    };
    must_be_asked(OrderStatus::cancelled, story.cancel);
    if (!history_.asks_nobody) must_be_asked(OrderStatus::processed, story.processed);
    must_be_asked(OrderStatus::failed, story.failed);
    for (const auto& [when, status] : story.seen) {
        if (may_follow(status, found.status)) continue;
        breach(found.id.text + " was seen as " + std::string(to_text(status)) + " and is " +
               std::string(to_text(found.status)));
    }
}

// An order that is not at its end has work, no other has.
void ShopAudit::check_work() {
    Result<StoreStats> stats = store_.stats();
    if (!worked(stats, "statistics")) return;
    const auto open =
        std::ranges::count_if(found_, [](const auto& entry) { return !is_terminal(entry.second.status); });
    const std::int64_t items = stats->work[WorkKind::process_order].count;
    if (items != open) breach(std::to_string(open) + " open orders, " + std::to_string(items) + " items of work");
}

void ShopAudit::check_accounts() {
    for (const auto& [id, step] : history_.accounts) {
        const Result<std::optional<User>> user = store_.find_user(id);
        if (worked(user, "account") && !*user && step.acknowledged()) breach("lost the account " + id.text);
    }
}

void ShopAudit::check_sessions() {
    const auto begun = std::ranges::count_if(history_.sessions, [](const auto& s) { return s.creation.attempted(); });
    const bool has_room = static_cast<std::size_t>(begun) <= sessions_live_max;
    for (const SessionStory& story : history_.sessions) {
        const Result<std::optional<Session>> found = store_.find_session(story.id);
        if (!worked(found, "session")) continue;
        if (!*found) {
            if (story.creation.acknowledged()) breach("lost the session " + story.id.text);
            continue;
        }
        std::uint32_t least = 1;
        std::uint32_t most = 1;
        for (const auto& [generation, step] : story.rotations) {
            if (step.acknowledged()) least = std::max(least, generation);
            if (step.attempted()) most = std::max(most, generation);
        }
        if ((*found)->generation < least || (*found)->generation > most) {
            breach(story.id.text + " is at generation " + std::to_string((*found)->generation) + ", not " +
                   std::to_string(least) + " to " + std::to_string(most));
        }
        if (story.revocation.acknowledged() && !(*found)->revoked_at) breach(story.id.text + " is valid again");
        if (has_room && !story.revocation.attempted() && (*found)->revoked_at) {
            breach(story.id.text + " was revoked by nobody");
        }
    }
}

// The last change that was acknowledged, or one that was asked for after it.
void ShopAudit::check_shelf() {
    std::vector<std::int64_t> levels{History::stock_seeded};
    for (const StockStory& story : history_.stock) {
        if (!story.change.set) continue;
        if (story.step.acknowledged()) levels.clear();
        levels.push_back(*story.change.set);
    }
    const Result<std::vector<StockLevel>> shelf =
        store_.list_stock({.product_id = History::shelf, .location = {}}, std::nullopt, 1);
    if (!worked(shelf, "the shelf")) return;
    if (shelf->empty() || std::ranges::find(levels, shelf->front().available) == levels.end()) {
        breach("the shelf holds what nobody put there last");
    }
    std::vector<MinorUnits> prices{History::price_seeded};
    for (const PriceStory& story : history_.prices) {
        if (story.step.acknowledged()) prices.clear();
        prices.push_back(story.price);
    }
    const Result<std::optional<Product>> product = store_.find_product(History::shelf);
    if (!worked(product, "the shelf's product")) return;
    if (!*product || std::ranges::find(prices, (*product)->price) == prices.end()) {
        breach("the shelf has a price that nobody set last");
    }
}

// A repeat says whether it happened. What was acknowledged has; nothing happens twice.
void ShopAudit::repeat_stock_changes() {
    for (const ProductId& id : History::products) booked_[id] = History::stock_seeded;
    check_conservation("before the repeats, give or take what is unknown");
    for (const StockStory& story : history_.stock) {
        const Result<StockChanged> again = store_.change_stock(story.change);
        if (!worked(again, "stock change " + story.change.idempotency->key)) continue;
        if (story.step.acknowledged() && !again->replayed) breach("lost the change " + story.change.idempotency->key);
        if (story.change.delta) booked_[story.change.product_id] += *story.change.delta;
    }
}

void ShopAudit::check_conservation(const std::string& when) {
    std::map<ProductId, std::int64_t> expected = booked_;
    for (const auto& [id, order] : found_) {
        if (returns_stock(order.status)) continue;
        for (const OrderLine& line : order.lines) expected[line.product_id] -= line.quantity;
    }
    std::map<ProductId, std::int64_t> unknown;
    if (when.starts_with("before")) {
        for (const StockStory& story : history_.stock) {
            if (!story.change.delta) continue;
            (story.step.acknowledged() ? expected : unknown)[story.change.product_id] += *story.change.delta;
        }
    }
    for (const ProductId& id : History::products) {
        const Result<std::vector<StockLevel>> level =
            store_.list_stock({.product_id = id, .location = {}}, std::nullopt, 1);
        if (!worked(level, "stock")) continue;
        const std::int64_t available = level->empty() ? -1 : level->front().available;
        if (available < expected[id] || available > expected[id] + unknown[id]) {
            breach(when + ": " + std::to_string(available) + " of " + id.text + ", not " +
                   std::to_string(expected[id]) + " to " + std::to_string(expected[id] + unknown[id]));
        }
    }
}

void ShopAudit::repeat_orders() {
    std::vector<NewOrder> wanted;
    std::vector<const OrderStory*> stories;
    const auto flush = [&] {
        const std::vector<Result<PlacedOrder>> answers = store_.place_orders(wanted);
        for (std::size_t i = 0; i < answers.size(); ++i) {
            const OrderStory& story = *stories[i];
            const std::string& id = story.wanted.order_id.text;
            const bool was_there = found_.contains(story.wanted.order_id);
            if (was_there && !answers[i]) breach(id + " cannot be repeated: " + answers[i].error().detail);
            if (answers[i] && answers[i]->replayed != was_there) breach(id + " was placed twice");
            if (answers[i] && story.placed && answers[i]->order != *story.placed) breach(id + " repeats differently");
        }
        wanted.clear();
        stories.clear();
    };
    for (const auto& [id, story] : history_.orders) {
        wanted.push_back(story.wanted);
        stories.push_back(&story);
        if (wanted.size() == 8) flush();
    }
    flush();
    read_orders();
}

void ShopAudit::order_anew() {
    StockChange change;
    change.user_id = History::users.back();
    change.product_id = History::products[0];
    change.location = History::location;
    change.delta = 1;
    booked_[change.product_id] += 1;
    if (!worked(store_.change_stock(change), "new stock")) return;
    NewOrder wanted;
    wanted.order_id = OrderId("anew");
    wanted.user_id = UserId("anew");
    const User customer{.id = wanted.user_id, .email = "anew@example.com", .name = "A", .password_hash = "h"};
    (void)worked(store_.create_user(customer, std::nullopt), "a new account");
    wanted.location = History::location;
    wanted.lines = {{change.product_id, 1}};
    (void)worked(store_.place_orders(std::span(&wanted, 1)).front(), "a new order");
    read_orders();
}

// Every order comes to its end, and its mail is sent, or was before.
void ShopAudit::work_off() {
    clock_.advance(past_every_lease);
    for (;;) {
        const auto claimed = store_.claim_work(WorkKind::process_order, page_size, lease);
        if (!worked(claimed, "claim") || claimed->empty()) break;
        std::vector<OrderSettlement> settlements;
        for (const ClaimedWork& item : *claimed) settlements.push_back({item.lease, item.order.id, true, {}, false, 0});
        for (const Result<void>& settled : store_.settle_orders(settlements)) (void)worked(settled, "settle");
    }
    read_orders();
    std::map<OrderId, OrderStatus> owed;
    for (const auto& [id, order] : found_) {
        if (!is_terminal(order.status)) breach(id.text + " never comes to its end");
        const auto story = history_.orders.find(id);
        if (story == history_.orders.end() || !story->second.mail.attempted()) owed.emplace(id, order.status);
    }
    send_mails(std::move(owed));
}

void ShopAudit::send_mails(std::map<OrderId, OrderStatus> owed) {
    for (;;) {
        const auto claimed = store_.claim_work(WorkKind::send_mail, page_size, lease);
        if (!worked(claimed, "claim mails") || claimed->empty()) break;
        std::vector<MailSettlement> settlements;
        for (const ClaimedWork& item : *claimed) {
            owed.erase(item.order.id);
            const auto story = history_.orders.find(item.order.id);
            const bool was_sent = story != history_.orders.end() && story->second.mail.acknowledged();
            if (was_sent) breach("the mail for " + item.order.id.text + " is sent again");
            settlements.push_back({item.lease, false, {}, 0});
        }
        for (const Result<void>& settled : store_.settle_mails(settlements)) (void)worked(settled, "settle a mail");
    }
    for (const auto& [id, status] : owed)
        breach("no mail says that " + id.text + " is " + std::string(to_text(status)));
}

std::string check_integrity(const std::filesystem::path& dir) {
    sqlite3* db = nullptr;
    std::string said;
    const auto keep = [](void* text, int, char** values, char**) {
        *static_cast<std::string*>(text) += values[0] == nullptr ? "?" : values[0];
        return 0;
    };
    int code = sqlite3_open_v2((dir / "waybill.db").c_str(), &db, SQLITE_OPEN_READWRITE, nullptr);
    if (code == SQLITE_OK) code = sqlite3_exec(db, "PRAGMA integrity_check", keep, &said, nullptr);
    if (code != SQLITE_OK) said = sqlite3_errmsg(db);
    sqlite3_close(db);
    return said;
}

}  // namespace waybill::testing
