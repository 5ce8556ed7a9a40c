#include <gtest/gtest.h>

#include "tests/unit/http/shop.hpp"

namespace waybill::http {
namespace {

class ProductRoutes : public ::testing::Test, protected Shop {
protected:
    Response create(std::string_view body) { return post("/api/v1/products", body, admin); }
};

TEST_F(ProductRoutes, create_answers_the_product_and_its_place) {
    const Response response = create(R"({"name":"Tea","description":"Green","price":1499.5})");
    EXPECT_EQ(response.status, 201);
    std::vector<std::string> names;
    const Json json = json_of(response);
    for (const auto& [name, value] : json.members) names.push_back(name);
    EXPECT_EQ(names, (std::vector<std::string>{"productId", "name", "description", "price", "currency", "active",
                                               "createdAt", "updatedAt"}));
    EXPECT_EQ(text_of(response, "price"), "1499.50");
    EXPECT_EQ(text_of(response, "currency"), "INR");
    const std::string place = header_of(response, "Location").value();
    EXPECT_EQ(place, "/api/v1/products/" + text_of(response, "productId"));
    EXPECT_EQ(get(place).body, response.body);
}

TEST_F(ProductRoutes, create_refuses_bad_members) {
    EXPECT_EQ(problems_of(create(R"({"name":"","price":0})")), std::vector<std::string>{"/name bad-length"});
    EXPECT_EQ(create(R"({"name":"Tea","price":10000000000.01})").status, 422);
    EXPECT_EQ(create(R"({"name":"Tea","price":"1"})").status, 422);
    EXPECT_EQ(text_of(create(R"({"name":"Tea","price":1,"stock":5})"), "code"), "unknown-field");
    EXPECT_EQ(create("[").status, 400);
}

TEST_F(ProductRoutes, update_changes_what_was_sent) {
    const std::string target = "/api/products/67c8830b7ef1b848ac52ebec";
    const Response before = get(target);
    const Response after = call(Method::patch, target, R"({"price":7})", {}, admin);
    EXPECT_EQ(after.status, 200);
    EXPECT_EQ(text_of(after, "price"), "7.00");
    EXPECT_EQ(text_of(after, "name"), text_of(before, "name"));
    EXPECT_EQ(text_of(get(target), "price"), "7.00");
    EXPECT_EQ(call(Method::patch, "/api/products/none", R"({"price":7})", {}, admin).status, 404);
    EXPECT_EQ(call(Method::patch, target, R"({"price":null})", {}, admin).status, 422);
}

TEST_F(ProductRoutes, inactive_products_are_found_by_id_but_not_listed) {
    const std::string target = "/api/products/67c8830b7ef1b848ac52ebec";
    call(Method::patch, target, R"({"active":false})", {}, admin);
    EXPECT_FALSE(json_of(get(target)).find("active")->boolean);
    EXPECT_EQ(json_of(get("/api/products")).find("data")->items.size(), 2u);
}

TEST_F(ProductRoutes, list_pages_through_active_products) {
    const Response first = get("/api/products?limit=2");
    EXPECT_EQ(json_of(first).find("data")->items.size(), 2u);
    const Response second = get("/api/products?limit=2&cursor=" + text_of(first, "nextCursor"));
    EXPECT_EQ(json_of(second).find("data")->items.size(), 1u);
    EXPECT_EQ(json_of(second).find("nextCursor")->kind, Json::Kind::null);
    EXPECT_EQ(get("/api/products?cursor=" + std::string("x")).status, 400);
    EXPECT_EQ(get("/api/products?limit=101").status, 422);
}

TEST_F(ProductRoutes, get_of_an_unknown_product_is_404) { EXPECT_EQ(get("/api/products/none").status, 404); }

}  // namespace
}  // namespace waybill::http
