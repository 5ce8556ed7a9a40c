#include "http/decode.hpp"

#include <gtest/gtest.h>

#include "http/body_reader.hpp"
#include "tests/unit/http/requests.hpp"

namespace waybill::http {
namespace {

using Problems = std::vector<std::string>;

Decoded<OrderRequest> order_of(std::string_view body) {
    const OwnedRequest request(Method::post, "/api/v1/orders", body);
    return decode_order_request(request.get(), Currency{});
}

std::string with_item(std::string_view item) { return std::string(R"({"items":[)").append(item).append("]}"); }

TEST(ParseInteger, is_exact) {
    struct Case {
        std::string text;
        std::optional<std::int64_t> value;
    };
    const Case cases[] = {
        {"0", 0},
        {"-0", 0},
        {"2", 2},
        {"-17", -17},
        {"2.0", 2},
        {"2e0", 2},
        {"20e-1", 2},
        {"2.50e1", 25},
        {"2E+3", 2000},
        {"0.0", 0},
        {"0e99999999999999999999", 0},
        {"0.002e3", 2},
        {"1.0000000000000000000000000", 1},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"922337203685477580.7e1", INT64_MAX},
        {"9223372036854775808", std::nullopt},
        {"-9223372036854775809", std::nullopt},
        {"2.5", std::nullopt},
        {"2.0000000000000000000000001", std::nullopt},
        {"25e-1", std::nullopt},
        {"1e19", std::nullopt},
        {"1e300", std::nullopt},
        {"1e-300", std::nullopt},
        {"1e99999999999999999999", std::nullopt},
        {"1e-99999999999999999999", std::nullopt},
        {"123456789012345678901234567890", std::nullopt},
    };
    for (const Case& c : cases) EXPECT_EQ(parse_integer(c.text), c.value) << c.text;
}

TEST(DecodeOrder, reads_the_order_of_the_documentation) {
    const std::string body =
        R"({"location":"bangalore","totalAmount":4324,
            "items":[{"productId":"67c8830b7ef1b848ac52ebec","quantity":1},{"productId":"67c8830b7ef1b848ac52ebee","quantity":2}]})";
    const auto order = order_of(body);
    ASSERT_TRUE(order);
    EXPECT_EQ(order->location, "bangalore");
    EXPECT_EQ(order->expected_total, 432'400);
    EXPECT_EQ(order->lines, (std::vector<RequestedLine>{{ProductId("67c8830b7ef1b848ac52ebec"), 1},
                                                        {ProductId("67c8830b7ef1b848ac52ebee"), 2}}));
    EXPECT_FALSE(order->idempotency);
    EXPECT_EQ(order->size, body.size());
}

TEST(DecodeOrder, leaves_out_what_may_be_left_out) {
    const auto order = order_of(with_item(R"({"productId":"p","quantity":2.0})"));
    ASSERT_TRUE(order);
    EXPECT_FALSE(order->location);
    EXPECT_FALSE(order->expected_total);
    EXPECT_EQ(order->lines.at(0).quantity, 2);
}

TEST(DecodeOrder, does_not_read_the_name_and_price_of_an_item) {
    for (const char* value : {"1", "\"Tea\"", "null", "{\"x\":[1]}", "-5.555", "[]"}) {
        const std::string item =
            std::string(R"({"productId":"p","quantity":1,"name":)") + value + R"(,"price":)" + value + "}";
        EXPECT_TRUE(order_of(with_item(item))) << value;
    }
}

TEST(DecodeOrder, refuses_what_is_no_json) {
    for (const char* body : {"", "{", R"({"items":[]} x)", "\xff", "{\"items\":[01]}"}) {
        const auto order = order_of(body);
        ASSERT_FALSE(order);
        EXPECT_EQ(order.error().status, 400) << body;
        EXPECT_EQ(text_of(order.error(), "code"), "malformed-json") << body;
    }
}

TEST(DecodeOrder, points_to_everything_that_is_wrong) {
    struct Case {
        std::string body;
        Problems problems;
    };
    const std::string good = R"({"productId":"p","quantity":1})";
    const Case cases[] = {
        {"null", {" wrong-type"}},
        {"[]", {" wrong-type"}},
        {"\"items\"", {" wrong-type"}},
        {"1", {" wrong-type"}},
        {"{}", {"/items missing"}},
        {R"({"items":null})", {"/items wrong-type"}},
        {R"({"items":{}})", {"/items wrong-type"}},
        {R"({"items":[]})", {"/items out-of-range"}},
        {with_item("1"), {"/items/0 wrong-type"}},
        {with_item("null"), {"/items/0 wrong-type"}},
        {with_item("{}"), {"/items/0/productId missing", "/items/0/quantity missing"}},
        {with_item(R"({"productId":1,"quantity":"2"})"),
         {"/items/0/productId wrong-type", "/items/0/quantity wrong-type"}},
        {with_item(R"({"productId":null,"quantity":null})"),
         {"/items/0/productId wrong-type", "/items/0/quantity wrong-type"}},
        {with_item(R"({"productId":"p","quantity":true})"), {"/items/0/quantity wrong-type"}},
        {with_item(R"({"productId":"p","quantity":1.5})"), {"/items/0/quantity out-of-range"}},
        {with_item(R"({"productId":"p","quantity":0})"), {"/items/0/quantity out-of-range"}},
        {with_item(R"({"productId":"p","quantity":-1})"), {"/items/0/quantity out-of-range"}},
        {with_item(R"({"productId":"p","quantity":10001})"), {"/items/0/quantity out-of-range"}},
        {with_item(R"({"productId":"p","quantity":1e18})"), {"/items/0/quantity out-of-range"}},
        {with_item(R"({"productId":"p","quantity":1e19})"), {"/items/0/quantity out-of-range"}},
        {with_item(R"({"productId":"p","quantity":1e400})"), {"/items/0/quantity out-of-range"}},
        {with_item(R"({"productId":"","quantity":1})"), {"/items/0/productId invalid-id"}},
        {with_item(R"({"productId":"a b","quantity":1})"), {"/items/0/productId invalid-id"}},
        {with_item(R"({"productId":"a\u0000","quantity":1})"), {"/items/0/productId invalid-id"}},
        {with_item(R"({"productId":{"$ne":null},"quantity":1})"), {"/items/0/productId wrong-type"}},
        {with_item(good + R"(,{"productId":"p","quantity":1,"productId":"q"})"), {"/items/1/productId duplicate-name"}},
        {R"({"items":[)" + good + R"(],"location":5})", {"/location wrong-type"}},
        {R"({"items":[)" + good + R"(],"location":null})", {"/location wrong-type"}},
        {R"({"items":[)" + good + R"(],"location":""})", {"/location invalid-location"}},
        {R"({"items":[)" + good + R"(],"location":"new york"})", {"/location invalid-location"}},
        {R"({"items":[)" + good + R"(],"totalAmount":"4324"})", {"/totalAmount wrong-type"}},
        {R"({"items":[)" + good + R"(],"totalAmount":1.999})", {"/totalAmount bad-amount"}},
        {R"({"items":[)" + good + R"(],"totalAmount":-1})", {"/totalAmount bad-amount"}},
        {R"({"items":[)" + good + R"(],"totalAmount":1e18})", {"/totalAmount bad-amount"}},
        {R"({"items":[)" + good + R"(],"totalAmount":1e400})", {"/totalAmount out-of-range"}},
        {R"({"items":[{"productId":7,"quantity":1}],"location":7,"coupon":1})",
         {"/location wrong-type", "/items/0/productId wrong-type", "/coupon unknown-field"}},
        {R"({"location":")"
         "\\ud800"
         R"("})",
         {"/location lone-surrogate"}},
    };
    for (const Case& c : cases) {
        const auto order = order_of(c.body);
        ASSERT_FALSE(order) << c.body;
        EXPECT_EQ(order.error().status, 422) << c.body;
        EXPECT_EQ(text_of(order.error(), "code"), "validation-failed") << c.body;
        EXPECT_EQ(problems_of(order.error()), c.problems) << c.body;
    }
}

TEST(DecodeOrder, names_unknown_members) {
    struct Case {
        std::string body;
        Problems problems;
    };
    const Case cases[] = {
        {R"({"items":[{"productId":"p","quantity":1}],"userId":"u"})", {"/userId unknown-field"}},
        {R"({"items":[{"productId":"p","quantity":1}],"a/b":1,"Items":1})",
         {"/a~1b unknown-field", "/Items unknown-field"}},
        {R"({"items":[{"productId":"p","quantity":1,"discount":1}]})", {"/items/0/discount unknown-field"}},
    };
    for (const Case& c : cases) {
        const auto order = order_of(c.body);
        ASSERT_FALSE(order) << c.body;
        EXPECT_EQ(order.error().status, 422);
        EXPECT_EQ(text_of(order.error(), "code"), "unknown-field") << c.body;
        EXPECT_EQ(problems_of(order.error()), c.problems) << c.body;
    }
}

TEST(DecodeOrder, takes_100_items_and_no_more) {
    const auto body_of = [](int items) {
        std::string body = R"({"items":[{"productId":"p0","quantity":1})";
        for (int i = 1; i < items; ++i) body += R"(,{"productId":"p)" + std::to_string(i) + R"(","quantity":1})";
        return body + "]}";
    };
    EXPECT_EQ(order_of(body_of(100)).value().lines.size(), 100u);
    EXPECT_EQ(problems_of(order_of(body_of(101)).error()), Problems{"/items out-of-range"});
}

TEST(DecodeOrder, reports_no_more_than_a_limit_of_problems) {
    std::string body = R"({"items":1)";
    for (int i = 0; i < 1'000; ++i) body += ",\"x" + std::to_string(i) + "\":1";
    EXPECT_EQ(problems_of(order_of(body + "}").error()).size(), problems_reported_max);
}

TEST(DecodeRegistration, takes_strings_only) {
    const OwnedRequest good(Method::post, "/", R"({"email":"A@b.example","password":"p\u0000","name":"N"})");
    const auto registration = decode_registration(good.get());
    ASSERT_TRUE(registration);
    EXPECT_EQ(registration->email, "A@b.example");
    EXPECT_EQ(registration->password, std::string("p\0", 2));
    EXPECT_EQ(registration->name, "N");
    const OwnedRequest bad(Method::post, "/", R"({"email":{"$gt":""},"password":["a"],"name":1,"role":"admin"})");
    EXPECT_EQ(problems_of(decode_registration(bad.get()).error()),
              (Problems{"/email wrong-type", "/password wrong-type", "/name wrong-type", "/role unknown-field"}));
    const OwnedRequest without(Method::post, "/", R"({"email":"a@b.example","password":"x"})");
    EXPECT_EQ(decode_registration(without.get()).value().name, "");
}

TEST(DecodeCredentials, needs_both) {
    const OwnedRequest none(Method::post, "/", "{}");
    EXPECT_EQ(problems_of(decode_credentials(none.get()).error()), (Problems{"/email missing", "/password missing"}));
    const OwnedRequest more(Method::post, "/", R"({"email":"a","password":"b","name":"c"})");
    EXPECT_EQ(text_of(decode_credentials(more.get()).error(), "code"), "unknown-field");
}

TEST(DecodePasswordChange, reads_current_and_new) {
    const OwnedRequest request(Method::post, "/", R"({"current":"a","new":"b"})");
    EXPECT_EQ(decode_password_change(request.get()).value().current, "a");
    EXPECT_EQ(decode_password_change(request.get()).value().replacement, "b");
}

TEST(DecodeProduct, reads_exact_prices) {
    const OwnedRequest request(Method::post, "/", R"({"name":"Tea","price":1499.50})");
    const auto product = decode_new_product(request.get(), Currency{});
    ASSERT_TRUE(product);
    EXPECT_EQ(product->name, "Tea");
    EXPECT_EQ(product->price, 149'950);
    EXPECT_TRUE(product->active);
    const OwnedRequest bad(Method::post, "/", R"({"price":0.005,"active":"yes","description":null})");
    EXPECT_EQ(problems_of(decode_new_product(bad.get(), Currency{}).error()),
              (Problems{"/name missing", "/description wrong-type", "/price bad-amount", "/active wrong-type"}));
    const OwnedRequest missing(Method::post, "/", R"({"name":"Tea"})");
    EXPECT_EQ(problems_of(decode_new_product(missing.get(), Currency{}).error()), Problems{"/price missing"});
}

TEST(DecodeProductPatch, leaves_absent_members_alone) {
    const OwnedRequest request(Method::patch, "/", R"({"active":false})");
    const auto patch = decode_product_patch(request.get(), Currency{});
    ASSERT_TRUE(patch);
    EXPECT_EQ(patch->active, false);
    EXPECT_FALSE(patch->name || patch->description || patch->price);
    const OwnedRequest bad(Method::patch, "/", R"({"name":null,"id":"x"})");
    EXPECT_EQ(problems_of(decode_product_patch(bad.get(), Currency{}).error()),
              (Problems{"/name wrong-type", "/id unknown-field"}));
}

TEST(DecodeStock, takes_whole_numbers_only) {
    const OwnedRequest level(Method::put, "/", R"({"available":5e2})");
    EXPECT_EQ(decode_stock_level(level.get()).value(), 500);
    for (const char* body : {R"({"available":"5"})", R"({"available":1.5})", R"({"available":1e30})", "{}"}) {
        const OwnedRequest bad(Method::put, "/", body);
        EXPECT_EQ(decode_stock_level(bad.get()).error().status, 422) << body;
    }
    const OwnedRequest adjustment(Method::post, "/", R"({"delta":-3,"reason":"broken"})");
    EXPECT_EQ(decode_stock_adjustment(adjustment.get()).value().delta, -3);
    EXPECT_EQ(decode_stock_adjustment(adjustment.get()).value().reason, "broken");
}

TEST(DecodeStock, limits_the_reason) {
    const auto decode_reason = [](std::size_t length) {
        std::string reason;
        for (std::size_t i = 0; i < length; ++i) reason += "\u00e9";
        const OwnedRequest request(Method::post, "/", R"({"delta":1,"reason":")" + reason + R"("})");
        return decode_stock_adjustment(request.get());
    };
    EXPECT_TRUE(decode_reason(stock_reason_length_max));
    EXPECT_EQ(problems_of(decode_reason(stock_reason_length_max + 1).error()), Problems{"/reason bad-length"});
}

TEST(DecodeNothing, takes_no_body_or_an_empty_object) {
    const auto refusal_for = [](std::string_view body) {
        const OwnedRequest request(Method::post, "/", body);
        const auto nothing = decode_nothing(request.get());
        return nothing ? std::string() : text_of(nothing.error(), "code");
    };
    EXPECT_EQ(refusal_for(""), "");
    EXPECT_EQ(refusal_for("{}"), "");
    EXPECT_EQ(refusal_for("{"), "malformed-json");
    EXPECT_EQ(refusal_for("[]"), "validation-failed");
    EXPECT_EQ(refusal_for(R"({"a":1})"), "unknown-field");
}

}  // namespace
}  // namespace waybill::http
