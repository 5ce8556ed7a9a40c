#include <gtest/gtest.h>

#include <atomic>

#include "tests/system/checks.hpp"
#include "tests/system/fulfilment_server.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

const std::string orders = "/api/v1/orders";

struct Fixture {
    explicit Fixture(std::vector<std::string> flags = {})
        : shop(std::move(flags)), customer(shop.register_customer()), admin(shop.make_admin()), http(shop.client()) {}
    ~Fixture() { expect_nothing_stored(shop, customer, admin); }
    Answer place(const std::string& body) { return http.post(orders, body, customer.auth()); }

    Shop shop;
    Customer customer;
    Customer admin;
    HttpClient http;
};

TEST(Errors, bad_requests_are_400) {
    Fixture shop;
    expect_problem(shop.place("{"), 400, "malformed-json");
    expect_problem(shop.http.get(orders + "?cursor=nonsense", shop.customer.auth()), 400, "bad-cursor");
    for (const std::string& key : {std::string(256, 'k'), std::string{"with space"}, std::string{"\xc3\xa9"}}) {
        const Headers headers = with(shop.customer.auth(), "Idempotency-Key", key);
        expect_problem(shop.http.post(orders, demo_order, headers), 400, "bad-header");
    }
}

TEST(Errors, a_cursor_of_another_list_is_400) {
    Fixture shop;
    const Answer page = shop.http.get("/api/v1/products?limit=1");
    const std::string cursor = page.text("nextCursor");
    ASSERT_FALSE(cursor.empty()) << page.body;
    expect_problem(shop.http.get(orders + "?cursor=" + cursor, shop.customer.auth()), 400, "bad-cursor");
}

TEST(Errors, callers_who_are_not_known_are_401) {
    Fixture shop;
    const Answer missing = shop.http.post(orders, demo_order);
    expect_problem(missing, 401, "token-missing");
    EXPECT_EQ(missing.header("www-authenticate"), "Bearer");
    const std::string token = shop.customer.token;
    const std::string cookie = shop.customer.cookie.substr(shop.customer.cookie.find('=') + 1);
    const std::string none_head = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    for (const std::string& forged :
         {std::string{"nonsense"}, token + "x", token.substr(0, token.size() - 2), token + ".", cookie,
          none_head + token.substr(token.find('.'), token.rfind('.') - token.find('.')) + "."}) {
        const Answer refused = shop.http.post(orders, demo_order, {{"Authorization", "Bearer " + forged}});
        expect_problem(refused, 401, "token-invalid");
        EXPECT_EQ(refused.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    }
    expect_problem(shop.http.post("/api/v1/auth/refresh", ""), 401, "refresh-invalid");
    expect_problem(shop.http.post("/api/v1/auth/refresh", "", {{"Cookie", "refreshToken=nonsense"}}), 401,
                   "refresh-invalid");
}

TEST(Errors, wrong_password_and_unknown_address_look_alike) {
    Fixture shop;
    const auto log_in = [&](const std::string& email) {
        return shop.http.post("/api/v1/auth/login", R"({"email":")" + email + R"(","password":"not-it"})",
                              {{"X-Request-Id", "same"}});
    };
    const Answer wrong = log_in(shop.customer.email);
    expect_problem(wrong, 401, "invalid-credentials");
    EXPECT_EQ(log_in("nobody@example.com").body, wrong.body);
}

TEST(Errors, an_old_access_token_is_told_as_expired) {
    Shop shop({"--jwt-expires-in", "3s"});
    const Customer customer = shop.register_customer();
    HttpClient http = shop.client();
    EXPECT_EQ(http.get("/api/v1/me", customer.auth()).status, 200);
    Answer answer;
    EXPECT_TRUE(eventually([&] {
        answer = http.get("/api/v1/me", customer.auth());
        return answer.status != 200;
    }));
    expect_problem(answer, 401, "token-expired");
    expect_problem(http.post(orders, demo_order, customer.auth()), 401, "token-expired");
}

TEST(Errors, routes_of_administrators_are_403_for_customers) {
    Fixture shop;
    const Headers auth = shop.customer.auth();
    const std::string stock = "/api/v1/inventory/" + std::string{first_product} + "/bangalore";
    expect_problem(shop.http.post("/api/v1/products", R"({"name":"x","price":1})", auth), 403, "forbidden");
    expect_problem(shop.http.send("PATCH", "/api/v1/products/" + std::string{first_product}, R"({"price":1})", auth),
                   403, "forbidden");
    expect_problem(shop.http.send("PUT", stock, R"({"available":1})", auth), 403, "forbidden");
    expect_problem(shop.http.post(stock + "/adjust", R"({"delta":1,"reason":"x"})", auth), 403, "forbidden");
    for (const char* path : {"/api/v1/inventory", "/api/v1/admin/stats", "/api/v1/admin/dead-letters"}) {
        expect_problem(shop.http.get(path, auth), 403, "forbidden");
        expect_problem(shop.http.get(path), 401, "token-missing");
    }
}

TEST(Errors, what_is_not_there_is_404) {
    Fixture shop;
    const Headers auth = shop.customer.auth();
    for (const char* path : {"/", "/api", "/api/v1", "/api/v1/nothing", "/api/v2/orders", "/orders",
                             "/api/v1/orders/nothing", "/api/v1/orders/nothing/timeline", "/api/v1/products/nothing",
                             "/api/v1/orders/..%2f..%2fetc", "/api/v1//orders"}) {
        expect_problem(shop.http.get(path, auth), 404, "not-found");
    }
    expect_problem(shop.http.post(orders + "/nothing/cancel", "", auth), 404, "not-found");
    expect_problem(shop.http.send("DELETE", "/api/v1/auth/sessions/nothing", "", auth), 404, "not-found");
    for (const char* decision : {"requeue", "discard"}) {
        expect_problem(
            shop.http.post("/api/v1/admin/dead-letters/nothing/" + std::string{decision}, "", shop.admin.auth()), 404,
            "not-found");
    }
}

TEST(Errors, somebody_elses_order_looks_like_none) {
    Shop shop;
    const Customer owner = shop.register_customer();
    const Customer stranger = shop.register_customer();
    HttpClient http = shop.client();
    const std::string id = http.post(orders, demo_order, owner.auth()).text("orderId");
    await_status(shop, owner.auth(), id, "Processed");
    EXPECT_EQ(http.get(orders + "/" + id, owner.auth()).status, 200);
    const std::string unknown = std::string(id.size() - 4, '0') + "none";
    for (const auto& [method, suffix] :
         {std::pair{"GET", ""}, std::pair{"GET", "/timeline"}, std::pair{"POST", "/cancel"}}) {
        const Headers headers = with(stranger.auth(), "X-Request-Id", "same");
        Answer theirs = http.send(method, orders + "/" + id + suffix, "", headers);
        Answer none = http.send(method, orders + "/" + unknown + suffix, "", headers);
        expect_problem(theirs, 404, "not-found");
        theirs.body.replace(theirs.body.find(id), id.size(), unknown);
        EXPECT_EQ(theirs.body, none.body);
        theirs.headers.erase("date");
        none.headers.erase("date");
        EXPECT_EQ(theirs.headers, none.headers);
    }
}

TEST(Errors, another_method_is_405_and_names_the_allowed_ones) {
    Fixture shop;
    const Answer on_orders = shop.http.send("DELETE", orders, "", shop.customer.auth());
    expect_problem(on_orders, 405, "method-not-allowed");
    for (const char* method : {"GET", "HEAD", "POST"}) {
        EXPECT_NE(on_orders.header("allow").find(method), std::string::npos) << on_orders.header("allow");
    }
    EXPECT_EQ(on_orders.header("allow").find("DELETE"), std::string::npos);
    expect_problem(shop.http.post("/livez", ""), 405, "method-not-allowed");
    expect_problem(shop.http.get("/api/v1/auth/login"), 405, "method-not-allowed");
    expect_problem(shop.http.send("BREW", orders), 405, "method-not-allowed");
}

TEST(Errors, too_little_stock_names_every_shortage) {
    Shop shop;
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    const std::string scarce = shop.add_product(admin, "Scarce", "10", 3);
    const std::string gone = shop.add_product(admin, "Gone", "10", 0);
    HttpClient http = shop.client();
    const std::string body = R"({"items":[{"productId":")" + scarce + R"(","quantity":4},{"productId":")" + gone +
                             R"(","quantity":1},{"productId":")" + std::string{first_product} + R"(","quantity":1}]})";
    const Answer refused = http.post(orders, body, customer.auth());
    expect_problem(refused, 409, "insufficient-stock");
    const boost::json::value value = refused.json();
    const auto& shortages = value.at("shortages").as_array();
    ASSERT_EQ(shortages.size(), 2u) << refused.body;
    EXPECT_EQ(text_of(shortages[0], "productId"), scarce);
    EXPECT_EQ(shortages[0].at("requested").to_number<long>(), 4);
    EXPECT_EQ(shortages[0].at("available").to_number<long>(), 3);
    EXPECT_EQ(text_of(shortages[1], "productId"), gone);
    EXPECT_EQ(shop.available(admin, scarce), 3);
    expect_nothing_stored(shop, customer, admin);
}

TEST(Errors, a_total_that_was_not_seen_is_409_and_told) {
    Fixture shop;
    std::string body = demo_order;
    body.replace(body.find("4324"), 4, "4323.99");
    const Answer refused = shop.place(body);
    expect_problem(refused, 409, "total-mismatch");
    EXPECT_NE(refused.body.find(R"("expected":4324.00)"), std::string::npos) << refused.body;
}

TEST(Errors, an_order_under_way_cannot_be_cancelled) {
    FulfilmentServer service;
    service.hold();
    Shop shop(service.flags());
    const Customer customer = shop.register_customer();
    HttpClient http = shop.client();
    const std::string id = http.post(orders, demo_order, customer.auth()).text("orderId");
    await_status(shop, customer.auth(), id, "Processing");
    expect_problem(http.post(orders + "/" + id + "/cancel", "", customer.auth()), 409, "invalid-transition");
    service.release();
    await_status(shop, customer.auth(), id, "Processed");
    expect_problem(http.post(orders + "/" + id + "/cancel", "", customer.auth()), 409, "invalid-transition");
}

TEST(Errors, an_address_is_taken_once_in_any_case) {
    Fixture shop;
    (void)shop.shop.register_customer("taken@example.com");
    for (const char* email : {"taken@example.com", "TAKEN@Example.com"}) {
        expect_problem(shop.http.post("/api/v1/auth/register",
                                      R"({"email":")" + std::string{email} + R"(","password":"another-password"})"),
                       409, "email-taken");
    }
}

TEST(Errors, what_the_shop_does_not_have_is_422) {
    Fixture shop;
    expect_problem(shop.place(order_of("nothing", 1)), 422, "unknown-product");
    expect_problem(
        shop.place(R"({"location":"atlantis","items":[{"productId":"67c8830b7ef1b848ac52ebec","quantity":1}]})"), 422,
        "unknown-location");
    const std::string inactive = shop.shop.add_product(shop.admin, "Withdrawn", "5", 10);
    ASSERT_EQ(shop.http.send("PATCH", "/api/v1/products/" + inactive, R"({"active":false})", shop.admin.auth()).status,
              200);
    expect_problem(shop.place(order_of(inactive, 1)), 422, "unknown-product");
    EXPECT_EQ(shop.shop.available(shop.admin, inactive), 10);
}

TEST(Errors, members_that_are_wrong_are_named_by_pointers) {
    Fixture shop;
    const Answer refused = shop.place(
        R"({"location":7,"items":[{"productId":"67c8830b7ef1b848ac52ebec","quantity":1},{"productId":"?","quantity":0}]})");
    expect_problem(refused, 422, "validation-failed");
    std::vector<std::string> pointers;
    const boost::json::value value = refused.json();
    for (const auto& error : value.at("errors").as_array()) {
        pointers.push_back(text_of(error, "pointer"));
        EXPECT_FALSE(text_of(error, "code").empty());
        EXPECT_FALSE(text_of(error, "message").empty());
    }
    EXPECT_EQ(pointers, (std::vector<std::string>{"/location", "/items/1/productId", "/items/1/quantity"}));

    const Answer unknown =
        shop.place(R"({"items":[{"productId":"67c8830b7ef1b848ac52ebec","quantity":1}],"coupon":1})");
    expect_problem(unknown, 422, "unknown-field");
    EXPECT_EQ(text_of(unknown.json().at("errors").at(0), "pointer"), "/coupon");
}

TEST(Errors, a_location_must_be_named_when_there_are_several) {
    Fixture shop;
    ASSERT_EQ(shop.http
                  .send("PUT", "/api/v1/inventory/" + std::string{first_product} + "/mumbai", R"({"available":5})",
                        shop.admin.auth())
                  .status,
              200);
    expect_problem(shop.place(order_of(first_product, 1)), 422, "unknown-location");
}

TEST(Errors, limits_of_size_are_413_414_and_431) {
    Fixture shop;
    expect_problem(shop.place(R"({"items":")" + std::string(70'000, 'x') + "\"}"), 413, "payload-too-large");
    expect_problem(shop.http.get(orders + "?status=" + std::string(9'000, 'x'), shop.customer.auth()), 414,
                   "uri-too-long");
    expect_problem(shop.http.get("/livez", {{"X-Large", std::string(17'000, 'x')}}), 431, "headers-too-large");
    Headers many;
    for (int i = 0; i < 120; ++i) many.emplace_back("X-" + std::to_string(i), "1");
    expect_problem(shop.http.get("/livez", many), 431, "headers-too-large");
}

TEST(Errors, other_content_types_are_415) {
    Fixture shop;
    for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1",
                             "multipart/form-data; boundary=x"}) {
        expect_problem(shop.http.post(orders, demo_order, with(shop.customer.auth(), "Content-Type", type)), 415,
                       "unsupported-media-type");
    }
    EXPECT_EQ(shop.http
                  .post("/api/v1/auth/login", R"({"email":"a@b.example","password":"secret"})",
                        {{"Content-Type", "application/json; charset=UTF-8"}})
                  .status,
              401);
}

TEST(Errors, requests_that_do_not_arrive_in_time_are_408) {
    Fixture shop({"--header-deadline", "1s", "--body-deadline", "1s"});
    HttpClient half_head = shop.shop.client();
    expect_problem(half_head.send_raw("GET /livez HTTP/1.1\r\nHost: a\r\n"), 408, "request-timeout");
    EXPECT_TRUE(half_head.is_closed_by_server());
    HttpClient half_body = shop.shop.client();
    expect_problem(
        half_body.send_raw("POST /api/v1/orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + shop.customer.token +
                           "\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"items\":["),
        408, "request-timeout");
    EXPECT_TRUE(half_body.is_closed_by_server());
}

void expect_rate_limited(const Answer& answer, const std::string& policy) {
    expect_problem(answer, 429, "rate-limited");
    EXPECT_GE(std::atoi(answer.header("retry-after").c_str()), 1);
    EXPECT_TRUE(answer.header("ratelimit-policy").starts_with('"' + policy + "\";q="))
        << answer.header("ratelimit-policy");
    EXPECT_TRUE(answer.header("ratelimit").starts_with('"' + policy + "\";r=0;t=")) << answer.header("ratelimit");
    EXPECT_EQ(answer.header("x-ratelimit-remaining"), "0");
}

TEST(Errors, too_many_requests_of_one_user_are_429) {
    Shop shop({"--rate-limit-api", "3/1h"});
    const Customer customer = shop.register_customer();
    const Customer other = shop.register_customer();
    HttpClient http = shop.client();
    for (int left = 2; left >= 0; --left) {
        const Answer allowed = http.get(orders, customer.auth());
        EXPECT_EQ(allowed.status, 200);
        EXPECT_EQ(allowed.header("ratelimit-policy"), "\"api\";q=3;w=3600");
        EXPECT_EQ(allowed.header("x-ratelimit-limit"), "3");
        EXPECT_EQ(allowed.header("x-ratelimit-remaining"), std::to_string(left));
    }
    expect_rate_limited(http.post(orders, demo_order, customer.auth()), "api");
    EXPECT_EQ(list_all(shop, other.auth(), orders).size(), 0u);
}

TEST(Errors, too_many_failed_logins_are_429_even_with_the_right_password) {
    Shop shop({"--rate-limit-auth", "3/1h"});
    const Customer customer = shop.register_customer();  // counts
    HttpClient http = shop.client();
    const auto log_in = [&](const std::string& email, const std::string& password) {
        return http.post("/api/v1/auth/login", R"({"email":")" + email + R"(","password":")" + password + "\"}");
    };
    EXPECT_EQ(log_in(customer.email, "secret").status, 200);
    expect_problem(log_in(customer.email, "wrong1"), 401, "invalid-credentials");
    expect_problem(log_in(customer.email, "wrong2"), 401, "invalid-credentials");
    expect_rate_limited(log_in(customer.email, "wrong3"), "auth");
    expect_rate_limited(log_in(customer.email, "secret"), "auth");
    expect_problem(log_in("nobody@example.com", "secret"), 401, "invalid-credentials");
}

TEST(Errors, a_full_waiting_room_is_503_and_stores_nothing_of_what_it_refused) {
    Shop shop({"--intake-waiting-max", "1", "--batch-orders-max", "1"});
    const Customer customer = shop.register_customer();
    std::atomic<int> placed{0};
    std::atomic<int> refused{0};
    run_parallel(16, [&](int) {
        HttpClient http = shop.client();
        for (int i = 0; i < 500 && (refused == 0 || i < 5); ++i) {
            const Answer answer = http.post(orders, demo_order, customer.auth());
            if (answer.status == 201) {
                ++placed;
                continue;
            }
            expect_problem(answer, 503, "overloaded");
            EXPECT_GE(std::atoi(answer.header("retry-after").c_str()), 1);
            ++refused;
        }
    });
    EXPECT_GT(refused, 0);
    EXPECT_EQ(list_all(shop, customer.auth(), orders).size(), static_cast<std::size_t>(placed.load()));
}

TEST(Errors, a_full_hashing_pool_is_503_while_reads_go_on) {
    Shop shop({"--hashing-threads", "1", "--hashing-waiting-max", "1"});
    const Customer customer = shop.register_customer();
    std::atomic<int> refused{0};
    run_parallel(8, [&](int) {
        HttpClient http = shop.client();
        for (int i = 0; i < 100 && refused == 0; ++i) {
            const Answer answer = http.post("/api/v1/auth/login", R"({"email":"a@b.example","password":"secret"})");
            if (answer.status == 503) {
                expect_problem(answer, 503, "overloaded");
                EXPECT_FALSE(answer.header("retry-after").empty());
                ++refused;
            }
            EXPECT_EQ(http.get("/api/v1/me", customer.auth()).status, 200);
        }
    });
    EXPECT_GT(refused, 0);
}

TEST(Errors, a_request_id_is_kept_when_it_is_visible_ascii_and_replaced_otherwise) {
    Shop shop;
    HttpClient http = shop.client();
    EXPECT_EQ(http.get("/livez", {{"X-Request-Id", "mine-1"}}).header("x-request-id"), "mine-1");
    EXPECT_EQ(http.get("/nothing", {{"X-Request-Id", "mine-2"}}).text("requestId"), "mine-2");
    for (const std::string& bad : {std::string(129, 'x'), std::string{"two words"}, std::string{"\xc3\xa9"}}) {
        const std::string given = http.get("/livez", {{"X-Request-Id", bad}}).header("x-request-id");
        EXPECT_NE(given, bad);
        EXPECT_FALSE(given.empty());
    }
}

TEST(Errors, limits_count_the_address_that_a_trusted_proxy_tells_and_no_other) {
    const auto ask = [](Shop& shop, const std::string& address) {
        return shop.client().get("/api/v1/products", {{"X-Forwarded-For", address}}).status;
    };
    Shop behind({"--rate-limit-api", "2/1h", "--trusted-proxies", "127.0.0.0/8"});
    EXPECT_EQ(ask(behind, "192.0.2.1"), 200);
    EXPECT_EQ(ask(behind, "192.0.2.1"), 200);
    EXPECT_EQ(ask(behind, "192.0.2.1"), 429);
    EXPECT_EQ(ask(behind, "198.51.100.7, 192.0.2.1"), 429) << "what the client wrote itself must not count";
    EXPECT_EQ(ask(behind, "192.0.2.2"), 200);
    Shop open({"--rate-limit-api", "2/1h"});
    EXPECT_EQ(ask(open, "192.0.2.1"), 200);
    EXPECT_EQ(ask(open, "192.0.2.2"), 200);
    EXPECT_EQ(ask(open, "192.0.2.3"), 429);
}

}  // namespace
}  // namespace waybill::system_test
