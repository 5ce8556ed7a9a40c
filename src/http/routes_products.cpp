// The catalogue. Anyone may look at a product, an inactive one included; lists hold active ones.
#include "http/cursor.hpp"
#include "http/decode.hpp"
#include "http/encode.hpp"
#include "http/problem.hpp"
#include "http/query.hpp"
#include "http/routes.hpp"

namespace waybill::http {

namespace {

Response product_response(const Services& services, const Request& request, int status,
                          const Result<Product>& product) {
    if (!product) return problem(request, product.error());
    JsonWriter json;
    write_product(json, *product, services.edge.currency);
    return json_response(status, json);
}

ProductId product_id_of(const Exchange& exchange) { return ProductId(std::string(exchange.params[0])); }

// GET /products?limit=&cursor=
Response list_products(const Services& services, const Exchange& exchange) {
    QueryReader query(exchange.request.query);
    const std::size_t limit = query.limit();
    const std::optional<PageKey> after = query.after(CursorOf::products);
    if (auto refusal = query.refusal(exchange.request)) return std::move(*refusal);

    const Result<Page<Product>> page = services.catalogue.list_products(after, limit);
    if (!page) return problem(exchange.request, page.error());
    return page_response(
        *page, [](const PageKey& next) { return make_cursor(CursorOf::products, next); },
        [&](JsonWriter& json, const Product& product) { write_product(json, product, services.edge.currency); });
}

// GET /products/{id}
Response get_product(const Services& services, const Exchange& exchange) {
    const Result<Product> product = services.catalogue.get_product(product_id_of(exchange));
    return product_response(services, exchange.request, 200, product);
}

// POST /products
Response create_product(const Services& services, const Exchange& exchange) {
    auto decoded = decode_new_product(exchange.request, services.edge.currency);
    if (!decoded) return std::move(decoded.error());
    const Result<Product> product = services.catalogue.create_product(*decoded);
    Response response = product_response(services, exchange.request, 201, product);
    if (product) response.with("Location", "/api/v1/products/" + product->id.text);
    return response;
}

// PATCH /products/{id}
Response update_product(const Services& services, const Exchange& exchange) {
    auto patch = decode_product_patch(exchange.request, services.edge.currency);
    if (!patch) return std::move(patch.error());
    const Result<Product> product = services.catalogue.update_product(product_id_of(exchange), *patch);
    return product_response(services, exchange.request, 200, product);
}

constexpr Route rows[] = {
    {Method::get, "/products", Access::anyone, LimitClass::api, Runs::as_store_read, list_products},
    {Method::get, "/products/{id}", Access::anyone, LimitClass::api, Runs::as_store_read, get_product},
    {Method::post, "/products", Access::admin, LimitClass::api, Runs::as_store_write, create_product},
    {Method::patch, "/products/{id}", Access::admin, LimitClass::api, Runs::as_store_write, update_product},
};

}  // namespace

std::span<const Route> product_routes() { return rows; }

}  // namespace waybill::http
