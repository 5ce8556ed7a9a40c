// Whole requests through the router and all its routes, on a shop in memory: whatever comes, the
// answer is one that the API knows.
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "http/request_checks.hpp"
#include "http/router.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/targets.hpp"
#include "tests/unit/http/shop.hpp"

namespace waybill::fuzz {

namespace {

constexpr std::size_t requests_of_a_shop = 2'000;  // then a new one, so that memory and state stay small

struct RoutedShop {
    http::Shop shop;
    http::Router router{{}, shop.services, http::api_routes(), http::root_routes()};
    std::array<std::string, 3> tokens;
    std::size_t requests = 0;

    RoutedShop() {
        shop.edge.api_limit.burst = shop.edge.auth_limit.burst = shop.edge.auth_address_limit.burst = 1 << 30;
        std::size_t i = 0;
        for (const Caller& caller : {shop.customer, shop.other, shop.admin}) {
            Session session;
            session.id = caller.session_id;
            session.user_id = caller.user_id;
            static_cast<void>(shop.store.create_session(session, "", Milliseconds{604'800'000}));
            tokens[i++] = shop.access.issue(caller);
        }
    }
};

RoutedShop& current_shop() {
    static std::unique_ptr<RoutedShop> current;
    if (!current || ++current->requests > requests_of_a_shop) current = std::make_unique<RoutedShop>();
    return *current;
}

http::Response answer_of(RoutedShop& routed, http::Request& request) {
    auto handled = routed.router.handle(request);
    if (auto* response = std::get_if<http::Response>(&handled)) return std::move(*response);
    std::optional<http::Response> response;
    std::get<http::Deferred>(handled).work([&](http::MakeResponse make) { response = make(); });
    while (!response && routed.shop.intake.commit_batch()) {
    }
    require(response.has_value(), "every request is answered");
    return std::move(*response);
}

void check(const http::Response& response) {
    require(response.status >= 200 && response.status < 500, "no request is an error of ours");
    bool has_id = false;
    for (const auto& [name, value] : response.headers) {
        require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos, "a header is one line");
        if (name == "X-Request-Id") has_id = !value.empty();
    }
    require(has_id, "every answer has its request's id");
    if (!response.content_type.contains("json") || response.body.empty()) return;
    const auto body = http::read_json(response.body);
    require(body.has_value(), "an answer is JSON");
    if (response.status < 400) return;
    for (const std::string_view member : {"type", "title", "status", "detail", "code", "requestId", "message"}) {
        require(body->find(member) != nullptr, "an error is a problem document");
    }
}

void router(std::string_view bytes) {
    constexpr std::array methods{http::Method::get,   http::Method::head, http::Method::post,   http::Method::put,
                                 http::Method::patch, http::Method::del,  http::Method::options};
    RoutedShop& routed = current_shop();
    Input input(bytes);
    http::Request request;
    request.method = methods[input.choice(methods.size())];
    const std::size_t who = input.choice(4);
    const std::string authorization = "Bearer " + (who < 3 ? routed.tokens[who] : input.word());
    request.headers.emplace_back("Host", "localhost");
    request.headers.emplace_back("Authorization", authorization);
    if (input.choice(2) == 0) request.headers.emplace_back("Content-Type", "application/json");
    request.target = input.line();
    const http::TargetParts parts = http::split_target(request.target);
    request.path = parts.path;
    request.query = parts.query;
    if (request.path.empty()) return;
    for (std::string_view line = input.line(); !line.empty(); line = input.line()) {
        const std::size_t colon = line.find(": ");
        if (colon == std::string_view::npos ||
            line.find_first_of(std::string_view("\r\0", 2)) != std::string_view::npos)
            continue;
        request.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
    request.body = input.rest();
    request.peer_address = "127.0.0.1";
    request.peer_is_loopback = true;
    check(answer_of(routed, request));
}

constexpr std::array targets{Target{"router", router}};

}  // namespace

std::span<const Target> router_targets() { return targets; }

}  // namespace waybill::fuzz
