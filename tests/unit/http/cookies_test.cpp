#include "http/cookies.hpp"

#include <gtest/gtest.h>

#include "tests/unit/http/requests.hpp"

namespace waybill::http {
namespace {

using Presence = RefreshCookie::Presence;

RefreshCookie cookie_in(HeaderTexts headers) {
    // Kept so that the view in the answer stays valid.
    static std::deque<OwnedRequest> requests;
    return find_refresh_cookie(requests.emplace_back(Method::post, "/api/auth/refresh", "", std::move(headers)).get());
}

TEST(RefreshCookie, is_found_among_others) {
    const std::string cases[] = {
        "refreshToken=abc",
        "refreshToken=abc; a=b",
        "a=b; refreshToken=abc",
        "a=b;refreshToken=abc;c=d",
        " refreshToken=abc ",
        "a; refreshToken=abc",
        ";; refreshToken=abc ;;",
        "xrefreshToken=no; refreshToken=abc",
        "RefreshToken=no; refreshToken=abc",
    };
    for (const std::string& text : cases) {
        const RefreshCookie found = cookie_in({{"cookie", text}});
        EXPECT_EQ(found.presence, Presence::once) << text;
        EXPECT_EQ(found.token, "abc") << text;
    }
    EXPECT_EQ(cookie_in({{"Cookie", "a=b"}, {"Cookie", "refreshToken=abc"}}).token, "abc");
    EXPECT_EQ(cookie_in({{"Cookie", "refreshToken=a=b"}}).token, "a=b");
}

TEST(RefreshCookie, is_absent_without_its_exact_name) {
    for (const char* text :
         {"", "refreshToken", "refreshTokenX=1", "REFRESHTOKEN=1", "refreshToken =1", "a=refreshToken=1"}) {
        EXPECT_EQ(cookie_in({{"Cookie", text}}).presence, Presence::absent) << text;
    }
    EXPECT_EQ(cookie_in({}).presence, Presence::absent);
}

TEST(RefreshCookie, that_comes_twice_is_ambiguous) {
    EXPECT_EQ(cookie_in({{"Cookie", "refreshToken=a; refreshToken=b"}}).presence, Presence::ambiguous);
    EXPECT_EQ(cookie_in({{"Cookie", "refreshToken=a; refreshToken=a"}}).presence, Presence::ambiguous);
    EXPECT_EQ(cookie_in({{"Cookie", "refreshToken=a"}, {"Cookie", "refreshToken=b"}}).presence, Presence::ambiguous);
}

std::string cookie_for(const EdgeOptions& edge, bool loopback_peer, HeaderTexts headers) {
    OwnedRequest request(Method::post, "/api/auth/login", "", std::move(headers));
    request.get().peer_is_loopback = loopback_peer;
    return set_refresh_cookie(request.get(), edge, "T");
}

TEST(SetRefreshCookie, has_the_attributes_of_the_api) {
    EXPECT_EQ(cookie_for({}, false, {{"Host", "shop.example"}}),
              "refreshToken=T; HttpOnly; SameSite=Strict; Path=/api; Max-Age=604800; Secure");
    EdgeOptions edge;
    edge.cookie_same_site = "None";
    edge.refresh_lifetime = Milliseconds{60'000};
    EXPECT_EQ(cookie_for(edge, false, {}), "refreshToken=T; HttpOnly; SameSite=None; Path=/api; Max-Age=60; Secure");
}

TEST(SetRefreshCookie, is_insecure_only_on_plain_loopback) {
    struct Case {
        bool loopback_peer;
        HeaderTexts headers;
        bool secure;
    };
    const Case cases[] = {
        {true, {{"Host", "localhost:8080"}}, false},
        {true, {{"Host", "LocalHost"}}, false},
        {true, {{"Host", "127.0.0.1:80"}}, false},
        {true, {{"Host", "127.9.8.7"}}, false},
        {true, {{"Host", "[::1]:8080"}}, false},
        {true, {{"Host", "[::1]"}}, false},
        {false, {{"Host", "localhost:8080"}}, true},
        {true, {{"Host", "shop.example"}}, true},
        {true, {{"Host", "localhost.evil.example"}}, true},
        {true, {{"Host", "127.0.0.1.evil.example"}}, true},
        {true, {{"Host", "127.1"}}, true},
        {true, {{"Host", "[::2]"}}, true},
        {true, {}, true},
        {true, {{"Host", "localhost"}, {"X-Forwarded-For", "1.2.3.4"}}, true},
        {true, {{"Host", "localhost"}, {"x-forwarded-proto", "https"}}, true},
        {true, {{"Host", "localhost"}, {"Forwarded", "for=1.2.3.4"}}, true},
        {true, {{"Host", "localhost"}, {"X-Forward", "no"}}, false},
    };
    for (const Case& c : cases) {
        const std::string cookie = cookie_for({}, c.loopback_peer, c.headers);
        EXPECT_EQ(cookie.ends_with("; Secure"), c.secure) << (c.headers.empty() ? "" : c.headers[0].second);
        EdgeOptions edge;
        edge.cookie_secure = CookieSecure::always;
        EXPECT_TRUE(cookie_for(edge, c.loopback_peer, c.headers).ends_with("; Secure"));
        edge.cookie_secure = CookieSecure::never;
        EXPECT_FALSE(cookie_for(edge, c.loopback_peer, c.headers).ends_with("; Secure"));
    }
}

TEST(ClearRefreshCookie, ends_the_cookie_at_once) {
    const OwnedRequest request(Method::post, "/api/auth/logout", "", {{"Host", "localhost"}});
    EXPECT_EQ(clear_refresh_cookie(request.get(), {}),
              "refreshToken=; HttpOnly; SameSite=Strict; Path=/api; Max-Age=0");
}

TEST(TrustedOrigin, is_this_host_or_a_configured_one) {
    EdgeOptions edge;
    edge.cors_origins = {"https://shop.example"};
    struct Case {
        std::optional<std::string> origin;
        bool trusted;
    };
    const Case cases[] = {
        {std::nullopt, true},
        {"http://localhost:8080", true},
        {"https://localhost:8080", true},
        {"http://LOCALHOST:8080", true},
        {"https://shop.example", true},
        {"http://shop.example", false},
        {"https://shop.example.evil", false},
        {"https://shop.example/", false},
        {"http://localhost", false},
        {"http://localhost:8081", false},
        {"ftp://localhost:8080", false},
        {"localhost:8080", false},
        {"null", false},
        {"", false},
        {"http://evil.example", false},
    };
    for (const Case& c : cases) {
        HeaderTexts headers{{"Host", "localhost:8080"}};
        if (c.origin) headers.emplace_back("origin", *c.origin);
        const OwnedRequest request(Method::post, "/api/auth/refresh", "", headers);
        EXPECT_EQ(has_trusted_origin(request.get(), edge), c.trusted) << c.origin.value_or("none");
    }
    const OwnedRequest two(Method::post, "/", "",
                           {{"Host", "a"}, {"Origin", "http://a"}, {"Origin", "http://evil.example"}});
    EXPECT_FALSE(has_trusted_origin(two.get(), edge));
    const OwnedRequest no_host(Method::post, "/", "", {{"Origin", "http://"}});
    EXPECT_FALSE(has_trusted_origin(no_host.get(), edge));
}

}  // namespace
}  // namespace waybill::http
