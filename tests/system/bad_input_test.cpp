#include <gtest/gtest.h>

#include <atomic>

#include "tests/system/checks.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

const std::string item = R"({"productId":"67c8830b7ef1b848ac52ebec","quantity":1})";

struct Fixture {
    explicit Fixture(std::vector<std::string> flags = {})
        : shop(std::move(flags)), customer(shop.register_customer()), admin(shop.make_admin()), http(shop.client()) {}
    // It still serves, and has kept nothing of what it was sent.
    ~Fixture() {
        EXPECT_EQ(shop.client().get("/readyz").status, 200);
        expect_nothing_stored(shop, customer, admin);
    }
    [[nodiscard]] std::string request_head(const std::string& more) const {
        return "POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + customer.token +
               "\r\nContent-Type: application/json\r\n" + more;
    }

    Shop shop;
    Customer customer;
    Customer admin;
    HttpClient http;
};

std::string items(const std::string& list) { return R"({"items":[)" + list + "]}"; }
std::string with_quantity(const std::string& quantity) {
    return items(R"({"productId":"67c8830b7ef1b848ac52ebec","quantity":)" + quantity + "}");
}
std::string with_total(const std::string& total) {
    return R"({"totalAmount":)" + total + R"(,"items":[)" + item + "]}";
}

std::string repeated(const std::string& text, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += text;
    return out;
}

TEST(BadInput, bodies_that_are_not_json_are_400) {
    Fixture shop;
    for (const std::string& body : {std::string{" "},
                                    std::string{"{"},
                                    std::string{"}"},
                                    items(item) + "x",
                                    items(item) + items(item),
                                    std::string{"{'items':[]}"},
                                    std::string{R"({"items":[],})"},
                                    std::string{R"({"items":[1 2]})"},
                                    with_quantity("01"),
                                    with_quantity("+1"),
                                    with_quantity("1."),
                                    with_quantity(".5"),
                                    with_quantity("0x1"),
                                    with_quantity("NaN"),
                                    with_quantity("Infinity"),
                                    with_quantity("-Infinity"),
                                    with_quantity("1e"),
                                    std::string{R"({"location":"a)"} + '\n' + R"(","items":[]})",
                                    std::string{"{\"location\":\"\xff\"}"},
                                    std::string{"{\"location\":\"\xc0\xaf\"}"},
                                    std::string{"{\"location\":\"\xed\xa0\x80\"}"},
                                    std::string{R"({"location":"\x41"})"},
                                    std::string{"// comment\n{}"},
                                    std::string{"\xef\xbb\xbf{}"},
                                    std::string("\0", 1),
                                    std::string{"tru"},
                                    std::string{R"({"a":nul})"}}) {
        const Answer refused = shop.http.post("/api/v1/orders", body, shop.customer.auth());
        expect_problem(refused, 400, "malformed-json");
        if (::testing::Test::HasFailure()) FAIL() << "body: " << body;
    }
    expect_problem(shop.http.post("/api/v1/orders", "", shop.customer.auth()), 400, "malformed-json");
}

TEST(BadInput, json_that_means_no_order_is_422) {
    Fixture shop;
    for (const std::string& body :
         {std::string{"null"},
          std::string{"[]"},
          std::string{"7"},
          std::string{"\"text\""},
          std::string{"{}"},
          items(""),
          R"({"items":null})" + std::string{},
          std::string{R"({"items":{}})"},
          items("null"),
          items("[]"),
          items(R"({"quantity":1})"),
          items(R"({"productId":"67c8830b7ef1b848ac52ebec"})"),
          items(R"({"productId":7,"quantity":1})"),
          items(R"({"productId":"","quantity":1})"),
          items(R"({"productId":"a b","quantity":1})"),
          items(R"({"productId":"' OR 1=1 --","quantity":1})"),
          items(R"({"productId":{"$ne":""},"quantity":1})"),
          items(R"({"productId":")" + std::string(65, 'a') + R"(","quantity":1})"),
          items(repeated(item + ",", 100) + item),
          with_quantity("0"),
          with_quantity("-1"),
          with_quantity("10001"),
          with_quantity("1.5"),
          with_quantity("\"1\""),
          with_quantity("true"),
          with_quantity("null"),
          with_quantity("1e400"),
          with_quantity("99999999999999999999"),
          with_quantity("-9223372036854775809"),
          with_quantity("[1]"),
          with_total("\"4324\""),
          with_total("4324.001"),
          with_total("-1"),
          with_total("1e400"),
          with_total("99999999999999999999"),
          with_total("{}"),
          R"({"items":[],"items":[)" + item + "]}",
          items(R"({"productId":"67c8830b7ef1b848ac52ebec","quantity":1,"quantity":2})"),
          R"({"location":"\ud800","items":[)" + item + "]}",
          R"({"location":"../etc","items":[)" + item + "]}",
          R"({"location":"","items":[)" + item + "]}",
          R"({"x":)" + repeated("[", 40) + repeated("]", 40) + "}",
          repeated(R"({"a":)", 40) + "1" + repeated("}", 40),
          items(R"({"productId":"67c8830b7ef1b848ac52ebec","quantity":6000})" + std::string{","} +
                R"({"productId":"67c8830b7ef1b848ac52ebec","quantity":6000})")}) {
        const Answer refused = shop.http.post("/api/v1/orders", body, shop.customer.auth());
        expect_problem(refused, 422, "validation-failed");
        if (::testing::Test::HasFailure()) FAIL() << "body: " << body;
    }
}

TEST(BadInput, very_deep_and_very_wide_bodies_do_no_harm) {
    Fixture shop;
    expect_problem(
        shop.http.post("/api/v1/orders", repeated("[", 30'000) + repeated("]", 30'000), shop.customer.auth()), 422,
        "validation-failed");
    expect_problem(shop.http.post("/api/v1/orders", repeated("[", 60'000), shop.customer.auth()), 400,
                   "malformed-json");
    std::string wide = "{";
    for (int i = 0; i < 4'000; ++i) wide += "\"m" + std::to_string(i) + "\":1,";
    wide += R"("items":[)" + item + "]}";
    const Answer refused = shop.http.post("/api/v1/orders", wide, shop.customer.auth());
    EXPECT_EQ(refused.status, 422);
    EXPECT_LT(refused.body.size(), 65'536u);
}

TEST(BadInput, accounts_that_cannot_be_are_422) {
    Fixture shop;
    for (const char* body :
         {R"({"email":"no-at","password":"secret"})", R"({"email":"","password":"secret"})",
          R"({"email":"a@b.example","password":"short"})", R"({"email":"a@b.example"})",
          R"({"email":"a@b.example\r\nBcc: c@d.example","password":"secret"})",
          R"({"email":["a@b.example"],"password":"secret"})", R"({"email":"a@b.example","password":123456})",
          R"({"email":"a@b.example\u0000","password":"secret"})"}) {
        expect_problem(shop.http.post("/api/v1/auth/register", body), 422, "validation-failed");
        if (::testing::Test::HasFailure()) FAIL() << "body: " << body;
    }
    const std::string long_password(129, 'x');
    expect_problem(
        shop.http.post("/api/v1/auth/register", R"({"email":"a@b.example","password":")" + long_password + "\"}"), 422,
        "validation-failed");
    expect_problem(
        shop.http.post("/api/v1/auth/register", R"({"email":"a@b.example","password":"secret","role":"admin"})"), 422,
        "unknown-field");
}

TEST(BadInput, products_and_stock_that_cannot_be_are_422) {
    Fixture shop;
    const Headers auth = shop.admin.auth();
    for (const char* body : {R"({"name":"","price":1})", R"({"name":"x"})", R"({"name":"x","price":-1})",
                             R"({"name":"x","price":0.001})", R"({"name":"x","price":10000000000.01})",
                             R"({"name":"x","price":"1"})", R"({"name":"x","price":1,"active":"yes"})"}) {
        expect_problem(shop.http.post("/api/v1/products", body, auth), 422, "validation-failed");
        if (::testing::Test::HasFailure()) FAIL() << "body: " << body;
    }
    const std::string stock = "/api/v1/inventory/" + std::string{first_product} + "/bangalore";
    for (const char* body : {R"({"available":-1})", R"({"available":1.5})", R"({"available":1e30})", R"({})"}) {
        expect_problem(shop.http.send("PUT", stock, body, auth), 422, "validation-failed");
    }
    expect_problem(shop.http.post(stock + "/adjust", R"({"delta":-1000001,"reason":"x"})", auth), 422,
                   "validation-failed");
    expect_problem(shop.http.post(stock + "/adjust", R"({"delta":-9223372036854775808,"reason":"x"})", auth), 422,
                   "validation-failed");
    expect_problem(shop.http.send("PUT", "/api/v1/inventory/nothing/bangalore", R"({"available":1})", auth), 422,
                   "unknown-product");
}

TEST(BadInput, queries_that_cannot_be_are_refused) {
    Fixture shop;
    for (const char* query : {"limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "status=pending",
                              "limit=1&limit=2", "status=%zz", "status=%ff"}) {
        const Answer refused = shop.http.get("/api/v1/orders?" + std::string{query}, shop.customer.auth());
        expect_problem(refused, 422, "validation-failed");
        if (::testing::Test::HasFailure()) FAIL() << query;
    }
}

TEST(BadInput, ambiguous_framing_is_400_and_the_end_of_the_connection) {
    Fixture shop;
    const std::string body = items(item);
    const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
    const std::string second = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
    for (const std::string& request :
         {shop.request_head(length + "Transfer-Encoding: chunked\r\n\r\n") + body,
          shop.request_head(length + "Content-Length: 3\r\n\r\n") + body,
          shop.request_head(length + length + "\r\n") + body, shop.request_head("Content-Length: +5\r\n\r\n") + body,
          shop.request_head("Content-Length: 5, 5\r\n\r\n") + body,
          shop.request_head("Content-Length: -1\r\n\r\n") + body,
          shop.request_head("Content-Length : 5\r\n\r\n") + body,
          shop.request_head("Transfer-Encoding: gzip, chunked\r\n\r\n") + body,
          shop.request_head("Transfer-Encoding: chunked\r\n\r\nzz\r\n") + body,
          shop.request_head("Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n") + body,
          shop.request_head("X-Folded: a\r\n b\r\n" + length + "\r\n") + body,
          shop.request_head("Host: other\r\n" + length + "\r\n") + body,
          "POST /api/v1/orders HTTP/1.1\r\n" + length + "\r\n" + body,
          "GET /livez HTTP/1.1\nHost: a\n\n" + std::string{}, "GET  /livez HTTP/1.1\r\nHost: a\r\n\r\n" + std::string{},
          "GET /livez HTTP/9.9\r\nHost: a\r\n\r\n" + std::string{},
          "GET livez HTTP/1.1\r\nHost: a\r\n\r\n" + std::string{}}) {
        const std::string answer = shop.http.exchange_raw(request + second);
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << request << "\n---\n" << answer;
        EXPECT_EQ(answer.find("HTTP/1.1 ", 8), std::string::npos) << "two answers: " << request << "\n---\n" << answer;
    }
}

TEST(BadInput, garbage_is_refused_or_dropped) {
    Fixture shop;
    std::string all_bytes;
    for (int i = 0; i < 1'024; ++i) all_bytes += static_cast<char>(i * 37 & 0xff);
    for (const std::string& bytes :
         {std::string{"\r\n\r\n\r\n"}, std::string{"nonsense\r\n\r\n"}, all_bytes, all_bytes + "\r\n\r\n",
          std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + all_bytes,
          std::string{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}, std::string(20'000, 'A'), std::string(20'000, '\0')}) {
        const std::string answer = shop.http.exchange_raw(bytes);
        EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 4")) << answer;
    }
}

TEST(BadInput, requests_that_are_cut_off_store_nothing) {
    Fixture shop;
    const std::string body = demo_order;
    const std::string request = shop.request_head("Content-Length: " + std::to_string(body.size()) + "\r\n\r\n") + body;
    for (std::size_t length = 1; length < request.size(); length += 37) {
        EXPECT_TRUE(shop.http.drop_after(request.substr(0, length)));
    }
    EXPECT_TRUE(shop.http.drop_after(request.substr(0, request.size() - 1)));
    const std::string chunked = shop.request_head("Transfer-Encoding: chunked\r\n\r\n") + "5\r\n{\"ite";
    EXPECT_TRUE(shop.http.drop_after(chunked));
    const std::string whole = shop.http.exchange_raw(chunked);
    EXPECT_EQ(whole.find("HTTP/1.1 2"), std::string::npos) << whole;
}

TEST(BadInput, slow_clients_do_not_keep_others_waiting_and_are_closed) {
    Fixture shop({"--header-deadline", "3s", "--body-deadline", "3s", "--idle-deadline", "3s"});
    const std::vector<std::string> beginnings{"GET /livez HT", shop.request_head("Content-Length: 100\r\n\r\n{"), ""};
    std::vector<HttpClient> slow;
    for (int i = 0; i < 24; ++i) {
        slow.push_back(shop.shop.client());
        ASSERT_TRUE(slow.back().begin_raw(beginnings[static_cast<std::size_t>(i) % 3]));
    }
    for (int i = 0; i < 8; ++i) {
        EXPECT_EQ(shop.shop.client().get("/api/v1/me", shop.customer.auth()).status, 200);
    }
    for (std::size_t i = 0; i < slow.size(); ++i) {
        EXPECT_EQ(slow[i].finish_raw("").status, i % 3 == 2 ? 0 : 408);
        EXPECT_TRUE(slow[i].is_closed_by_server());
    }
}

TEST(BadInput, a_client_that_leaves_before_its_answer_has_its_order_once) {
    Shop shop;
    const Customer customer = shop.register_customer();
    HttpClient http = shop.client();
    const std::string request = "POST /api/v1/orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + customer.token +
                                "\r\nIdempotency-Key: left\r\nContent-Type: application/json\r\nContent-Length: " +
                                std::to_string(demo_order.size()) + "\r\n\r\n" + demo_order;
    EXPECT_TRUE(http.drop_after(request));
    const Answer repeated_order =
        http.post("/api/v1/orders", demo_order, with(customer.auth(), "Idempotency-Key", "left"));
    EXPECT_EQ(repeated_order.status, 201);
    EXPECT_EQ(list_all(shop, customer.auth(), "/api/v1/orders").size(), 1u);
}

TEST(BadInput, connections_beyond_the_limit_are_closed_and_the_others_served) {
    Shop shop({"--connections-max", "4"});
    std::vector<HttpClient> kept;
    for (int i = 0; i < 4; ++i) {
        kept.push_back(shop.client());
        EXPECT_EQ(kept.back().get("/livez").status, 200);
    }
    EXPECT_EQ(shop.client().get("/livez").status, 0);
    for (HttpClient& client : kept) EXPECT_EQ(client.get("/livez").status, 200);
    kept.pop_back();
    EXPECT_TRUE(eventually([&] { return shop.client().get("/livez").status == 200; }));
}

}  // namespace
}  // namespace waybill::system_test
