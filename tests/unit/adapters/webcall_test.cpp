#include "adapters/webcall/webcall.hpp"

#include <gtest/gtest.h>

#include <openssl/hmac.h>

#include <atomic>
#include <future>
#include <memory>
#include <set>
#include <span>
#include <stdexcept>

#include "adapters/webcall/order_json.hpp"
#include "domain/hex.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/recording_log.hpp"
#include "tests/unit/adapters/http_peer.hpp"

namespace waybill::webcall {
namespace {

using waybill::testing::FakeClock;
using waybill::testing::HttpPeer;
using waybill::testing::RecordingLog;

constexpr auto accepted = FulfilmentOutcome::accepted;
constexpr auto refused = FulfilmentOutcome::refused;
constexpr auto no_answer = FulfilmentOutcome::no_answer;

const std::string secret = "0123456789abcdef-secret";

Order make_order() {
    Order order;
    order.id = OrderId("o-1");
    order.user_id = UserId("u-1");
    order.location = "bangalore";
    order.lines = {{ProductId("p-1"), "A \"lamp\"\n\\", 2, 1'250}, {ProductId("p-2"), "Kaf\xc3\xa9", 1, 5}};
    order.total = 2'505;
    order.status = OrderStatus::processing;
    order.created_at = FakeClock::start;
    return order;
}

WebcallOptions options_for(const std::string& url) {
    WebcallOptions options;
    options.url = url;
    options.secret = secret;
    return options;
}

std::future<FulfilmentResult> call(Fulfilment& fulfilment, const Order& order = make_order()) {
    auto promise = std::make_shared<std::promise<FulfilmentResult>>();
    fulfilment.fulfil(order, [promise](FulfilmentResult result) { promise->set_value(std::move(result)); });
    return promise->get_future();
}

// "" where there is none.
std::string header_in(const std::string& request, const std::string& name) {
    const std::size_t at = request.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + name.size() + 4;
    return request.substr(begin, request.find("\r\n", begin) - begin);
}

FulfilmentResult answer_to(const HttpPeer::Answer& answer) {
    FakeClock clock;
    RecordingLog log;
    const HttpPeer peer([&](const std::string&) { return answer; });
    const auto fulfilment = make_webcall_fulfilment(options_for(peer.url()), clock, log);
    return call(*fulfilment).get();
}

std::string hmac_hex(const std::string& key, const std::string& text) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
         text.size(), digest, &size);
    return to_hex(std::span(digest).first(size));
}

TEST(Webcall, posts_the_order_signed_and_with_its_id_as_key) {
    FakeClock clock;
    RecordingLog log;
    const HttpPeer peer([](const std::string&) { return HttpPeer::reply(200, ""); });
    const auto fulfilment = make_webcall_fulfilment(options_for(peer.url("/hook?x=1")), clock, log);
    EXPECT_EQ(call(*fulfilment).get().outcome, accepted);

    ASSERT_EQ(peer.requests().size(), 1u);
    const std::string request = peer.requests()[0];
    const std::size_t head_end = request.find("\r\n\r\n");
    const std::string head = request.substr(0, head_end + 2);
    const std::string body = request.substr(head_end + 4);
    EXPECT_TRUE(head.starts_with("POST /hook?x=1 HTTP/1.1\r\n")) << head;
    EXPECT_NE(head.find("\r\nContent-Type: application/json\r\n"), std::string::npos);
    EXPECT_NE(head.find("\r\nIdempotency-Key: o-1\r\n"), std::string::npos);
    EXPECT_NE(head.find("\r\nWaybill-Timestamp: 1767225600\r\n"), std::string::npos);
    EXPECT_NE(head.find("\r\nWaybill-Signature: v1=" + hmac_hex(secret, "1767225600." + body) + "\r\n"),
              std::string::npos);
    EXPECT_EQ(head.find("Expect"), std::string::npos);
    EXPECT_EQ(body, order_json(make_order(), {}));
}

TEST(Webcall, each_call_is_a_step_of_its_own_in_the_trace_of_the_order) {
    FakeClock clock;
    RecordingLog log;
    const HttpPeer peer([](const std::string&) { return HttpPeer::reply(503, ""); });
    const auto fulfilment = make_webcall_fulfilment(options_for(peer.url()), clock, log);
    Order order = make_order();
    order.trace = *parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    call(*fulfilment, order).get();
    call(*fulfilment, order).get();
    call(*fulfilment).get();
    std::set<std::string> steps{"00f067aa0ba902b7"};
    for (const std::string& request : {peer.requests()[0], peer.requests()[1]}) {
        const auto trace = parse_traceparent(header_in(request, "traceparent"));
        ASSERT_TRUE(trace) << request;
        EXPECT_EQ(trace->id, order.trace.id);
        EXPECT_EQ(trace->flags, order.trace.flags);
        EXPECT_TRUE(steps.insert(to_traceparent(*trace).substr(36, 16)).second) << request;
    }
    EXPECT_EQ(header_in(peer.requests()[2], "traceparent"), "") << "an order without a trace";
    EXPECT_EQ(log.events_named("fulfilment-away").at(0).fields.at("trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
}

struct Answered {
    HttpPeer::Answer answer;
    FulfilmentOutcome outcome;
    std::string reason;
};

TEST(Webcall, takes_2xx_as_yes_422_with_a_reason_as_no_and_all_else_as_no_answer) {
    const std::string unusable = "The fulfilment service answered 422 without a usable reason.";
    const std::vector<Answered> table{
        {HttpPeer::reply(200, "anything"), accepted, ""},
        {HttpPeer::reply(202, ""), accepted, ""},
        {{"HTTP/1.1 204 No Content\r\n\r\n"}, accepted, ""},
        {HttpPeer::reply(422, R"({"reason":"The card was declined."})"), refused, "The card was declined."},
        {HttpPeer::reply(422, R"( {"code":7,"reason":" a\r\nb\u0000c\u0085 "})"), refused, "a  b c"},
        {HttpPeer::reply(422, R"({"reason":7})"), no_answer, unusable},
        {HttpPeer::reply(422, R"({"reason":""})"), no_answer, unusable},
        {HttpPeer::reply(422, R"(["reason"])"), no_answer, unusable},
        {HttpPeer::reply(422, "<html>"), no_answer, unusable},
        {HttpPeer::reply(422, std::string(10'000, '[')), no_answer, unusable},
        {HttpPeer::reply(400, R"({"reason":"no"})"), no_answer, "The fulfilment service answered 400."},
        {HttpPeer::reply(401, ""), no_answer, "The fulfilment service answered 401."},
        {HttpPeer::reply(404, ""), no_answer, "The fulfilment service answered 404."},
        {HttpPeer::reply(429, ""), no_answer, "The fulfilment service answered 429."},
        {HttpPeer::reply(500, ""), no_answer, "The fulfilment service answered 500."},
        {HttpPeer::reply(503, ""), no_answer, "The fulfilment service answered 503."},
    };
    for (const Answered& row : table) {
        const FulfilmentResult result = answer_to(row.answer);
        EXPECT_EQ(result.outcome, row.outcome) << row.answer.bytes.substr(0, 200);
        EXPECT_EQ(result.reason, row.reason) << row.answer.bytes.substr(0, 200);
    }
}

TEST(Webcall, a_broken_answer_is_no_answer) {
    for (const std::string bytes :
         {"", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "\xff\xfe\xfd"}) {
        const FulfilmentResult result = answer_to({bytes});
        EXPECT_EQ(result.outcome, no_answer) << bytes;
        EXPECT_FALSE(result.reason.empty()) << bytes;
    }
}

TEST(Webcall, keeps_no_more_of_an_answer_than_its_limit) {
    const std::string large(1u << 20, ' ');
    EXPECT_EQ(answer_to(HttpPeer::reply(200, large)).outcome, accepted) << "the status says it all";
    EXPECT_EQ(answer_to(HttpPeer::reply(422, large + R"({"reason":"no"})")).outcome, no_answer);
    EXPECT_EQ(answer_to(HttpPeer::reply(422, std::string(60'000, ' ') + R"({"reason":"no"})")).outcome, refused);
}

TEST(Webcall, does_not_follow_a_redirect) {
    FakeClock clock;
    RecordingLog log;
    const HttpPeer peer([](const std::string&) { return HttpPeer::reply(307, "", "Location: /elsewhere\r\n"); });
    const auto fulfilment = make_webcall_fulfilment(options_for(peer.url()), clock, log);
    const FulfilmentResult result = call(*fulfilment).get();
    EXPECT_EQ(result.outcome, no_answer);
    EXPECT_EQ(result.reason, "The fulfilment service answered 307.");
    EXPECT_EQ(peer.requests().size(), 1u);
}

TEST(Webcall, a_service_that_is_not_there_or_silent_is_no_answer) {
    FakeClock clock;
    RecordingLog log;
    std::string url;
    {
        const HttpPeer gone([](const std::string&) { return HttpPeer::Answer{}; });
        url = gone.url();
    }
    EXPECT_EQ(call(*make_webcall_fulfilment(options_for(url), clock, log)).get().outcome, no_answer);

    const HttpPeer silent([](const std::string&) { return HttpPeer::Answer{"", true}; });
    WebcallOptions impatient = options_for(silent.url());
    impatient.timeout = Milliseconds(50);
    EXPECT_EQ(call(*make_webcall_fulfilment(impatient, clock, log)).get().outcome, no_answer);
}

TEST(Webcall, refuses_more_than_its_places_and_answers_all_when_it_is_closed) {
    FakeClock clock;
    RecordingLog log;
    const HttpPeer silent([](const std::string&) { return HttpPeer::Answer{"", true}; });
    WebcallOptions options = options_for(silent.url());
    options.in_flight_max = 3;
    std::vector<std::future<FulfilmentResult>> calls;
    {
        const auto fulfilment = make_webcall_fulfilment(options, clock, log);
        EXPECT_EQ(fulfilment->in_flight_max(), 3u);
        for (int i = 0; i < 3; ++i) calls.push_back(call(*fulfilment));
        const FulfilmentResult refused_call = call(*fulfilment).get();
        EXPECT_EQ(refused_call.outcome, no_answer);
        EXPECT_EQ(refused_call.reason, "Too many calls of the fulfilment service are under way.");
    }
    for (auto& ended : calls) EXPECT_EQ(ended.get().outcome, no_answer);
}

TEST(Webcall, many_calls_run_side_by_side) {
    FakeClock clock;
    RecordingLog log;
    const HttpPeer peer([](const std::string&) { return HttpPeer::reply(200, ""); });
    WebcallOptions options = options_for(peer.url());
    options.in_flight_max = 64;
    const auto fulfilment = make_webcall_fulfilment(options, clock, log);
    std::vector<std::future<FulfilmentResult>> calls;
    for (int i = 0; i < 64; ++i) calls.push_back(call(*fulfilment));
    for (auto& ended : calls) EXPECT_EQ(ended.get().outcome, accepted);
    EXPECT_EQ(peer.requests().size(), 64u);
}

TEST(Webcall, tells_each_outage_once_and_no_secret) {
    FakeClock clock;
    RecordingLog log;
    std::atomic<int> status = 503;
    const HttpPeer peer([&](const std::string&) { return HttpPeer::reply(status, ""); });
    std::string url = peer.url();
    url.insert(7, "user:hunter2@");
    {
        const auto fulfilment = make_webcall_fulfilment(options_for(url), clock, log);
        for (int i = 0; i < 3; ++i) EXPECT_EQ(call(*fulfilment).get().outcome, no_answer);
        status = 200;
        EXPECT_EQ(call(*fulfilment).get().outcome, accepted);
    }
    EXPECT_EQ(log.count("fulfilment-away"), 1u);
    EXPECT_EQ(log.count("fulfilment-back"), 1u);
    EXPECT_FALSE(log.mentions("hunter2"));
    EXPECT_FALSE(log.mentions("127.0.0.1"));
    EXPECT_FALSE(log.mentions(secret));
}

TEST(Webcall, can_be_asked_whether_the_service_is_there_without_a_call) {
    std::string url;
    {
        const HttpPeer peer([](const std::string&) { return HttpPeer::Answer{}; });
        url = peer.url();
        EXPECT_TRUE(check_webcall(options_for(url)));
        for (const std::string& request : peer.requests()) EXPECT_EQ(request, "");
    }
    const Result<void> gone = check_webcall(options_for(url));
    ASSERT_FALSE(gone);
    EXPECT_NE(gone.error().detail.find("--fulfilment-url"), std::string::npos) << gone.error().detail;
    EXPECT_EQ(gone.error().detail.find("orders"), std::string::npos) << "the address may hold a password";
}

TEST(Webcall, refuses_other_schemes_and_short_secrets) {
    FakeClock clock;
    RecordingLog log;
    const auto make = [&](const std::string& url, const std::string& key) {
        WebcallOptions options = options_for(url);
        options.secret = key;
        static_cast<void>(make_webcall_fulfilment(options, clock, log));
    };
    EXPECT_THROW(make("file:///etc/passwd", secret), std::invalid_argument);
    EXPECT_THROW(make("127.0.0.1/orders", secret), std::invalid_argument);
    EXPECT_THROW(make("http://127.0.0.1/", "short"), std::invalid_argument);
    EXPECT_NO_THROW(make("https://127.0.0.1/", secret));
}

TEST(OrderJson, is_exact_and_escaped) {
    EXPECT_EQ(order_json(make_order(), {}),
              R"({"orderId":"o-1","userId":"u-1","location":"bangalore","currency":"INR","totalAmount":25.05,"items":[)"
              R"({"productId":"p-1","name":"A \"lamp\"\u000a\\","quantity":2,"unitPrice":12.50,"lineTotal":25.00},)"
              "{\"productId\":\"p-2\",\"name\":\"Kaf\xc3\xa9\",\"quantity\":1,\"unitPrice\":0.05,\"lineTotal\":0.05}],"
              R"("createdAt":"2026-01-01T00:00:00.000Z"})");
}

TEST(OrderJson, cuts_a_long_reason_between_characters) {
    std::string long_reason;
    for (int i = 0; i < 1'000; ++i) long_reason += "\xc3\xa9";
    const std::string kept = read_reason("{\"reason\":\"" + long_reason + "\"}");
    EXPECT_EQ(kept, long_reason.substr(0, 2 * reason_characters_max));
}

}  // namespace
}  // namespace waybill::webcall
