// What happens to a claimed item: its order is handed to fulfilment, or its mail to the mailer, and
// what became of it decides the next step.
//
// Thread-safe. No method throws: an exception of our own code is a crash of that try.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <variant>

#include "app/mail_renderer.hpp"
#include "app/metrics.hpp"
#include "app/work_signal.hpp"
#include "domain/work.hpp"
#include "ports/clock.hpp"
#include "ports/fulfilment.hpp"
#include "ports/log.hpp"
#include "ports/mailer.hpp"
#include "ports/store.hpp"

namespace waybill {

// One try that has ended.
struct FinishedTry {
    ClaimedWork work;
    TryOutcome outcome = TryOutcome::no_answer;
    std::string reason;
    bool of_this_item = false;  // it tells nothing about the service or the carrier
};

// What became of the tries that were to be written; those in neither list are not ours any more.
struct SettledTries {
    std::vector<LeaseKey> written;
    std::vector<FinishedTry> unwritten;  // for a passing reason: to be written again
};

class Processing {
public:
    Processing(WorkPolicy policy, Store& store, Fulfilment& fulfilment, Mailer& mailer, const MailRenderer& renderer,
               Clock& clock, Log& log, Metrics& metrics, WorkSignal& signal);

    [[nodiscard]] const WorkPolicy& policy() const { return policy_; }
    [[nodiscard]] std::size_t in_flight_max(WorkKind kind) const;

    // Starts one try; `done` is called exactly once, from any thread, perhaps before this returns.
    // An item that has no attempts left is not tried again: it is finished as crashed.
    void begin(ClaimedWork work, std::move_only_function<void(FinishedTry)> done);

    // Writes what became of the tries: settles, retries or dead-letters, in as few commits as the
    // store allows.
    [[nodiscard]] SettledTries settle(WorkKind kind, std::vector<FinishedTry> tries);

private:
    WorkPolicy policy_;
    Store& store_;
    Fulfilment& fulfilment_;
    Mailer& mailer_;
    const MailRenderer& renderer_;
    Clock& clock_;
    Log& log_;
    Metrics& metrics_;
    WorkSignal& signal_;
};

}  // namespace waybill
