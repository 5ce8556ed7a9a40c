#include "http/router.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <stdexcept>
#include <variant>

#include "tests/unit/http/edge_fixture.hpp"
#include "tests/unit/http/requests.hpp"

namespace waybill::http {

namespace {

Response say(std::string text) {
    Response response;
    response.body = std::move(text);
    return response;
}

Response tell_params(const Services&, const Exchange& exchange) {
    std::string text(exchange.params[0]);
    return say(text.append("|").append(exchange.params[1]));
}
Response tell_caller(const Services&, const Exchange& exchange) { return say(exchange.caller.user_id.text); }
Response tell_list(const Services&, const Exchange&) { return say("list"); }
Response tell_root(const Services&, const Exchange&) { return say("root"); }
Response log_and_tell_trace(const Services& services, const Exchange& exchange) {
    services.log.write(LogLevel::info, "seen", {});
    return say(to_traceparent(exchange.request.trace));
}
Response crash(const Services&, const Exchange&) { throw std::runtime_error("the secret reason"); }
Response tell_own_headers(const Services&, const Exchange&) {
    Response response = say("own");
    return response.with("Cache-Control", "max-age=60").with("Content-Security-Policy", "default-src 'self'");
}
void complete(const Services&, const Exchange&, Completion done) { done(ready(say("completed"))); }
void complete_twice_over(const Services&, const Exchange&, Completion) {}
void crash_before_completing(const Services&, const Exchange&, Completion) { throw std::runtime_error("lost"); }

constexpr auto anyone = Access::anyone;
constexpr auto inline_ = Runs::on_io_thread;

constexpr Route api_rows[] = {
    {Method::get, "/items", anyone, LimitClass::api, inline_, tell_list},
    {Method::get, "/items/{id}", anyone, LimitClass::none, inline_, tell_params},
    {Method::put, "/items/{id}/{place}", anyone, LimitClass::none, inline_, tell_params},
    {Method::get, "/items/special", anyone, LimitClass::none, inline_, tell_list},
    {Method::post, "/items", anyone, LimitClass::none, inline_, tell_list},
    {Method::post, "/admin/dead-letters/{id}/requeue", anyone, LimitClass::none, inline_, tell_params},
    {Method::get, "/me", Access::user, LimitClass::api, inline_, tell_caller},
    {Method::get, "/stats", Access::admin, LimitClass::api, inline_, tell_caller},
    {Method::post, "/login", anyone, LimitClass::auth, inline_, tell_list},
    {Method::get, "/crash", anyone, LimitClass::none, inline_, crash},
    {Method::get, "/trace", anyone, LimitClass::none, inline_, log_and_tell_trace},
    {Method::post, "/trace", anyone, LimitClass::none, Runs::as_store_write, log_and_tell_trace},
    {Method::get, "/own", anyone, LimitClass::none, inline_, tell_own_headers},
    {Method::get, "/read", anyone, LimitClass::none, Runs::as_store_read, tell_list},
    {Method::post, "/write", anyone, LimitClass::none, Runs::as_store_write, tell_list},
    {Method::post, "/hash", Access::user, LimitClass::none, Runs::as_hashing, tell_caller},
    {Method::post, "/complete", anyone, LimitClass::none, inline_, nullptr, complete},
    {Method::post, "/forget", anyone, LimitClass::none, inline_, nullptr, complete_twice_over},
    {Method::post, "/lose", anyone, LimitClass::none, inline_, nullptr, crash_before_completing},
    {Method::post, "/write-crash", anyone, LimitClass::none, Runs::as_store_write, crash},
};
constexpr Route root_rows[] = {
    {Method::get, "/livez", anyone, LimitClass::none, inline_, tell_root},
    {Method::get, "/", anyone, LimitClass::none, inline_, tell_root},
};

struct RouterTest : ::testing::Test, EdgeFixture {
    Router& router(bool store_reads_inline = true) {
        const std::array<std::span<const Route>, 1> api{api_rows};
        router_ = std::make_unique<Router>(Router::Options{store_reads_inline}, services, api, root_rows);
        return *router_;
    }

    // What the client gets, wherever the request ran.
    Response ask(Method method, std::string_view target, std::string_view body = {}, HeaderTexts headers = {}) {
        if (!router_) router();
        OwnedRequest request(method, target, body, std::move(headers));
        auto outcome = router_->handle(request.get());
        if (Response* response = std::get_if<Response>(&outcome)) return std::move(*response);
        return run(std::get<Deferred>(outcome));
    }

    static Response run(Deferred& deferred) {
        std::vector<Response> answers;
        deferred.work([&answers](MakeResponse make) { answers.push_back(make()); });
        EXPECT_EQ(answers.size(), 1u);
        return answers.empty() ? Response{} : std::move(answers.front());
    }

    Response get_as(std::string_view target, const std::string& token) {
        return ask(Method::get, target, {}, {{"Authorization", "Bearer " + token}});
    }

    std::unique_ptr<Router> router_;
};

TEST_F(RouterTest, finds_rows_by_prefix_and_decoded_segments) {
    const struct {
        std::string_view target;
        int status;
        std::string_view body;
    } cases[] = {
        {"/api/v1/items", 200, "list"},
        {"/api/items", 200, "list"},
        {"/api/items?limit=3", 200, "list"},
        {"/items", 404, ""},
        {"/api/livez", 404, ""},
        {"/livez", 200, "root"},
        {"/", 200, "root"},
        {"/api", 404, ""},
        {"/api/v1", 404, ""},
        {"/api/v2/items", 404, ""},
        {"/api/v1/v1/items", 404, ""},
        {"/api/v1/items/abc-_9", 200, "abc-_9|"},
        {"/api/v1/items/special", 200, "list"},
        {"/api/v1/items/a%62c", 200, "abc|"},
        {"/api/v1/%69tems", 200, "list"},
        {"/%61pi/v1/items", 200, "list"},
        {"/api/v1/items/", 404, ""},
        {"/api/v1//items", 404, ""},
        {"//api/v1/items", 404, ""},
        {"/api/v1/./items", 404, ""},
        {"/api/v1/x/../items", 404, ""},
        {"/api/v1/%2e%2e/items", 404, ""},
        {"/api/v1/items/a%2Fb", 404, ""},
        {"/api/v1%2Fitems", 404, ""},
        {"/api/v1/items/a%00", 404, ""},
        {"/api/v1/items/a%0", 404, ""},
        {"/api/v1/items/a%", 404, ""},
        {"/api/v1/items/a%zz", 404, ""},
        {"/api/v1/items/%2561", 404, ""},
        {"/api/v1/items/a.b", 404, ""},
        {"/api/v1/items/a%20b", 404, ""},
        {"/api/v1/items/a/b/c", 404, ""},
        {"/api/v1/a/b/c/d/e/f/g/h/i/j", 404, ""},
        {"*", 404, ""},
    };
    for (const auto& row : cases) {
        const Response response = ask(Method::get, row.target);
        EXPECT_EQ(response.status, row.status) << row.target;
        if (row.status == 200) {
            EXPECT_EQ(response.body, row.body) << row.target;
        }
    }
}

TEST_F(RouterTest, takes_ids_of_64_characters_and_work_ids_of_80) {
    const auto letter = [](std::size_t length) {
        return "/api/admin/dead-letters/" + std::string(length, 'a') + "/requeue";
    };
    EXPECT_EQ(ask(Method::get, "/api/items/" + std::string(64, 'a')).status, 200);
    EXPECT_EQ(ask(Method::get, "/api/items/" + std::string(65, 'a')).status, 404);
    EXPECT_EQ(ask(Method::post, letter(80)).status, 200);
    EXPECT_EQ(ask(Method::post, letter(81)).status, 404);
    EXPECT_EQ(ask(Method::put, "/api/items/a/b%6c").body, "a|bl");
}

TEST_F(RouterTest, answers_other_methods_with_allow) {
    const Response response = ask(Method::del, "/api/items");
    EXPECT_EQ(response.status, 405);
    EXPECT_EQ(text_of(response, "code"), "method-not-allowed");
    EXPECT_EQ(header_of(response, "Allow"), "GET, HEAD, POST, OPTIONS");
    EXPECT_EQ(ask(Method::other, "/api/items").status, 405);
    EXPECT_EQ(ask(Method::head, "/api/items").body, "list");
    EXPECT_EQ(ask(Method::head, "/api/write").status, 405);
    const Response options = ask(Method::options, "/api/items");
    EXPECT_EQ(options.status, 204);
    EXPECT_EQ(header_of(options, "Allow"), "GET, HEAD, POST, OPTIONS");
    EXPECT_EQ(ask(Method::options, "/api/nothing").status, 404);
    EXPECT_EQ(ask(Method::options, "*").status, 204);
}

TEST_F(RouterTest, checks_tokens_and_roles) {
    const std::string customer = log_in();
    const std::string user = user_id.text;
    const std::string admin = log_in(Role::admin);
    const Response missing = ask(Method::get, "/api/me");
    EXPECT_EQ(missing.status, 401);
    EXPECT_EQ(text_of(missing, "code"), "token-missing");
    EXPECT_EQ(header_of(missing, "WWW-Authenticate"), "Bearer");
    EXPECT_EQ(text_of(get_as("/api/me", "nonsense"), "code"), "token-invalid");
    EXPECT_EQ(text_of(ask(Method::get, "/api/me", {}, {{"Authorization", "Basic " + customer}}), "code"),
              "token-missing");
    EXPECT_EQ(get_as("/api/me", customer).body, user);
    EXPECT_EQ(ask(Method::get, "/api/me", {}, {{"authorization", "bEARER " + customer}}).body, user);
    const Response forbidden = get_as("/api/stats", customer);
    EXPECT_EQ(forbidden.status, 403);
    EXPECT_EQ(text_of(forbidden, "code"), "forbidden");
    EXPECT_EQ(get_as("/api/stats", admin).status, 200);
}

TEST_F(RouterTest, asks_the_store_elsewhere_when_only_it_can_tell) {
    const std::string token = log_in();
    clock.advance(Milliseconds{10'000});  // the guard no longer trusts what it remembers
    Router& waiting = router(false);
    OwnedRequest request(Method::get, "/api/me", {}, {{"Authorization", "Bearer " + token}});
    auto outcome = waiting.handle(request.get());
    ASSERT_TRUE(std::holds_alternative<Deferred>(outcome));
    EXPECT_EQ(std::get<Deferred>(outcome).runs, Runs::as_store_read);
    EXPECT_EQ(run(std::get<Deferred>(outcome)).body, user_id.text);

    OwnedRequest hashing(Method::post, "/api/hash", {}, {{"Authorization", "Bearer " + token}});
    auto hashed = waiting.handle(hashing.get());
    EXPECT_EQ(std::get<Deferred>(hashed).runs, Runs::as_hashing);

    EXPECT_EQ(router(true).handle(request.get()).index(), 0u);
    const auto refused = store.revoke_sessions(user_id);
    clock.advance(Milliseconds{10'000});
    EXPECT_EQ(get_as("/api/me", token).status, 401);
}

TEST_F(RouterTest, runs_each_row_where_it_says) {
    const auto runs = [&](Router& router, Method method, std::string_view path) -> std::optional<Runs> {
        OwnedRequest request(method, path);
        auto outcome = router.handle(request.get());
        if (Deferred* deferred = std::get_if<Deferred>(&outcome)) {
            const Runs where = deferred->runs;
            static_cast<void>(run(*deferred));
            return where;
        }
        return std::nullopt;
    };
    EXPECT_EQ(runs(router(true), Method::get, "/api/read"), std::nullopt);
    EXPECT_EQ(runs(router(false), Method::get, "/api/read"), Runs::as_store_read);
    EXPECT_EQ(runs(router(true), Method::post, "/api/write"), Runs::as_store_write);
    EXPECT_EQ(runs(router(true), Method::post, "/api/complete"), Runs::on_io_thread);
    EXPECT_EQ(ask(Method::post, "/api/complete").body, "completed");
}

TEST_F(RouterTest, refuses_deferred_work_for_want_of_room) {
    OwnedRequest request(Method::post, "/api/write");
    auto outcome = router().handle(request.get());
    const Response response = std::get<Deferred>(outcome).refuse(Error{ErrorCode::overloaded, "Full."});
    EXPECT_EQ(response.status, 503);
    EXPECT_TRUE(header_of(response, "Retry-After"));
    EXPECT_TRUE(header_of(response, "X-Request-Id"));
}

TEST_F(RouterTest, turns_crashes_into_internal_problems_that_tell_nothing) {
    for (const auto& [method, path] :
         {std::pair{Method::get, "/api/crash"}, std::pair{Method::post, "/api/forget"},
          std::pair{Method::post, "/api/lose"}, std::pair{Method::post, "/api/write-crash"}}) {
        const Response response = ask(method, path, {}, {{"X-Request-Id", "req-77"}});
        EXPECT_EQ(response.status, 500) << path;
        EXPECT_EQ(text_of(response, "code"), "internal") << path;
        EXPECT_EQ(response.body.find("secret"), std::string::npos) << path;
        EXPECT_EQ(log.events_named("request-crashed").back().fields["requestId"], "req-77") << path;
    }
    EXPECT_TRUE(log.mentions("the secret reason"));
    EXPECT_EQ(log.events_named("request").back().level, LogLevel::warn);
}

TEST_F(RouterTest, goes_on_in_the_trace_of_the_caller_and_names_it_in_every_line) {
    const std::string id = "4bf92f3577b34da6a3ce929d0e0e4736";
    const HeaderTexts headers{{"TraceParent", "00-" + id + "-00f067aa0ba902b7-01"}};
    for (const Method method : {Method::get, Method::post}) {
        log.clear();
        const std::string told = ask(method, "/api/trace", {}, headers).body;
        EXPECT_EQ(told.substr(3, 32), id);
        EXPECT_NE(told.substr(36, 16), "00f067aa0ba902b7") << "the step is ours";
        EXPECT_EQ(told.substr(53), "01");
        for (const std::string name : {"seen", "request"}) {
            EXPECT_EQ(log.events_named(name).at(0).fields.at("trace_id"), id) << name;
        }
    }
    for (const auto& [method, path] :
         {std::pair{Method::get, "/api/crash"}, std::pair{Method::post, "/api/forget"},
          std::pair{Method::post, "/api/lose"}, std::pair{Method::post, "/api/write-crash"}}) {
        log.clear();
        ask(method, path, {}, headers);
        for (const auto& line : log.events()) EXPECT_EQ(line.fields.at("trace_id"), id) << path << " " << line.name;
        EXPECT_GE(log.count("request-crashed"), 1u) << path;
    }
    EXPECT_FALSE(TracedScope::current().is_set()) << "the thread works on something else";
}

TEST_F(RouterTest, begins_a_trace_where_none_that_is_valid_came) {
    const std::string sound = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    std::set<std::string> ids{sound.substr(3, 32), std::string(32, '0')};
    for (const HeaderTexts& headers :
         {HeaderTexts{}, HeaderTexts{{"traceparent", "hello"}}, HeaderTexts{{"traceparent", "ff" + sound.substr(2)}},
          HeaderTexts{{"traceparent", sound}, {"traceparent", sound}}}) {
        const std::string told = ask(Method::get, "/api/trace", {}, headers).body;
        ASSERT_TRUE(parse_traceparent(told)) << told;
        EXPECT_TRUE(ids.insert(told.substr(3, 32)).second) << told;
    }
}

TEST_F(RouterTest, counts_each_problem_under_its_code) {
    ask(Method::get, "/api/nothing-here");
    ask(Method::get, "/api/me");
    ask(Method::get, "/api/items");
    OwnedRequest request(Method::get, "/");
    (void)router().refuse(request.get(), ProtocolError::bad_request, "No.");
    const std::string text = metrics.render();
    const auto count_of = [&](const std::string& code) {
        const std::string sample = "\nwaybill_http_problems_total{code=\"" + code + "\"} ";
        const std::size_t at = text.find(sample);
        return at == std::string::npos ? -1 : std::stoi(text.substr(at + sample.size()));
    };
    EXPECT_EQ(count_of("not-found"), 1);
    EXPECT_EQ(count_of("token-missing"), 1);
    EXPECT_EQ(count_of("bad-header"), 1);
    for (const std::string_view code : problem_codes()) EXPECT_GE(count_of(std::string(code)), 0) << code;
}

TEST_F(RouterTest, wants_json_bodies) {
    const struct {
        std::string_view body;
        std::string type;
        int status;
    } cases[] = {
        {"{}", "application/json", 200},
        {"{}", "Application/JSON; charset=UTF-8", 200},
        {"{}", "application/json;charset=\"utf-8\"", 200},
        {"{}", "application/json; version=1", 200},
        {"{}", "application/json; charset=latin1", 415},
        {"{}", "application/jsonx", 415},
        {"a=b", "application/x-www-form-urlencoded", 415},
        {"{}", "text/plain", 415},
        {"{}", "", 415},
        {"", "text/plain", 200},
        {"", "", 200},
    };
    for (const auto& row : cases)
        EXPECT_EQ(ask(Method::post, "/api/items", row.body, {{"Content-Type", row.type}}).status, row.status)
            << row.type;
    EXPECT_EQ(text_of(ask(Method::post, "/api/items", "{}"), "code"), "unsupported-media-type");
    const auto encoded = [&](const std::string& coding) {
        return ask(Method::post, "/api/items", "{}",
                   {{"Content-Type", "application/json"}, {"Content-Encoding", coding}});
    };
    EXPECT_EQ(encoded("identity").status, 200);
    EXPECT_EQ(encoded("gzip").status, 415);
    EXPECT_EQ(encoded("").status, 200);
    EXPECT_EQ(encoded("identity,, Identity").status, 200);
    EXPECT_EQ(encoded("identity, gzip").status, 415);
    EXPECT_EQ(header_of(encoded("br"), "Accept-Encoding"), "identity");
    for (const std::string first : {"identity", ""})
        EXPECT_EQ(ask(Method::post, "/api/items", "{}",
                      {{"Content-Type", "application/json"}, {"Content-Encoding", first}, {"content-encoding", "gzip"}})
                      .status,
                  415);
}

TEST_F(RouterTest, counts_each_user_or_address_against_the_limit) {
    edge.api_limit = {2, Milliseconds{60'000}};
    const std::string token = log_in();
    const Response first = ask(Method::get, "/api/items");
    EXPECT_EQ(header_of(first, "RateLimit-Policy"), "\"api\";q=2;w=60");
    EXPECT_EQ(header_of(first, "RateLimit"), "\"api\";r=1;t=3");
    EXPECT_EQ(header_of(first, "X-RateLimit-Limit"), "2");
    EXPECT_EQ(header_of(first, "X-RateLimit-Remaining"), "1");
    EXPECT_EQ(header_of(first, "X-RateLimit-Reset"), "3");
    EXPECT_EQ(ask(Method::get, "/api/items").status, 200);
    const Response third = ask(Method::get, "/api/items");
    EXPECT_EQ(third.status, 429);
    EXPECT_EQ(text_of(third, "code"), "rate-limited");
    EXPECT_EQ(header_of(third, "Retry-After"), "2");
    EXPECT_EQ(header_of(third, "X-RateLimit-Remaining"), "0");
    EXPECT_EQ(get_as("/api/items", token).status, 200) << "a user has a bucket of its own";
    EXPECT_EQ(get_as("/api/me", token).status, 200);
    EXPECT_EQ(get_as("/api/me", token).status, 429);
    EXPECT_EQ(limiter.used(),
              (std::map<std::string, std::int64_t>{{"api:addr:127.0.0.1", 2}, {"api:user:" + user_id.text, 2}}));
}

TEST_F(RouterTest, counts_what_it_has_no_route_for_below_the_prefixes) {
    edge.api_limit = {4, Milliseconds{60'000}};
    const Response nothing = ask(Method::get, "/api/nothing");
    EXPECT_EQ(nothing.status, 404);
    EXPECT_EQ(header_of(nothing, "RateLimit"), "\"api\";r=3;t=3");
    EXPECT_EQ(ask(Method::post, "/api/v1/nothing", "a", {{"Content-Type", "text/plain"}}).status, 404);
    EXPECT_EQ(ask(Method::get, "/api/%zz").status, 404);
    const Response other_method = ask(Method::del, "/api/items");
    EXPECT_EQ(other_method.status, 405);
    EXPECT_TRUE(header_of(other_method, "Allow"));
    EXPECT_EQ(header_of(other_method, "RateLimit"), "\"api\";r=0;t=3");
    EXPECT_EQ(ask(Method::get, "/api/nothing").status, 429);
    EXPECT_EQ(ask(Method::options, "/api/items").status, 204);
    const Response outside = ask(Method::get, "/nothing");
    EXPECT_EQ(outside.status, 404);
    EXPECT_FALSE(header_of(outside, "RateLimit"));
}

TEST_F(RouterTest, counts_false_tokens_for_their_address) {
    edge.api_limit = {1, Milliseconds{60'000}};
    EXPECT_EQ(get_as("/api/me", "guess").status, 401);
    EXPECT_EQ(get_as("/api/me", "guess").status, 429);
}

TEST_F(RouterTest, only_looks_at_the_limit_of_logins) {
    edge.auth_address_limit = {2, Milliseconds{900'000}};
    EXPECT_EQ(header_of(ask(Method::post, "/api/login"), "RateLimit"), "\"auth\";r=2;t=3");
    EXPECT_EQ(limiter.used().at("auth:addr:127.0.0.1"), 0);
    static_cast<void>(limiter.admit("auth:addr:127.0.0.1", edge.auth_address_limit, 2));
    const Response refused = ask(Method::post, "/api/login");
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(header_of(refused, "Retry-After"), "450");
}

TEST_F(RouterTest, counts_logins_as_requests_of_their_address_too) {
    edge.api_limit = {2, Milliseconds{60'000}};
    edge.auth_address_limit = {9, Milliseconds{900'000}};
    for (int i = 0; i < 2; ++i) EXPECT_EQ(header_of(ask(Method::post, "/api/login"), "RateLimit"), "\"auth\";r=9;t=3");
    const Response refused = ask(Method::post, "/api/login");
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(header_of(refused, "RateLimit"), "\"api\";r=0;t=3");
}

TEST_F(RouterTest, says_nothing_of_limits_that_are_off) {
    edge.api_limit = {};
    EXPECT_FALSE(header_of(ask(Method::get, "/api/items"), "RateLimit"));
    EXPECT_TRUE(limiter.used().empty());
}

TEST_F(RouterTest, keeps_a_good_request_id_and_makes_its_own_otherwise) {
    const auto id = [&](const std::string& sent) {
        return header_of(ask(Method::get, "/livez", {}, {{"X-Request-Id", sent}}), "X-Request-Id").value_or("");
    };
    EXPECT_EQ(id("abc-123"), "abc-123");
    EXPECT_EQ(id(std::string(128, 'x')), std::string(128, 'x'));
    for (const std::string& bad : {std::string(), std::string(129, 'x'), std::string("a b"), std::string("\xc3\xa9")})
        EXPECT_EQ(id(bad).size(), 32u) << bad;
    EXPECT_NE(id(""), id(""));
}

TEST_F(RouterTest, gives_every_answer_the_same_protection) {
    for (const std::string_view path : {"/livez", "/api/items", "/nothing", "/api/crash"}) {
        const Response response = ask(Method::get, path);
        EXPECT_EQ(header_of(response, "X-Content-Type-Options"), "nosniff") << path;
        EXPECT_EQ(header_of(response, "X-Frame-Options"), "DENY") << path;
        EXPECT_EQ(header_of(response, "Referrer-Policy"), "no-referrer") << path;
        EXPECT_EQ(header_of(response, "Cross-Origin-Resource-Policy"), "same-origin") << path;
        EXPECT_EQ(header_of(response, "Content-Security-Policy"),
                  "default-src 'none'; base-uri 'none'; frame-ancestors 'none'")
            << path;
        EXPECT_EQ(header_of(response, "Cache-Control"), "no-store") << path;
        EXPECT_EQ(header_of(response, "Date"), "Thu, 01 Jan 2026 00:00:00 GMT") << path;
        EXPECT_FALSE(header_of(response, "Vary")) << path;
    }
    const Response own = ask(Method::get, "/api/own");
    EXPECT_EQ(header_of(own, "Cache-Control"), "max-age=60");
    EXPECT_EQ(header_of(own, "Content-Security-Policy"), "default-src 'self'");
}

TEST_F(RouterTest, admits_configured_origins_exactly) {
    edge.cors_origins = {"https://shop.example"};
    const auto allowed = [&](const std::string& origin) {
        const Response response = ask(Method::get, "/api/items", {}, {{"Origin", origin}});
        EXPECT_EQ(header_of(response, "Vary"), "Origin");
        return header_of(response, "Access-Control-Allow-Origin").value_or("-");
    };
    EXPECT_EQ(allowed("https://shop.example"), "https://shop.example");
    for (const std::string other :
         {"https://shop.example.evil", "http://shop.example", "https://SHOP.example", "null", "*", ""})
        EXPECT_EQ(allowed(other), "-") << other;

    const Response preflight = ask(Method::options, "/api/items", {},
                                   {{"Origin", "https://shop.example"}, {"Access-Control-Request-Method", "POST"}});
    EXPECT_EQ(preflight.status, 204);
    EXPECT_EQ(header_of(preflight, "Access-Control-Allow-Methods"), "GET, HEAD, POST, OPTIONS");
    EXPECT_EQ(header_of(preflight, "Access-Control-Allow-Headers"),
              "Authorization, Content-Type, Idempotency-Key, X-Request-Id, traceparent");
    EXPECT_EQ(header_of(preflight, "Access-Control-Allow-Credentials"), "true");
    const Response foreign = ask(Method::options, "/api/items", {},
                                 {{"Origin", "https://evil.example"}, {"Access-Control-Request-Method", "POST"}});
    EXPECT_FALSE(header_of(foreign, "Access-Control-Allow-Methods"));
    EXPECT_FALSE(header_of(foreign, "Access-Control-Allow-Origin"));
}

TEST_F(RouterTest, counts_answers_by_route_method_and_status) {
    static_cast<void>(ask(Method::get, "/api/v1/items/a"));
    static_cast<void>(ask(Method::get, "/api/items/b"));
    static_cast<void>(ask(Method::get, "/api/nothing"));
    OwnedRequest broken(Method::other, "");
    EXPECT_TRUE(router_->refuse(broken.get(), ProtocolError::bad_request, "Broken.").close);
    const std::string text = metrics.render();
    EXPECT_NE(text.find(R"(waybill_http_requests_total{method="GET",route="/items/{id}",status="200"} 2)"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find(R"(waybill_http_requests_total{method="none",route="none",status="404"} 1)"),
              std::string::npos);
    EXPECT_NE(text.find(R"(waybill_http_requests_total{method="none",route="none",status="400"} 1)"),
              std::string::npos);
    EXPECT_NE(text.find(R"(waybill_http_request_seconds_count{route="/items/{id}"} 2)"), std::string::npos);
}

TEST_F(RouterTest, logs_the_path_without_its_query) {
    static_cast<void>(ask(Method::get, "/api/items?token=hidden"));
    EXPECT_EQ(log.events_named("request").back().fields["path"], "/api/items");
    EXPECT_EQ(log.events_named("request").back().level, LogLevel::debug);
    EXPECT_FALSE(log.mentions("hidden"));
}

TEST_F(RouterTest, logs_who_was_kept_out) {
    const std::string customer = log_in();
    for (const auto& [path, status] : {std::pair{"/api/me", "401"}, std::pair{"/api/stats", "403"}}) {
        (void)get_as(path, status == std::string("401") ? "nonsense" : customer);
        auto logged = log.events_named("request").back();
        EXPECT_EQ(logged.level, LogLevel::info) << path;
        EXPECT_EQ(logged.fields["status"], status) << path;
        EXPECT_EQ(logged.fields["address"], "127.0.0.1") << path;
    }
    EXPECT_FALSE(log.mentions(customer));
}

TEST_F(RouterTest, writes_one_warning_a_second_however_many_it_refuses) {
    const auto refuse = [&] {
        OwnedRequest request(Method::post, "/api/write");
        auto outcome = router_->handle(request.get());
        (void)std::get<Deferred>(outcome).refuse(Error{ErrorCode::overloaded, "Full."});
        return log.events_named("request").back().level;
    };
    router();
    EXPECT_EQ(refuse(), LogLevel::warn);
    EXPECT_EQ(refuse(), LogLevel::debug);
    clock.advance(Milliseconds{1'000});
    EXPECT_EQ(refuse(), LogLevel::warn);
}

TEST_F(RouterTest, refuses_rows_that_exclude_each_other) {
    constexpr Route twice[] = {{Method::get, "/a/{x}", anyone, LimitClass::none, inline_, tell_list},
                               {Method::get, "/a/{y}", anyone, LimitClass::none, inline_, tell_list}};
    constexpr Route empty[] = {{Method::get, "/a", anyone, LimitClass::none, inline_}};
    for (const std::span<const Route> rows : {std::span<const Route>(twice), std::span<const Route>(empty)}) {
        const std::array<std::span<const Route>, 1> api{rows};
        EXPECT_THROW(Router({}, services, api, {}), std::logic_error);
    }
}

TEST_F(RouterTest, mounts_every_route_of_the_api) {
    EXPECT_NO_THROW(Router({}, services, api_routes(), root_routes()));
}

}  // namespace

}  // namespace waybill::http
