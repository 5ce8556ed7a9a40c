// What an orchestrator and Prometheus ask.
#include "http/encode.hpp"
#include "http/problem.hpp"
#include "http/routes.hpp"

namespace waybill::http {

namespace {

// GET /livez: the process answers.
Response get_liveness(const Services&, const Exchange&) {
    JsonWriter json;
    json.begin_object().name("status").string("ok").end_object();
    return json_response(200, json);
}

// GET /readyz, /health
Response get_readiness(const Services& services, const Exchange& exchange) {
    if (services.draining) {
        return problem(exchange.request, Error{ErrorCode::unavailable, "The server is stopping."});
    }
    if (const Result<void> store = services.operations.check_store(); !store) {
        return problem(exchange.request, Error{ErrorCode::unavailable, "The store does not answer."});
    }
    JsonWriter json;
    json.begin_object().name("status").string("ready").name("degraded").begin_array();
    if (services.degraded) {
        for (const std::string& part : services.degraded()) json.string(part);
    }
    json.end_array().end_object();
    return json_response(200, json);
}

// GET /metrics
Response get_metrics(const Services& services, const Exchange& exchange) {
    if (!services.edge.metrics_here) {
        return problem(exchange.request, ProtocolError::not_found, "The metrics have an address of their own.");
    }
    Response response;
    response.content_type = "text/plain; version=0.0.4";
    response.body = services.metrics.render();
    return response;
}

constexpr Route rows[] = {
    {Method::get, "/livez", Access::anyone, LimitClass::none, Runs::on_io_thread, get_liveness},
    {Method::get, "/readyz", Access::anyone, LimitClass::none, Runs::as_store_read, get_readiness},
    {Method::get, "/health", Access::anyone, LimitClass::none, Runs::as_store_read, get_readiness},
    {Method::get, "/metrics", Access::anyone, LimitClass::none, Runs::on_io_thread, get_metrics},
};

}  // namespace

std::span<const Route> probe_routes() { return rows; }

}  // namespace waybill::http
