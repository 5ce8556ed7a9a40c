// SQS through the gate: signatures, faults, credentials. What every queue does is in the contract.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/redis_server.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/adapters/aws_world.hpp"
#include "tests/unit/adapters/http_peer.hpp"

namespace waybill::aws {
namespace {

using testing::AwsDoubles;
using testing::AwsWorld;

std::vector<QueueMessage> messages(int count) {
    std::vector<QueueMessage> out;
    for (int i = 0; i < count; ++i) {
        out.push_back({WorkId("w-" + std::to_string(i)), OrderId("o-" + std::to_string(i)), 1});
    }
    return out;
}

std::size_t taken(const std::vector<Result<void>>& results) {
    return static_cast<std::size_t>(
        std::ranges::count_if(results, [](const auto& result) { return result.has_value(); }));
}

class AwsSqs : public ::testing::Test {
protected:
    AwsSqs() : world_({"sqs", "roles"}) {}

    std::unique_ptr<Queue> open(const SqsOptions& options) { return make_sqs_queue(options, world_.clock, world_.log); }
    std::size_t sent(Queue& queue, int count) { return taken(queue.send(messages(count))); }

    // What lies in the queue without our doing.
    void put(const SqsOptions& options, const std::string& body) {
        world_.doubles.admin("POST /sqs", R"({"action":"SendMessage","body":{"QueueUrl":")" + options.queue_url +
                                              R"(","MessageBody":")" + body + "\"}}");
    }

    AwsWorld world_;
    const std::string authority_ = world_.doubles.url("sqs").substr(std::string("http://").size());
};

TEST_F(AwsSqs, every_kind_of_request_is_signed_as_two_signers_would) {
    const SqsOptions options = world_.sqs();
    const auto queue = open(options);
    EXPECT_EQ(sent(*queue, 3), 3U);
    const auto received = queue->receive(10, Milliseconds{0}).value();
    EXPECT_TRUE(queue->extend(received, Milliseconds{5'000}));
    EXPECT_TRUE(queue->ack(received));
    EXPECT_TRUE(check_queue(options, world_.clock, world_.log));
    EXPECT_EQ(world_.accepted("sqs"), 5);
}

TEST_F(AwsSqs, many_messages_go_in_tens) {
    const auto queue = open(world_.sqs());
    EXPECT_EQ(sent(*queue, 95), 95U);
    EXPECT_EQ(world_.seen("sqs", "SendMessageBatch"), 10);
}

TEST_F(AwsSqs, connections_are_kept) {
    SqsOptions options = world_.sqs();
    options.parallel_max = 1;
    const auto queue = open(options);
    EXPECT_EQ(sent(*queue, 50), 50U);
    EXPECT_EQ(world_.count("GET /state", "\"connections\":1,"), 1U);
}

TEST_F(AwsSqs, wrong_keys_are_said_to_be_wrong) {
    SqsOptions options = world_.sqs();
    options.credentials.secret_access_key = "another-secret";
    const auto queue = open(options);
    const auto results = queue->send(messages(1));
    ASSERT_FALSE(results[0]);
    EXPECT_EQ(results[0].error().code, ErrorCode::unavailable);
    EXPECT_EQ(results[0].error().detail, authority_ + " answered 403 InvalidSignatureException.");
    EXPECT_EQ(world_.seen("sqs", "SendMessageBatch"), 1) << "the same again would be refused again";
    EXPECT_EQ(check_queue(options, world_.clock, world_.log).error().code, ErrorCode::forbidden);
    EXPECT_FALSE(world_.log.mentions("another-secret"));
}

TEST_F(AwsSqs, the_queue_urls_host_is_not_asked_beside_an_endpoint) {
    const testing::HttpPeer elsewhere([](const std::string&) { return testing::HttpPeer::reply(200, "{}"); });
    SqsOptions options = world_.sqs();
    options.queue_url = elsewhere.url("/000000000000/work");
    const auto queue = open(options);
    EXPECT_EQ(sent(*queue, 1), 0U) << "the double knows no such queue";
    EXPECT_TRUE(elsewhere.requests().empty());
    EXPECT_EQ(world_.accepted("sqs"), 1);
}

TEST_F(AwsSqs, without_an_endpoint_the_queue_urls_host_is_asked) {
    const testing::HttpPeer queue_host(
        [](const std::string&) { return testing::HttpPeer::reply(200, R"({"Messages":[]})"); });
    SqsOptions options = world_.sqs();
    options.queue_url = queue_host.url("/000000000000/work");
    options.endpoint.clear();
    EXPECT_TRUE(open(options)->receive(1, Milliseconds{0}));
    ASSERT_EQ(queue_host.requests().size(), 1U);
    EXPECT_TRUE(queue_host.requests()[0].starts_with("POST / HTTP/1.1\r\n"));
}

TEST_F(AwsSqs, a_redirect_is_not_followed) {
    const testing::HttpPeer target([](const std::string&) { return testing::HttpPeer::reply(200, "{}"); });
    const testing::HttpPeer redirecting(
        [&](const std::string&) { return testing::HttpPeer::reply(307, "", "Location: " + target.url("/") + "\r\n"); });
    SqsOptions options = world_.sqs();
    options.endpoint = redirecting.url("");
    EXPECT_FALSE(open(options)->receive(1, Milliseconds{0}));
    EXPECT_TRUE(target.requests().empty());
}

// Any server with a certificate will do: what fails tells how far the handshake came.
TEST(AwsTls, certificate_and_host_are_checked) {
    testing::FakeClock clock;
    testing::RecordingLog log;
    const auto problem = [&](const testing::RedisServer& server, const std::string& ca_file) {
        SqsOptions options;
        options.endpoint = "https://127.0.0.1:" + std::to_string(server.port());
        options.queue_url = options.endpoint + "/1/work";
        options.region = "us-east-1";
        options.credentials = AwsWorld::credentials();
        options.call.ca_file = ca_file;
        return make_sqs_queue(options, clock, log)->receive(1, Milliseconds{0}).error().detail;
    };
    const testing::RedisServer server({.tls = true});
    EXPECT_TRUE(problem(server, "").contains("SSL peer certificate")) << "nobody vouches for it";
    EXPECT_FALSE(problem(server, server.ca_file()).contains("SSL peer certificate"));
    const testing::RedisServer other({.tls = true, .certificate_names = "DNS:other.example"});
    EXPECT_TRUE(problem(other, other.ca_file()).contains("SSL peer certificate")) << "another host's";
}

// ---- faults

TEST_F(AwsSqs, throttling_and_outages_are_outwaited) {
    for (const std::string kind : {"throttled", "too_many", "unavailable", "cut_before", "cut_after"}) {
        const auto queue = open(world_.sqs());
        world_.doubles.fault("sqs", kind, "\"times\":2");
        EXPECT_EQ(sent(*queue, 1), 1U) << kind;
        world_.doubles.heal();
    }
    EXPECT_GT(world_.clock.slept(), Milliseconds::zero());
    EXPECT_EQ(world_.log.count("sqs-away"), 0U);
}

TEST_F(AwsSqs, repeats_are_bounded) {
    const auto queue = open(world_.sqs());
    world_.doubles.fault("sqs", "unavailable", "\"times\":-1");
    const auto results = queue->send(messages(1));
    EXPECT_EQ(results[0].error().detail, authority_ + " answered 503 ServiceUnavailable.");
    EXPECT_EQ(world_.seen("sqs", "SendMessageBatch"), 3);
    EXPECT_FALSE(queue->receive(1, Milliseconds{0}));
    EXPECT_EQ(world_.seen("sqs", "ReceiveMessage"), 1) << "whoever receives comes again anyway";
    world_.doubles.heal();
    EXPECT_EQ(sent(*queue, 1), 1U);
    EXPECT_EQ(world_.log.count("sqs-away"), 1U) << "once for each outage";
    EXPECT_EQ(world_.log.count("sqs-back"), 1U);
}

TEST_F(AwsSqs, an_outage_is_not_asked_for_every_batch) {
    SqsOptions options = world_.sqs();
    options.parallel_max = 2;
    options.call.attempts_max = 1;
    const auto queue = open(options);
    world_.doubles.fault("sqs", "unavailable", "\"times\":-1");
    EXPECT_EQ(sent(*queue, 1'000), 0U);
    EXPECT_LE(world_.seen("sqs", "SendMessageBatch"), 4);
}

TEST_F(AwsSqs, a_refused_part_of_a_batch_is_told_only_for_that_part) {
    const auto queue = open(world_.sqs());
    world_.doubles.fault("sqs", "partial", "\"entries\":2,\"action\":\"SendMessageBatch\"");
    const auto results = queue->send(messages(5));
    EXPECT_FALSE(results[0] || results[1]);
    EXPECT_EQ(results[0].error().code, ErrorCode::unavailable);
    EXPECT_EQ(taken(results), 3U);
    EXPECT_EQ(queue->receive(10, Milliseconds{0}).value().size(), 3U);
}

TEST_F(AwsSqs, a_part_that_could_not_be_changed_is_told) {
    const auto queue = open(world_.sqs());
    EXPECT_EQ(sent(*queue, 2), 2U);
    const auto received = queue->receive(10, Milliseconds{0}).value();
    for (const std::string action : {"ChangeMessageVisibilityBatch", "DeleteMessageBatch"}) {
        world_.doubles.fault("sqs", "partial", "\"entries\":1,\"action\":\"" + action + "\"");
    }
    EXPECT_FALSE(queue->extend(received, Milliseconds{1'000}));
    EXPECT_FALSE(queue->ack(received));
    EXPECT_TRUE(queue->ack(received)) << "again, with what had gone already";
}

TEST_F(AwsSqs, a_receipt_that_no_longer_counts_is_no_error) {
    const auto queue = open(world_.sqs());
    EXPECT_EQ(sent(*queue, 2), 2U);
    const auto received = queue->receive(10, Milliseconds{0}).value();
    world_.doubles.fault("sqs", "partial", R"("entries":1,"sender_fault":true,"code":"ReceiptHandleIsInvalid")");
    EXPECT_TRUE(queue->ack(received));
    EXPECT_EQ(world_.log.count("sqs-refused"), 1U);
}

TEST_F(AwsSqs, nonsense_is_no_answer) {
    const auto queue = open(world_.sqs());
    world_.doubles.fault("sqs", "garbage", "\"times\":-1");
    EXPECT_EQ(sent(*queue, 2), 0U);
    EXPECT_FALSE(queue->receive(1, Milliseconds{0}));
    EXPECT_FALSE(queue->ack(std::vector<ReceivedMessage>{{WorkId("w"), "r"}}));
}

TEST_F(AwsSqs, a_frozen_service_costs_no_more_than_its_deadline) {
    SqsOptions options = world_.sqs();
    options.call.timeout = Milliseconds{1'000};
    options.call.attempts_max = 2;
    const auto queue = open(options);
    world_.doubles.fault("sqs", "hold", "\"times\":-1");
    EXPECT_EQ(sent(*queue, 1), 0U);
    EXPECT_EQ(world_.seen("sqs", "SendMessageBatch"), 2);
    EXPECT_FALSE(queue->receive(1, Milliseconds{0}));
}

TEST_F(AwsSqs, only_a_lost_answer_leaves_the_outcome_open) {
    SqsOptions options = world_.sqs();
    const auto code = [&] { return open(options)->send(messages(1))[0].error().code; };
    world_.doubles.fault("sqs", "unavailable", "\"times\":-1");
    EXPECT_EQ(code(), ErrorCode::unavailable);
    world_.doubles.heal();
    world_.doubles.fault("sqs", "cut_after");
    world_.doubles.fault("sqs", "unavailable", "\"times\":-1");
    EXPECT_EQ(code(), ErrorCode::outcome_unknown) << "the first try may have been taken";
    options.endpoint = "http://127.0.0.1:1";
    EXPECT_EQ(code(), ErrorCode::unavailable) << "nobody was there";
}

TEST_F(AwsSqs, a_flapping_service_is_told_once_a_minute) {
    SqsOptions options = world_.sqs();
    options.call.attempts_max = 1;
    const auto queue = open(options);
    for (int i = 0; i < 10; ++i) {
        world_.doubles.fault("sqs", "throttled");
        EXPECT_EQ(sent(*queue, 1), 0U);
        EXPECT_EQ(sent(*queue, 1), 1U);
    }
    EXPECT_EQ(world_.log.count("sqs-away"), 1U);
    EXPECT_EQ(world_.log.count("sqs-back"), 1U);
}

TEST_F(AwsSqs, an_answer_beyond_the_limit_is_no_answer) {
    SqsOptions options = world_.sqs();
    options.call.response_bytes_max = 10;
    const auto queue = open(options);
    EXPECT_EQ(queue->send(messages(1))[0].error().detail, authority_ + " gave no answer: the answer is too long.");
}

// ---- time

TEST_F(AwsSqs, a_clock_that_is_wrong_is_repaired_once) {
    for (const Milliseconds off : {Milliseconds{-7'200'000}, Milliseconds{86'400'000}}) {
        AwsWorld world({"sqs"});
        world.clock.jump_wall(off);
        const auto queue = make_sqs_queue(world.sqs(), world.clock, world.log);
        EXPECT_EQ(taken(queue->send(messages(10))), 10U);
        EXPECT_EQ(taken(queue->send(messages(10))), 10U);
        EXPECT_EQ(world.seen("sqs", "SendMessageBatch"), 3) << "one was refused";
        EXPECT_EQ(world.log.count("aws-time-adopted"), 1U);
    }
}

TEST_F(AwsSqs, an_expired_request_is_repeated_once_with_the_services_time) {
    const auto queue = open(world_.sqs());
    world_.doubles.admin("POST /clock", R"({"offset_ms":3600000})");
    world_.doubles.fault("sqs", "expired");
    EXPECT_EQ(sent(*queue, 1), 1U);
    world_.doubles.fault("sqs", "expired", "\"times\":-1");
    EXPECT_EQ(sent(*queue, 1), 0U);
    EXPECT_EQ(world_.seen("sqs", "SendMessageBatch"), 4);
}

// ---- credentials

TEST_F(AwsSqs, a_containers_role_signs_with_its_token_and_is_renewed) {
    SqsOptions options = world_.sqs();
    options.credentials = {};
    options.credentials.container_full_uri = world_.doubles.url("roles") + "/v2/credentials/task";
    options.credentials.container_token = "container-token";
    const auto queue = open(options);
    EXPECT_EQ(sent(*queue, 1), 1U);
    EXPECT_EQ(sent(*queue, 1), 1U);
    EXPECT_EQ(world_.issued(), 1);
    world_.clock.advance(Milliseconds{3'400'000});
    world_.doubles.admin("POST /clock", R"({"offset_ms":3400000})");
    EXPECT_EQ(sent(*queue, 1), 1U);
    EXPECT_EQ(world_.issued(), 2);
}

TEST_F(AwsSqs, a_web_identity_signs_with_its_token) {
    const testing::TemporaryDirectory directory;
    const std::string file = (directory.path() / "token").string();
    std::ofstream(file) << "web-identity-token";
    SqsOptions options = world_.sqs();
    options.credentials = {};
    options.credentials.role_arn = "arn:aws:iam::123456789012:role/shop";
    options.credentials.web_identity_token_file = file;
    options.credentials.sts_endpoint = world_.doubles.url("roles");
    EXPECT_EQ(sent(*open(options), 1), 1U);
}

TEST_F(AwsSqs, credentials_that_ended_early_are_replaced_within_the_call) {
    SqsOptions options = world_.sqs();
    options.credentials = {};
    options.credentials.container_full_uri = world_.doubles.url("roles") + "/";
    options.credentials.container_token = "container-token";
    const auto queue = open(options);
    EXPECT_EQ(sent(*queue, 1), 1U);
    world_.clock.advance(Milliseconds{60'000});
    world_.doubles.admin("DELETE /credentials", R"({"id":"ASIADOUBLE1"})");
    EXPECT_EQ(sent(*queue, 1), 1U);
    EXPECT_EQ(world_.issued(), 2);
}

TEST_F(AwsSqs, without_credentials_nothing_is_asked) {
    SqsOptions options = world_.sqs();
    options.credentials = {};
    options.credentials.container_full_uri = world_.doubles.url("roles") + "/";
    options.credentials.container_token = "wrong";
    EXPECT_EQ(open(options)->send(messages(1))[0].error().detail, "The container credentials endpoint answered 401.");
    EXPECT_EQ(world_.seen("sqs", "SendMessageBatch"), 0);
}

// ---- messages of others

TEST_F(AwsSqs, what_nobody_can_read_is_deleted_and_reported) {
    const SqsOptions options = world_.sqs();
    const auto queue = open(options);
    put(options, "no json at all");
    put(options, R"({\"v\":1,\"work\":\"a b\"})");
    EXPECT_EQ(sent(*queue, 1), 1U);
    std::vector<ReceivedMessage> received;
    for (int i = 0; i < 3 && received.empty(); ++i) received = queue->receive(10, Milliseconds{0}).value();
    ASSERT_EQ(received.size(), 1U);
    EXPECT_EQ(received[0].work_id.text, "w-0");
    EXPECT_EQ(check_queue(options, world_.clock, world_.log)->in_flight, 1) << "only ours is left";
    EXPECT_EQ(world_.log.count("sqs-message-broken"), 1U) << "one line a minute";
    EXPECT_FALSE(world_.log.mentions("no json at all"));
}

TEST_F(AwsSqs, what_is_somebody_elses_is_left) {
    const SqsOptions options = world_.sqs();
    const auto queue = open(options);
    put(options, R"({\"orderId\":\"1\",\"userId\":\"2\"})");
    put(options, R"({\"v\":2,\"work\":\"w\"})");
    EXPECT_TRUE(queue->receive(10, Milliseconds{0}).value().empty());
    EXPECT_EQ(check_queue(options, world_.clock, world_.log)->in_flight, 2);
    EXPECT_EQ(world_.seen("sqs", "DeleteMessageBatch"), 0);
    EXPECT_EQ(world_.log.count("sqs-message-foreign"), 1U);
}

// ---- the doctor and the options

TEST_F(AwsSqs, the_doctor_sees_the_queues_attributes) {
    const std::string dead = world_.doubles.make_queue("sqs", "dead.fifo");
    const std::string redrive = R"({\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:dead.fifo\",)"
                                R"(\"maxReceiveCount\":8})";
    const SqsOptions options =
        world_.sqs("work.fifo", R"("VisibilityTimeout":"20","RedrivePolicy":")" + redrive + "\"");
    EXPECT_EQ(sent(*open(options), 2), 2U);
    const Result<QueueReport> report = check_queue(options, world_.clock, world_.log);
    ASSERT_TRUE(report) << report.error().detail;
    EXPECT_TRUE(report->fifo);
    EXPECT_EQ(report->visibility, Milliseconds{20'000});
    EXPECT_EQ(report->receive_count_max, 8);
    EXPECT_EQ(report->waiting, 2);
}

TEST_F(AwsSqs, the_doctor_tells_a_missing_queue_from_an_outage) {
    SqsOptions options = world_.sqs();
    options.queue_url += "-gone";
    EXPECT_EQ(check_queue(options, world_.clock, world_.log).error().code, ErrorCode::not_found);
    world_.doubles.fault("sqs", "unavailable", "\"times\":-1");
    EXPECT_EQ(check_queue(options, world_.clock, world_.log).error().code, ErrorCode::unavailable);
}

TEST_F(AwsSqs, options_that_cannot_work_are_refused_at_once) {
    const auto refused = [&](void (*spoil)(SqsOptions&)) {
        SqsOptions options = world_.sqs();
        spoil(options);
        EXPECT_THROW(static_cast<void>(open(options)), std::invalid_argument);
    };
    refused([](SqsOptions& o) { o.queue_url = "work"; });
    refused([](SqsOptions& o) { o.endpoint = "localhost"; });
    refused([](SqsOptions& o) { o.region.clear(); });
    refused([](SqsOptions& o) { o.credentials = {}; });
}

}  // namespace
}  // namespace waybill::aws
