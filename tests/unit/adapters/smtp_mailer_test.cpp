#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <limits>
#include <memory>
#include <set>
#include <stdexcept>

#include "adapters/local/local.hpp"
#include "adapters/smtp/smtp.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/mail_server.hpp"
#include "tests/support/recording_log.hpp"

namespace waybill::smtp {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using waybill::testing::FakeClock;
using waybill::testing::MailServer;
using waybill::testing::MailServerOptions;
using waybill::testing::RecordingLog;

constexpr auto sent = MailOutcome::sent;
constexpr auto refused = MailOutcome::refused;
constexpr auto no_answer = MailOutcome::no_answer;

const std::string user = "ann";
const std::string password = "hunter2&co";
const std::string login = "ann:hunter2%26co@";

Mail mail_to(const std::string& name, const std::string& from = "orders") {
    Mail mail;
    mail.identity = "o-1-processed";
    mail.from = from + "@shop.example";
    mail.to = name + "@customer.example";
    mail.raw = "From: " + mail.from + "\r\nX-Waybill-Mail-Id: o-1-processed\r\n\r\nHello,\r\n.\r\n..dots\r\n.end\r\n";
    return mail;
}

std::future<MailResult> send(Mailer& mailer, Mail mail) {
    auto promise = std::make_shared<std::promise<MailResult>>();
    mailer.send(std::move(mail), [promise](MailResult result) { promise->set_value(std::move(result)); });
    return promise->get_future();
}

struct Post {
    explicit Post(const MailServerOptions& server_options = {}) : server(server_options) {
        options.url = server.url();
        if (server_options.mode != "plain") options.ca_file = server.ca_file();
    }
    void make() { mailer = make_smtp_mailer(options, clock, log); }
    MailResult send(const Mail& mail) {
        if (!mailer) make();
        return smtp::send(*mailer, mail).get();
    }

    MailServer server;
    FakeClock clock;
    RecordingLog log;
    SmtpOptions options;
    std::unique_ptr<Mailer> mailer;
};

MailServerOptions with_login(const std::string& mode = "starttls") {
    MailServerOptions options;
    options.mode = mode;
    options.user = user;
    options.password = password;
    return options;
}

MailServerOptions plain(const std::string& mode = "plain") {
    MailServerOptions options;
    options.mode = mode;
    return options;
}

TEST(SmtpMailer, delivers_every_octet_over_starttls) {
    Post post;
    EXPECT_EQ(post.send(mail_to("bob")).outcome, sent);
    ASSERT_TRUE(post.server.wait_for_mails(1));
    const MailServer::Taken taken = post.server.mails()[0];
    EXPECT_EQ(taken.from, "orders@shop.example");
    EXPECT_EQ(taken.to, "bob@customer.example");
    EXPECT_EQ(taken.raw, mail_to("bob").raw);
    EXPECT_TRUE(taken.tls);
    EXPECT_EQ(taken.user, "");
}

TEST(SmtpMailer, logs_in_over_starttls_and_over_implicit_tls) {
    for (const std::string mode : {"starttls", "tls"}) {
        Post post(with_login(mode));
        post.options.url = post.server.url(login);
        EXPECT_EQ(post.send(mail_to("bob")).outcome, sent) << mode;
        ASSERT_TRUE(post.server.wait_for_mails(1));
        EXPECT_TRUE(post.server.mails()[0].tls) << mode;
        EXPECT_EQ(post.server.mails()[0].user, user) << mode;
    }
}

TEST(SmtpMailer, speaks_plainly_to_a_server_without_tls_when_it_has_no_password) {
    Post post(plain());
    EXPECT_EQ(post.send(mail_to("bob")).outcome, sent);
    ASSERT_TRUE(post.server.wait_for_mails(1));
    EXPECT_FALSE(post.server.mails()[0].tls);
}

TEST(SmtpMailer, sends_a_password_over_tls_only_unless_it_is_told_to) {
    Post post(with_login("plain"));
    post.options.url = post.server.url(login);
    const MailResult result = post.send(mail_to("bob"));
    EXPECT_EQ(result.outcome, no_answer);
    EXPECT_NE(result.reason.find("offers no STARTTLS"), std::string::npos) << result.reason;
    EXPECT_TRUE(post.server.mails().empty());

    for (const SmtpTls tls : {SmtpTls::opportunistic, SmtpTls::never}) {
        post.options.tls = tls;
        post.make();
        EXPECT_EQ(post.send(mail_to("bob")).outcome, sent);
    }
    post.options.tls = SmtpTls::required;
    post.make();
    EXPECT_EQ(post.send(mail_to("bob")).outcome, no_answer);
    ASSERT_TRUE(post.server.wait_for_mails(2));
    EXPECT_EQ(post.server.mails().size(), 2u);
}

TEST(SmtpMailer, uses_no_tls_where_it_is_told_not_to) {
    Post post;
    post.options.tls = SmtpTls::never;
    EXPECT_EQ(post.send(mail_to("bob")).outcome, sent);
    ASSERT_TRUE(post.server.wait_for_mails(1));
    EXPECT_FALSE(post.server.mails()[0].tls);
}

TEST(SmtpMailer, trusts_neither_an_unknown_certificate_nor_one_of_another_host) {
    for (const std::string mode : {"starttls", "tls"}) {
        Post post(plain(mode));
        post.options.ca_file.clear();
        const MailResult result = post.send(mail_to("bob"));
        EXPECT_EQ(result.outcome, no_answer) << mode;
        EXPECT_NE(result.reason.find("certificate that is not trusted"), std::string::npos) << result.reason;

        MailServerOptions other = plain(mode);
        other.certificate_names = "DNS:elsewhere.example";
        Post elsewhere(other);
        EXPECT_EQ(elsewhere.send(mail_to("bob")).outcome, no_answer) << mode;
        EXPECT_TRUE(post.server.mails().empty());
        EXPECT_TRUE(elsewhere.server.mails().empty());
    }
}

struct Answered {
    const char* to;
    const char* from;
    MailOutcome outcome;
    const char* words;
};

TEST(SmtpMailer, tells_a_refusal_for_good_from_one_for_now) {
    Post post;
    const std::vector<Answered> table{
        {"unknown", "orders", refused, "The mail server refused the mail: 550 5.1.1 No such user here"},
        {"busy", "orders", no_answer, "The mail server did not take the mail: 451 4.3.0 Try again later"},
        {"full", "orders", no_answer, "The mail server did not take the mail: 452 4.2.2 The mailbox is full"},
        {"spam", "orders", refused, "The mail server refused the mail: 554 5.6.0 We do not want this"},
        {"slow", "orders", no_answer, "The mail server did not take the mail: 451 4.3.0 Could not be kept"},
        {"bob", "heavy", refused, "The mail server refused the mail: 552 5.3.4 Too large"},
        {"bob", "stranger", no_answer, "The mail server did not take the mail: 550 5.7.1 You may not send from here"},
        {"bob", "locked", no_answer, "The mail server did not take the mail: 530 5.7.0 Authentication required"},
    };
    for (const Answered& row : table) {
        const MailResult result = post.send(mail_to(row.to, row.from));
        EXPECT_EQ(result.outcome, row.outcome) << row.words;
        EXPECT_EQ(result.reason, row.words);
    }
    EXPECT_EQ(post.send(mail_to("bob")).outcome, sent) << "one refusal does not spoil the next mail";
    ASSERT_TRUE(post.server.wait_for_mails(1));
    EXPECT_EQ(post.server.mails().size(), 1u);
}

TEST(SmtpMailer, a_connection_that_is_cut_before_the_acknowledgement_is_no_answer) {
    Post post;
    EXPECT_EQ(post.send(mail_to("cut")).outcome, no_answer);
    EXPECT_TRUE(post.server.wait_for_mails(1)) << "the server had it all the same";
    EXPECT_EQ(post.send(mail_to("bob")).outcome, sent);
}

TEST(SmtpMailer, no_address_becomes_a_command) {
    Post post(plain());
    for (const std::string bad : {"bob@x.example>\r\nRCPT TO:<eve@x.example", "bob@x.example\nDATA",
                                  "bob@x.example> SIZE=1", "", "bob", "<bob@x.example>", "bob @x.example"}) {
        Mail mail = mail_to("bob");
        mail.to = bad;
        EXPECT_EQ(post.send(mail).outcome, refused) << bad;
        mail = mail_to("bob");
        mail.from = bad;
        EXPECT_EQ(post.send(mail).outcome, no_answer) << bad;
    }
    EXPECT_EQ(post.server.connections(), 0u);
}

TEST(SmtpMailer, refuses_a_mail_above_its_limit) {
    Post post(plain());
    post.options.mail_bytes_max = 1'000;
    Mail large = mail_to("bob");
    large.raw += std::string(1'000, 'x');
    EXPECT_EQ(post.send(large).outcome, refused);
    EXPECT_EQ(post.send(mail_to("bob")).outcome, sent);
}

TEST(SmtpMailer, uses_its_connections_again) {
    Post post(with_login());
    post.options.url = post.server.url(login);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(post.send(mail_to("bob")).outcome, sent);
    ASSERT_TRUE(post.server.wait_for_mails(5));
    EXPECT_EQ(post.server.connections(), 1u);
}

TEST(SmtpMailer, sends_many_over_a_few_connections) {
    Post post;
    post.options.in_flight_max = 40;
    post.options.connections_max = 3;
    post.make();
    std::vector<std::future<MailResult>> results;
    for (int i = 0; i < 40; ++i) results.push_back(smtp::send(*post.mailer, mail_to("bob-" + std::to_string(i))));
    for (auto& result : results) EXPECT_EQ(result.get().outcome, sent);
    ASSERT_TRUE(post.server.wait_for_mails(40));
    std::set<std::string> recipients;
    for (const auto& taken : post.server.mails()) recipients.insert(taken.to);
    EXPECT_EQ(recipients.size(), 40u);
    EXPECT_GE(post.server.connections(), 2u);
    EXPECT_LE(post.server.connections(), 3u);
}

TEST(SmtpMailer, refuses_more_than_its_places_and_answers_all_when_it_is_closed) {
    Post post;
    post.options.in_flight_max = 3;
    post.options.connections_max = 2;
    post.make();
    EXPECT_EQ(post.mailer->in_flight_max(), 3u);
    std::vector<std::future<MailResult>> results;
    for (int i = 0; i < 3; ++i) results.push_back(smtp::send(*post.mailer, mail_to("silent")));
    const MailResult too_many = post.send(mail_to("bob"));
    EXPECT_EQ(too_many.outcome, no_answer);
    EXPECT_EQ(too_many.reason, "Too many mails are under way.");
    ASSERT_TRUE(post.server.wait_for_connections(2));
    post.mailer.reset();
    for (auto& result : results) EXPECT_EQ(result.get().outcome, no_answer);
}

TEST(SmtpMailer, a_server_that_is_not_there_or_silent_or_closed_is_no_answer) {
    {
        Post post;
        post.options.timeout = 200ms;
        const MailResult result = post.send(mail_to("silent"));
        EXPECT_EQ(result.outcome, no_answer);
        EXPECT_NE(result.reason.find("did not answer in time"), std::string::npos) << result.reason;
    }
    std::string gone;
    {
        const MailServer ended(plain());
        gone = ended.url();
    }
    Post post(plain());
    post.options.url = gone;
    EXPECT_NE(post.send(mail_to("bob")).reason.find("does not take connections"), std::string::npos);

    MailServerOptions closed = plain();
    closed.greeting = "554";
    Post turned_away(closed);
    EXPECT_EQ(turned_away.send(mail_to("bob")).outcome, no_answer) << "it says nothing about this mail";
}

TEST(SmtpMailer, ends_at_once_though_the_server_is_frozen) {
    Post post;
    EXPECT_EQ(post.send(mail_to("bob")).outcome, sent);
    post.server.freeze();
    post.mailer.reset();  // two minutes, were the answer to QUIT waited for
    post.server.thaw();
}

TEST(SmtpMailer, waits_no_longer_than_it_must_for_a_server_that_says_no_goodbye) {
    Post post(plain());
    post.options.timeout = std::chrono::hours(1);
    EXPECT_EQ(post.send(mail_to("rude")).outcome, refused);
    EXPECT_EQ(post.send(mail_to("bob")).outcome, sent);
}

TEST(SmtpMailer, a_wrong_password_is_no_answer_and_nothing_tells_it) {
    Post post(with_login());
    post.options.url = post.server.url("ann:wr0ng-w0rd@");
    for (int i = 0; i < 3; ++i) {
        const MailResult result = post.send(mail_to("bob"));
        EXPECT_EQ(result.outcome, no_answer);
        EXPECT_EQ(result.reason, "The mail server refused the login with 535.");
    }
    EXPECT_EQ(post.log.count("mail-server-away"), 1u) << "each outage is told once";
    EXPECT_FALSE(post.log.mentions("wr0ng"));
    EXPECT_FALSE(post.log.mentions("ann"));

    post.options.url = post.server.url(login);
    post.make();
    EXPECT_EQ(post.send(mail_to("bob")).outcome, sent);
}

TEST(SmtpMailer, tells_when_the_server_is_back_and_not_who_was_put_off) {
    Post post(plain());
    EXPECT_EQ(post.send(mail_to("busy")).outcome, no_answer);
    EXPECT_EQ(post.log.count("mail-server-away"), 0u) << "that is about one recipient";
    EXPECT_EQ(post.send(mail_to("bob", "locked")).outcome, no_answer);
    EXPECT_EQ(post.log.count("mail-server-away"), 1u);
    EXPECT_EQ(post.send(mail_to("bob")).outcome, sent);
    EXPECT_EQ(post.log.count("mail-server-back"), 1u);
}

TEST(SmtpMailer, sends_no_faster_than_its_rate) {
    Post post(plain());
    post.options.mails_per_second = 0.5;
    post.make();
    std::vector<std::future<MailResult>> results;
    for (int i = 0; i < 3; ++i) results.push_back(smtp::send(*post.mailer, mail_to("bob")));
    EXPECT_EQ(results[0].get().outcome, sent);
    post.clock.advance(1'999ms);
    EXPECT_EQ(results[1].wait_for(100ms), std::future_status::timeout);
    post.clock.advance(1ms);
    EXPECT_EQ(results[1].get().outcome, sent);
    ASSERT_TRUE(post.server.wait_for_mails(2));
    EXPECT_EQ(post.server.mails().size(), 2u);
    post.clock.advance(2s);
    EXPECT_EQ(results[2].get().outcome, sent);
}

TEST(SmtpMailer, refuses_options_that_cannot_be_used_without_repeating_the_url) {
    FakeClock clock;
    RecordingLog log;
    const auto problem = [&](const SmtpOptions& options) -> std::string {
        try {
            static_cast<void>(make_smtp_mailer(options, clock, log));
        } catch (const std::invalid_argument& refusal) {
            return refusal.what();
        }
        return "";
    };
    const auto of_url = [&](const std::string& url) {
        SmtpOptions options;
        options.url = url;
        return problem(options);
    };
    for (const std::string bad :
         {"", "mail.example", "http://ann:hunter2@mail.example", "smtp://", "smtp://ann:hunter2@",
          "smtp://ann@mail.example", "smtp://ann:hunter2@mail.example/path", "smtp://ann:hunter2@mail.example?x=1",
          "smtp://ann:hunter2@mail.example#x", "smtp://ann:hunter2@mail.example:99999",
          "smtp://ann:hunter2%0d%0a@mail.example", "smtp://ann;AUTH=PLAIN:hunter2@mail.example",
          "smtp://mail.example\r\nHELO"}) {
        const std::string said = of_url(bad);
        EXPECT_NE(said, "") << bad;
        EXPECT_EQ(said.find("hunter2"), std::string::npos) << said;
        EXPECT_EQ(said.find("ann"), std::string::npos) << said;
    }
    for (const std::string good : {"smtp://mail.example", "smtps://ann:hunter2@mail.example", "smtp://[::1]:2525",
                                   "smtp://ann%40shop.example:p%3Aw@127.0.0.1:587/"}) {
        EXPECT_EQ(of_url(good), "") << good;
    }

    SmtpOptions options;
    options.url = "smtp://mail.example";
    options.ca_file = "/nowhere/ca.pem";
    EXPECT_NE(problem(options).find("/nowhere/ca.pem"), std::string::npos);
    options.ca_file.clear();
    options.helo_name = "a\r\nMAIL";
    EXPECT_NE(problem(options), "");
    options.helo_name.clear();
    options.timeout = 0ms;
    EXPECT_NE(problem(options), "");
    options.timeout = 1s;
    for (const double rate : {-1.0, 1e-9, 1e9, std::numeric_limits<double>::quiet_NaN()}) {
        options.mails_per_second = rate;
        EXPECT_NE(problem(options), "") << rate;
    }
}

// ---- check_smtp

std::string check(const SmtpOptions& options) {
    const Result<std::string> seen = check_smtp(options);
    return seen ? *seen : "! " + seen.error().detail;
}

TEST(SmtpCheck, says_what_it_saw_and_sends_nothing) {
    Post post(with_login());
    post.options.url = post.server.url(login);
    EXPECT_NE(check(post.options).find(" answers, over TLS with a verified certificate, and the login is good."),
              std::string::npos)
        << check(post.options);
    EXPECT_TRUE(post.server.mails().empty());

    Post open(plain());
    EXPECT_NE(check(open.options).find(" answers, without TLS."), std::string::npos) << check(open.options);
}

TEST(SmtpCheck, says_what_to_do) {
    Post post(with_login());
    post.options.url = post.server.url("ann:wr0ng@");
    EXPECT_NE(check(post.options).find("refused the login; check user and password"), std::string::npos);
    EXPECT_EQ(check(post.options).find("wr0ng"), std::string::npos);
    post.options.ca_file.clear();
    EXPECT_NE(check(post.options).find("certificate that is not trusted"), std::string::npos) << check(post.options);

    MailServerOptions without = plain("starttls");
    without.offers_login = false;
    Post no_login(without);
    no_login.options.url = no_login.server.url(login);
    EXPECT_NE(check(no_login.options).find("offers no login"), std::string::npos) << check(no_login.options);

    MailServerOptions closed = plain();
    closed.greeting = "554";
    Post turned_away(closed);
    EXPECT_NE(check(turned_away.options).find("It said: 554 "), std::string::npos) << check(turned_away.options);
}

}  // namespace
}  // namespace waybill::smtp
