#include "worker/reset_mails.hpp"

#include <algorithm>
#include <exception>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace waybill::worker {

namespace {

// A carrier may quote what it refuses, and cut it short.
constexpr std::size_t quoted_token_length = 16;

std::string without_token(const std::string& reason, const std::string& token) {
    return reason.substr(0, reason.find(token.substr(0, quoted_token_length)));
}

}  // namespace

class ResetMails::State : public std::enable_shared_from_this<State> {
public:
    State(ResetMailOptions options, Store& store, Mailer& mailer, const MailRenderer& renderer,
          const ResetTokens& tokens, Log& log, Metrics& metrics)
        : options_(options),
          store_(store),
          mailer_(mailer),
          renderer_(renderer),
          tokens_(tokens),
          log_(log),
          metrics_(metrics) {}

    void step() {
        if (!settle()) return;
        const std::size_t places_max = share_places(mailer_.in_flight_max()).resets;
        const std::size_t held = in_flight();
        if (held >= places_max) return;
        const Result<std::vector<ResetMail>> claimed = store_.claim_reset_mails(places_max - held, options_.lease);
        if (!claimed) return;  // away: the next round asks again
        for (const ResetMail& reset : *claimed) {
            if (take_place(reset)) send(reset);
        }
    }

private:
    std::size_t in_flight() {
        const std::lock_guard lock(mutex_);
        return leased_until_.size();
    }

    // False when the mail is still under way from a claim that has ended: it goes on under this one.
    bool take_place(const ResetMail& reset) {
        const std::lock_guard lock(mutex_);
        return leased_until_.insert_or_assign(reset.id, reset.leased_until).second;
    }

    void send(const ResetMail& reset) {
        try {
            mailer_.send(renderer_.render(reset, tokens_.make(reset.id)),
                         [self = shared_from_this(), id = reset.id](MailResult result) { self->finish(id, result); });
        } catch (const std::exception& problem) {
            finish(reset.id, {MailOutcome::refused, problem.what()});
        }
    }

    // Any thread.
    void finish(const ResetId& id, const MailResult& result) {
        const std::lock_guard lock(mutex_);
        const auto held = leased_until_.find(id);
        if (held == leased_until_.end()) return;  // a carrier that throws after it has answered
        ResetMailSettlement settlement{id, held->second};
        if (result.outcome == MailOutcome::no_answer) settlement.again_after = options_.again_after;
        leased_until_.erase(held);
        ended_.push_back({std::move(settlement), result});
    }

    // False when it has to be written again.
    bool settle() {
        std::vector<Ended> ended;
        {
            const std::lock_guard lock(mutex_);
            ended.swap(ended_);
        }
        if (ended.empty()) return true;
        std::vector<ResetMailSettlement> settlements;
        for (const Ended& one : ended) settlements.push_back(one.settlement);
        if (!store_.settle_reset_mails(settlements)) {
            const std::lock_guard lock(mutex_);
            ended_.insert(ended_.end(), ended.begin(), ended.end());
            return false;
        }
        for (const Ended& one : ended) tell(one);
        return true;
    }

    struct Ended {
        ResetMailSettlement settlement;
        MailResult result;
    };

    void tell(const Ended& ended) {
        if (ended.result.outcome == MailOutcome::sent) return metrics_.mails_sent.Increment();
        log_.write(LogLevel::warn,
                   ended.result.outcome == MailOutcome::refused ? "reset-mail-refused" : "reset-mail-not-sent",
                   {{"reset_id", ended.settlement.id.text},
                    {"reason", without_token(ended.result.reason, tokens_.make(ended.settlement.id))}});
    }

    const ResetMailOptions options_;
    Store& store_;
    Mailer& mailer_;
    const MailRenderer& renderer_;
    const ResetTokens& tokens_;
    Log& log_;
    Metrics& metrics_;

    std::mutex mutex_;
    std::unordered_map<ResetId, TimePoint> leased_until_;  // of those under way
    std::vector<Ended> ended_;
};

ResetMails::ResetMails(ResetMailOptions options, Store& store, Mailer& mailer, const MailRenderer& renderer,
                       const ResetTokens& tokens, Log& log, Metrics& metrics)
    : state_(std::make_shared<State>(options, store, mailer, renderer, tokens, log, metrics)) {}

ResetMails::~ResetMails() = default;

void ResetMails::step() { state_->step(); }

}  // namespace waybill::worker
