#include <gtest/gtest.h>

#include "adapters/smtp/verdict.hpp"

namespace waybill::smtp {
namespace {

Conversation after(std::initializer_list<std::string_view> lines) {
    Conversation conversation;
    for (const std::string_view line : lines) {
        const bool is_reply = line.size() > 3 && line[0] >= '2' && line[0] <= '5' && line[3] == ' ';
        is_reply ? conversation.note_reply(line) : conversation.note_command(line);
    }
    return conversation;
}

TEST(SmtpConversation, knows_which_command_was_answered) {
    EXPECT_EQ(after({"220 hello\r\n", "EHLO us\r\n"}).stage, SmtpStage::opening);
    EXPECT_EQ(after({"STARTTLS\r\n"}).stage, SmtpStage::starttls);
    EXPECT_EQ(after({"AUTH PLAIN\r\n"}).stage, SmtpStage::login);
    EXPECT_EQ(after({"AUTH PLAIN\r\n", "MAIL FROM:<a@b.c>\r\n"}).stage, SmtpStage::sender);
    EXPECT_EQ(after({"MAIL FROM:<a@b.c>\r\n", "RCPT TO:<d@e.f>\r\n"}).stage, SmtpStage::recipient);
    EXPECT_EQ(after({"RCPT TO:<d@e.f>\r\n", "DATA\r\n"}).stage, SmtpStage::content);
}

TEST(SmtpConversation, takes_no_line_of_a_login_for_a_command) {
    for (const std::string_view secret : {"DATA", "DATAabcd\r\n", "STARTTLS0000\r\n", "QUITquit\r\n", "MAILFROM\r\n"}) {
        const Conversation conversation = after({"AUTH LOGIN\r\n", secret});
        EXPECT_EQ(conversation.stage, SmtpStage::login) << secret;
        EXPECT_FALSE(conversation.closing) << secret;
    }
}

TEST(SmtpConversation, counts_as_encrypted_and_logged_in_only_what_the_server_granted) {
    EXPECT_TRUE(after({"STARTTLS\r\n", "220 go ahead\r\n"}).encrypted);
    EXPECT_FALSE(after({"STARTTLS\r\n", "454 not now\r\n"}).encrypted);
    EXPECT_FALSE(after({"220 hello\r\n"}).encrypted);
    EXPECT_TRUE(after({"AUTH PLAIN\r\n", "235 welcome\r\n"}).logged_in);
    EXPECT_FALSE(after({"AUTH PLAIN\r\n", "535 no\r\n"}).logged_in);
    EXPECT_FALSE(after({"235 welcome\r\n"}).logged_in);
}

TEST(SmtpConversation, takes_the_goodbye_for_no_answer) {
    const Conversation conversation = after({"RCPT TO:<d@e.f>\r\n", "550 no\r\n", "QUIT\r\n", "221 bye\r\n"});
    EXPECT_EQ(conversation.last_reply, "550 no");
}

TEST(SmtpVerdict, keeps_reasons_short_and_printable) {
    Conversation conversation = after({"RCPT TO:<d@e.f>\r\n"});
    conversation.note_reply("550 \x1b[31m\xc3\xa9\t" + std::string(10'000, 'x') + "\r\n");
    const MailResult result = verdict_of(conversation, 550, "");
    EXPECT_EQ(result.outcome, MailOutcome::refused);
    EXPECT_LE(result.reason.size(), reason_length_max + 50);
    EXPECT_NE(result.reason.find("550 ?[31m???xxx"), std::string::npos) << result.reason;
}

TEST(SmtpVerdict, an_end_without_a_refusal_is_no_answer_whatever_was_said_before) {
    for (const long status : {0L, 220L, 250L, 354L, 999L}) {
        const MailResult result = verdict_of(after({"DATA\r\n", "354 go on\r\n"}), status, "It was cut.");
        EXPECT_EQ(result.outcome, MailOutcome::no_answer) << status;
        EXPECT_EQ(result.reason, "It was cut.") << status;
    }
}

TEST(SmtpVerdict, what_is_said_of_one_mail_is_not_said_of_the_server) {
    const auto stage_of = [](std::initializer_list<std::string_view> commands) {
        Conversation conversation;
        for (const std::string_view command : commands) conversation.note_command(command);
        return conversation;
    };
    EXPECT_TRUE(verdict_of(stage_of({"MAIL FROM:<a>\r\n", "RCPT TO:<b>\r\n"}), 452, "").of_this_mail);
    EXPECT_TRUE(verdict_of(stage_of({"RCPT TO:<b>\r\n", "DATA\r\n"}), 451, "").of_this_mail);
    EXPECT_FALSE(verdict_of(stage_of({"MAIL FROM:<a>\r\n"}), 452, "").of_this_mail);
    EXPECT_FALSE(verdict_of(stage_of({"RCPT TO:<b>\r\n"}), 0, "It closed.").of_this_mail);
}

TEST(SmtpVerdict, a_server_that_wants_a_login_says_nothing_about_the_recipient) {
    for (const long status : {530L, 534L, 535L, 538L}) {
        EXPECT_EQ(verdict_of(after({"RCPT TO:<d@e.f>\r\n"}), status, "").outcome, MailOutcome::no_answer) << status;
    }
    for (const long status : {550L, 551L, 553L, 554L}) {
        EXPECT_EQ(verdict_of(after({"RCPT TO:<d@e.f>\r\n"}), status, "").outcome, MailOutcome::refused) << status;
    }
}

TEST(SmtpVerdict, the_words_after_a_login_are_not_repeated) {
    const MailResult result = verdict_of(after({"AUTH PLAIN\r\n", "535 not hunter2\r\n"}), 535, "");
    EXPECT_EQ(result.reason.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace waybill::smtp
