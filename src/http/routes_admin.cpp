// What an operator sees and does.
#include "http/cursor.hpp"
#include "http/decode.hpp"
#include "http/encode.hpp"
#include "http/problem.hpp"
#include "http/query.hpp"
#include "http/routes.hpp"

namespace waybill::http {

namespace {

// GET /admin/dead-letters?limit=&cursor=
Response list_dead_letters(const Services& services, const Exchange& exchange) {
    QueryReader query(exchange.request.query);
    const std::size_t limit = query.limit();
    const std::optional<PageKey> after = query.after(CursorOf::dead_letters);
    if (auto refusal = query.refusal(exchange.request)) return std::move(*refusal);

    const Result<Page<DeadLetter>> page = services.operations.list_dead_letters(after, limit);
    if (!page) return problem(exchange.request, page.error());
    return page_response(
        *page, [](const PageKey& next) { return make_cursor(CursorOf::dead_letters, next); }, write_dead_letter);
}

using Decision = Result<DeadLetter> (Operations::*)(const WorkId&);

Response decide(const Services& services, const Exchange& exchange, Decision decision) {
    if (auto nothing = decode_nothing(exchange.request); !nothing) return std::move(nothing.error());
    const Result<DeadLetter> letter = (services.operations.*decision)(WorkId(std::string(exchange.params[0])));
    if (!letter) return problem(exchange.request, letter.error());
    JsonWriter json;
    write_dead_letter(json, *letter);
    return json_response(200, json);
}

// POST /admin/dead-letters/{id}/requeue
Response requeue(const Services& services, const Exchange& exchange) {
    return decide(services, exchange, &Operations::requeue_dead_letter);
}

// POST /admin/dead-letters/{id}/discard
Response discard(const Services& services, const Exchange& exchange) {
    return decide(services, exchange, &Operations::discard_dead_letter);
}

// GET /admin/stats
Response get_stats(const Services& services, const Exchange& exchange) {
    const Result<Figures> figures = services.operations.figures();
    if (!figures) return problem(exchange.request, figures.error());
    JsonWriter json;
    write_figures(json, *figures);
    return json_response(200, json);
}

constexpr Route rows[] = {
    {Method::get, "/admin/dead-letters", Access::admin, LimitClass::api, Runs::as_store_read, list_dead_letters},
    {Method::post, "/admin/dead-letters/{id}/requeue", Access::admin, LimitClass::api, Runs::as_store_write, requeue},
    {Method::post, "/admin/dead-letters/{id}/discard", Access::admin, LimitClass::api, Runs::as_store_write, discard},
    {Method::get, "/admin/stats", Access::admin, LimitClass::api, Runs::as_store_read, get_stats},
};

}  // namespace

std::span<const Route> admin_routes() { return rows; }

}  // namespace waybill::http
