#include <gtest/gtest.h>

#include "tests/unit/http/shop.hpp"

namespace waybill::http {
namespace {

class ProbeRoutes : public ::testing::Test, protected Shop {};

TEST_F(ProbeRoutes, livez_asks_nobody) {
    store.away = true;
    draining = true;
    EXPECT_EQ(get("/livez").status, 200);
    EXPECT_EQ(get("/livez").body, R"({"status":"ok"})");
}

TEST_F(ProbeRoutes, readyz_is_503_while_draining_or_without_the_store) {
    for (const char* target : {"/readyz", "/health"}) {
        EXPECT_EQ(get(target).status, 200);
        EXPECT_EQ(get(target).body, R"({"status":"ready","degraded":[]})");
        store.away = true;
        EXPECT_EQ(get(target).status, 503);
        EXPECT_EQ(text_of(get(target), "code"), "dependency-unavailable");
        EXPECT_EQ(get(target).body.find("driver"), std::string::npos);
        store.away = false;
        draining = true;
        EXPECT_EQ(get(target).status, 503);
        draining = false;
    }
}

TEST_F(ProbeRoutes, readyz_names_what_is_away_and_not_needed) {
    services.degraded = [] { return std::vector<std::string>{"redis", "sqs"}; };
    EXPECT_EQ(get("/readyz").status, 200);
    EXPECT_EQ(get("/readyz").body, R"({"status":"ready","degraded":["redis","sqs"]})");
}

TEST_F(ProbeRoutes, metrics_are_here_unless_they_have_their_own_address) {
    place(customer);
    const Response response = get("/metrics");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.content_type, "text/plain; version=0.0.4");
    EXPECT_NE(response.body.find("waybill_orders_placed_total 1"), std::string::npos);
    edge.metrics_here = false;
    EXPECT_EQ(get("/metrics").status, 404);
}

}  // namespace
}  // namespace waybill::http
