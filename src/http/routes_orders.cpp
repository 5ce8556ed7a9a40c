// Orders, as their customers see them.
#include "http/cursor.hpp"
#include "http/decode.hpp"
#include "http/encode.hpp"
#include "http/idempotency.hpp"
#include "http/problem.hpp"
#include "http/query.hpp"
#include "http/routes.hpp"

namespace waybill::http {

namespace {

Response order_response(const Services& services, const Order& order) {
    JsonWriter json;
    json.reserve(order_size_hint(order));
    write_order(json, order, services.edge.currency);
    return json_response(200, json);
}

// The first answer and its replays are the same bytes: the store hands out the order as it was
// placed, whatever came after.
Response placed_response(const Currency& currency, const PlacedOrder& placed) {
    const Order& order = placed.order;
    JsonWriter json;
    json.reserve(order_size_hint(order));
    write_order(json, order, currency, "Order created successfully");
    Response response = json_response(201, json);
    response.with("Location", "/api/v1/orders/" + order.id.text);
    if (placed.replayed) response.with("Idempotent-Replayed", "true");
    return response;
}

// POST /orders
void place_order(const Services& services, const Exchange& exchange, Completion completion) {
    const Request& request = exchange.request;
    auto key = read_idempotency_key(request);
    if (!key) return completion(ready(std::move(key.error())));
    auto order = decode_order_request(request, services.edge.currency);
    if (!order) return completion(ready(std::move(order.error())));
    order->idempotency = std::move(*key);
    order->trace = request.trace;

    // The request stays until the response is there; the exchange need not.
    auto answer = [&request, &currency = services.edge.currency,
                   hand_over = std::move(completion)](Result<PlacedOrder> placed) mutable {
        hand_over([&request, &currency, placed = std::move(placed)] {
            return placed ? placed_response(currency, *placed) : problem(request, placed.error(), currency);
        });
    };
    services.ordering.place(exchange.caller, std::move(*order), std::move(answer));
}

// GET /orders?status=&limit=&cursor=&userId=
Response list_orders(const Services& services, const Exchange& exchange) {
    QueryReader query(exchange.request.query);
    OrderFilter filter;
    filter.status = query.order_status();
    if (exchange.caller.is_admin()) {
        if (auto user_id = query.id("userId")) filter.user_id = UserId(std::move(*user_id));
    }
    const std::size_t limit = query.limit();
    const std::optional<PageKey> after = query.after(CursorOf::orders);
    if (auto refusal = query.refusal(exchange.request)) return std::move(*refusal);

    const Result<Page<Order>> page = services.ordering.list(exchange.caller, std::move(filter), after, limit);
    if (!page) return problem(exchange.request, page.error());
    return page_response(
        *page, [](const PageKey& next) { return make_cursor(CursorOf::orders, next); },
        [&](JsonWriter& json, const Order& order) { write_order(json, order, services.edge.currency); });
}

OrderId order_id_of(const Exchange& exchange) { return OrderId(std::string(exchange.params[0])); }

// GET /orders/{id}
Response get_order(const Services& services, const Exchange& exchange) {
    const Result<FoundOrder> found = services.ordering.find(exchange.caller, order_id_of(exchange));
    if (!found) return problem(exchange.request, found.error());
    Response response = order_response(services, found->order);
    response.with("X-Cache", found->from_cache ? "HIT" : "MISS");
    return response;
}

// POST /orders/{id}/cancel
Response cancel_order(const Services& services, const Exchange& exchange) {
    if (auto nothing = decode_nothing(exchange.request); !nothing) return std::move(nothing.error());
    const Result<Order> order = services.ordering.cancel(exchange.caller, order_id_of(exchange));
    return order ? order_response(services, *order) : problem(exchange.request, order.error());
}

// GET /orders/{id}/timeline
Response get_timeline(const Services& services, const Exchange& exchange) {
    const Result<FoundOrder> found = services.ordering.find(exchange.caller, order_id_of(exchange));
    if (!found) return problem(exchange.request, found.error());
    const std::vector<StatusChange> changes = timeline_of(found->order);
    return list_response(std::span<const StatusChange>(changes), std::nullopt, write_status_change);
}

constexpr Route rows[] = {
    {Method::post, "/orders", Access::user, LimitClass::api, Runs::on_io_thread, nullptr, place_order},
    {Method::get, "/orders", Access::user, LimitClass::api, Runs::as_store_read, list_orders},
    {Method::get, "/orders/{id}", Access::user, LimitClass::api, Runs::as_store_read, get_order},
    {Method::post, "/orders/{id}/cancel", Access::user, LimitClass::api, Runs::as_store_write, cancel_order},
    {Method::get, "/orders/{id}/timeline", Access::user, LimitClass::api, Runs::as_store_read, get_timeline},
};

}  // namespace

std::span<const Route> order_routes() { return rows; }

}  // namespace waybill::http
