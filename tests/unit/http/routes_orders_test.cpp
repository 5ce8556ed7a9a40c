#include <gtest/gtest.h>

#include "tests/unit/http/shop.hpp"

namespace waybill::http {
namespace {

class OrderRoutes : public ::testing::Test, protected Shop {
protected:
    Response place_with(std::string_view body, HeaderTexts headers = {}) {
        return post("/api/v1/orders", body, customer, std::move(headers));
    }
    static std::string items(std::string_view lines) { return std::string(R"({"items":[)").append(lines).append("]}"); }
    static std::vector<std::string> ids_in(const Response& response) {
        std::vector<std::string> ids;
        const Json json = json_of(response);
        for (const Json& order : json.find("data")->items) ids.push_back(order.find("orderId")->text);
        return ids;
    }
};

TEST_F(OrderRoutes, place_answers_the_order_of_the_documentation) {
    const Response response = place_with(demo_body);
    EXPECT_EQ(response.status, 201);
    EXPECT_EQ(response.content_type, "application/json");
    const Json json = json_of(response);
    std::vector<std::string> names;
    for (const auto& [name, value] : json.members) names.push_back(name);
    EXPECT_EQ(names, (std::vector<std::string>{"orderId", "status", "message", "location", "items", "totalAmount",
                                               "currency", "createdAt", "updatedAt"}));
    EXPECT_EQ(text_of(response, "status"), "Pending");
    EXPECT_EQ(text_of(response, "message"), "Order created successfully");
    EXPECT_EQ(text_of(response, "location"), "bangalore");
    EXPECT_EQ(text_of(response, "totalAmount"), "4324.00");
    EXPECT_EQ(text_of(response, "currency"), "INR");
    EXPECT_EQ(text_of(response, "createdAt"), "2026-01-01T00:00:00.000Z");
    EXPECT_EQ(header_of(response, "Location"), "/api/v1/orders/" + text_of(response, "orderId"));
    EXPECT_FALSE(header_of(response, "Idempotent-Replayed"));
    const Json& line = json.find("items")->items.at(1);
    EXPECT_EQ(line.find("productId")->text, "67c8830b7ef1b848ac52ebee");
    EXPECT_EQ(line.find("quantity")->text, "2");
    EXPECT_TRUE(line.find("name") && line.find("unitPrice") && line.find("lineTotal"));
}

TEST_F(OrderRoutes, place_keeps_the_trace_of_the_request_with_the_order) {
    const Response response = place_with(demo_body);
    const Order order = store.find_order(OrderId(text_of(response, "orderId"))).value().value();
    EXPECT_EQ(order.trace, OwnedRequest(Method::get, "/").get().trace);
}

TEST_F(OrderRoutes, place_refuses_another_total_and_tells_ours) {
    const Response response =
        place_with(R"({"totalAmount":1,"items":[{"productId":"67c8830b7ef1b848ac52ebec","quantity":1}]})");
    EXPECT_EQ(response.status, 409);
    EXPECT_EQ(text_of(response, "code"), "total-mismatch");
    EXPECT_NE(text_of(response, "expected").find('.'), std::string::npos);
}

TEST_F(OrderRoutes, place_tells_every_refusal) {
    struct Case {
        std::string body;
        int status;
        std::string code;
    };
    const Case cases[] = {
        {"", 400, "malformed-json"},
        {"{}", 422, "validation-failed"},
        {items(R"({"productId":"none","quantity":1})"), 422, "unknown-product"},
        {R"({"location":"nowhere","items":[{"productId":"67c8830b7ef1b848ac52ebec","quantity":1}]})", 422,
         "unknown-location"},
        {items(R"({"productId":"67c8830b7ef1b848ac52ebec","quantity":1,"sku":1})"), 422, "unknown-field"},
        {items(
             R"({"productId":"67c8830b7ef1b848ac52ebec","quantity":9000},{"productId":"67c8830b7ef1b848ac52ebec","quantity":9000})"),
         422, "validation-failed"},
    };
    for (const Case& c : cases) {
        const Response response = place_with(c.body);
        EXPECT_EQ(response.status, c.status) << c.body;
        EXPECT_EQ(text_of(response, "code"), c.code) << c.body;
    }
}

TEST_F(OrderRoutes, place_lists_shortages) {
    call(Method::put, "/api/inventory/67c8830b7ef1b848ac52ebec/bangalore", R"({"available":1})", {}, admin);
    const Response response = place_with(items(R"({"productId":"67c8830b7ef1b848ac52ebec","quantity":2})"));
    EXPECT_EQ(response.status, 409);
    EXPECT_EQ(text_of(response, "code"), "insufficient-stock");
    EXPECT_EQ(json_of(response).find("shortages")->items.at(0).find("available")->text, "1");
}

TEST_F(OrderRoutes, place_ignores_the_names_and_prices_of_older_clients) {
    const Response response =
        place_with(items(R"({"productId":"67c8830b7ef1b848ac52ebec","name":"Free","quantity":1,"price":0.01})"));
    EXPECT_EQ(response.status, 201);
    const Json json = json_of(response);
    EXPECT_NE(json.find("items")->items.at(0).find("name")->text, "Free");
    EXPECT_NE(text_of(response, "totalAmount"), "0.01");
}

TEST_F(OrderRoutes, place_replays_the_same_bytes_whatever_came_after) {
    const HeaderTexts key{{"Idempotency-Key", "k1"}};
    const Response first = place_with(demo_body, key);
    clock.advance(Milliseconds{1'000});
    process_all("No stock in the shelf");
    const Response again = post("/api/orders", demo_body, customer, key);
    EXPECT_EQ(again.status, 201);
    EXPECT_EQ(again.body, first.body);
    EXPECT_EQ(header_of(again, "Location"), header_of(first, "Location"));
    EXPECT_EQ(header_of(again, "Idempotent-Replayed"), "true");
    const Response theirs = post("/api/orders", demo_body, other, key);
    EXPECT_EQ(theirs.status, 201);
    EXPECT_NE(text_of(theirs, "orderId"), text_of(first, "orderId"));
}

TEST_F(OrderRoutes, place_refuses_a_key_with_another_body) {
    const HeaderTexts key{{"Idempotency-Key", "k1"}};
    place_with(demo_body, key);
    const Response response = place_with(std::string(demo_body) + " ", key);
    EXPECT_EQ(response.status, 422);
    EXPECT_EQ(text_of(response, "code"), "idempotency-key-reused");
}

TEST_F(OrderRoutes, place_refuses_a_key_that_is_none) {
    const Response response = place_with(demo_body, {{"Idempotency-Key", "a b"}});
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(text_of(response, "code"), "bad-header");
}

TEST_F(OrderRoutes, place_is_503_once_the_intake_is_closed) {
    intake.close();
    const Response response = place_with(demo_body);
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(text_of(response, "code"), "overloaded");
    EXPECT_EQ(header_of(response, "Retry-After"), "1");
}

TEST_F(OrderRoutes, get_shows_an_order_to_its_owner_and_admins_only) {
    const std::string target = "/api/orders/" + place(customer);
    const Response own = get(target, customer);
    EXPECT_EQ(own.status, 200);
    EXPECT_EQ(text_of(own, "message"), "");
    EXPECT_EQ(header_of(own, "X-Cache"), "MISS");
    EXPECT_EQ(get(target, admin).status, 200);
    EXPECT_EQ(get(target, other).status, 404);
    EXPECT_EQ(text_of(get("/api/orders/none", customer), "code"), "not-found");
}

TEST_F(OrderRoutes, get_takes_terminal_orders_from_the_cache) {
    const std::string target = "/api/orders/" + place(customer);
    process_all("No stock in the shelf");
    EXPECT_EQ(header_of(get(target, customer), "X-Cache"), "MISS");
    const Response cached = get(target, customer);
    EXPECT_EQ(header_of(cached, "X-Cache"), "HIT");
    EXPECT_EQ(text_of(cached, "status"), "Failed");
    EXPECT_EQ(text_of(cached, "reason"), "No stock in the shelf");
    EXPECT_EQ(get(target, other).status, 404);
}

TEST_F(OrderRoutes, list_pages_through_own_orders_newest_first) {
    std::vector<std::string> placed;
    for (int i = 0; i < 3; ++i) {
        placed.insert(placed.begin(), place(customer));
        clock.advance(Milliseconds{1});
    }
    place(other);
    const Response first = get("/api/orders?limit=2", customer);
    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(ids_in(first), (std::vector<std::string>{placed[0], placed[1]}));
    const Response second = get("/api/orders?limit=2&cursor=" + text_of(first, "nextCursor"), customer);
    EXPECT_EQ(ids_in(second), std::vector<std::string>{placed[2]});
    EXPECT_EQ(json_of(second).find("nextCursor")->kind, Json::Kind::null);
}

TEST_F(OrderRoutes, list_filters_by_status_and_for_admins_by_user) {
    const std::string first = place(customer);
    process_all();
    const std::string second = place(customer);
    const std::string theirs = place(other);
    EXPECT_EQ(ids_in(get("/api/orders?status=Processed", customer)), std::vector<std::string>{first});
    EXPECT_EQ(ids_in(get("/api/orders?status=Pending", customer)), std::vector<std::string>{second});
    EXPECT_EQ(ids_in(get("/api/orders?userId=u2", admin)), std::vector<std::string>{theirs});
    EXPECT_EQ(ids_in(get("/api/orders", admin)).size(), 3u);
    EXPECT_EQ(ids_in(get("/api/orders?userId=u2", customer)).size(), 2u);
}

TEST_F(OrderRoutes, list_refuses_bad_parameters) {
    EXPECT_EQ(get("/api/orders?limit=0", customer).status, 422);
    EXPECT_EQ(get("/api/orders?status=paid", customer).status, 422);
    EXPECT_EQ(get("/api/orders?userId=a%20b", admin).status, 422);
    EXPECT_EQ(text_of(get("/api/orders?cursor=x", customer), "code"), "bad-cursor");
    EXPECT_EQ(get("/api/orders?color=red", customer).status, 200);
}

TEST_F(OrderRoutes, cancel_is_repeatable_until_it_is_too_late) {
    const std::string target = "/api/orders/" + place(customer) + "/cancel";
    EXPECT_EQ(post(target, "", other).status, 404);
    EXPECT_EQ(post(target, R"({"x":1})", customer).status, 422);
    const Response cancelled = post(target, "", customer);
    EXPECT_EQ(cancelled.status, 200);
    EXPECT_EQ(text_of(cancelled, "status"), "Cancelled");
    EXPECT_EQ(post(target, "{}", customer).body, cancelled.body);

    const std::string late = "/api/orders/" + place(customer) + "/cancel";
    process_all();
    EXPECT_EQ(post(late, "", customer).status, 409);
    EXPECT_EQ(text_of(post(late, "", customer), "code"), "invalid-transition");
}

TEST_F(OrderRoutes, timeline_tells_every_change) {
    const std::string target = "/api/orders/" + place(customer) + "/timeline";
    clock.advance(Milliseconds{1'500});
    process_all("Refused");
    const Json json = json_of(get(target, customer));
    const auto& changes = json.find("data")->items;
    ASSERT_EQ(changes.size(), 3u);
    EXPECT_EQ(changes[0].find("status")->text, "Pending");
    EXPECT_EQ(changes[0].find("at")->text, "2026-01-01T00:00:00.000Z");
    EXPECT_EQ(changes[0].find("reason"), nullptr);
    EXPECT_EQ(changes[1].find("status")->text, "Processing");
    EXPECT_EQ(changes[2].find("status")->text, "Failed");
    EXPECT_EQ(changes[2].find("reason")->text, "Refused");
    EXPECT_EQ(json.find("nextCursor")->kind, Json::Kind::null);
    EXPECT_EQ(get(target, other).status, 404);
}

}  // namespace
}  // namespace waybill::http
