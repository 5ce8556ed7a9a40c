#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "tests/system/checks.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

const std::string refresh_route = "/api/v1/auth/refresh";

std::string cookie_of(const Answer& answer) {
    const std::string cookie = answer.header("set-cookie");
    return cookie.substr(0, cookie.find(';'));
}

Customer customer_of(const Answer& login, const std::string& email) {
    return {email, login.text("accessToken"), cookie_of(login)};
}

Customer log_in(Shop& shop, const std::string& email, const std::string& password = "secret",
                const std::string& agent = "a browser") {
    const Answer answer =
        shop.client().post("/api/v1/auth/login", R"({"email":")" + email + R"(","password":")" + password + "\"}",
                           {{"User-Agent", agent}});
    EXPECT_EQ(answer.status, 200) << answer.body;
    return customer_of(answer, email);
}

Answer refresh(Shop& shop, const std::string& cookie) {
    return shop.client().post(refresh_route, "", {{"Cookie", cookie}});
}

int me(Shop& shop, const Customer& customer) { return shop.client().get("/api/v1/me", customer.auth()).status; }

TEST(Sessions, register_and_login_answer_with_a_token_a_user_and_a_cookie) {
    Shop shop;
    const std::string account = R"({"email":"Ann@Example.com","password":"secret","name":"Ann"})";
    const Answer made = shop.client().post("/api/v1/auth/register", account);
    ASSERT_EQ(made.status, 201) << made.body;
    EXPECT_EQ(made.text("tokenType"), "Bearer");
    const boost::json::value body = made.json();
    EXPECT_EQ(body.at("expiresIn").to_number<int>(), 900);
    EXPECT_EQ(text_of(body.at("user"), "email"), "ann@example.com");
    EXPECT_EQ(text_of(body.at("user"), "name"), "Ann");
    EXPECT_EQ(text_of(body.at("user"), "role"), "customer");
    EXPECT_EQ(made.body.find("hash"), std::string::npos);
    EXPECT_EQ(made.body.find("argon2"), std::string::npos);
    const std::string attributes = "; HttpOnly; SameSite=Strict; Path=/api; Max-Age=604800";
    EXPECT_EQ(made.header("set-cookie"), cookie_of(made) + attributes);
    EXPECT_TRUE(made.header("set-cookie").starts_with("refreshToken="));
    EXPECT_EQ(made.body.find(cookie_of(made).substr(13)), std::string::npos) << "the refresh token is in the body";
    const Customer again = log_in(shop, "ANN@example.com");
    const Answer user = shop.client().get("/api/v1/me", again.auth());
    EXPECT_EQ(user.json(), body.at("user"));
}

TEST(Sessions, the_cookie_is_secure_behind_a_proxy_or_when_told_so) {
    const std::string account = R"({"email":"a@b.example","password":"secret"})";
    Shop shop({"--cookie-same-site", "None"});
    const Answer plain = shop.client().post("/api/v1/auth/register", account);
    EXPECT_EQ(plain.header("set-cookie").find("Secure"), std::string::npos);
    EXPECT_NE(plain.header("set-cookie").find("SameSite=None"), std::string::npos);
    const Answer behind = shop.client().post("/api/v1/auth/login", account, {{"X-Forwarded-For", "192.0.2.1"}});
    EXPECT_TRUE(behind.header("set-cookie").ends_with("; Secure")) << behind.header("set-cookie");
    Shop secure({"--cookie-secure", "always"});
    const Answer always = secure.client().post("/api/v1/auth/register", account);
    EXPECT_TRUE(always.header("set-cookie").ends_with("; Secure")) << always.header("set-cookie");
}

TEST(Sessions, a_refresh_rotates_the_cookie_and_keeps_the_session) {
    Shop shop;
    const Customer customer = shop.register_customer();
    const Answer first = refresh(shop, customer.cookie);
    ASSERT_EQ(first.status, 200) << first.body;
    EXPECT_NE(cookie_of(first), customer.cookie);
    const Answer second = shop.client().post("/api/auth/refresh-token", "", {{"Cookie", cookie_of(first)}});
    ASSERT_EQ(second.status, 200) << second.body;
    EXPECT_NE(cookie_of(second), cookie_of(first));
    EXPECT_EQ(me(shop, customer_of(second, customer.email)), 200);
    EXPECT_EQ(list_all(shop, customer.auth(), "/api/v1/auth/sessions").size(), 1u);
}

TEST(Sessions, a_repeat_within_the_grace_gets_the_same_successor_and_survives_a_crash) {
    Shop shop({"--refresh-grace", "10m"});
    const Customer customer = shop.register_customer();
    std::mutex mutex;
    std::set<std::string> successors;
    run_parallel(8, [&](int) {
        const Answer answer = refresh(shop, customer.cookie);
        const std::lock_guard lock(mutex);
        EXPECT_EQ(answer.status, 200) << answer.body;
        successors.insert(cookie_of(answer));
    });
    ASSERT_EQ(successors.size(), 1u);
    shop.kill();
    shop.start();
    const Answer after = refresh(shop, customer.cookie);
    EXPECT_EQ(cookie_of(after), *successors.begin());
    EXPECT_EQ(refresh(shop, *successors.begin()).status, 200);
}

void expect_family_revoked(Shop& shop, const Customer& customer, const std::string& reused, const std::string& living) {
    expect_problem(refresh(shop, reused), 401, "refresh-reused");
    expect_problem(shop.client().get("/api/v1/me", customer.auth()), 401, "token-invalid");
    expect_problem(refresh(shop, living), 401, "refresh-invalid");
}

TEST(Sessions, a_repeat_without_grace_is_reuse_and_revokes_the_family_at_once) {
    Shop shop({"--refresh-grace", "0s"});
    const Customer customer = shop.register_customer();
    const Customer elsewhere = log_in(shop, customer.email);
    const Answer rotated = refresh(shop, customer.cookie);
    ASSERT_EQ(rotated.status, 200);
    EXPECT_EQ(me(shop, customer), 200);
    expect_family_revoked(shop, customer, customer.cookie, cookie_of(rotated));
    EXPECT_EQ(me(shop, customer_of(rotated, customer.email)), 401);
    EXPECT_EQ(me(shop, elsewhere), 200) << "another login must not suffer";
    EXPECT_EQ(refresh(shop, elsewhere.cookie).status, 200);
}

TEST(Sessions, of_sixteen_at_once_without_grace_one_is_answered_and_the_family_is_revoked) {
    Shop shop({"--refresh-grace", "0s"});
    const Customer customer = shop.register_customer();
    std::mutex mutex;
    std::vector<Answer> answers;
    run_parallel(16, [&](int) {
        Answer answer = refresh(shop, customer.cookie);
        const std::lock_guard lock(mutex);
        answers.push_back(std::move(answer));
    });
    std::string living;
    for (const Answer& answer : answers) {
        if (answer.status == 200) {
            EXPECT_TRUE(living.empty()) << "two were answered";
            living = cookie_of(answer);
        } else {
            EXPECT_EQ(answer.status, 401) << answer.body;
        }
    }
    expect_problem(refresh(shop, living), 401, "refresh-invalid");
    EXPECT_EQ(me(shop, customer), 401);
}

// Refreshes one after the other until the server is gone; what the client holds then.
Customer refresh_until_gone(Shop& shop, Customer customer, std::atomic<int>& refreshed) {
    HttpClient http = shop.client();
    for (;;) {
        const Answer answer = http.post(refresh_route, "", {{"Cookie", customer.cookie}});
        if (answer.status == 0) return customer;
        EXPECT_EQ(answer.status, 200) << answer.body;
        if (answer.status != 200) return customer;
        customer = customer_of(answer, customer.email);
        ++refreshed;
    }
}

// Killed in the middle of a refresh, `kills` times; what `after` expects of the token that is left.
template <class After>
void refresh_under_kills(const std::string& grace, int kills, After after) {
    Shop shop({"--refresh-grace", grace});
    for (int i = 0; i < kills; ++i) {
        std::atomic<int> refreshed = 0;
        const Customer first = shop.register_customer("killed" + std::to_string(i) + "@example.com");
        auto held = std::async(std::launch::async, [&] { return refresh_until_gone(shop, first, refreshed); });
        EXPECT_TRUE(eventually([&] { return refreshed > 3 + 2 * i; }));
        shop.kill();
        const Customer customer = held.get();
        shop.start();
        after(shop, customer, first);
    }
}

TEST(Sessions, after_a_crash_in_the_middle_of_a_refresh_the_last_token_works) {
    refresh_under_kills("10m", 5, [](Shop& shop, const Customer& customer, const Customer& first) {
        const Answer again = refresh(shop, customer.cookie);
        ASSERT_EQ(again.status, 200) << again.body;
        EXPECT_EQ(cookie_of(refresh(shop, customer.cookie)), cookie_of(again)) << "one line of succession";
        EXPECT_EQ(refresh(shop, cookie_of(again)).status, 200);
        expect_problem(refresh(shop, first.cookie), 401, "refresh-reused");
    });
}

TEST(Sessions, after_a_crash_without_grace_one_line_lives_or_none) {
    refresh_under_kills("0s", 5, [](Shop& shop, const Customer& customer, const Customer& first) {
        const Answer again = refresh(shop, customer.cookie);
        if (again.status != 200) {  // its successor had been made, and the answer was lost
            expect_problem(again, 401, "refresh-reused");
            EXPECT_EQ(me(shop, customer), 401);
            return;
        }
        expect_problem(refresh(shop, first.cookie), 401, "refresh-reused");
        expect_problem(refresh(shop, cookie_of(again)), 401, "refresh-invalid");
    });
}

TEST(Sessions, a_repeat_after_the_successor_was_used_is_reuse_even_within_the_grace) {
    Shop shop;
    const Customer customer = shop.register_customer();
    const Answer first = refresh(shop, customer.cookie);
    const Answer second = refresh(shop, cookie_of(first));
    ASSERT_EQ(second.status, 200);
    expect_family_revoked(shop, customer, customer.cookie, cookie_of(second));
}

TEST(Sessions, a_refresh_token_is_no_access_token_and_the_other_way_round) {
    Shop shop;
    const Customer customer = shop.register_customer();
    const std::string token = customer.cookie.substr(customer.cookie.find('=') + 1);
    expect_problem(shop.client().get("/api/v1/me", {{"Authorization", "Bearer " + token}}), 401, "token-invalid");
    expect_problem(refresh(shop, "refreshToken=" + customer.token), 401, "refresh-invalid");
    expect_problem(refresh(shop, customer.cookie + "x"), 401, "refresh-invalid");
    expect_problem(refresh(shop, customer.cookie + "; " + customer.cookie), 401, "refresh-invalid");
    EXPECT_EQ(refresh(shop, customer.cookie).status, 200);
}

TEST(Sessions, logout_ends_one_and_logout_all_ends_all) {
    Shop shop;
    const Customer one = shop.register_customer();
    const Customer two = log_in(shop, one.email);
    const Customer three = log_in(shop, one.email);
    const Customer other = shop.register_customer();
    const Answer out = shop.client().post("/api/v1/auth/logout", "", {{"Cookie", one.cookie}});
    EXPECT_EQ(out.status, 204);
    EXPECT_NE(out.header("set-cookie").find("refreshToken=; "), std::string::npos) << out.header("set-cookie");
    EXPECT_NE(out.header("set-cookie").find("Max-Age=0"), std::string::npos);
    EXPECT_EQ(me(shop, one), 401);
    EXPECT_EQ(refresh(shop, one.cookie).status, 401);
    EXPECT_EQ(me(shop, two), 200);
    expect_problem(shop.client().post("/api/v1/auth/logout-all", ""), 401, "token-missing");
    EXPECT_EQ(shop.client().post("/api/v1/auth/logout-all", "", two.auth()).status, 204);
    EXPECT_EQ(me(shop, two), 401);
    EXPECT_EQ(me(shop, three), 401);
    EXPECT_EQ(refresh(shop, three.cookie).status, 401);
    EXPECT_EQ(me(shop, other), 200);
    shop.kill();
    shop.start();
    EXPECT_EQ(me(shop, one), 401);
    EXPECT_EQ(me(shop, three), 401);
}

TEST(Sessions, are_listed_with_their_agents_and_can_be_ended_one_by_one) {
    Shop shop;
    const Customer first = shop.register_customer();
    const Customer second = log_in(shop, first.email, "secret", "the telephone");
    const Customer stranger = shop.register_customer();
    const auto sessions = list_all(shop, first.auth(), "/api/v1/auth/sessions");
    ASSERT_EQ(sessions.size(), 2u);
    EXPECT_EQ(text_of(sessions[0], "agent"), "the telephone");
    EXPECT_FALSE(sessions[0].at("current").as_bool());
    EXPECT_TRUE(sessions[1].at("current").as_bool());
    const std::string path = "/api/v1/auth/sessions/" + text_of(sessions[0], "sessionId");
    expect_problem(shop.client().send("DELETE", path, "", stranger.auth()), 404, "not-found");
    EXPECT_EQ(me(shop, second), 200);
    EXPECT_EQ(shop.client().send("DELETE", path, "", first.auth()).status, 204);
    EXPECT_EQ(me(shop, second), 401);
    EXPECT_EQ(refresh(shop, second.cookie).status, 401);
    EXPECT_EQ(me(shop, first), 200);
    EXPECT_EQ(list_all(shop, first.auth(), "/api/v1/auth/sessions").size(), 1u);
}

TEST(Sessions, a_new_password_ends_the_others) {
    Shop shop;
    const Customer here = shop.register_customer();
    const Customer elsewhere = log_in(shop, here.email);
    const auto change = [&](const std::string& current, const std::string& next) {
        return shop.client().post("/api/v1/me/password", R"({"current":")" + current + R"(","new":")" + next + "\"}",
                                  here.auth());
    };
    expect_problem(change("wrong!", "another-password"), 401, "invalid-credentials");
    expect_problem(change("secret", "short"), 422, "validation-failed");
    EXPECT_EQ(me(shop, elsewhere), 200);
    EXPECT_EQ(change("secret", "another-password").status, 204);
    EXPECT_EQ(me(shop, here), 200);
    EXPECT_EQ(me(shop, elsewhere), 401);
    EXPECT_EQ(refresh(shop, elsewhere.cookie).status, 401);
    expect_problem(shop.client().post("/api/v1/auth/login", R"({"email":")" + here.email + R"(","password":"secret"})"),
                   401, "invalid-credentials");
    EXPECT_EQ(me(shop, log_in(shop, here.email, "another-password")), 200);
}

TEST(Sessions, cookie_routes_refuse_other_sites_and_forms) {
    Shop shop({"--cors-allow-origin", "https://shop.example"});
    const Customer customer = shop.register_customer();
    HttpClient http = shop.client();
    for (const char* origin :
         {"https://evil.example", "null", "https://shop.example.evil.example", "http://shop.example"}) {
        expect_problem(http.post(refresh_route, "", {{"Cookie", customer.cookie}, {"Origin", origin}}), 403,
                       "forbidden");
        expect_problem(http.post("/api/v1/auth/logout", "", {{"Cookie", customer.cookie}, {"Origin", origin}}), 403,
                       "forbidden");
    }
    expect_problem(http.post(refresh_route, "a=b",
                             {{"Cookie", customer.cookie}, {"Content-Type", "application/x-www-form-urlencoded"}}),
                   415, "unsupported-media-type");
    expect_problem(http.get(refresh_route, {{"Cookie", customer.cookie}}), 405, "method-not-allowed");
    const std::string own = "http://127.0.0.1:" + std::to_string(shop.port());
    const Answer same = http.post(refresh_route, "", {{"Cookie", customer.cookie}, {"Origin", own}});
    EXPECT_EQ(same.status, 200) << same.body;
    EXPECT_TRUE(same.header("access-control-allow-origin").empty());
    const Answer allowed =
        http.post(refresh_route, "{}", {{"Cookie", cookie_of(same)}, {"Origin", "https://shop.example"}});
    EXPECT_EQ(allowed.status, 200) << allowed.body;
    EXPECT_EQ(allowed.header("access-control-allow-origin"), "https://shop.example");
    EXPECT_EQ(allowed.header("access-control-allow-credentials"), "true");
}

TEST(Sessions, cors_is_off_unless_configured) {
    Shop shop;
    const Answer answer = shop.client().get("/api/v1/products", {{"Origin", "https://shop.example"}});
    EXPECT_EQ(answer.status, 200);
    for (const auto& [name, value] : answer.headers) EXPECT_FALSE(name.starts_with("access-control")) << name;
}

TEST(Sessions, logs_hold_no_password_token_or_cookie) {
    Shop shop({"--log-level", "debug", "--log-format", "json"});
    const Customer customer = shop.register_customer();
    const Customer again = log_in(shop, customer.email);
    const Answer refreshed = refresh(shop, again.cookie);
    (void)shop.client().post("/api/v1/auth/login", R"({"email":")" + customer.email + R"(","password":"hush-hush"})");
    (void)shop.client().get("/api/v1/me?token=" + customer.token, customer.auth());
    (void)shop.client().get("/evil\x1b[31m%0d%0aforged", customer.auth());
    EXPECT_EQ(shop.client().post("/api/v1/orders", demo_order, customer.auth()).status, 201);
    const std::string written = shop.log();
    EXPECT_NE(written.find("/api/v1/orders"), std::string::npos) << "requests are not logged at all";
    for (const std::string& hidden :
         {std::string{"hush-hush"}, std::string{"secret\""}, customer.token, again.token, customer.cookie.substr(13),
          cookie_of(refreshed).substr(13), std::string{"\x1b"}, std::string{"Bearer"}}) {
        EXPECT_EQ(written.find(hidden), std::string::npos) << hidden;
    }
    std::size_t start = 0;
    for (std::size_t end = 0; (end = written.find('\n', start)) != std::string::npos; start = end + 1) {
        boost::system::error_code problem;
        (void)boost::json::parse(written.substr(start, end - start), problem);
        EXPECT_FALSE(problem) << written.substr(start, end - start);
    }
}

}  // namespace
}  // namespace waybill::system_test
