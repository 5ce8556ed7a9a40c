// Stock for each product and location, and its changes by an admin.
#include "http/cursor.hpp"
#include "http/decode.hpp"
#include "http/encode.hpp"
#include "http/idempotency.hpp"
#include "http/problem.hpp"
#include "http/query.hpp"
#include "http/routes.hpp"

namespace waybill::http {

namespace {

// GET /inventory?productId=&location=&limit=&cursor=
Response list_stock(const Services& services, const Exchange& exchange) {
    QueryReader query(exchange.request.query);
    StockFilter filter;
    if (auto product_id = query.id("productId")) filter.product_id = ProductId(std::move(*product_id));
    filter.location = query.location();
    const std::size_t limit = query.limit();
    const std::optional<StockLevel> after = query.after_stock();
    if (auto refusal = query.refusal(exchange.request)) return std::move(*refusal);

    const auto page = services.catalogue.list_stock(filter, after, limit);
    if (!page) return problem(exchange.request, page.error());
    return page_response(*page, make_stock_cursor, write_stock_level);
}

Response change_stock(const Services& services, const Exchange& exchange, StockChange change) {
    auto key = read_idempotency_key(exchange.request);
    if (!key) return std::move(key.error());
    change.idempotency = std::move(*key);
    change.user_id = exchange.caller.user_id;
    change.product_id = ProductId(std::string(exchange.params[0]));
    change.location = std::string(exchange.params[1]);

    const Result<StockChanged> changed = services.catalogue.change_stock(change);
    if (!changed) return problem(exchange.request, changed.error());
    JsonWriter json;
    write_stock_changed(json, *changed);
    Response response = json_response(200, json);
    if (changed->replayed) response.with("Idempotent-Replayed", "true");
    return response;
}

// PUT /inventory/{productId}/{location}
Response set_stock(const Services& services, const Exchange& exchange) {
    auto available = decode_stock_level(exchange.request);
    if (!available) return std::move(available.error());
    StockChange change;
    change.set = *available;
    return change_stock(services, exchange, std::move(change));
}

// POST /inventory/{productId}/{location}/adjust
Response adjust_stock(const Services& services, const Exchange& exchange) {
    auto adjustment = decode_stock_adjustment(exchange.request);
    if (!adjustment) return std::move(adjustment.error());
    StockChange change;
    change.delta = adjustment->delta;
    change.reason = std::move(adjustment->reason);
    return change_stock(services, exchange, std::move(change));
}

constexpr Route rows[] = {
    {Method::get, "/inventory", Access::admin, LimitClass::api, Runs::as_store_read, list_stock},
    {Method::put, "/inventory/{productId}/{location}", Access::admin, LimitClass::api, Runs::as_store_write, set_stock},
    {Method::post, "/inventory/{productId}/{location}/adjust", Access::admin, LimitClass::api, Runs::as_store_write,
     adjust_stock},
};

}  // namespace

std::span<const Route> inventory_routes() { return rows; }

}  // namespace waybill::http
