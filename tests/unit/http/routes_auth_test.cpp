#include <gtest/gtest.h>

#include "tests/unit/http/shop.hpp"

namespace waybill::http {
namespace {

class AuthRoutes : public ::testing::Test, protected Shop {
protected:
    static std::string account(std::string_view email, std::string_view password) {
        return std::string(R"({"email":")").append(email).append(R"(","password":")").append(password).append(R"("})");
    }
    Response sign_up(std::string_view email = "ann@example.com") {
        return post("/api/auth/register", account(email, "secret1"));
    }
    Response log_in(std::string_view email, std::string_view password) {
        return post("/api/v1/auth/login", account(email, password));
    }
    static std::string token_of(const Response& response) {
        const std::string cookie = header_of(response, "Set-Cookie").value();
        const std::size_t start = cookie.find('=') + 1;
        return cookie.substr(start, cookie.find(';') - start);
    }
    Response with_cookie(std::string_view target, const std::string& token, HeaderTexts headers = {}) {
        headers.emplace_back("Cookie", "a=b; refreshToken=" + token);
        return post(target, "", {}, std::move(headers));
    }
    Caller caller_of(const Response& response) { return auth.check_access(text_of(response, "accessToken")).value(); }
};

TEST_F(AuthRoutes, register_answers_a_login_and_a_cookie) {
    const Response response =
        post("/api/auth/register", R"({"email":"Ann@Example.com","password":"secret1","name":"Ann"})", {},
             {{"User-Agent", "browser/1"}});
    EXPECT_EQ(response.status, 201);
    EXPECT_EQ(text_of(response, "tokenType"), "Bearer");
    EXPECT_EQ(text_of(response, "expiresIn"), "900");
    EXPECT_FALSE(text_of(response, "refreshToken").size());
    const Json json = json_of(response);
    std::vector<std::string> names;
    for (const auto& [name, value] : json.find("user")->members) names.push_back(name);
    EXPECT_EQ(names, (std::vector<std::string>{"userId", "email", "name", "role", "createdAt"}));
    EXPECT_EQ(json.find("user")->find("email")->text, "ann@example.com");
    EXPECT_EQ(json.find("user")->find("name")->text, "Ann");
    EXPECT_EQ(json.find("user")->find("role")->text, "customer");
    const std::string cookie = header_of(response, "Set-Cookie").value();
    EXPECT_TRUE(cookie.starts_with("refreshToken=")) << cookie;
    EXPECT_TRUE(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/api; Max-Age=604800")) << cookie;
    EXPECT_EQ(auth.list_sessions(caller_of(response)).value().at(0).agent, "browser/1");
}

TEST_F(AuthRoutes, register_refuses_a_taken_address) {
    sign_up();
    const Response response = sign_up("ANN@example.com");
    EXPECT_EQ(response.status, 409);
    EXPECT_EQ(text_of(response, "code"), "email-taken");
    EXPECT_FALSE(header_of(response, "Set-Cookie"));
}

TEST_F(AuthRoutes, register_points_to_what_is_wrong_and_does_not_count_it) {
    for (int i = 0; i < 20; ++i) {
        const Response response = post("/api/auth/register", account("no address", "short"));
        EXPECT_EQ(response.status, 422);
        EXPECT_EQ(problems_of(response).size(), 2u);
    }
    EXPECT_EQ(post("/api/auth/register", "{").status, 400);
    EXPECT_EQ(limiter.taken("auth:addr:127.0.0.1"), 0);
}

TEST_F(AuthRoutes, registrations_count_whether_they_succeed_or_not) {
    sign_up();
    sign_up();
    EXPECT_EQ(limiter.taken("auth:acct:ann@example.com|127.0.0.1"), 2);
    EXPECT_EQ(limiter.taken("auth:addr:127.0.0.1"), 2);
}

TEST_F(AuthRoutes, login_answers_the_same_for_every_wrong_pair) {
    sign_up();
    const Response unknown = log_in("bob@example.com", "secret1");
    const Response wrong = log_in("ann@example.com", "secret2");
    EXPECT_EQ(unknown.status, 401);
    EXPECT_EQ(text_of(unknown, "code"), "invalid-credentials");
    EXPECT_EQ(unknown.body, wrong.body);
    EXPECT_EQ(log_in("no address", "x").body, wrong.body);
    const Response right = log_in("Ann@example.com", "secret1");
    EXPECT_EQ(right.status, 200);
    EXPECT_TRUE(header_of(right, "Set-Cookie"));
}

TEST_F(AuthRoutes, login_is_refused_after_ten_failures_of_one_account_and_address) {
    for (int i = 0; i < 10; ++i) EXPECT_EQ(log_in("ann@example.com", "wrong").status, 401);
    const Response response = log_in("Ann@Example.com", "wrong");
    EXPECT_EQ(response.status, 429);
    EXPECT_EQ(text_of(response, "code"), "rate-limited");
    EXPECT_EQ(header_of(response, "Retry-After"), "2");
    EXPECT_EQ(header_of(response, "RateLimit-Policy"), R"("auth";q=10;w=900)");
    EXPECT_EQ(header_of(response, "X-RateLimit-Remaining"), "0");
    EXPECT_EQ(limiter.taken("auth:addr:127.0.0.1"), 10);
    EXPECT_EQ(log_in("bob@example.com", "wrong").status, 401);
    client_address = "10.0.0.1";
    EXPECT_EQ(log_in("ann@example.com", "wrong").status, 401);
}

TEST_F(AuthRoutes, another_ipv6_address_of_the_same_network_is_no_fresh_start) {
    for (int i = 0; i < 10; ++i) {
        client_address = "2001:db8::" + std::to_string(i);
        EXPECT_EQ(log_in("ann@example.com", "wrong").status, 401);
    }
    client_address = "2001:db8::ffff";
    EXPECT_EQ(log_in("ann@example.com", "wrong").status, 429);
    client_address = "2001:db8:0:1::";
    EXPECT_EQ(log_in("ann@example.com", "wrong").status, 401);
}

TEST_F(AuthRoutes, login_is_refused_after_many_failures_of_one_address) {
    edge.auth_address_limit.burst = 3;
    for (const char* email : {"a@example.com", "b@example.com", "c@example.com"}) {
        EXPECT_EQ(log_in(email, "wrong").status, 401);
    }
    const Response response = log_in("d@example.com", "wrong");
    EXPECT_EQ(response.status, 429);
    EXPECT_EQ(header_of(response, "X-RateLimit-Limit"), "3");
    EXPECT_EQ(limiter.taken("auth:acct:d@example.com|127.0.0.1"), 0);
}

TEST_F(AuthRoutes, login_counts_failures_only) {
    sign_up();
    const std::int64_t before = limiter.taken("auth:addr:127.0.0.1");
    for (int i = 0; i < 20; ++i) EXPECT_EQ(log_in("ann@example.com", "secret1").status, 200);
    EXPECT_EQ(limiter.taken("auth:addr:127.0.0.1"), before);
    log_in("ann@example.com", "wrong");
    EXPECT_EQ(limiter.taken("auth:addr:127.0.0.1"), before + 1);
    EXPECT_EQ(limiter.taken("auth:acct:ann@example.com|127.0.0.1"), 2);
}

TEST_F(AuthRoutes, login_gives_the_try_back_when_the_store_is_away) {
    store.away = true;
    const Response response = log_in("ann@example.com", "secret1");
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(header_of(response, "Retry-After"), "1");
    EXPECT_EQ(limiter.taken("auth:addr:127.0.0.1"), 0);
    EXPECT_EQ(limiter.taken("auth:acct:ann@example.com|127.0.0.1"), 0);
}

TEST_F(AuthRoutes, login_has_no_limit_when_it_is_switched_off) {
    edge.auth_limit.burst = 0;
    edge.auth_address_limit.burst = 0;
    for (int i = 0; i < 30; ++i) EXPECT_EQ(log_in("ann@example.com", "wrong").status, 401);
}

TEST_F(AuthRoutes, refresh_rotates_the_cookie_under_both_names) {
    const std::string first = token_of(sign_up());
    const Response second = with_cookie("/api/auth/refresh", first);
    EXPECT_EQ(second.status, 200);
    EXPECT_FALSE(text_of(second, "accessToken").empty());
    EXPECT_NE(token_of(second), first);
    const Response third = with_cookie("/api/v1/auth/refresh-token", token_of(second));
    EXPECT_EQ(third.status, 200);
    EXPECT_NE(token_of(third), token_of(second));
}

TEST_F(AuthRoutes, refresh_revokes_the_family_of_a_reused_token) {
    const std::string first = token_of(sign_up());
    const std::string second = token_of(with_cookie("/api/auth/refresh", first));
    clock.advance(Milliseconds{10'001});
    const Response reused = with_cookie("/api/auth/refresh", first);
    EXPECT_EQ(reused.status, 401);
    EXPECT_EQ(text_of(reused, "code"), "refresh-reused");
    EXPECT_EQ(text_of(with_cookie("/api/auth/refresh", second), "code"), "refresh-invalid");
}

TEST_F(AuthRoutes, refresh_needs_one_cookie_of_ours) {
    const std::string token = token_of(sign_up());
    EXPECT_EQ(text_of(post("/api/auth/refresh", ""), "code"), "refresh-invalid");
    EXPECT_EQ(text_of(with_cookie("/api/auth/refresh", "x"), "code"), "refresh-invalid");
    EXPECT_EQ(text_of(with_cookie("/api/auth/refresh", token, {{"Cookie", "refreshToken=x"}}), "code"),
              "refresh-invalid");
    EXPECT_EQ(with_cookie("/api/auth/refresh", token).status, 200);
}

TEST_F(AuthRoutes, refresh_and_logout_refuse_another_site) {
    edge.cors_origins = {"https://shop.example"};
    const std::string token = token_of(sign_up());
    for (const char* target : {"/api/auth/refresh", "/api/auth/refresh-token", "/api/auth/logout"}) {
        const Response response = with_cookie(target, token, {{"Origin", "https://evil.example"}});
        EXPECT_EQ(response.status, 403) << target;
        EXPECT_EQ(text_of(response, "code"), "forbidden");
    }
    EXPECT_EQ(with_cookie("/api/auth/refresh", token, {{"Origin", "https://shop.example"}}).status, 200);
}

TEST_F(AuthRoutes, logout_revokes_and_clears) {
    const Response login = sign_up();
    const Response response = with_cookie("/api/auth/logout", token_of(login));
    EXPECT_EQ(response.status, 204);
    EXPECT_TRUE(response.body.empty());
    EXPECT_TRUE(header_of(response, "Set-Cookie").value().starts_with("refreshToken=; "));
    EXPECT_NE(header_of(response, "Set-Cookie").value().find("Max-Age=0"), std::string::npos);
    EXPECT_EQ(with_cookie("/api/auth/refresh", token_of(login)).status, 401);
    EXPECT_FALSE(auth.check_access(text_of(login, "accessToken")));
    EXPECT_EQ(post("/api/auth/logout", "").status, 204);
    EXPECT_EQ(post("/api/auth/logout", "{").status, 400);
}

TEST_F(AuthRoutes, logout_all_ends_every_session) {
    const Response first = sign_up();
    const Response second = log_in("ann@example.com", "secret1");
    const Response response = post("/api/auth/logout-all", "", caller_of(second));
    EXPECT_EQ(response.status, 204);
    EXPECT_TRUE(header_of(response, "Set-Cookie"));
    EXPECT_EQ(with_cookie("/api/auth/refresh", token_of(first)).status, 401);
    EXPECT_EQ(with_cookie("/api/auth/refresh", token_of(second)).status, 401);
}

TEST_F(AuthRoutes, sessions_are_listed_and_revoked) {
    const Response first = sign_up();
    clock.advance(Milliseconds{5});
    const Caller caller = caller_of(log_in("ann@example.com", "secret1"));
    const Json list = json_of(get("/api/auth/sessions", caller));
    ASSERT_EQ(list.find("data")->items.size(), 2u);
    EXPECT_EQ(list.find("nextCursor")->kind, Json::Kind::null);
    const Json& newest = list.find("data")->items[0];
    EXPECT_EQ(newest.find("sessionId")->text, caller.session_id.text);
    EXPECT_TRUE(newest.find("current")->boolean);
    EXPECT_FALSE(list.find("data")->items[1].find("current")->boolean);
    EXPECT_TRUE(newest.find("createdAt") && newest.find("lastUsedAt") && newest.find("agent"));

    const std::string target = "/api/auth/sessions/" + caller_of(first).session_id.text;
    EXPECT_EQ(call(Method::del, target, {}, {}, customer).status, 404);
    EXPECT_EQ(call(Method::del, target, {}, {}, caller).status, 204);
    EXPECT_EQ(with_cookie("/api/auth/refresh", token_of(first)).status, 401);
}

TEST_F(AuthRoutes, me_never_shows_a_hash) {
    const Caller caller = caller_of(sign_up());
    const Response response = get("/api/me", caller);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(text_of(response, "email"), "ann@example.com");
    EXPECT_EQ(json_of(response).members.size(), 5u);
    EXPECT_EQ(response.body.find("argon2"), std::string::npos);
}

TEST_F(AuthRoutes, password_is_changed_by_who_knows_it) {
    const Caller caller = caller_of(sign_up());
    const auto change = [&](const char* body) { return post("/api/me/password", body, caller); };
    EXPECT_EQ(change(R"({"current":"wrong","new":"secret2"})").status, 401);
    EXPECT_EQ(problems_of(change(R"({"current":"secret1","new":"short"})")).size(), 1u);
    EXPECT_EQ(change(R"({"current":"secret1"})").status, 422);
    EXPECT_EQ(change(R"({"current":"secret1","new":"secret2"})").status, 204);
    EXPECT_EQ(log_in("ann@example.com", "secret1").status, 401);
    EXPECT_EQ(log_in("ann@example.com", "secret2").status, 200);
}

TEST_F(AuthRoutes, a_password_is_not_changed_after_ten_failures_of_one_account_and_address) {
    const Caller caller = caller_of(sign_up());
    const std::string account_key = "auth:acct:ann@example.com|127.0.0.1";
    const std::int64_t before = limiter.taken(account_key);
    const auto change = [&](const std::string& current, const std::string& next) {
        return post("/api/me/password", R"({"current":")" + current + R"(","new":")" + next + R"("})", caller);
    };
    EXPECT_EQ(change("secret1", "short").status, 422);
    EXPECT_EQ(change("secret1", "secret2").status, 204);
    EXPECT_EQ(limiter.taken(account_key), before) << "only guesses count";
    for (std::int64_t i = before; i < 10; ++i) EXPECT_EQ(change("wrong", "secret3").status, 401);
    const Response refused = change("secret2", "secret3");
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(text_of(refused, "code"), "rate-limited");
    EXPECT_EQ(header_of(refused, "Retry-After"), "2");
    EXPECT_EQ(header_of(refused, "RateLimit-Policy"), R"("auth";q=10;w=900)");
    EXPECT_EQ(log_in("ann@example.com", "secret2").status, 429) << "they count together with failed logins";
    client_address = "10.0.0.1";
    EXPECT_EQ(change("secret2", "secret3").status, 204);
}

TEST_F(AuthRoutes, a_forgotten_password_is_answered_alike_whoever_asks) {
    User ann;
    ann.id = UserId("u-ann");
    ann.email = "ann@example.com";
    ASSERT_TRUE(store.create_user(ann, std::nullopt)) << "not by a registration, which counts";
    const Response known = post("/api/auth/forgot-password", R"({"email":"ann@example.com"})");
    const Response unknown = post("/api/v1/auth/forgot-password", R"({"email":"nobody@example.com"})");
    EXPECT_EQ(known.status, 202);
    EXPECT_EQ(unknown.status, 202);
    EXPECT_EQ(known.body + known.content_type, "");
    EXPECT_EQ(unknown.headers, known.headers);
    EXPECT_EQ(store.claim_reset_mails(10, Milliseconds{1'000})->size(), 1U);
    EXPECT_EQ(post("/api/auth/forgot-password", R"({"email":"?"})").status, 422);
    EXPECT_EQ(problems_of(post("/api/auth/forgot-password", "{}")), (std::vector<std::string>{"/email missing"}));
}

TEST_F(AuthRoutes, every_forgotten_password_counts_and_only_wrong_tokens_do) {
    edge.auth_limit = {3, Milliseconds{900'000}};
    const auto forget = [&] { return post("/api/auth/forgot-password", R"({"email":"ann@example.com"})").status; };
    for (int i = 0; i < 3; ++i) EXPECT_EQ(forget(), 202);
    EXPECT_EQ(forget(), 429);

    static_cast<void>(sign_up("bo@example.com"));
    static_cast<void>(post("/api/auth/forgot-password", R"({"email":"bo@example.com"})"));
    const auto mails = store.claim_reset_mails(10, Milliseconds{1'000}).value();
    ASSERT_EQ(mails.size(), 1U);
    const auto reset = [&](const std::string& token) {
        return post("/api/auth/reset-password", R"({"token":")" + token + R"(","password":"secret2"})");
    };
    EXPECT_EQ(reset(reset_tokens.make(mails[0].id)).status, 204);
    EXPECT_EQ(log_in("bo@example.com", "secret2").status, 200);
    const Response used = reset(reset_tokens.make(mails[0].id));
    EXPECT_EQ(used.status, 401);
    EXPECT_EQ(text_of(used, "code"), "reset-invalid");
    for (int i = 0; i < 2; ++i) EXPECT_EQ(reset("no-token").status, 401);
    EXPECT_EQ(reset("no-token").status, 429);
}

}  // namespace
}  // namespace waybill::http
