#include <gtest/gtest.h>

#include "tests/unit/http/shop.hpp"

namespace waybill::http {
namespace {

class InventoryRoutes : public ::testing::Test, protected Shop {
protected:
    static constexpr std::string_view shelf = "/api/v1/inventory/67c8830b7ef1b848ac52ebec/bangalore";
    Response set(std::string_view body, HeaderTexts headers = {}) {
        return call(Method::put, shelf, body, std::move(headers), admin);
    }
    Response adjust(std::string_view body, HeaderTexts headers = {}) {
        return post(std::string(shelf) + "/adjust", body, admin, std::move(headers));
    }
};

TEST_F(InventoryRoutes, set_answers_what_is_and_what_was) {
    const Response response = set(R"({"available":5})");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, R"({"available":5,"previous":1000000})");
}

TEST_F(InventoryRoutes, adjust_adds_and_takes_but_not_below_zero) {
    set(R"({"available":5})");
    EXPECT_EQ(adjust(R"({"delta":3,"reason":"found"})").body, R"({"available":8,"previous":5})");
    EXPECT_EQ(adjust(R"({"delta":-8})").body, R"({"available":0,"previous":8})");
    const Response response = adjust(R"({"delta":-1,"reason":"lost"})");
    EXPECT_EQ(response.status, 422);
    EXPECT_EQ(text_of(response, "code"), "validation-failed");
}

TEST_F(InventoryRoutes, change_is_replayed_by_its_key) {
    const HeaderTexts key{{"Idempotency-Key", "k"}};
    const Response first = adjust(R"({"delta":-1})", key);
    const Response again = adjust(R"({"delta":-1})", key);
    EXPECT_EQ(again.body, first.body);
    EXPECT_FALSE(header_of(first, "Idempotent-Replayed"));
    EXPECT_EQ(header_of(again, "Idempotent-Replayed"), "true");
    EXPECT_EQ(text_of(adjust(R"({"delta":-2})", key), "code"), "idempotency-key-reused");
    EXPECT_EQ(text_of(set(R"({"available":1})", key), "code"), "idempotency-key-reused");
    EXPECT_EQ(adjust(R"({"delta":-1})", {{"Idempotency-Key", ""}}).status, 400);
}

TEST_F(InventoryRoutes, change_refuses_what_is_none) {
    for (const char* body : {R"({"available":-1})", R"({"available":"1"})", R"({"available":1000000000001})", "{}"}) {
        EXPECT_EQ(set(body).status, 422) << body;
    }
    EXPECT_EQ(text_of(call(Method::put, "/api/inventory/none/bangalore", R"({"available":1})", {}, admin), "code"),
              "unknown-product");
}

TEST_F(InventoryRoutes, list_pages_by_product_and_location) {
    call(Method::put, "/api/inventory/67c8830b7ef1b848ac52ebec/pune", R"({"available":2})", {}, admin);
    std::vector<std::string> seen;
    std::string target = "/api/inventory?limit=1";
    for (int page = 0; page < 10 && !target.empty(); ++page) {
        const Response response = get(target, admin);
        const Json json = json_of(response);
        for (const Json& level : json.find("data")->items) {
            seen.push_back(level.find("productId")->text.substr(20) + " " + level.find("location")->text + " " +
                           level.find("available")->text);
        }
        const std::string next = text_of(response, "nextCursor");
        target = next.empty() ? "" : "/api/inventory?limit=1&cursor=" + next;
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"ebec bangalore 1000000", "ebec pune 2", "ebed bangalore 1000000",
                                              "ebee bangalore 1000000"}));
}

TEST_F(InventoryRoutes, list_filters) {
    const auto count = [&](const char* query) {
        return json_of(get(std::string("/api/inventory?") + query, admin)).find("data")->items.size();
    };
    EXPECT_EQ(count("productId=67c8830b7ef1b848ac52ebec"), 1u);
    EXPECT_EQ(count("location=bangalore"), 3u);
    EXPECT_EQ(count("location=pune"), 0u);
    EXPECT_EQ(get("/api/inventory?location=a%20b", admin).status, 422);
    EXPECT_EQ(get("/api/inventory?cursor=x", admin).status, 400);
}

}  // namespace
}  // namespace waybill::http
