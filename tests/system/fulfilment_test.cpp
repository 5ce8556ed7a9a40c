#include <gtest/gtest.h>

#include <atomic>

#include "tests/system/checks.hpp"
#include "tests/system/fulfilment_server.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

TEST(FulfilmentCall, carries_the_order_signed_over_timestamp_and_body) {
    FulfilmentServer service;
    Shop shop(service.flags());
    const Customer customer = shop.register_customer();
    HttpClient http = shop.client();
    const Answer placed = http.post("/api/v1/orders", demo_order, customer.auth());
    const std::string id = placed.text("orderId");
    await_status(shop, customer.auth(), id, "Processed");
    const auto calls = service.calls();
    ASSERT_EQ(calls.size(), 1u);
    auto headers = calls[0].headers;
    EXPECT_EQ(calls[0].order_id(), id);
    EXPECT_EQ(headers["content-type"], "application/json");
    EXPECT_EQ(headers["waybill-signature"],
              "v1=" + hmac_hex(fulfilment_secret, headers["waybill-timestamp"] + "." + calls[0].body));
    const boost::json::value order = boost::json::parse(calls[0].body);
    EXPECT_EQ(text_of(order, "orderId"), id);
    EXPECT_EQ(text_of(order, "location"), "bangalore");
    EXPECT_EQ(text_of(order, "currency"), "INR");
    EXPECT_EQ(order.at("items"), placed.json().at("items"));
    EXPECT_NE(calls[0].body.find(R"("totalAmount":4324.00)"), std::string::npos) << calls[0].body;
}

TEST(FulfilmentCall, a_refusal_fails_the_order_with_its_reason_and_returns_the_stock) {
    FulfilmentServer service([](const FulfilmentCall&) {
        return FulfilmentAnswer{422, R"({"reason":"The warehouse is closed."})"};
    });
    Shop shop(service.flags());
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    HttpClient http = shop.client();
    const std::string id = http.post("/api/v1/orders", demo_order, customer.auth()).text("orderId");
    const Answer failed = await_status(shop, customer.auth(), id, "Failed");
    EXPECT_EQ(failed.text("reason"), "The warehouse is closed.");
    EXPECT_EQ(shop.available(admin, std::string{first_product}), demo_stock);
    EXPECT_EQ(shop.available(admin, std::string{third_product}), demo_stock);
    const MailText mail = await_mail(shop, id, "failed");
    EXPECT_NE(mail.text.find("The warehouse is closed."), std::string::npos) << mail.text;
    EXPECT_NE(mail.html.find("The warehouse is closed."), std::string::npos) << mail.html;
    EXPECT_EQ(service.calls().size(), 1u);
    expect_problem(http.post("/api/v1/orders/" + id + "/cancel", "", customer.auth()), 409, "invalid-transition");
    EXPECT_EQ(shop.available(admin, std::string{first_product}), demo_stock);
    EXPECT_TRUE(list_all(shop, admin.auth(), "/api/v1/admin/dead-letters").empty());
}

TEST(FulfilmentCall, no_usable_answer_is_tried_again_with_the_same_key_until_one_comes) {
    std::atomic<int> calls_made{0};
    FulfilmentServer service([&](const FulfilmentCall&) {
        const int call = ++calls_made;
        if (call == 1) return FulfilmentAnswer{500, "{}"};
        if (call == 2) return FulfilmentAnswer{422, "no reason that can be used"};
        return FulfilmentAnswer{204, ""};
    });
    Shop shop(service.flags({"--work-backoff-min", "10ms", "--work-backoff-max", "50ms", "--work-poll-every", "20ms"}));
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    HttpClient http = shop.client();
    const std::string id = http.post("/api/v1/orders", demo_order, customer.auth()).text("orderId");
    await_status(shop, customer.auth(), id, "Processed");
    await_mail(shop, id, "processed");
    const auto calls = service.calls();
    ASSERT_EQ(calls.size(), 3u);
    for (const FulfilmentCall& call : calls) {
        EXPECT_EQ(call.order_id(), id);
        EXPECT_EQ(call.body, calls[0].body);
    }
    EXPECT_EQ(shop.available(admin, std::string{first_product}), demo_stock - 1);
}

TEST(FulfilmentCall, an_order_without_an_answer_fails_at_its_deadline) {
    FulfilmentServer service([](const FulfilmentCall&) { return FulfilmentAnswer{503, "{}"}; });
    Shop shop(service.flags({"--process-deadline", "2s", "--work-backoff-min", "50ms", "--work-backoff-max", "100ms",
                             "--work-poll-every", "20ms"}));
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    HttpClient http = shop.client();
    const std::string id = http.post("/api/v1/orders", demo_order, customer.auth()).text("orderId");
    const Answer failed = await_status(shop, customer.auth(), id, "Failed");
    EXPECT_FALSE(failed.text("reason").empty());
    EXPECT_EQ(failed.text("reason").find("127.0.0.1"), std::string::npos) << "the address of the service is told";
    EXPECT_GE(service.calls().size(), 2u);
    EXPECT_EQ(shop.available(admin, std::string{first_product}), demo_stock);
    await_mail(shop, id, "failed");
}

TEST(FulfilmentCall, a_silent_service_does_not_stop_orders_from_being_placed) {
    FulfilmentServer service;
    service.hold();
    Shop shop(service.flags());
    const Customer customer = shop.register_customer();
    HttpClient http = shop.client();
    std::vector<std::string> ids;
    for (int i = 0; i < 40; ++i) {  // more than calls may be under way
        const Answer placed = http.post("/api/v1/orders", demo_order, customer.auth());
        ASSERT_EQ(placed.status, 201) << placed.body;
        ids.push_back(placed.text("orderId"));
    }
    service.release();
    for (const std::string& id : ids) await_status(shop, customer.auth(), id, "Processed");
}

}  // namespace
}  // namespace waybill::system_test
