// One row for each route: who may call it, which limit counts it, where it runs, what it does.
// A new endpoint is one function and one row in one routes_*.cpp.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "app/auth.hpp"
#include "app/catalogue.hpp"
#include "app/metrics.hpp"
#include "app/operations.hpp"
#include "app/ordering.hpp"
#include "domain/money.hpp"
#include "http/message.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"
#include "ports/rate_limiter.hpp"

namespace waybill::http {

enum class CookieSecure : std::uint8_t { automatic, always, never };

// What the protocol needs to know of the configuration.
struct EdgeOptions {
    Currency currency{};
    RateLimit auth_limit{10, Milliseconds{900'000}};           // failures for one account and address
    RateLimit auth_address_limit{100, Milliseconds{900'000}};  // for one address
    RateLimit api_limit{300, Milliseconds{60'000}};            // for one user, or address when anonymous
    std::vector<std::string> trusted_proxies;                  // addresses or CIDR blocks
    std::vector<std::string> cors_origins;                     // exact origins
    std::string cookie_same_site = "Strict";
    CookieSecure cookie_secure = CookieSecure::automatic;
    Milliseconds refresh_lifetime{604'800'000};
    bool metrics_here = true;  // false when --metrics-listen has its own address
};

// Everything a route may call. Owned by the wiring; outlives the server.
struct Services {
    Auth& auth;
    Ordering& ordering;
    Catalogue& catalogue;
    Operations& operations;
    RateLimiter& limiter;
    Clock& clock;
    Log& log;
    Metrics& metrics;
    const EdgeOptions& edge;
    const std::atomic<bool>& draining;
    std::function<std::vector<std::string>()> degraded{};  // parts that are away and not needed; empty: none are
};

struct Exchange {
    const Request& request;
    std::array<std::string_view, 2> params;  // the {…} segments of the pattern, percent-decoded and valid ids
    Caller caller;                           // set where access is user or admin
};

// Makes the answer, on the I/O thread of the connection that waits for it. May throw.
using MakeResponse = std::move_only_function<Response()>;
using Completion = std::move_only_function<void(MakeResponse)>;  // exactly once, from any thread
[[nodiscard]] inline MakeResponse ready(Response response) {
    return [response = std::move(response)]() mutable { return std::move(response); };
}

using Handler = Response (*)(const Services&, const Exchange&);
using CompletingHandler = void (*)(const Services&, const Exchange&, Completion);

enum class Access : std::uint8_t { anyone, user, admin };
enum class LimitClass : std::uint8_t { none, api, auth };

// Where a handler runs. Point reads of the embedded store run on the I/O thread; with a store that
// waits for a network they go to the blocking pool, like writes.
enum class Runs : std::uint8_t { on_io_thread, as_store_read, as_store_write, as_hashing };

struct Route {
    Method method;
    std::string_view pattern;  // below the prefix, for example "/orders/{id}/cancel"
    Access access;
    LimitClass limit;
    Runs runs;
    Handler handler = nullptr;
    CompletingHandler completing = nullptr;  // instead of handler, for what ends on another thread
};

// Below /api/v1 and /api.
[[nodiscard]] std::span<const Route> auth_routes();
[[nodiscard]] std::span<const Route> order_routes();
[[nodiscard]] std::span<const Route> product_routes();
[[nodiscard]] std::span<const Route> inventory_routes();
[[nodiscard]] std::span<const Route> admin_routes();

// Outside the prefixes: probes and metrics; the API's document and the page that shows it.
[[nodiscard]] std::span<const Route> probe_routes();
[[nodiscard]] std::span<const Route> docs_routes();

// Every route there is: below the prefixes, and outside.
[[nodiscard]] std::span<const std::span<const Route>> api_routes();
[[nodiscard]] std::span<const Route> root_routes();

}  // namespace waybill::http
