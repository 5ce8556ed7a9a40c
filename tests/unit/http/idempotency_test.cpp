#include "http/idempotency.hpp"

#include <gtest/gtest.h>

#include <set>

#include "domain/hex.hpp"
#include "tests/unit/http/requests.hpp"

namespace waybill::http {
namespace {

RequestHash hash_of(Method method, std::string_view target, std::string_view body) {
    return hash_request(OwnedRequest(method, target, body).get());
}

TEST(RequestHash, is_one_under_both_prefixes) {
    EXPECT_EQ(hash_of(Method::post, "/api/v1/orders", "{}"), hash_of(Method::post, "/api/orders", "{}"));
}

TEST(RequestHash, tells_different_requests_apart) {
    const std::set<RequestHash> hashes = {
        hash_of(Method::post, "/api/orders", "{}"),    hash_of(Method::put, "/api/orders", "{}"),
        hash_of(Method::post, "/api/orders", "{} "),   hash_of(Method::post, "/api/orders", ""),
        hash_of(Method::post, "/api/orders{", "}"),    hash_of(Method::post, "/api/orders{}", ""),
        hash_of(Method::post, "/api/orders/v1", "{}"), hash_of(Method::post, "/api/v1x/orders", "{}"),
        hash_of(Method::post, "/apiorders", "{}"),
    };
    EXPECT_EQ(hashes.size(), 9u);
}

TEST(RequestHash, stays_what_stores_have_kept) {
    // printf '\x04\0\0\0\0\0\0\0POST\x07\0\0\0\0\0\0\0/orders\x02\0\0\0\0\0\0\0{}' | sha256sum
    EXPECT_EQ(to_hex(hash_of(Method::post, "/api/v1/orders", "{}")),
              "11f98255b34f7362b96fb919f4ddd381252e233393f00ed9510125b73db93d97");
}

auto key_of(HeaderTexts headers) {
    const OwnedRequest request(Method::post, "/api/v1/orders", "{}", std::move(headers));
    return read_idempotency_key(request.get());
}

TEST(IdempotencyKey, is_visible_ascii) {
    EXPECT_FALSE(key_of({}).value());
    for (const std::string& good : {std::string("a"), std::string("!~"), std::string(255, 'k')}) {
        const auto key = key_of({{"idempotency-key", good}});
        ASSERT_TRUE(key && *key) << good;
        EXPECT_EQ((*key)->key, good);
        EXPECT_EQ((*key)->request_hash, hash_of(Method::post, "/api/v1/orders", "{}"));
    }
}

TEST(IdempotencyKey, refuses_what_is_none) {
    for (const std::string& bad : {std::string(), std::string("a b"), std::string("a\tb"), std::string("caf\xc3\xa9"),
                                   std::string("\x7f"), std::string(256, 'k')}) {
        const auto key = key_of({{"Idempotency-Key", bad}});
        ASSERT_FALSE(key) << bad;
        EXPECT_EQ(key.error().status, 400);
        EXPECT_EQ(text_of(key.error(), "code"), "bad-header");
    }
    EXPECT_EQ(key_of({{"Idempotency-Key", "a"}, {"idempotency-key", "a"}}).error().status, 400);
}

}  // namespace
}  // namespace waybill::http
