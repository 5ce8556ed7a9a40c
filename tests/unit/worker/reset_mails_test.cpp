#include "worker/reset_mails.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_mailer.hpp"
#include "tests/support/flaky_store.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/quoted_printable.hpp"
#include "tests/support/recording_log.hpp"

namespace waybill::worker {

namespace {

using testing::FlakyStore;

class ResetMailsTest : public ::testing::Test {
protected:
    ResetMailsTest() {
        User user;
        user.id = UserId("u-1");
        user.email = "ada@example.com";
        static_cast<void>(rows.create_user(user, std::nullopt));
    }
    void open(const std::string& id) {
        ASSERT_TRUE(rows.open_password_reset(ResetId(id), "ada@example.com", Milliseconds{1'800'000}));
    }

    testing::FakeClock clock;
    testing::MemoryStore rows{clock};
    FlakyStore store{rows};
    testing::FakeMailer mailer;
    testing::RecordingLog log;
    Metrics metrics;
    ResetTokens tokens{std::string(32, 's')};
    MailRenderer renderer{{.from = "shop@example.com", .shop_name = "Lamp Shop"}, {}};
    ResetMails mails{{}, store, mailer, renderer, tokens, log, metrics};
};

TEST_F(ResetMailsTest, sends_the_token_that_resets_to_the_address_of_the_account) {
    open("r-1");
    mails.step();
    ASSERT_EQ(mailer.mails().size(), 1U);
    const Mail mail = mailer.mails()[0];
    EXPECT_EQ(mail.to, "ada@example.com");
    EXPECT_EQ(mail.identity, "reset-r-1");
    const std::string head = "quoted-printable\r\n\r\n";
    const std::size_t part = mail.raw.find(head) + head.size();
    const std::string text =
        testing::decode_quoted_printable(mail.raw.substr(part, mail.raw.find("\r\n--=_", part) - part));
    EXPECT_NE(text.find(tokens.make(ResetId("r-1"))), std::string::npos);
    EXPECT_EQ(tokens.verify(tokens.make(ResetId("r-1")))->text, "r-1");
    EXPECT_TRUE(rows.reset_password(ResetId("r-1"), "hash"));
}

TEST_F(ResetMailsTest, sends_each_mail_once) {
    open("r-1");
    for (int round = 0; round < 3; ++round) {
        mails.step();
        clock.advance(Milliseconds{120'000});
    }
    EXPECT_EQ(mailer.mails().size(), 1U);
    EXPECT_EQ(metrics.mails_sent.Value(), 1);
}

TEST_F(ResetMailsTest, tries_again_while_the_carrier_gives_no_answer) {
    mailer.answer_next({MailOutcome::no_answer, "refused connection"});
    open("r-1");
    mails.step();
    mails.step();
    EXPECT_EQ(mailer.mails().size(), 1U);
    EXPECT_EQ(log.count("reset-mail-not-sent"), 1U);
    clock.advance(Milliseconds{5'000});
    mails.step();
    ASSERT_EQ(mailer.mails().size(), 2U);
    EXPECT_EQ(mailer.mails()[0].raw, mailer.mails()[1].raw) << "copies are identical";
}

TEST_F(ResetMailsTest, gives_up_when_the_carrier_refuses_for_good) {
    mailer.answer_next({MailOutcome::refused, "no such address"});
    open("r-1");
    mails.step();
    mails.step();
    clock.advance(Milliseconds{120'000});
    mails.step();
    EXPECT_EQ(mailer.mails().size(), 1U);
    EXPECT_EQ(log.count("reset-mail-refused"), 1U);
}

TEST_F(ResetMailsTest, writes_what_became_of_a_mail_when_the_store_is_back) {
    open("r-1");
    mails.step();
    store.fail_next("settle_reset_mails", 1);
    mails.step();
    EXPECT_EQ(metrics.mails_sent.Value(), 0);
    mails.step();
    EXPECT_EQ(metrics.mails_sent.Value(), 1);
    clock.advance(Milliseconds{120'000});
    mails.step();
    EXPECT_EQ(mailer.mails().size(), 1U);
}

TEST_F(ResetMailsTest, a_mail_that_is_under_way_for_longer_than_its_claim_is_not_sent_twice) {
    mailer.hold();
    open("r-1");
    mails.step();
    clock.advance(Milliseconds{90'000});
    mails.step();
    EXPECT_EQ(mailer.held(), 1U);
    mailer.release_all();
    clock.advance(Milliseconds{90'000});
    for (int round = 0; round < 2; ++round) mails.step();
    EXPECT_EQ(mailer.mails().size(), 1U) << "it was settled under the claim that held then";
}

TEST_F(ResetMailsTest, keeps_no_more_under_way_than_its_share_of_the_places) {
    ASSERT_EQ(share_places(mailer.in_flight_max()).resets, 2U);
    mailer.hold();
    for (const char* id : {"r-1", "r-2", "r-3"}) open(id);
    mails.step();
    mails.step();
    EXPECT_EQ(mailer.held(), 2U);
    EXPECT_TRUE(mailer.release_one());
    mails.step();
    EXPECT_EQ(mailer.mails().size(), 3U);
    mailer.release_all();
}

TEST(MailPlaces, leave_some_for_resets_and_most_for_orders) {
    for (const auto& [all, resets] : {std::pair{2U, 1U}, {16U, 2U}, {4'096U, 16U}}) {
        EXPECT_EQ(share_places(all).resets, resets);
        EXPECT_EQ(share_places(all).orders + share_places(all).resets, all);
    }
}

TEST_F(ResetMailsTest, no_token_is_logged_even_if_the_carrier_quotes_it) {
    const std::string token = tokens.make(ResetId("r-1"));
    const std::string quoted = token.substr(0, token.size() - 2);
    mailer.answer_next({MailOutcome::refused, "554 blocked: https://shop.example/new?t=" + quoted});
    open("r-1");
    mails.step();
    mails.step();
    EXPECT_TRUE(log.mentions("554 blocked: https://shop.example/new?t="));
    EXPECT_FALSE(log.mentions(quoted));
}

}  // namespace

}  // namespace waybill::worker
