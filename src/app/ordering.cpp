#include "app/ordering.hpp"

#include <algorithm>
#include <utility>

#include "domain/encoding.hpp"

namespace waybill {

namespace {

std::string cache_key(const OrderId& id) { return "order:" + id.text; }

// One text for an order that is absent and one that is somebody else's.
std::unexpected<Error> no_such_order() { return fail(ErrorCode::not_found, "There is no such order."); }

bool may_see(const Caller& caller, const Order& order) { return caller.is_admin() || order.user_id == caller.user_id; }

// What a cache holds may be anything; only a terminal order can be known from it.
std::optional<Order> find_cached(Cache& cache, const std::string& key, const OrderId& id) {
    const std::optional<std::string> bytes = cache.find(key);
    if (!bytes) return {};
    std::optional<Order> order = decode_order(*bytes);
    if (!order || order->id != id || !is_terminal(order->status)) return {};
    return order;
}

}  // namespace

Ordering::Ordering(Options options, OrderIntake& intake, Store& store, Cache& cache, Clock& clock, Metrics& metrics,
                   WorkSignal& signal)
    : options_(std::move(options)),
      intake_(intake),
      store_(store),
      cache_(cache),
      metrics_(metrics),
      signal_(signal),
      ids_(clock) {}

void Ordering::place(const Caller& caller, OrderRequest request, OrderIntake::Done done) {
    Result<std::vector<RequestedLine>> lines = merge_lines(request.lines);
    if (!lines) {
        metrics_.orders_refused.Increment();
        return done(fail(std::move(lines.error())));
    }
#ifdef WAYBILL_MUTANT_IDEMPOTENCY_ONLY_IN_CACHE
    if (request.idempotency) {
        const std::string key = "key:" + caller.user_id.text + ":" + request.idempotency->key;
        const std::optional<std::string> known = cache_.find(key);
        const std::optional<Order> placed = known ? decode_order(*known) : std::nullopt;
        if (placed) return done(PlacedOrder{*placed, true});
        done = [this, key, asker = std::move(done)](Result<PlacedOrder> result) mutable {
            if (result) cache_.put(key, encode_order(result->order), options_.cache_ttl);
            asker(std::move(result));
        };
        request.idempotency.reset();
    }
#endif
    NewOrder order{ids_.make_order_id(), caller.user_id,         std::move(request.location),
                   std::move(*lines),    request.expected_total, std::move(request.idempotency),
                   request.trace};
    if (!order.location) order.location = options_.default_location;
    intake_.submit(std::move(order), request.size, std::move(done));
}

Result<FoundOrder> Ordering::find(const Caller& caller, const OrderId& id) {
    if (!is_valid_id(id.text)) return no_such_order();
    const std::string key = cache_key(id);
    std::optional<Order> cached = find_cached(cache_, key, id);
    (cached ? metrics_.cache_hits : metrics_.cache_misses).Increment();
    if (cached && !may_see(caller, *cached)) return no_such_order();
    if (cached) return FoundOrder{std::move(*cached), true};

    Result<std::optional<Order>> stored = store_.find_order(id);
    if (!stored) return fail(std::move(stored.error()));
    if (!*stored || !may_see(caller, **stored)) return no_such_order();
    Order& order = **stored;
    if (is_terminal(order.status)) cache_.put(key, encode_order(order), options_.cache_ttl);
    return FoundOrder{std::move(order), false};
}

Result<Page<Order>> Ordering::list(const Caller& caller, OrderFilter filter, const std::optional<PageKey>& after,
                                   std::size_t limit) {
    if (!caller.is_admin()) filter.user_id = caller.user_id;
    limit = std::clamp<std::size_t>(limit, 1, page_limit_max);
    Result<std::vector<Order>> rows = store_.list_orders(filter, after, limit + 1);
    if (!rows) return fail(std::move(rows.error()));
    return make_page(std::move(*rows), limit, [](const Order& order) {
        return PageKey{order.created_at, order.id.text};
    });
}

Result<Order> Ordering::cancel(const Caller& caller, const OrderId& id) {
    Result<FoundOrder> found = find(caller, id);
    if (!found) return fail(std::move(found.error()));
    if (found->order.status == OrderStatus::cancelled) return std::move(found->order);

    const std::optional<UserId> owner = caller.is_admin() ? std::nullopt : std::optional(caller.user_id);
    Result<Order> cancelled = store_.cancel_order(id, owner);
    if (!cancelled) return cancelled;
    metrics_.orders_cancelled.Increment();
    signal_.notify(WorkKind::send_mail);
    return cancelled;
}

}  // namespace waybill
