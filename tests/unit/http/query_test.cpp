#include "http/query.hpp"

#include <gtest/gtest.h>

#include "app/page.hpp"
#include "tests/unit/http/requests.hpp"

namespace waybill::http {
namespace {

Response refusal_of(const QueryReader& query) {
    const OwnedRequest request(Method::get, "/api/v1/orders");
    return query.refusal(request.get()).value_or(Response{});
}

TEST(Query, text_is_percent_encoded_utf8) {
    EXPECT_EQ(decode_query_text("%E2%82%AC"), "\u20ac");
    for (const char* bad : {"%", "%FF", "%C3", "\xff"}) EXPECT_FALSE(decode_query_text(bad)) << bad;
}

TEST(Query, limit_is_1_to_100_and_20_by_default) {
    EXPECT_EQ(QueryReader("").limit(), page_limit_default);
    EXPECT_EQ(QueryReader("limits=5").limit(), page_limit_default);
    EXPECT_EQ(QueryReader("limit=1").limit(), 1u);
    EXPECT_EQ(QueryReader("x=1&limit=100&y").limit(), 100u);
    EXPECT_EQ(QueryReader("&&limit=7&").limit(), 7u);
    EXPECT_EQ(QueryReader("%6cimit=%37").limit(), 7u);
    for (const char* bad :
         {"limit=0", "limit=101", "limit=-1", "limit=", "limit", "limit=ten", "limit=1.0", "limit=+5", "limit= 5",
          "limit=5%20", "limit=0x5", "limit=99999999999999999999999", "limit=1&limit=1", "limit=%zz"}) {
        QueryReader query(bad);
        static_cast<void>(query.limit());
        const Response response = refusal_of(query);
        EXPECT_EQ(response.status, 422) << bad;
        EXPECT_EQ(problems_of(response).at(0).substr(0, 7), "/limit ") << bad;
    }
}

TEST(Query, knows_the_words_of_order_statuses) {
    EXPECT_EQ(QueryReader("status=Pending").order_status(), OrderStatus::pending);
    EXPECT_EQ(QueryReader("status=Cancelled").order_status(), OrderStatus::cancelled);
    EXPECT_EQ(QueryReader("").order_status(), std::nullopt);
    for (const char* bad : {"status=pending", "status=", "status=Paid", "status=Pending&status=Failed"}) {
        QueryReader query(bad);
        static_cast<void>(query.order_status());
        EXPECT_EQ(refusal_of(query).status, 422) << bad;
    }
}

TEST(Query, checks_ids_and_locations) {
    QueryReader query("productId=a%2Fb&location=a%00");
    static_cast<void>(query.id("productId"));
    static_cast<void>(query.location());
    EXPECT_EQ(problems_of(refusal_of(query)),
              (std::vector<std::string>{"/productId invalid-id", "/location invalid-location"}));
    EXPECT_EQ(QueryReader("productId=p-1").id("productId"), "p-1");
    EXPECT_EQ(QueryReader("location=pune").location(), "pune");
}

TEST(Query, refuses_a_cursor_that_is_none) {
    for (const char* bad : {"cursor=", "cursor", "cursor=x", "cursor=%00"}) {
        QueryReader query(bad);
        EXPECT_FALSE(query.after(CursorOf::orders));
        EXPECT_EQ(refusal_of(query).status, 400) << bad;
        EXPECT_EQ(text_of(refusal_of(query), "code"), "bad-cursor") << bad;
        QueryReader stock(bad);
        EXPECT_FALSE(stock.after_stock());
        EXPECT_EQ(refusal_of(stock).status, 400) << bad;
    }
}

TEST(Query, takes_a_cursor_of_its_list) {
    const PageKey key{from_unix_ms(5), "a"};
    const std::string text = "limit=3&cursor=" + make_cursor(CursorOf::orders, key);
    const OwnedRequest request(Method::get, "/api/v1/orders?" + text);
    QueryReader query(request.get().query);
    EXPECT_EQ(query.after(CursorOf::orders), key);
    EXPECT_FALSE(query.refusal(request.get()));
}

}  // namespace
}  // namespace waybill::http
