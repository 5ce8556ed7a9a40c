// The document and the router's table are the same list.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include <set>
#include <string>

#include "http/assets.hpp"
#include "http/routes.hpp"

namespace waybill::http {

namespace {

namespace json = boost::json;

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return out;
}

// The router does not know the names of its parameters.
std::string without_names(std::string_view path) {
    std::string out;
    bool inside = false;
    for (const char c : path) {
        if (c == '}') inside = false;
        if (!inside) out += c;
        if (c == '{') inside = true;
    }
    return out;
}

const json::value& document() {
    static const json::value parsed = json::parse(get_asset("openapi.json").bytes);
    return parsed;
}

std::set<std::string> documented() {
    const std::set<std::string> shared{"parameters", "summary", "description", "servers"};
    std::set<std::string> routes;
    for (const auto& [path, item] : document().at("paths").as_object()) {
        for (const auto& [method, operation] : item.as_object()) {
            if (shared.contains(std::string(method))) continue;
            routes.insert(upper(method) + " " + without_names(path));
        }
    }
    return routes;
}

std::set<std::string> routed() {
    std::set<std::string> routes;
    const auto add = [&](const Route& route, const std::string& prefix) {
        routes.insert(std::string(to_text(route.method)) + " " + prefix + without_names(route.pattern));
    };
    for (const std::span<const Route> table : api_routes()) {
        for (const Route& route : table) add(route, "/api/v1");
    }
    for (const Route& route : root_routes()) add(route, "");
    return routes;
}

TEST(OpenApi, describes_every_route_and_no_other) { EXPECT_EQ(documented(), routed()); }

TEST(OpenApi, asks_for_an_access_token_exactly_where_the_router_does) {
    const auto is_open = [](const json::object& operation) {
        const json::value* own = operation.if_contains("security");
        if (own == nullptr) return false;
        for (const json::value& way : own->as_array()) {
            if (way.as_object().contains("accessToken")) return false;
        }
        return true;
    };
    std::set<std::string> open;
    for (const auto& [path, item] : document().at("paths").as_object()) {
        for (const auto& [method, operation] : item.as_object()) {
            if (operation.is_object() && is_open(operation.as_object()))
                open.insert(upper(method) + " " + without_names(path));
        }
    }
    std::set<std::string> expected;
    for (const std::span<const Route> table : api_routes()) {
        for (const Route& route : table) {
            if (route.access == Access::anyone)
                expected.insert(std::string(to_text(route.method)) + " /api/v1" + without_names(route.pattern));
        }
    }
    for (const Route& route : root_routes()) expected.insert("GET " + without_names(route.pattern));
    EXPECT_EQ(open, expected);
}

TEST(OpenApi, says_403_exactly_where_a_role_or_an_origin_is_checked) {
    std::set<std::string> documented_forbidden;
    for (const auto& [path, item] : document().at("paths").as_object()) {
        for (const auto& [method, operation] : item.as_object()) {
            if (operation.is_object() && operation.at("responses").as_object().contains("403"))
                documented_forbidden.insert(upper(method) + " " + without_names(path));
        }
    }
    std::set<std::string> expected{"POST /api/v1/auth/refresh", "POST /api/v1/auth/refresh-token",
                                   "POST /api/v1/auth/logout"};
    for (const std::span<const Route> table : api_routes()) {
        for (const Route& route : table) {
            if (route.access == Access::admin)
                expected.insert(std::string(to_text(route.method)) + " /api/v1" + without_names(route.pattern));
        }
    }
    EXPECT_EQ(documented_forbidden, expected);
}

}  // namespace

}  // namespace waybill::http
