#include "app/processing.hpp"

#include <exception>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "app/work_source.hpp"

namespace waybill {

namespace {

// What a customer may read; the log says what was thrown.
constexpr std::string_view crash_reason = "The order could not be processed because of an internal error.";
constexpr std::string_view crash_reason_mail = "The mail could not be made because of an internal error.";

std::string_view crash_reason_of(WorkKind kind) {
    return kind == WorkKind::process_order ? crash_reason : crash_reason_mail;
}

// One try under way; whoever finishes it first wins, so that an adapter that throws after it has
// answered is answered for once.
class Try {
public:
    Try(ClaimedWork work, std::move_only_function<void(FinishedTry)> done)
        : work_(std::move(work)), done_(std::move(done)) {}

    [[nodiscard]] const ClaimedWork& work() const { return work_; }

    bool finish(TryOutcome outcome, std::string reason, bool of_this_item = false) {
        std::move_only_function<void(FinishedTry)> done;
        {
            const std::lock_guard lock(mutex_);
            if (finished_) return false;
            finished_ = true;
            done = std::move(done_);
        }
        done({work_, outcome, std::move(reason), of_this_item});
        return true;
    }

private:
    const ClaimedWork work_;
    std::mutex mutex_;
    bool finished_ = false;
    std::move_only_function<void(FinishedTry)> done_;
};

TryOutcome to_try_outcome(FulfilmentOutcome outcome) {
    switch (outcome) {
        case FulfilmentOutcome::accepted:
            return TryOutcome::done;
        case FulfilmentOutcome::refused:
            return TryOutcome::refused;
        case FulfilmentOutcome::no_answer:
            return TryOutcome::no_answer;
    }
    return TryOutcome::no_answer;
}

TryOutcome to_try_outcome(MailOutcome outcome) {
    switch (outcome) {
        case MailOutcome::sent:
            return TryOutcome::done;
        case MailOutcome::refused:
            return TryOutcome::refused;
        case MailOutcome::no_answer:
            return TryOutcome::no_answer;
    }
    return TryOutcome::no_answer;
}

// With this try where it was one; an item that had no attempts left was not tried.
int attempts_after(const FinishedTry& ended, const WorkPolicy& policy) {
    const bool crashed = ended.outcome == TryOutcome::crashed && ended.work.attempts < policy.attempts_max;
    return ended.work.attempts + (crashed ? 1 : 0);
}

// The writes that follow from some tries; `tries[i]` belongs to `writes[i]`.
template <class Write>
struct Writes {
    std::vector<Write> writes;
    std::vector<FinishedTry> tries;
    void add(Write write, FinishedTry ended) {
        writes.push_back(std::move(write));
        tries.push_back(std::move(ended));
    }
};

template <class Write, class Call>
std::vector<Result<void>> call_store(std::span<const Write> writes, const Call& call) {
    std::vector<Result<void>> results = call(writes);
    results.resize(writes.size(), fail(ErrorCode::internal, "The store gave no result."));
    return results;
}

// An exception for the batch is repeated element by element, so that it stays with the element that
// causes it.
template <class Write, class Call>
std::vector<Result<void>> write_all(const std::vector<Write>& writes, Log& log, const Call& call) {
    const std::span<const Write> all = writes;
    try {
        return call_store(all, call);
    } catch (const std::exception& problem) {
        log.write(LogLevel::error, "settle-crashed", {{"error", problem.what()}});
    }
    std::vector<Result<void>> results;
    results.reserve(writes.size());
    for (std::size_t i = 0; i < writes.size(); ++i) {
        try {
            results.push_back(call_store(all.subspan(i, 1), call).front());
        } catch (const std::exception& problem) {
            results.push_back(fail(ErrorCode::internal, problem.what()));
        }
    }
    return results;
}

OrderSettlement order_settlement(const FinishedTry& ended, const NextStep& step, const WorkPolicy& policy) {
    OrderSettlement settlement;
    settlement.lease = ended.work.lease;
    settlement.order_id = ended.work.order.id;
    settlement.attempts = attempts_after(ended, policy);
    if (const auto* failed = std::get_if<SettleFailed>(&step)) {
        settlement.processed = false;
        settlement.reason = failed->reason;
        settlement.dead_letter = failed->dead_letter;
    }
    return settlement;
}

MailSettlement mail_settlement(const FinishedTry& ended, const NextStep& step, const WorkPolicy& policy) {
    MailSettlement settlement;
    settlement.lease = ended.work.lease;
    settlement.attempts = attempts_after(ended, policy);
    if (const auto* failed = std::get_if<SettleFailed>(&step)) {
        settlement.dead_letter = true;
        settlement.reason = failed->reason;
    }
    return settlement;
}

// Writes one round of tries and tells what came of it.
class Settling {
public:
    Settling(const WorkPolicy& policy, Store& store, Log& log, Metrics& metrics)
        : policy_(policy), store_(store), log_(log), metrics_(metrics) {}

    void plan(WorkKind kind, FinishedTry ended, double dice) {
        const ClaimedWork& work = ended.work;
        const NextStep step = next_step(kind, ended.outcome, ended.reason, work.attempts, work.tries,
                                        work.since_first_try, dice, policy_);
        if (const auto* again = std::get_if<TryAgain>(&step)) {
            Retry retry{work.lease, again->delay, again->reason, again->counts_as_attempt};
            retries_.add(std::move(retry), std::move(ended));
        } else if (kind == WorkKind::process_order) {
            OrderSettlement settlement = order_settlement(ended, step, policy_);
            orders_.add(std::move(settlement), std::move(ended));
        } else {
            MailSettlement settlement = mail_settlement(ended, step, policy_);
            mails_.add(std::move(settlement), std::move(ended));
        }
    }

    void write() {
        write_kind(orders_, [this](auto some) { return store_.settle_orders(some); });
        write_kind(mails_, [this](auto some) { return store_.settle_mails(some); });
        write_kind(retries_, [this](auto some) { return store_.retry_at(some); });
    }

    [[nodiscard]] bool mails_may_wait() const { return mails_may_wait_; }
    [[nodiscard]] SettledTries take_settled() { return std::move(settled_); }

private:
    template <class Write, class Call>
    void write_kind(Writes<Write>& kind, const Call& call) {
        if (kind.writes.empty()) return;
        const std::vector<Result<void>> results = write_all(kind.writes, log_, call);
        for (std::size_t i = 0; i < results.size(); ++i) {
            const TracedScope scope(kind.tries[i].work.order.trace);
            if (results[i]) {
                count(kind.writes[i], kind.tries[i]);
                settled_.written.push_back(std::move(kind.tries[i].work.lease));
            } else {
                note_error(results[i].error(), std::move(kind.tries[i]));
            }
        }
    }

    void count(const OrderSettlement& settled, const FinishedTry& ended) {
        mails_may_wait_ = true;
        (settled.processed ? metrics_.orders_processed : metrics_.orders_failed).Increment();
        if (settled.processed) {
            if (log_.enabled(LogLevel::debug)) {
                log_.write(LogLevel::debug, "order-processed", {{"order", settled.order_id.text}});
            }
            return;
        }
        log_.write(LogLevel::info, "order-failed", {{"order", settled.order_id.text}, {"reason", settled.reason}});
        if (settled.dead_letter) count_dead_letter(ended, settled.reason);
    }

    void count(const MailSettlement& settled, const FinishedTry& ended) {
        if (settled.dead_letter) return count_dead_letter(ended, settled.reason);
        metrics_.mails_sent.Increment();
        if (!log_.enabled(LogLevel::debug)) return;
        log_.write(LogLevel::debug, "mail-sent",
                   {{"work", ended.work.lease.work_id.text}, {"order", ended.work.order.id.text}});
    }

    void count(const Retry& retry, const FinishedTry& ended) {
        metrics_.work_retries(ended.work.kind).Increment();
        if (!log_.enabled(LogLevel::debug)) return;
        log_.write(LogLevel::debug, "work-retried",
                   {{"work", ended.work.lease.work_id.text},
                    {"tries", std::to_string(ended.work.tries)},
                    {"delay_ms", std::to_string(retry.delay.count())},
                    {"reason", retry.reason}});
    }

    void count_dead_letter(const FinishedTry& ended, const std::string& reason) {
        metrics_.dead_letters(ended.work.kind).Increment();
        log_.write(LogLevel::warn, "dead-letter",
                   {{"work", ended.work.lease.work_id.text}, {"order", ended.work.order.id.text}, {"reason", reason}});
    }

    void note_error(const Error& error, FinishedTry ended) {
        if (is_passing(error.code)) {
            // What may have been settled may have left a mail.
            if (error.code == ErrorCode::outcome_unknown) mails_may_wait_ = true;
            settled_.unwritten.push_back(std::move(ended));
            return;
        }
        if (error.code == ErrorCode::lease_lost) {
            metrics_.work_leases_lost.Increment();
            log_.write(LogLevel::warn, "lease-lost", {{"work", ended.work.lease.work_id.text}});
            return;
        }
        // Its lease will end, which counts as an attempt: it cannot go on for ever.
        log_.write(LogLevel::error, "settle-failed",
                   {{"work", ended.work.lease.work_id.text}, {"error", error.detail}});
    }

    const WorkPolicy& policy_;
    Store& store_;
    Log& log_;
    Metrics& metrics_;
    Writes<OrderSettlement> orders_;
    Writes<MailSettlement> mails_;
    Writes<Retry> retries_;
    SettledTries settled_;
    bool mails_may_wait_ = false;
};

}  // namespace

Processing::Processing(WorkPolicy policy, Store& store, Fulfilment& fulfilment, Mailer& mailer,
                       const MailRenderer& renderer, Clock& clock, Log& log, Metrics& metrics, WorkSignal& signal)
    : policy_(policy),
      store_(store),
      fulfilment_(fulfilment),
      mailer_(mailer),
      renderer_(renderer),
      clock_(clock),
      log_(log),
      metrics_(metrics),
      signal_(signal) {}

std::size_t Processing::in_flight_max(WorkKind kind) const {
    return kind == WorkKind::process_order ? fulfilment_.in_flight_max() : share_places(mailer_.in_flight_max()).orders;
}

void Processing::begin(ClaimedWork work, std::move_only_function<void(FinishedTry)> done) {
    const auto current = std::make_shared<Try>(std::move(work), std::move(done));
    const WorkKind kind = current->work().kind;
    const TracedScope scope(current->work().order.trace);
    if (current->work().attempts >= policy_.attempts_max) {
        current->finish(TryOutcome::crashed, std::string(crash_reason_of(kind)));
        return;
    }
    try {
        if (kind == WorkKind::process_order) {
            fulfilment_.fulfil(current->work().order, [current](FulfilmentResult result) {
                current->finish(to_try_outcome(result.outcome), std::move(result.reason));
            });
        } else {
            mailer_.send(
                renderer_.render(current->work().order, current->work().mail_to), [current](MailResult result) {
                    current->finish(to_try_outcome(result.outcome), std::move(result.reason), result.of_this_mail);
                });
        }
    } catch (const std::exception& problem) {
        metrics_.work_crashes.Increment();
        log_.write(LogLevel::error, "work-crashed",
                   {{"work", current->work().lease.work_id.text}, {"error", problem.what()}});
        current->finish(TryOutcome::crashed, std::string(crash_reason_of(kind)));
    }
}

SettledTries Processing::settle(WorkKind kind, std::vector<FinishedTry> tries) {
    Settling settling(policy_, store_, log_, metrics_);
    for (FinishedTry& ended : tries) settling.plan(kind, std::move(ended), clock_.random_fraction());
    settling.write();
    if (kind == WorkKind::process_order && settling.mails_may_wait()) signal_.notify(WorkKind::send_mail);
    return settling.take_settled();
}

}  // namespace waybill
