// Mails the tokens of forgotten passwords, until they expire. A process that dies between mail and
// settlement leaves a claim that ends, and the copy of the mail is the same bytes.
#pragma once

#include <cstddef>
#include <memory>

#include "app/mail_renderer.hpp"
#include "app/metrics.hpp"
#include "app/tokens.hpp"
#include "ports/log.hpp"
#include "ports/mailer.hpp"
#include "ports/store.hpp"

namespace waybill::worker {

struct ResetMailOptions {
    Milliseconds lease{60'000};  // of another process' claim; one's own goes on while the mail is under way
    Milliseconds again_after{5'000};
};

class ResetMails {
public:
    ResetMails(ResetMailOptions options, Store& store, Mailer& mailer, const MailRenderer& renderer,
               const ResetTokens& tokens, Log& log, Metrics& metrics);
    ~ResetMails();

    // One round: settle what has ended, claim and send what is due. Never waits for a carrier. For one
    // thread at a time.
    void step();

private:
    class State;
    std::shared_ptr<State> state_;  // shared with mails that end after the loop has gone
};

}  // namespace waybill::worker
