// SES through the gate. What is refused and what is no answer stands in a table of its own.
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "adapters/aws/send_rate.hpp"
#include "tests/unit/adapters/aws_world.hpp"
#include "tests/unit/adapters/http_peer.hpp"

namespace waybill::aws {
namespace {

using testing::AwsWorld;

Mail mail(const std::string& identity = "o-1-Processed") {
    Mail out{identity, "shop@example.com", "ada@example.com", {}, {}};
    out.raw = "From: Shop <shop@example.com>\r\nTo: ada@example.com\r\nSubject: Your order\r\nX-Waybill-Mail-Id: " +
              identity + "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nThank you, " +
              identity + ".\r\n";
    return out;
}

// Collects what the mailer answers, from any thread.
class Results {
public:
    Mailer::Done next() {
        return [this](MailResult result) {
            const std::lock_guard lock(mutex_);
            results_.push_back(std::move(result));
            changed_.notify_all();
        };
    }
    std::vector<MailResult> wait_for(std::size_t count) {
        std::unique_lock lock(mutex_);
        EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return results_.size() >= count; }));
        return results_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<MailResult> results_;
};

std::size_t sent(const std::vector<MailResult>& results) {
    return static_cast<std::size_t>(std::ranges::count(results, MailOutcome::sent, &MailResult::outcome));
}

class AwsSes : public ::testing::Test {
protected:
    AwsSes() : world_({"ses"}) {}

    std::unique_ptr<Mailer> open(const SesOptions& options) {
        return make_ses_mailer(options, world_.clock, world_.log);
    }

    MailResult deliver(Mailer& mailer, Mail one) {
        Results results;
        mailer.send(std::move(one), results.next());
        return results.wait_for(1).front();
    }

    AwsWorld world_;
};

TEST_F(AwsSes, a_mail_arrives_as_it_was_rendered) {
    const auto mailer = open(world_.ses());
    const MailResult result = deliver(*mailer, mail());
    EXPECT_EQ(result.outcome, MailOutcome::sent) << result.reason;
    const std::string mails = world_.doubles.admin("GET /mails");
    EXPECT_TRUE(mails.contains(R"("subject":"Your order")")) << mails;
    EXPECT_TRUE(mails.contains("Thank you, o-1-Processed."));
    EXPECT_TRUE(mails.contains(R"("to":["ada@example.com"])"));
    EXPECT_TRUE(world_.doubles.admin("GET /raw-mails").contains(R"(\r\nX-Waybill-Mail-Id: o-1-Processed\r\n)"));
    EXPECT_EQ(world_.accepted("ses"), 1);
}

TEST_F(AwsSes, many_mails_are_under_way_at_once_and_each_is_answered) {
    Results results;
    const auto mailer = open(world_.ses());
    ASSERT_EQ(mailer->in_flight_max(), 16U);
    for (int i = 0; i < 16; ++i) mailer->send(mail("o-" + std::to_string(i) + "-Processed"), results.next());
    EXPECT_EQ(sent(results.wait_for(16)), 16U);
    EXPECT_EQ(world_.count("GET /mails", "\"messageId\""), 16U);
}

TEST_F(AwsSes, more_than_may_be_under_way_are_turned_away) {
    SesOptions options = world_.ses();
    options.in_flight_max = 2;
    world_.doubles.fault("ses", "hold", "\"times\":-1");
    Results waiting;
    Results turned_away;
    const auto mailer = open(options);
    mailer->send(mail("a-1"), waiting.next());
    mailer->send(mail("a-2"), waiting.next());
    mailer->send(mail("a-3"), turned_away.next());
    EXPECT_EQ(turned_away.wait_for(1)[0].outcome, MailOutcome::no_answer);
    EXPECT_EQ(turned_away.wait_for(1)[0].reason, "Too many mails are under way.");
}

TEST_F(AwsSes, an_unverified_sender_is_refused) {
    world_.doubles.admin("POST /ses", R"({"identities":{"other.example":true}})");
    const MailResult result = deliver(*open(world_.ses()), mail());
    EXPECT_EQ(result.outcome, MailOutcome::refused);
    EXPECT_EQ(result.reason,
              world_.doubles.url("ses").substr(std::string("http://").size()) + " answered 400 MessageRejected.");
}

TEST_F(AwsSes, an_unusable_address_is_refused_unasked) {
    Mail injected = mail();
    injected.to = "ada@example.com\r\nBcc: eve@example.com";
    EXPECT_EQ(deliver(*open(world_.ses()), injected).outcome, MailOutcome::refused);
    EXPECT_EQ(world_.accepted("ses"), 0);
}

TEST_F(AwsSes, trouble_of_the_service_is_no_answer_and_not_repeated_here) {
    int tries = 0;
    for (const std::string kind : {"throttled", "unavailable", "forbidden", "garbage", "cut_before", "cut_after"}) {
        const auto mailer = open(world_.ses());  // on a connection that it did not keep
        world_.doubles.fault("ses", kind);
        EXPECT_EQ(deliver(*mailer, mail()).outcome, MailOutcome::no_answer) << kind;
        EXPECT_EQ(world_.seen("ses", "POST /v2/email/outbound-emails"), ++tries) << kind;
    }
    EXPECT_EQ(deliver(*open(world_.ses()), mail()).outcome, MailOutcome::sent);
}

TEST_F(AwsSes, wrong_keys_are_no_answer_and_never_logged) {
    SesOptions options = world_.ses();
    options.credentials.secret_access_key = "another-secret";
    const MailResult result = deliver(*open(options), mail());
    EXPECT_EQ(result.outcome, MailOutcome::no_answer);
    EXPECT_EQ(world_.log.count("ses-away"), 1U);
    EXPECT_FALSE(world_.log.mentions("another-secret") || result.reason.contains("another-secret"));
}

TEST_F(AwsSes, a_wrong_clock_is_repaired_within_the_call) {
    world_.clock.jump_wall(Milliseconds{-7'200'000});
    EXPECT_EQ(deliver(*open(world_.ses()), mail()).outcome, MailOutcome::sent);
    EXPECT_EQ(world_.seen("ses", "POST /v2/email/outbound-emails"), 2);
}

TEST_F(AwsSes, stopping_ends_what_is_under_way) {
    world_.doubles.fault("ses", "hold", "\"times\":-1");
    SesOptions options = world_.ses();
    options.in_flight_max = 4;
    options.call.timeout = Milliseconds{600'000};  // only a stop ends it
    options.call.deadline = Milliseconds{600'000};
    auto mailer = open(options);
    Results results;
    for (int i = 0; i < 4; ++i) mailer->send(mail(), results.next());
    while (world_.seen("ses", "POST /v2/email/outbound-emails") < 4) {
    }
    mailer.reset();
    for (const MailResult& result : results.wait_for(4)) EXPECT_EQ(result.outcome, MailOutcome::no_answer);
}

TEST_F(AwsSes, mails_are_spaced_by_the_send_rate) {
    SesOptions options = world_.ses();
    options.in_flight_max = 1;
    options.rate_per_second = 4;
    const auto mailer = open(options);
    const SteadyTime began = world_.clock.steady_now();
    for (int i = 0; i < 5; ++i) EXPECT_EQ(deliver(*mailer, mail()).outcome, MailOutcome::sent);
    EXPECT_GE(world_.clock.steady_now() - began, Milliseconds{1'000});
}

TEST_F(AwsSes, a_mail_that_would_wait_too_long_for_its_turn_goes_back) {
    SesOptions options = world_.ses();
    options.rate_per_second = 0.1;
    options.rate_wait_max = Milliseconds{5'000};
    const auto mailer = open(options);
    EXPECT_EQ(deliver(*mailer, mail()).outcome, MailOutcome::sent);
    const MailResult result = deliver(*mailer, mail());
    EXPECT_EQ(result.outcome, MailOutcome::no_answer);
    EXPECT_EQ(result.reason, "The send rate limit is reached.");
}

TEST(SendRate, gives_even_places_and_takes_none_that_is_too_far) {
    testing::FakeClock clock;
    SendRate rate(2, clock);
    EXPECT_EQ(rate.take(Milliseconds{1'000}), Milliseconds{0});
    EXPECT_EQ(rate.take(Milliseconds{1'000}), Milliseconds{500});
    EXPECT_EQ(rate.take(Milliseconds{1'000}), Milliseconds{1'000});
    EXPECT_EQ(rate.take(Milliseconds{1'000}), std::nullopt);
    clock.advance(Milliseconds{700});
    EXPECT_EQ(rate.take(Milliseconds{1'000}), Milliseconds{800});
    clock.advance(Milliseconds{60'000});
    EXPECT_EQ(rate.take(Milliseconds{0}), Milliseconds{0}) << "a long pause is not saved up";
    EXPECT_EQ(rate.take(Milliseconds{0}), std::nullopt);
}

TEST(SendRate, zero_is_no_limit) {
    testing::FakeClock clock;
    SendRate rate(0, clock);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(rate.take(Milliseconds{0}), Milliseconds{0});
}

TEST_F(AwsSes, the_doctor_sees_account_and_sender) {
    const auto check = [&] { return check_mail(world_.ses(), "shop@example.com", world_.clock, world_.log); };
    const Result<MailReport> healthy = check();
    ASSERT_TRUE(healthy) << healthy.error().detail;
    EXPECT_TRUE(healthy->sending_enabled && healthy->production_access);
    EXPECT_TRUE(healthy->sender_known && healthy->sender_verified);
    EXPECT_EQ(healthy->rate_per_second_max, 14);
    EXPECT_EQ(world_.accepted("ses"), 2) << "a path with %40 is signed as two signers would";

    world_.doubles.admin("POST /ses", R"({"identities":{"example.com":true},)"
                                      R"("account":{"SendingEnabled":false,"ProductionAccessEnabled":false}})");
    const Result<MailReport> sandbox = check();
    ASSERT_TRUE(sandbox) << sandbox.error().detail;
    EXPECT_FALSE(sandbox->sending_enabled || sandbox->production_access);
    EXPECT_TRUE(sandbox->sender_verified) << "by its domain";

    world_.doubles.admin("POST /ses", R"({"identities":{"shop@example.com":false}})");
    EXPECT_TRUE(check()->sender_known);
    EXPECT_FALSE(check()->sender_verified);
    world_.doubles.admin("POST /ses", R"({"identities":{}})");
    EXPECT_FALSE(check()->sender_known);
}

TEST_F(AwsSes, the_doctor_tells_missing_rights_from_an_outage) {
    const auto code = [&] {
        return check_mail(world_.ses(), "shop@example.com", world_.clock, world_.log).error().code;
    };
    world_.doubles.fault("ses", "forbidden");
    EXPECT_EQ(code(), ErrorCode::forbidden);
    world_.doubles.fault("ses", "unavailable", "\"times\":-1");
    EXPECT_EQ(code(), ErrorCode::unavailable);
}

TEST_F(AwsSes, options_that_cannot_work_are_refused_at_once) {
    const auto refused = [&](void (*spoil)(SesOptions&)) {
        SesOptions options = world_.ses();
        spoil(options);
        EXPECT_THROW(static_cast<void>(open(options)), std::invalid_argument);
    };
    refused([](SesOptions& o) { o.region.clear(); });
    refused([](SesOptions& o) { o.endpoint = "email"; });
    refused([](SesOptions& o) { o.rate_per_second = -1; });
    refused([](SesOptions& o) { o.credentials = {}; });
}

}  // namespace
}  // namespace waybill::aws
