#include "adapters/smtp/verdict.hpp"

#include <algorithm>

#include "domain/user.hpp"

namespace waybill::smtp {

namespace {

// These say that we are not let in, which the operator can change; they say nothing about the mail.
bool asks_for_login(long status) { return status == 530 || status == 534 || status == 535 || status == 538; }

bool is_permanent(long status) { return status >= 500 && status < 600 && !asks_for_login(status); }

// RFC 5321, 4.2.3: the mail is larger than the server takes.
constexpr long status_too_large = 552;

// A recipient that is put off, or a text, says nothing about the server.
bool is_about_one(SmtpStage stage) { return stage == SmtpStage::recipient || stage == SmtpStage::content; }

bool is_about_the_mail(SmtpStage stage, long status) {
    switch (stage) {
        case SmtpStage::opening:
        case SmtpStage::starttls:
        case SmtpStage::login:
            return false;
        case SmtpStage::sender:
            return status == status_too_large;
        case SmtpStage::recipient:
        case SmtpStage::content:
            return true;
    }
    return false;
}

}  // namespace

void Conversation::note_command(std::string_view line) {
    const auto begins = [line](std::string_view verb) { return line.starts_with(verb); };
    // A line of a login is base64, which has no blank and no colon, and is longer than these words.
    if (line == "STARTTLS\r\n") stage = SmtpStage::starttls;
    if (begins("AUTH ")) stage = SmtpStage::login;
    if (begins("MAIL FROM:")) stage = SmtpStage::sender;
    if (begins("RCPT TO:")) stage = SmtpStage::recipient;
    if (line == "DATA\r\n") stage = SmtpStage::content;
    if (line == "QUIT\r\n") closing = true;
}

void Conversation::note_reply(std::string_view line) {
    if (stage == SmtpStage::starttls && line.starts_with("220")) encrypted = true;
    if (stage == SmtpStage::login && line.starts_with("235")) logged_in = true;
    if (!closing) last_reply = printable(line);
}

MailResult verdict_of(const Conversation& conversation, long status, std::string_view problem) {
    const bool answered = status >= 400 && status < 600;
    if (!answered) {
        return {MailOutcome::no_answer, std::string(problem)};
    }
    if (conversation.stage == SmtpStage::login) {
        // Without its words, which might repeat what was sent.
        return {MailOutcome::no_answer, "The mail server refused the login with " + std::to_string(status) + "."};
    }
    const bool refused = is_permanent(status) && is_about_the_mail(conversation.stage, status);
    return {refused ? MailOutcome::refused : MailOutcome::no_answer,
            (refused ? "The mail server refused the mail: " : "The mail server did not take the mail: ") +
                conversation.last_reply,
            is_about_one(conversation.stage)};
}

bool is_mail_address(std::string_view address) { return normalize_email(address).has_value(); }

std::string printable(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    std::string out(text.substr(0, reason_length_max));
    std::ranges::replace_if(
        out, [](char c) { return c < ' ' || c > '~'; }, '?');
    return out;
}

}  // namespace waybill::smtp
