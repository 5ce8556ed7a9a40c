// Forgotten passwords, from the question to the login with the new one.
#include <gtest/gtest.h>

#include "tests/support/quoted_printable.hpp"
#include "tests/system/checks.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

Answer forget(Shop& shop, const std::string& email) {
    return shop.client().post("/api/v1/auth/forgot-password", R"({"email":")" + email + "\"}");
}

Answer reset(Shop& shop, const std::string& token, const std::string& password) {
    return shop.client().post("/api/v1/auth/reset-password",
                              R"({"token":")" + token + R"(","password":")" + password + "\"}");
}

Answer log_in(Shop& shop, const std::string& email, const std::string& password) {
    return shop.client().post("/api/v1/auth/login", R"({"email":")" + email + R"(","password":")" + password + "\"}");
}

// The longest line without a space of the only reset mail.
std::string await_token(Shop& shop) {
    if (!eventually([&] { return shop.mails("reset-").size() == 1; })) return "no mail";
    const std::string raw = read_file(shop.mails("reset-").front());
    const std::size_t part = raw.find("\r\n\r\n", raw.find("Content-Type: text/plain"));
    const std::string text = testing::decode_quoted_printable(raw.substr(part + 4, raw.find("\r\n--=_", part) - part));
    std::string token;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const std::string line = text.substr(begin, end - begin);
        if (line.find(' ') == std::string::npos && line.size() > token.size()) token = line;
        begin = end + 1;
    }
    return token;
}

TEST(Passwords, a_forgotten_one_is_replaced_by_mail_once) {
    Shop shop;
    const Customer customer = shop.register_customer("ann@example.com");
    EXPECT_EQ(forget(shop, "ann@example.com").status, 202);
    const std::string token = await_token(shop);
    EXPECT_EQ(reset(shop, token, "a new secret").status, 204);
    expect_problem(shop.client().get("/api/v1/me", customer.auth()), 401, "token-invalid");
    expect_problem(shop.client().post("/api/v1/auth/refresh", "", {{"Cookie", customer.cookie}}), 401,
                   "refresh-invalid");
    expect_problem(log_in(shop, "ann@example.com", "secret"), 401, "invalid-credentials");
    EXPECT_EQ(log_in(shop, "ann@example.com", "a new secret").status, 200);
    expect_problem(reset(shop, token, "a third secret"), 401, "reset-invalid");
    EXPECT_EQ(log_in(shop, "ann@example.com", "a new secret").status, 200);
}

TEST(Passwords, nobody_learns_who_has_an_account) {
    Shop shop;
    (void)shop.register_customer("ann@example.com");
    Answer known = forget(shop, "ann@example.com");
    Answer unknown = forget(shop, "nobody@example.com");
    for (Answer* answer : {&known, &unknown}) {
        for (const char* own : {"date", "x-request-id", "ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset"})
            answer->headers.erase(own);
    }
    EXPECT_EQ(known.status, 202);
    EXPECT_EQ(known.headers, unknown.headers);
    EXPECT_EQ(known.body + unknown.body, "");
    (void)await_token(shop);
    EXPECT_EQ(shop.mails("reset-").size(), 1U);
}

TEST(Passwords, a_mail_that_was_asked_for_arrives_after_a_crash) {
    WAYBILL_EMBEDDED_ONLY("it restarts the process that holds the store");
    Shop shop;
    (void)shop.register_customer("ann@example.com");
    EXPECT_EQ(forget(shop, "ann@example.com").status, 202);
    shop.kill();
    shop.start();
    EXPECT_EQ(reset(shop, await_token(shop), "a new secret").status, 204);
    EXPECT_EQ(log_in(shop, "ann@example.com", "a new secret").status, 200);
}

}  // namespace
}  // namespace waybill::system_test
