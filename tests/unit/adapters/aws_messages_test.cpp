#include <gtest/gtest.h>

#include "adapters/aws/ses_messages.hpp"
#include "adapters/aws/sqs_messages.hpp"

namespace waybill::aws {
namespace {

const QueueMessage one{WorkId("w-1"), OrderId("o-1"), 7};

HttpResponse answer(long status, std::string body, Headers headers = {}) {
    return {status, std::move(headers), std::move(body)};
}

TEST(SqsMessages, a_body_is_read_as_it_was_written) {
    const ReadBody body = read_body(message_body(one));
    EXPECT_EQ(body.kind, BodyKind::ours);
    EXPECT_EQ(body.work_id, one.work_id);
}

TEST(SqsMessages, a_body_names_the_trace_of_its_order) {
    QueueMessage message = one;
    message.trace = *parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    EXPECT_EQ(message_body(message), R"({"v":1,"work":"w-1","order":"o-1",)"
                                     R"("traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})");
    EXPECT_EQ(read_body(message_body(message)).kind, BodyKind::ours);
}

TEST(SqsMessages, only_what_nobody_can_read_is_broken) {
    const std::vector<std::pair<std::string, BodyKind>> table = {
        {"", BodyKind::broken},
        {"hello", BodyKind::broken},
        {"[1]", BodyKind::broken},
        {"{\"v\":1", BodyKind::broken},
        {R"({"v":1})", BodyKind::broken},
        {R"({"v":1,"work":"a b"})", BodyKind::broken},
        {R"({"v":1,"work":7})", BodyKind::broken},
        {R"({"v":1,"work":")" + std::string(81, 'w') + "\"}", BodyKind::broken},
        {R"({"v":2,"work":"w-1"})", BodyKind::foreign},
        {R"({"orderId":"1","userId":"2"})", BodyKind::foreign},
        {R"({"v":1,"work":"w-1","order":"o-1","more":true})", BodyKind::ours},
    };
    for (const auto& [body, kind] : table) EXPECT_EQ(read_body(body).kind, kind) << body;
}

TEST(SqsMessages, a_fifo_entry_names_its_group_and_its_send) {
    EXPECT_EQ(send_request("http://q/1/work.fifo", std::span(&one, 1), true),
              R"({"QueueUrl":"http://q/1/work.fifo","Entries":[{"Id":"0",)"
              R"("MessageBody":"{\"v\":1,\"work\":\"w-1\",\"order\":\"o-1\"}",)"
              R"("MessageGroupId":"o-1","MessageDeduplicationId":"w-1-7"}]})");
}

TEST(SqsMessages, a_standard_entry_has_neither) {
    const std::string request = send_request("http://q/1/work", std::span(&one, 1), false);
    EXPECT_FALSE(request.contains("MessageGroupId"));
    EXPECT_FALSE(request.contains("MessageDeduplicationId"));
}

TEST(SqsMessages, ten_longest_messages_are_far_below_the_limit_of_a_batch) {
    const QueueMessage longest{WorkId(std::string(80, 'w')), OrderId(std::string(64, 'o')), 4'294'967'295U,
                               *parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")};
    const std::vector<QueueMessage> batch(sqs_batch_max, longest);
    EXPECT_LT(send_request("http://q", batch, true).size(), 256U << 10);
}

TEST(SqsMessages, times_are_rounded_up_to_seconds_and_bounded) {
    EXPECT_EQ(receive_request("q", 99, Milliseconds{4'001}, Milliseconds{15'000}),
              R"({"QueueUrl":"q","MaxNumberOfMessages":10,"WaitTimeSeconds":5,"VisibilityTimeout":15})");
    EXPECT_EQ(receive_request("q", 1, Milliseconds{60'000}, Milliseconds{90'000'000}),
              R"({"QueueUrl":"q","MaxNumberOfMessages":1,"WaitTimeSeconds":20,"VisibilityTimeout":43200})");
    const ReceivedMessage received{WorkId("w"), "r"};
    EXPECT_EQ(visibility_request("q", std::span(&received, 1), Milliseconds{-5}),
              R"({"QueueUrl":"q","Entries":[{"Id":"0","ReceiptHandle":"r","VisibilityTimeout":0}]})");
}

TEST(SqsMessages, each_entry_of_a_batch_has_its_own_outcome) {
    const auto outcomes = read_batch(
        R"({"Successful":[{"Id":"2"},{"Id":"9"},{"Id":"x"}],)"
        R"("Failed":[{"Id":"0","SenderFault":true,"Code":"Bad"},{"Id":"1","SenderFault":false,"Code":"Busy"}]})",
        4);
    ASSERT_TRUE(outcomes);
    ASSERT_EQ(outcomes->size(), 4U);
    EXPECT_TRUE(!(*outcomes)[0].done && (*outcomes)[0].sender_fault);
    EXPECT_TRUE(!(*outcomes)[1].done && !(*outcomes)[1].sender_fault);
    EXPECT_TRUE((*outcomes)[2].done);
    EXPECT_FALSE((*outcomes)[3].done) << "what is not mentioned was not done";
}

TEST(SqsMessages, what_is_not_json_is_no_answer) {
    EXPECT_FALSE(read_batch("<html>", 1));
    EXPECT_FALSE(read_messages("<html>"));
    EXPECT_FALSE(read_messages(R"({"Messages":[{"Body":"without a receipt"}]})"));
    EXPECT_FALSE(read_attributes("{}"));
}

TEST(SqsMessages, attributes_tell_what_the_doctor_compares) {
    const auto report = read_attributes(
        R"({"Attributes":{"VisibilityTimeout":"30","FifoQueue":"true","ApproximateNumberOfMessages":"4",)"
        R"("ApproximateNumberOfMessagesNotVisible":"5","RedrivePolicy":"{\"deadLetterTargetArn\":\"a\",\"maxReceiveCount\":8}"}})");
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->fifo);
    EXPECT_EQ(report->visibility, Milliseconds{30'000});
    EXPECT_EQ(report->receive_count_max, 8);
    EXPECT_EQ(report->waiting, 4);
    EXPECT_EQ(report->in_flight, 5);
    EXPECT_FALSE(read_attributes(R"({"Attributes":{"VisibilityTimeout":"30"}})")->receive_count_max);
    EXPECT_TRUE(read_attributes(R"({"Attributes":{"VisibilityTimeout":"43200"}})"));
    for (const char* impossible : {"-1", "43201", "60888899999999999"}) {
        EXPECT_FALSE(read_attributes(R"({"Attributes":{"VisibilityTimeout":")" + std::string(impossible) + R"("}})"));
    }
}

TEST(AwsErrors, the_code_is_found_where_each_service_puts_it) {
    EXPECT_EQ(error_code_of(answer(400, R"({"__type":"com.amazonaws.sqs#QueueDoesNotExist"})")), "QueueDoesNotExist");
    EXPECT_EQ(error_code_of(answer(400, "{}", {{"x-amzn-errortype", "MessageRejected:http://x/"}})), "MessageRejected");
    EXPECT_EQ(error_code_of(answer(400, "<Error><Code>InvalidIdentityToken</Code>")), "InvalidIdentityToken");
    EXPECT_EQ(error_code_of(answer(502, "<html>")), "HTTP 502");
    EXPECT_EQ(error_code_of(answer(400, R"({"__type":"\nspoofed=1"})")), "HTTP 400") << "it goes into logs";
}

TEST(AwsErrors, each_kind_is_told_from_the_others) {
    struct Row {
        long status;
        std::string code;
        FailureKind kind;
    };
    const std::vector<Row> table = {
        {400, "RequestThrottled", FailureKind::throttled},
        {403, "ThrottlingException", FailureKind::throttled},
        {429, "Anything", FailureKind::throttled},
        {403, "OverLimit", FailureKind::throttled},
        {500, "InternalError", FailureKind::server},
        {503, "ServiceUnavailable", FailureKind::server},
        {403, "AccessDeniedException", FailureKind::credentials},
        {400, "AccessDeniedException", FailureKind::credentials},
        {400, "ExpiredTokenException", FailureKind::credentials},
        {400, "RequestExpired", FailureKind::credentials},
        {401, "HTTP 401", FailureKind::credentials},
        {400, "QueueDoesNotExist", FailureKind::rejected},
        {404, "NotFoundException", FailureKind::rejected},
        {301, "HTTP 301", FailureKind::rejected},
    };
    for (const Row& row : table) EXPECT_EQ(classify(row.status, row.code), row.kind) << row.status << " " << row.code;
}

TEST(AwsErrors, the_region_is_read_from_the_host_of_a_queue) {
    EXPECT_EQ(region_of_host("sqs.eu-central-1.amazonaws.com"), "eu-central-1");
    EXPECT_EQ(region_of_host("sqs-fips.us-east-2.amazonaws.com"), "us-east-2");
    EXPECT_EQ(region_of_host("eu-west-1.queue.amazonaws.com"), "eu-west-1");
    EXPECT_EQ(region_of_host("queue.amazonaws.com"), "us-east-1");
    EXPECT_EQ(region_of_host("vpce-1.sqs.ap-south-1.vpce.amazonaws.com"), "ap-south-1");
    EXPECT_EQ(region_of_host("sqs.cn-north-1.amazonaws.com.cn"), "cn-north-1");
    EXPECT_EQ(region_of_host("localhost"), "");
    EXPECT_EQ(region_of_host("sqs.evil-amazonaws.com"), "");
}

TEST(AwsErrors, times_of_credentials_are_read) {
    EXPECT_EQ(parse_time("2026-01-31T09:30:00Z"), parse_time("2026-01-31T09:30:00.250Z"));
    EXPECT_EQ(format_rfc3339(parse_time("2026-01-31T09:30:00Z").value()), "2026-01-31T09:30:00.000Z");
    for (const std::string text :
         {"", "2026-01-31", "2026-13-31T09:30:00Z", "2026-01-31T09:30:00+01:00", "xxxx-01-31T09:30:00Z"}) {
        EXPECT_FALSE(parse_time(text)) << text;
    }
    EXPECT_EQ(parse_http_date("Sat, 31 Jan 2026 09:30:00 GMT"), parse_time("2026-01-31T09:30:00Z"));
    EXPECT_FALSE(parse_http_date("yesterday or so"));
}

TEST(AwsEndpoints, only_plain_addresses_are_taken) {
    EXPECT_EQ(parse_endpoint("https://sqs.x.amazonaws.com/1/q")->authority, "sqs.x.amazonaws.com");
    EXPECT_EQ(parse_endpoint("http://127.0.0.1:4566")->host(), "127.0.0.1");
    EXPECT_EQ(parse_endpoint("http://[::1]:4566/")->host(), "[::1]");
    for (const std::string url : {"", "ftp://h/", "https://", "https://user:pw@h/", "http://h h/",
                                  "sqs.x.amazonaws.com", "http://h\r\nX: y/", "http://:80"}) {
        EXPECT_FALSE(parse_endpoint(url)) << url;
    }
}

Mail mail(const std::string& to) { return {"o-1-Processed", "shop@example.com", to, "Subject: x\r\n\r\nbody\r\n", {}}; }

TEST(SesMessages, only_one_plain_address_is_mailed) {
    EXPECT_EQ(reason_against(mail("ada@example.com"), 100), "");
    EXPECT_EQ(reason_against(mail("Ada+x@example.com"), 100), "");
    for (const std::string to : {"", "ada", "ada@", "a@b.example, c@d.example", "a@b.example\r\nBcc: c@d.example",
                                 "Ada <a@b.example>", "a b@c.example", "a@b.example\n", "\xc3\xa4@b.example"}) {
        EXPECT_NE(reason_against(mail(to), 100), "") << to;
    }
    Mail injected = mail("ada@example.com");
    injected.from = "shop@example.com\r\nBcc: x@example.com";
    EXPECT_NE(reason_against(injected, 100), "");
    EXPECT_NE(reason_against(mail("ada@example.com"), 5), "") << "too large";
}

TEST(SesMessages, the_mail_travels_as_it_is) {
    EXPECT_EQ(mail_request(mail("ada@example.com"), ""),
              R"({"FromEmailAddress":"shop@example.com","Destination":{"ToAddresses":["ada@example.com"]},)"
              R"("Content":{"Raw":{"Data":"U3ViamVjdDogeA0KDQpib2R5DQo="}}})");
    EXPECT_TRUE(mail_request(mail("ada@example.com"), "set").ends_with(R"("ConfigurationSetName":"set"})"));
}

TEST(SesMessages, only_what_is_wrong_with_the_mail_is_refused) {
    struct Row {
        long status;
        std::string code;
        MailOutcome outcome;
    };
    const std::vector<Row> table = {
        {400, "MessageRejected", MailOutcome::refused},
        {400, "MailFromDomainNotVerifiedException", MailOutcome::refused},
        {400, "BadRequestException", MailOutcome::refused},
        {413, "HTTP 413", MailOutcome::refused},
        {400, "SendingPausedException", MailOutcome::no_answer},
        {400, "AccountSuspendedException", MailOutcome::no_answer},
        {400, "LimitExceededException", MailOutcome::no_answer},
        {404, "NotFoundException", MailOutcome::no_answer},
        {408, "HTTP 408", MailOutcome::no_answer},
        {429, "TooManyRequestsException", MailOutcome::no_answer},
        {403, "AccessDeniedException", MailOutcome::no_answer},
        {500, "InternalServiceErrorException", MailOutcome::no_answer},
        {0, "NoAnswer", MailOutcome::no_answer},
    };
    for (const Row& row : table) {
        const FailureKind kind = row.status == 0 ? FailureKind::no_answer : classify(row.status, row.code);
        EXPECT_EQ(judge(std::unexpected(ServiceFailure{kind, row.status, row.code, ""})).outcome, row.outcome)
            << row.code;
    }
    EXPECT_EQ(judge(answer(200, R"({"MessageId":"1"})")).outcome, MailOutcome::sent);
    EXPECT_EQ(judge(answer(200, "<html>")).outcome, MailOutcome::no_answer);
    EXPECT_EQ(judge(answer(200, "{}")).outcome, MailOutcome::no_answer);
}

}  // namespace
}  // namespace waybill::aws
