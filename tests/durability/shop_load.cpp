#include "tests/durability/shop_load.hpp"

#include <algorithm>
#include <thread>

namespace waybill::testing {

namespace {

constexpr Milliseconds lease{15'000};
constexpr Milliseconds lifetime{86'400'000};

RequestHash hash_of(std::uint64_t number) {
    RequestHash hash{};
    for (std::size_t i = 0; i < sizeof(number); ++i) hash[i] = static_cast<std::uint8_t>(number >> (8 * i));
    return hash;
}

// Nothing was done, for sure.
bool is_refusal(ErrorCode code) { return code != ErrorCode::outcome_unknown; }

}  // namespace

ShopLoad::ShopLoad(Store& store, const DiskRecording& recording, FakeClock& clock, History& history, std::string name,
                   std::uint64_t seed)
    : store_(store), recording_(recording), clock_(clock), history_(history), name_(std::move(name)), seed_(seed) {
    for (auto& [id, story] : history_.orders) {
        if (story.placing.acknowledged()) placed_.push_back(&story);
    }
}

void ShopLoad::begin(Step& step) const { step.begun = std::min(step.begun, recording_.now()); }
void ShopLoad::end(Step& step) const { step.done = std::min(step.done, recording_.now()); }

// What a store may answer to a correct request when its disk fails, and what the races of this load end in.
void ShopLoad::expect(const Error& error, const std::string& what) {
    switch (error.code) {
        case ErrorCode::unavailable:
        case ErrorCode::overloaded:
        case ErrorCode::outcome_unknown:
            return;
        default:
            break;
    }
    const std::lock_guard lock(mutex_);
    surprises_.push_back(what + ": " + error.detail);
}

std::vector<std::string> ShopLoad::surprises() const {
    const std::lock_guard lock(mutex_);
    return surprises_;
}

OrderStory* ShopLoad::find(const OrderId& id) {
    const std::lock_guard lock(mutex_);
    const auto found = history_.orders.find(id);
    if (found != history_.orders.end()) return &found->second;
    surprises_.push_back("an order that nobody placed: " + id.text);
    return nullptr;
}

OrderStory* ShopLoad::find_any(Dice& dice) {
    const std::lock_guard lock(mutex_);
    if (placed_.empty()) return nullptr;
    return placed_[dice() % placed_.size()];
}

void ShopLoad::run(const Size& size) {
    customers_ = size.customers;
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < size.customers; ++i) {
        threads.emplace_back([this, i, &size] {
            shop(i, size);
            --customers_;
        });
    }
    threads.emplace_back([this] { cancel_some(); });
    threads.emplace_back([this] { work(); });
    threads.emplace_back([this] { send_mail(); });
    threads.emplace_back([this] { keep_stock(); });
    threads.emplace_back([this] { keep_sessions(); });
    threads.emplace_back([this] { look_around(); });
}

void ShopLoad::place_until(const std::function<bool()>& is_enough, std::size_t orders_max) {
    Dice dice = dice_of(60);
    for (std::size_t i = 0; i < orders_max && !is_enough(); ++i) place(make_batch(0, 1, dice));
}

void ShopLoad::set_up() {
    std::vector<SeedProduct> seeds;
    std::vector<ProductId> ids = History::products;
    ids.push_back(History::shelf);
    for (const ProductId& id : ids) {
        seeds.push_back({{.id = id, .name = "Name of " + id.text, .description = {}, .price = History::price_seeded},
                         {{id, History::location, History::stock_seeded}}});
    }
    begin(history_.seeding);
    const Result<bool> seeded = store_.seed(seeds);
    if (seeded) end(history_.seeding);
    for (const UserId& id : History::users) {
        Step& account = history_.accounts[id];
        begin(account);
        const Result<User> made = store_.create_user(
            {.id = id, .email = id.text + "@example.com", .name = "N", .password_hash = "h"}, std::nullopt);
        if (made || made.error().code == ErrorCode::email_taken) end(account);
    }
}

// ---- customers

std::vector<OrderStory*> ShopLoad::make_batch(std::size_t customer, std::size_t size, Dice& dice) {
    std::vector<OrderStory*> batch;
    for (std::size_t i = 0; i < size; ++i) {
        const std::uint64_t number = dice();
        NewOrder wanted;
        wanted.order_id = OrderId(name_ + "-" + std::to_string(customer) + "-" + std::to_string(number));
        wanted.user_id = History::users[customer];
        wanted.location = History::location;
        for (const ProductId& product : History::products) {
            // Now and then so much that it is refused.
            if (dice() % 3 != 0) wanted.lines.push_back({product, 1 + static_cast<std::int64_t>(dice() % 4)});
            if (dice() % 60 == 0) wanted.lines = {{product, 9'999}};
        }
        if (wanted.lines.empty()) wanted.lines = {{History::products[0], 1}};
        if (dice() % 5 != 0) wanted.idempotency = IdempotencyKey{"key-" + wanted.order_id.text, hash_of(number)};
        const std::lock_guard lock(mutex_);
        const OrderId id = wanted.order_id;
        batch.push_back(&history_.orders.emplace(id, OrderStory{std::move(wanted), {}}).first->second);
    }
    return batch;
}

void ShopLoad::place(const std::vector<OrderStory*>& batch) {
    std::vector<NewOrder> wanted;
    for (OrderStory* story : batch) {
        wanted.push_back(story->wanted);
        begin(story->placing);
    }
    clock_.advance(Milliseconds{1});
    const std::vector<Result<PlacedOrder>> answers = store_.place_orders(wanted);
    for (std::size_t i = 0; i < batch.size(); ++i) {
        OrderStory& story = *batch[i];
        if (answers[i]) {
            story.placed = answers[i]->order;
            end(story.placing);
            const std::lock_guard lock(mutex_);
            placed_.push_back(&story);
            continue;
        }
        const Error& error = answers[i].error();
        if (error.code != ErrorCode::insufficient_stock) expect(error, "place");
        if (!is_refusal(error.code)) continue;
        begin(story.refusal);
        end(story.refusal);
    }
}

// The same request must give the same order, another one with its key nothing.
void ShopLoad::place_again(OrderStory& story, Dice& dice) {
    NewOrder again = story.wanted;
    if (again.idempotency) again.order_id = OrderId(again.order_id.text + "-again");
    const bool is_other = again.idempotency && dice() % 4 == 0;
    if (is_other) again.idempotency->request_hash[31] = 1;
    const Result<PlacedOrder> answer = store_.place_orders(std::span(&again, 1)).front();
    std::string wrong;
    if (is_other && (answer || answer.error().code != ErrorCode::idempotency_key_reused)) {
        if (answer) wrong = "another request was given the order of its key";
        if (!answer) expect(answer.error(), "reuse");
    }
    if (!is_other && answer && answer->order != *story.placed) wrong = "a repeat was given another order";
    if (!is_other && !answer) expect(answer.error(), "repeat");
    if (wrong.empty()) return;
    const std::lock_guard lock(mutex_);
    surprises_.push_back(wrong);
}

void ShopLoad::shop(std::size_t customer, const Size& size) {
    Dice dice = dice_of(customer);
    std::vector<OrderStory*> mine;
    for (std::size_t i = 0; i < size.batches_each && !stopped_; ++i) {
        const std::vector<OrderStory*> batch = make_batch(customer, 1 + dice() % size.batch_max, dice);
        place(batch);
        std::ranges::copy_if(batch, std::back_inserter(mine), [](OrderStory* s) { return s->placed.has_value(); });
        if (!mine.empty() && dice() % 3 == 0) place_again(*mine[dice() % mine.size()], dice);
    }
}

void ShopLoad::cancel_some() {
    Dice dice = dice_of(10);
    while (goes_on()) {
        OrderStory* const story = dice() % 4 == 0 ? find_any(dice) : nullptr;
        if (story == nullptr) {
            std::this_thread::yield();
            continue;
        }
        begin(story->cancel);
        const Result<Order> cancelled = store_.cancel_order(story->wanted.order_id, story->wanted.user_id);
        if (cancelled) end(story->cancel);
        if (!cancelled && cancelled.error().code != ErrorCode::invalid_transition) expect(cancelled.error(), "cancel");
    }
}

// ---- the worker

void ShopLoad::settle(std::span<const ClaimedWork> claimed, Dice& dice) {
    std::vector<OrderSettlement> settlements;
    std::vector<Step*> steps;
    std::vector<Retry> retries;
    for (const ClaimedWork& item : claimed) {
        OrderStory* const story = find(item.order.id);
        if (story == nullptr) continue;
        begin(story->claim);
        end(story->claim);
        const std::uint64_t way = dice() % 20;
        if (way < 3) {
            retries.push_back({item.lease, Milliseconds{0}, "later", false});
            continue;
        }
        OrderSettlement& settlement = settlements.emplace_back();
        settlement.lease = item.lease;
        settlement.order_id = item.order.id;
        settlement.processed = way < 14;
        settlement.reason = settlement.processed ? "" : "refused";
        settlement.dead_letter = way == 19;
        steps.push_back(settlement.processed ? &story->processed : &story->failed);
        begin(*steps.back());
    }
    const std::vector<Result<void>> settled = store_.settle_orders(settlements);
    for (std::size_t i = 0; i < settled.size(); ++i) {
        if (settled[i]) {
            end(*steps[i]);
        } else {
            expect(settled[i].error(), "settle");
        }
    }
    for (const Result<void>& put_back : store_.retry_at(retries)) {
        if (!put_back) expect(put_back.error(), "retry");
    }
}

void ShopLoad::work() {
    Dice dice = dice_of(20);
    while (goes_on()) {
        const auto claimed = store_.claim_work(WorkKind::process_order, 1 + dice() % 6, lease);
        if (!claimed) expect(claimed.error(), "claim");
        if (claimed && !claimed->empty()) {
            settle(*claimed, dice);
        } else {
            std::this_thread::yield();
        }
    }
}

void ShopLoad::send_mail() {
    while (goes_on()) {
        const auto claimed = store_.claim_work(WorkKind::send_mail, 4, lease);
        if (!claimed) expect(claimed.error(), "claim a mail");
        if (!claimed || claimed->empty()) {
            std::this_thread::yield();
            continue;
        }
        for (const ClaimedWork& mail : *claimed) {
            OrderStory* const story = find(mail.order.id);
            if (story == nullptr) continue;
            begin(story->mail);
            const MailSettlement settlement{mail.lease, false, {}, 0};
            const Result<void> settled = store_.settle_mails(std::span(&settlement, 1)).front();
            if (settled) end(story->mail);
            if (!settled) expect(settled.error(), "settle a mail");
        }
    }
}

// ---- the keeper, logins, and whoever looks

void ShopLoad::keep_stock() {
    Dice dice = dice_of(30);
    for (std::size_t i = 0; goes_on(); ++i) {
        StockStory& story = history_.stock.emplace_back();
        StockChange& change = story.change;
        change.user_id = History::users.back();
        change.location = History::location;
        change.idempotency = IdempotencyKey{"stock-" + name_ + std::to_string(i), hash_of(i)};
        change.product_id = dice() % 3 == 0 ? History::shelf : History::products[dice() % History::products.size()];
        if (change.product_id == History::shelf) {
            change.set = static_cast<std::int64_t>(dice() % 1'000);
        } else {
            change.delta = 1 + static_cast<std::int64_t>(dice() % 5);
        }
        begin(story.step);
        const Result<StockChanged> changed = store_.change_stock(change);
        if (changed) end(story.step);
        if (!changed) expect(changed.error(), "change stock");

        PriceStory& priced = history_.prices.emplace_back();
        priced.price = static_cast<MinorUnits>(dice() % 10'000);
        begin(priced.step);
        const ProductPatch patch{.name = {}, .description = {}, .price = priced.price, .active = {}};
        if (store_.update_product(History::shelf, patch)) end(priced.step);
    }
}

void ShopLoad::keep_sessions() {
    Dice dice = dice_of(40);
    SessionStory* story = nullptr;
    std::uint32_t generation = 0;
    for (std::size_t i = 0; goes_on(); ++i) {
        if (story == nullptr || dice() % 10 == 0) {
            story = &history_.sessions.emplace_back();
            story->id = SessionId("s-" + name_ + "-" + std::to_string(i));
            begin(story->creation);
            const Result<OpenedSession> made =
                store_.create_session({.id = story->id, .user_id = History::users[0]}, "h", lifetime);
            if (made) end(story->creation);
            if (!made) story = nullptr;
            generation = 1;
            continue;
        }
        if (dice() % 12 == 0) {
            begin(story->revocation);
            if (store_.revoke_session(History::users[0], story->id)) end(story->revocation);
            story = nullptr;
            continue;
        }
        Step& rotation = story->rotations[generation + 1];
        begin(rotation);
        const Result<RotatedSession> rotated =
            store_.rotate_session(story->id, generation, Milliseconds{10'000}, lifetime);
        if (!rotated) {
            expect(rotated.error(), "rotate");
            story = nullptr;
            continue;
        }
        end(rotation);
        generation = rotated->session.generation;
    }
}

// What somebody was shown must not be taken back.
void ShopLoad::look_around() {
    Dice dice = dice_of(50);
    while (goes_on()) {
        if (OrderStory* const story = find_any(dice)) {
            const Result<std::optional<Order>> found = store_.find_order(story->wanted.order_id);
            if (found && *found) story->seen.emplace_back(recording_.now(), (*found)->status);
            if (found && !*found) expect({ErrorCode::internal, story->wanted.order_id.text}, "an order is gone");
        }
        if (dice() % 8 == 0) (void)store_.list_stock({}, std::nullopt, 10);
        std::this_thread::yield();
    }
}

}  // namespace waybill::testing
