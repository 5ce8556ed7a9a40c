// One order's trace, from the request that placed it to its mail.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "tests/system/checks.hpp"
#include "tests/system/fulfilment_server.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

const std::string orders = "/api/v1/orders";
const std::string trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string traceparent = "00-" + trace_id + "-00f067aa0ba902b7-01";

// Whether there is a line of that event which holds all of `parts`.
bool has_line(const std::string& log, const std::string& event, const std::vector<std::string>& parts) {
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);) {
        if (line.find("\"event\":\"" + event + "\"") == std::string::npos) continue;
        if (std::ranges::all_of(parts, [&](const std::string& part) { return line.find(part) != std::string::npos; })) {
            return true;
        }
    }
    return false;
}

const std::string traced = R"("trace_id":")" + trace_id + "\"";

std::string place_traced(Shop& shop, const Customer& customer) {
    return shop.client().post(orders, demo_order, with(customer.auth(), "traceparent", traceparent)).text("orderId");
}

// The value of a header of a mail or a call; "" where there is none.
std::string header_in(const std::string& head, const std::string& name) {
    const std::size_t at = head.find("\n" + name + ": ");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + name.size() + 3;
    return head.substr(begin, head.find_first_of("\r\n", begin) - begin);
}

void expect_same_trace(const std::string& found, const std::string& where) {
    ASSERT_EQ(found.size(), traceparent.size()) << where << ": " << found;
    EXPECT_EQ(found.substr(0, 36), traceparent.substr(0, 36)) << where;
    EXPECT_NE(found.substr(36, 16), traceparent.substr(36, 16)) << where << ": the step is the client's";
    EXPECT_EQ(found.substr(52), "-01") << where;
}

TEST(TraceOnOneProcess, leads_from_the_request_to_the_log_the_fulfilment_call_and_the_mail) {
    FulfilmentServer service;
    Shop shop(Parts::embedded, service.flags({"--log-level", "debug", "--log-format", "json"}));
    const Customer customer = shop.register_customer();
    const std::string id = place_traced(shop, customer);
    const MailText mail = await_mail(shop, id, "processed");
    expect_same_trace(header_in(mail.head, "X-Waybill-Trace"), "mail");
    ASSERT_EQ(service.calls().size(), 1u);
    expect_same_trace(service.calls()[0].headers["traceparent"], "call");
    EXPECT_TRUE(eventually([&] { return has_line(shop.log(), "mail-sent", {id, traced}); })) << shop.log();
    EXPECT_TRUE(has_line(shop.log(), "request", {"\"path\":\"" + orders + "\"", "\"status\":\"201\"", traced}));
    EXPECT_TRUE(has_line(shop.log(), "order-processed", {id, traced}));
}

TEST(TraceOnOneProcess, survives_a_crash_before_the_tables_hold_the_order) {
    Shop shop(Parts::embedded, {"--log-level", "debug", "--log-format", "json"});
    const Customer customer = shop.register_customer();
    const std::string id = place_traced(shop, customer);
    shop.kill();
    shop.start();
    expect_same_trace(header_in(await_mail(shop, id, "processed").head, "X-Waybill-Trace"), "mail");
}

TEST(TraceOnOneProcess, begins_with_a_request_that_names_none) {
    Shop shop(Parts::embedded, {"--log-level", "debug", "--log-format", "json"});
    const Customer customer = shop.register_customer();
    const std::string id = shop.client().post(orders, demo_order, customer.auth()).text("orderId");
    const std::string in_mail = header_in(await_mail(shop, id, "processed").head, "X-Waybill-Trace");
    ASSERT_EQ(in_mail.size(), traceparent.size()) << in_mail;
    const std::string made = R"("trace_id":")" + in_mail.substr(3, 32) + "\"";
    EXPECT_TRUE(eventually([&] { return has_line(shop.log(), "request", {"\"path\":\"" + orders + "\"", made}); }));
}

TEST(TraceOnProductionParts, leads_over_the_queue_to_the_worker_and_the_mail) {
    Shop shop(ProductionOptions{.flags = {"--log-level", "debug", "--log-format", "json"}, .apis = 1, .workers = 1});
    ProductionSet& set = shop.set();
    const Customer customer = shop.register_customer();
    ServerProcess& worker = set.worker();
    EXPECT_EQ(worker.terminate(), 0);  // so that the message stays where it can be seen
    const std::string id = place_traced(shop, customer);
    std::string body;
    EXPECT_TRUE(eventually([&] {
        const auto received = boost::json::parse(set.call_queue("ReceiveMessage", R"("VisibilityTimeout":0)"));
        const boost::json::value* messages = received.as_object().if_contains("Messages");
        if (messages == nullptr || messages->as_array().empty()) return false;
        body = text_of(messages->as_array().front(), "Body");
        return true;
    }));
    const boost::json::value message = boost::json::parse(body);
    EXPECT_EQ(text_of(message, "order"), id);
    expect_same_trace(text_of(message, "traceparent"), "message");

    worker.start();
    const MailText mail = await_mail(shop, id, "processed");
    expect_same_trace(header_in(mail.head, "X-Waybill-Trace"), "mail");
    EXPECT_TRUE(eventually([&] { return has_line(worker.log(), "mail-sent", {id, traced}); })) << worker.log();
    EXPECT_TRUE(has_line(worker.log(), "order-processed", {id, traced})) << worker.log();
    EXPECT_TRUE(has_line(shop.log(), "request", {"\"path\":\"" + orders + "\"", "\"status\":\"201\"", traced}));
}

}  // namespace
}  // namespace waybill::system_test
