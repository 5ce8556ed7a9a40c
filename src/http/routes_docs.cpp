// The API's document, and the page that shows it to a person.
#include <algorithm>
#include <stdexcept>

#include "http/assets.hpp"
#include "http/request_checks.hpp"
#include "http/routes.hpp"

namespace waybill::http {

namespace {

// Swagger UI draws its icons from data: URLs. Everything else is its own file of this origin.
constexpr std::string_view page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

constexpr std::string_view caching = "public, max-age=300";

// Up to the first fault. A weak tag is compared like a strong one.
bool lists_tag(std::string_view list, std::string_view tag) {
    for (;;) {
        list.remove_prefix(std::min(list.find_first_not_of(", \t"), list.size()));
        if (list.starts_with("W/")) list.remove_prefix(2);
        if (!list.starts_with('"')) return false;
        const std::size_t size = list.find('"', 1) + 1;
        if (size == 0) return false;
        const std::string_view member = list.substr(0, size);
        list = trim_ows(list.substr(size));
        if (!list.empty() && !list.starts_with(',')) return false;
        if (member == tag) return true;
    }
}

// RFC 9110, 13.1.2.
bool is_known(const Request& request, const Asset& asset) {
    return std::ranges::any_of(request.headers, [&asset](const auto& header) {
        return equal_names(header.first, "if-none-match") &&
               (header.second == "*" || lists_tag(header.second, asset.tag));
    });
}

// A name as an argument of a template, so that each file's row has its handler: the path of a request
// may be percent-encoded.
template <std::size_t size>
struct FileName {
    char text[size]{};
    constexpr FileName(const char (&name)[size]) { std::copy_n(name, size, text); }
    [[nodiscard]] constexpr std::string_view view() const { return {text, size - 1}; }
};

Response serve(const Exchange& exchange, std::string_view name) {
    const Asset& asset = get_asset(name);
    Response response;
    response.with("ETag", std::string(asset.tag)).with("Cache-Control", std::string(caching));
    if (is_known(exchange.request, asset)) {
        response.status = 304;
        return response;
    }
    response.content_type = asset.type;
    if (asset.type.starts_with("text/")) response.content_type += "; charset=utf-8";
    response.fixed_body = asset.bytes;
    return response;
}

// GET /openapi.json
Response get_document(const Services&, const Exchange& exchange) { return serve(exchange, "openapi.json"); }

// GET /docs
Response get_page(const Services&, const Exchange& exchange) {
    Response response = serve(exchange, "docs.html");
    return std::move(response.with("Content-Security-Policy", std::string(page_policy)));
}

// GET /docs/<file>
template <FileName name>
Response get_file(const Services&, const Exchange& exchange) {
    return serve(exchange, name.view());
}

constexpr Route rows[] = {
    {Method::get, "/openapi.json", Access::anyone, LimitClass::none, Runs::on_io_thread, get_document},
    {Method::get, "/docs", Access::anyone, LimitClass::none, Runs::on_io_thread, get_page},
    {Method::get, "/docs/docs.css", Access::anyone, LimitClass::none, Runs::on_io_thread, get_file<"docs.css">},
    {Method::get, "/docs/docs.js", Access::anyone, LimitClass::none, Runs::on_io_thread, get_file<"docs.js">},
    {Method::get, "/docs/swagger-ui.css", Access::anyone, LimitClass::none, Runs::on_io_thread,
     get_file<"swagger-ui.css">},
    {Method::get, "/docs/swagger-ui-bundle.js", Access::anyone, LimitClass::none, Runs::on_io_thread,
     get_file<"swagger-ui-bundle.js">},
};

}  // namespace

const Asset& get_asset(std::string_view name) {
    const auto found = std::ranges::find(all_assets(), name, &Asset::name);
    if (found == all_assets().end()) throw std::logic_error("no such asset: " + std::string(name));
    return *found;
}

std::span<const Route> docs_routes() { return rows; }

}  // namespace waybill::http
