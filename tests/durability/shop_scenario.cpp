#include "tests/durability/shop_scenario.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <thread>

namespace waybill::testing {

namespace {

constexpr Milliseconds lease{15'000};
constexpr Milliseconds lifetime{86'400'000};
constexpr std::chrono::seconds patience{30};

}  // namespace

void ShopScenario::begin(Step& step) const { step.begun = std::min(step.begun, recording_.now()); }
void ShopScenario::end(Step& step) const { step.done = std::min(step.done, recording_.now()); }

void ShopScenario::expect(const Error& error, const std::string& what) {
    const bool is_honest = error.code == ErrorCode::unavailable || error.code == ErrorCode::outcome_unknown ||
                           error.code == ErrorCode::overloaded;
    if (!is_honest || error.detail.empty()) surprises_.push_back(what + ": " + error.detail);
}

template <class Call>
void ShopScenario::attempt(const std::string& what, Call call) {
    if (!store_) return;
    try {
        call();
    } catch (const std::exception& error) {
        surprises_.push_back(what + " threw: " + error.what());
    }
}

void ShopScenario::prepare() {
    open();
    seed();
    place({"old-1", "old-2", "old-3", "old-4"});
}

void ShopScenario::run() {
    open();
    place({"new-1", "new-2", "huge", "new-3"});
    work(4);
    cancel("new-3");
    change_stock("stock-1");
    log_in();
    place({"new-4"});
    send_mails();
    work(1);
    close();
    open();
    place({"new-5", "new-6"});
    work(3);
    cancel("new-6");
}

void ShopScenario::open() {
    try {
        Result<std::unique_ptr<Store>> store = open_();
        if (store) store_ = *std::move(store);
        if (!store) expect(store.error(), "open");
    } catch (const std::exception& error) {
        surprises_.push_back(std::string("open threw: ") + error.what());
    }
}

void ShopScenario::seed() {
    attempt("seed", [this] {
        std::vector<SeedProduct> seeds;
        for (const ProductId& id : {History::products[0], History::products[1], History::products[2], History::shelf}) {
            seeds.push_back({{.id = id, .name = "N", .description = {}, .price = History::price_seeded},
                             {{id, History::location, History::stock_seeded}}});
        }
        begin(history_.seeding);
        const Result<bool> seeded = store_->seed(seeds);
        if (seeded) end(history_.seeding);
        if (!seeded) expect(seeded.error(), "seed");
    });
    for (const UserId& id : History::users) {
        attempt("account", [&] {
            Step& account = history_.accounts[id];
            begin(account);
            const User user{.id = id, .email = id.text + "@example.com", .name = "N", .password_hash = "h"};
            const Result<User> made = store_->create_user(user, std::nullopt);
            if (made) end(account);
            if (!made) expect(made.error(), "account");
        });
    }
}

void ShopScenario::place(const std::vector<std::string>& ids) {
    std::vector<NewOrder> wanted;
    for (const std::string& id : ids) {
        NewOrder& order = wanted.emplace_back();
        order.order_id = OrderId(id);
        order.user_id = History::users[0];
        order.location = History::location;
        order.lines = {{History::products[0], id == "huge" ? 9'999 : 2}, {History::products[1], 1}};
        order.idempotency = IdempotencyKey{"key-" + id, {}};
        begin(history_.orders.emplace(order.order_id, OrderStory{order, {}}).first->second.placing);
    }
    attempt("place", [&] {
        const std::vector<Result<PlacedOrder>> answers = store_->place_orders(wanted);
        for (std::size_t i = 0; i < answers.size(); ++i) {
            OrderStory& story = history_.orders.at(wanted[i].order_id);
            if (answers[i]) {
                story.placed = answers[i]->order;
                end(story.placing);
                continue;
            }
            const Error& error = answers[i].error();
            if (error.code != ErrorCode::insufficient_stock) expect(error, "place");
            if (error.code == ErrorCode::outcome_unknown) continue;
            begin(story.refusal);
            end(story.refusal);
        }
    });
}

void ShopScenario::work(std::size_t max) {
    attempt("work", [&] {
        const auto claimed = store_->claim_work(WorkKind::process_order, max, lease);
        if (!claimed) return expect(claimed.error(), "claim");
        for (std::size_t i = 0; i < claimed->size(); ++i) {
            const ClaimedWork& item = (*claimed)[i];
            const auto found = history_.orders.find(item.order.id);
            if (found == history_.orders.end()) {
                surprises_.push_back("an order that nobody placed: " + item.order.id.text);
                continue;
            }
            OrderStory& story = found->second;
            begin(story.claim);
            end(story.claim);
            const bool processed = i % 2 == 0;
            Step& step = processed ? story.processed : story.failed;
            begin(step);
            const OrderSettlement settlement{item.lease, item.order.id, processed, processed ? "" : "no", false, 0};
            const Result<void> settled = store_->settle_orders(std::span(&settlement, 1)).front();
            if (settled) end(step);
            if (!settled) expect(settled.error(), "settle");
        }
    });
}

void ShopScenario::send_mails() {
    attempt("mail", [this] {
        const auto claimed = store_->claim_work(WorkKind::send_mail, 2, lease);
        if (!claimed) return expect(claimed.error(), "claim a mail");
        for (const ClaimedWork& mail : *claimed) {
            OrderStory& story = history_.orders.at(mail.order.id);
            begin(story.mail);
            const MailSettlement settlement{mail.lease, false, {}, 0};
            const Result<void> settled = store_->settle_mails(std::span(&settlement, 1)).front();
            if (settled) end(story.mail);
            if (!settled) expect(settled.error(), "settle a mail");
        }
    });
}

void ShopScenario::cancel(const std::string& id) {
    attempt("cancel", [&] {
        OrderStory& story = history_.orders.at(OrderId(id));
        begin(story.cancel);
        const Result<Order> cancelled = store_->cancel_order(OrderId(id), std::nullopt);
        if (cancelled) end(story.cancel);
        if (cancelled || cancelled.error().code == ErrorCode::invalid_transition) return;
        // An order that could not be placed is not found.
        if (cancelled.error().code != ErrorCode::not_found || story.placing.acknowledged()) {
            expect(cancelled.error(), "cancel");
        }
    });
}

void ShopScenario::change_stock(const std::string& key) {
    attempt("stock", [&] {
        StockStory& story = history_.stock.emplace_back();
        StockChange& change = story.change;
        change.user_id = History::users.back();
        change.product_id = History::products[0];
        change.location = History::location;
        change.delta = 7;
        change.idempotency = IdempotencyKey{key, {}};
        begin(story.step);
        const Result<StockChanged> changed = store_->change_stock(change);
        if (changed) end(story.step);
        if (!changed) expect(changed.error(), "change stock");
    });
}

void ShopScenario::log_in() {
    attempt("session", [this] {
        SessionStory& story = history_.sessions.emplace_back();
        story.id = SessionId("session");
        begin(story.creation);
        const Result<OpenedSession> made =
            store_->create_session({.id = story.id, .user_id = History::users[0]}, "h", lifetime);
        if (!made) return expect(made.error(), "log in");
        end(story.creation);
        Step& rotation = story.rotations[2];
        begin(rotation);
        const Result<RotatedSession> rotated = store_->rotate_session(story.id, 1, Milliseconds{10'000}, lifetime);
        if (!rotated) return expect(rotated.error(), "rotate");
        end(rotation);
    });
}

bool ShopScenario::takes_orders() {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    // What is on its way to the tables goes first, in a moment of its own choosing.
    while (!store_->list_stock({}, std::nullopt, 1) && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
    }
    for (int i = 0; i < 5; ++i) {
        const std::string id = "later-" + std::to_string(i);
        place({id});
        if (history_.orders.at(OrderId(id)).placing.acknowledged()) return true;
    }
    return false;
}

}  // namespace waybill::testing
