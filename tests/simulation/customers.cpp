#include "tests/simulation/customers.hpp"

#include <algorithm>

namespace waybill::simulation {

namespace {

constexpr MinorUnits price_first = 1'000;
constexpr std::size_t burst_size = 16;
constexpr std::size_t list_max = 100;

RequestHash hash_of(std::uint8_t body) {
    RequestHash hash{};
    hash.fill(body);
    return hash;
}

Caller caller_of(const UserId& user) { return {user, SessionId{"session"}, Role::customer}; }

}  // namespace

UserId Customers::some_customer() {
    return customer(stage_.dice.below(static_cast<std::size_t>(stage_.plan.customers)));
}

ProductId Customers::some_product() {
    // Half of all want the first.
    if (stage_.dice.chance(0.5)) return product(0);
    return product(stage_.dice.below(static_cast<std::size_t>(stage_.plan.products)));
}

std::optional<OrderId> Customers::some_order() {
    const std::vector<Attempt>& attempts = stage_.ledger.attempts();
    if (attempts.empty()) return {};
    const OrderId& id = attempts[stage_.dice.below(attempts.size())].order_id;
    return id.text.empty() ? std::nullopt : std::optional(id);
}

void Customers::act() {
    Process* const process = shop_.choose_server();
    if (process == nullptr) return;
    const std::size_t choice = stage_.dice.below(100);
    if (choice < 32) return order_anew(*process);
    if (choice < 44) return repeat(*process);
    if (choice < 46) return burst(*process);
    if (choice < 56) return cancel(*process);
    if (choice < 68) {
        if (const auto id = some_order()) read(*process, some_customer(), *id);
        return;
    }
    if (choice < 72) return list(*process, some_customer());
    if (choice < 82) return read_product(*process, some_product());
    if (choice < 86) return list_products(*process);
    if (choice < 91) return change_price(*process);
    if (choice < 97) return change_stock(*process);
    handle_dead_letters(*process);
}

// ---- orders

void Customers::place(Process& process, Attempt attempt) {
    shop_.start(process,
                [this, &process, attempt = std::move(attempt)]() mutable { place_now(process, std::move(attempt)); });
}

void Customers::place_now(Process& process, Attempt attempt) {
    OrderRequest request;
    request.location = location(attempt.body % static_cast<std::size_t>(stage_.plan.locations));
    request.lines = attempt.lines;
    request.expected_total = attempt.expected_total;
    request.size = 200;
    if (attempt.key) request.idempotency = IdempotencyKey{*attempt.key, hash_of(attempt.body)};
    attempt.process = process.gate.process();
    const Caller caller = caller_of(attempt.user);
    const std::size_t number = stage_.ledger.begin(std::move(attempt));
    (void)process.clock.take_random();
    process.ordering.place(caller, std::move(request),
                           [this, number, &gate = process.gate](Result<PlacedOrder> result) {
                               if (!gate.is_alive()) return;  // nobody hears what a dead process says
                               if (result && result->replayed) stage_.count(Count::replays);
                               if (!result && result.error().code == ErrorCode::outcome_unknown)
                                   stage_.count(Count::unknown_outcomes);
                               if (!result) stage_.count(Count::refusals);
                               stage_.ledger.answer(number, result);
                           });
    // The id is made of what the clock gave last; nothing else ran meanwhile.
    if (const auto random = process.clock.take_random()) {
        stage_.ledger.set_order_id(number, OrderId(make_uuid_v7(process.clock.now(), *random)));
    }
}

void Customers::order_anew(Process& process) {
    Attempt attempt;
    attempt.user = some_customer();
    attempt.body = static_cast<std::uint8_t>(++bodies_made_);
    const std::size_t lines = 1 + stage_.dice.below(static_cast<std::size_t>(stage_.plan.products));
    const std::size_t first =
        stage_.dice.chance(0.5) ? 0 : stage_.dice.below(static_cast<std::size_t>(stage_.plan.products));
    for (std::size_t i = 0; i < lines; ++i) {
        const std::size_t index = (first + i) % static_cast<std::size_t>(stage_.plan.products);
        attempt.lines.push_back({product(index), stage_.dice.between(1, 4)});
    }
    if (stage_.dice.chance(0.7)) attempt.key = "key-" + std::to_string(++keys_made_);
    if (stage_.dice.chance(0.1)) attempt.expected_total = stage_.dice.between(price_first, 3 * price_first);
    place(process, std::move(attempt));
}

// The same key again: with the same body, with another one, or by somebody else.
void Customers::repeat(Process& process) {
    const std::vector<Attempt>& attempts = stage_.ledger.attempts();
    if (attempts.empty()) return;
    // Most repeat what they asked for lately.
    const std::size_t recent = std::min<std::size_t>(attempts.size(), 5);
    const std::size_t back = stage_.dice.chance(0.6) ? stage_.dice.below(recent) : stage_.dice.below(attempts.size());
    const Attempt& earlier = attempts[attempts.size() - 1 - back];
    if (!earlier.key) return;
    Attempt attempt{.user = earlier.user, .key = earlier.key, .body = earlier.body, .lines = earlier.lines};
    attempt.expected_total = earlier.expected_total;
    const std::size_t choice = stage_.dice.below(10);
    if (choice == 0) {
        attempt.body = static_cast<std::uint8_t>(++bodies_made_);
        attempt.lines.front().quantity = 5 - attempt.lines.front().quantity;
    } else if (choice == 1) {
        attempt.user = some_customer();
    }
    place(process, std::move(attempt));
}

void Customers::burst(Process& process) {
    Attempt attempt;
    attempt.user = some_customer();
    attempt.key = "key-" + std::to_string(++keys_made_);
    attempt.body = static_cast<std::uint8_t>(++bodies_made_);
    attempt.lines = {{some_product(), stage_.dice.between(1, 3)}};
    const bool goes_everywhere = stage_.dice.chance(0.5);
    for (std::size_t i = 0; i < burst_size; ++i) {
        Process* const target = goes_everywhere ? shop_.choose_server() : &process;
        if (target != nullptr) place(*target, attempt);
    }
}

void Customers::cancel(Process& process) {
    const std::vector<Attempt>& attempts = stage_.ledger.attempts();
    if (attempts.empty()) return;
    const std::size_t recent = std::min<std::size_t>(attempts.size(), 6);
    const Attempt& earlier = attempts[attempts.size() - 1 - stage_.dice.below(recent)];
    const OrderId id = earlier.order_id;
    const UserId owner = earlier.user;
    const UserId caller = stage_.dice.chance(0.9) ? owner : some_customer();
    const std::size_t times = stage_.dice.chance(0.2) ? 2 : 1;
    for (std::size_t i = 0; i < times; ++i) {
        shop_.start(process, [this, &process, id, owner, caller] {
            const Result<Order> result = process.ordering.cancel(caller_of(caller), id);
            if (result && caller != owner) stage_.ledger.violate("I10", "somebody cancelled another's order", id);
            if (result) stage_.count(Count::cancellations);
            stage_.ledger.cancel(id, result);
        });
    }
}

void Customers::read(Process& process, const UserId& reader, const OrderId& id) {
    stage_.count(Count::reads);
    const Moment began = stage_.ledger.next_moment();
    shop_.start(process, [this, &process, reader, id, began] {
        Result<FoundOrder> found = process.ordering.find(caller_of(reader), id);
        const Result<Order> order = found ? Result<Order>(found->order) : std::unexpected(found.error());
        if (order) {
            stage_.trace.note(id, "read by ", reader.text, " at process ", process.gate.process(), ": ",
                              to_text(order->status), found->from_cache ? " from the cache" : "");
        }
        stage_.ledger.read(reader, false, id, order, began);
    });
}

void Customers::list(Process& process, const UserId& reader) {
    stage_.count(Count::reads);
    const Moment began = stage_.ledger.next_moment();
    shop_.start(process, [this, &process, reader, began] {
        std::vector<Order> orders;
        std::optional<PageKey> after;
        do {
            auto page = process.ordering.list(caller_of(reader), {}, after, list_max);
            if (!page) return stage_.ledger.list(reader, std::unexpected(page.error()), began);
            orders.insert(orders.end(), page->data.begin(), page->data.end());
            after = page->next;
        } while (after);
        stage_.ledger.list(reader, orders, began);
    });
}

// ---- products

void Customers::read_product(Process& process, const ProductId& id) {
    if (process.reads_products) return;
    stage_.count(Count::reads);
    process.reads_products = true;
    const SteadyTime began_at = stage_.time.steady();
    const Moment began = stage_.ledger.next_moment();
    shop_.start(process, [this, &process, id, began_at, began] {
        const Result<Product> found = process.catalogue.get_product(id);
        process.reads_products = false;
        if (!found) return stage_.ledger.check_error(found.error(), "GET /products/{id}");
        stage_.trace.note("process ", process.gate.process(), " reads ", id.text, " with price ", found->price);
        stage_.ledger.product_read(id, found->price, process.gate.process(), began_at, began);
    });
}

void Customers::list_products(Process& process) {
    if (process.reads_products) return;
    stage_.count(Count::reads);
    process.reads_products = true;
    const SteadyTime began_at = stage_.time.steady();
    const Moment began = stage_.ledger.next_moment();
    shop_.start(process, [this, &process, began_at, began] {
        const auto page = process.catalogue.list_products(std::nullopt, list_max);
        process.reads_products = false;
        if (!page) return stage_.ledger.check_error(page.error(), "GET /products");
        for (const Product& product : page->data) {
            stage_.ledger.product_read(product.id, product.price, process.gate.process(), began_at, began);
        }
    });
}

void Customers::change_price(Process& process) {
    const ProductId id = some_product();
    ProductPatch patch;
    patch.price = 2 * price_first + ++prices_made_;
    shop_.start(process, [this, &process, id, patch] {
        const Result<Product> changed = process.catalogue.update_product(id, patch);
        if (!changed) return stage_.ledger.check_error(changed.error(), "PATCH /products/{id}");
        stage_.trace.note("process ", process.gate.process(), " answered price ", changed->price, " of ", id.text);
        stage_.ledger.price_answered(id, changed->price, process.gate.process(), stage_.time.steady());
    });
}

void Customers::change_stock(Process& process) {
    StockChange change;
    if (!stock_changes_.empty() && stage_.dice.chance(0.3)) {
        change = stage_.dice.pick(stock_changes_);
    } else {
        change.user_id = UserId{"operator"};
        change.product_id = some_product();
        change.location = location(stage_.dice.below(static_cast<std::size_t>(stage_.plan.locations)));
        if (stage_.dice.chance(0.3)) {
            change.set = stage_.dice.between(0, 30);
        } else {
            change.delta = stage_.dice.between(-6, 12);
        }
        change.idempotency = IdempotencyKey{"stock-" + std::to_string(++keys_made_), hash_of(1)};
        stock_changes_.push_back(change);
    }
    shop_.start(process, [this, &process, change] {
        const Result<StockChanged> changed = process.catalogue.change_stock(change);
        if (!changed) stage_.ledger.check_error(changed.error(), "POST /inventory");
    });
}

void Customers::handle_dead_letters(Process& process) {
    const bool discards = stage_.dice.chance(0.2);
    shop_.start(process, [this, &process, discards] {
        const auto page = process.operations.list_dead_letters(std::nullopt, list_max);
        if (!page) return stage_.ledger.check_error(page.error(), "GET /admin/dead-letters");
        for (const DeadLetter& letter : page->data) {
            const auto done = discards ? process.operations.discard_dead_letter(letter.id)
                                       : process.operations.requeue_dead_letter(letter.id);
            if (!done) stage_.ledger.check_error(done.error(), "POST /admin/dead-letters");
        }
    });
}

}  // namespace waybill::simulation
