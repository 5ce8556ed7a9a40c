// What an SMTP conversation means for its mail. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ports/mailer.hpp"

namespace waybill::smtp {

// The last command of the conversation, but for its QUIT.
enum class SmtpStage : std::uint8_t { opening, starttls, login, sender, recipient, content };

struct Conversation {
    SmtpStage stage = SmtpStage::opening;
    bool encrypted = false;
    bool logged_in = false;
    bool closing = false;    // QUIT was said: what follows is no answer to the mail
    std::string last_reply;  // "550 5.1.1 No such user"

    // What went over the wire; the login itself is not kept.
    void note_command(std::string_view line);
    void note_reply(std::string_view line);
};

inline constexpr std::size_t reason_length_max = 200;

// The verdict on a mail whose conversation failed. `status` is the last reply's (0: there was none);
// `problem` is the sentence for one that ended without a refusal.
[[nodiscard]] MailResult verdict_of(const Conversation& conversation, long status, std::string_view problem);

// Whether `address` can stand between < and > of a command.
[[nodiscard]] bool is_mail_address(std::string_view address);

// Printable ASCII, at most reason_length_max characters.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace waybill::smtp
