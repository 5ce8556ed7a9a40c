#include "tests/simulation/sim_parts.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <stdexcept>

namespace waybill::simulation {

// ---- cache

std::optional<std::string> SimCache::find(std::string_view key) {
    gate_.enter("cache find");
    const auto found = server_.is_away ? server_.entries.end() : server_.entries.find(key);
    std::optional<std::string> entry;
    if (found != server_.entries.end()) entry = found->second;
    gate_.leave("cache find");
    return entry;
}

void SimCache::put(std::string_view key, std::string_view bytes, Milliseconds /*ttl*/) {
    gate_.enter("cache put");
    if (!server_.is_away) server_.entries.insert_or_assign(std::string(key), std::string(bytes));
    gate_.leave("cache put");
}

void SimCache::erase(std::string_view key) {
    gate_.enter("cache erase");
    if (const auto found = server_.entries.find(key); found != server_.entries.end() && !server_.is_away) {
        server_.entries.erase(found);
    }
    gate_.leave("cache erase");
}

// ---- queue

namespace {

constexpr Milliseconds visibility_default{15'000};

std::unexpected<Error> queue_is_away() { return fail(ErrorCode::unavailable, "The queue is away."); }

}  // namespace

void QueueServer::take(const QueueMessage& message) {
    const SteadyTime now = stage_.time.steady();
    if (!stage_.happens(stage_.plan.queue_message)) {
        kept_.push_back({message.work_id, now});
        return;
    }
    stage_.count(Count::queue_faults);
    const Milliseconds late{stage_.dice.between(100, 40'000)};
    switch (stage_.dice.below(3)) {
        case 0:
            stage_.trace.note(message.order_id, "the queue loses its message");
            return;
        case 1:
            stage_.trace.note(message.order_id, "the queue repeats its message");
            kept_.push_back({message.work_id, now});
            kept_.push_back({message.work_id, stage_.dice.chance(0.5) ? now : now + late});
            return;
        default:
            stage_.trace.note(message.order_id, "the queue delays its message");
            kept_.push_back({message.work_id, now + late});
            return;
    }
}

std::vector<ReceivedMessage> QueueServer::hand_out(std::size_t max) {
    const SteadyTime now = stage_.time.steady();
    std::vector<Kept*> visible;
    for (Kept& kept : kept_) {
        if (kept.visible_at <= now) visible.push_back(&kept);
    }
    std::vector<ReceivedMessage> received;
    while (!visible.empty() && received.size() < max) {
        // A queue gives no order; one that is in order all the time would hide what depends on it.
        const std::size_t index = stage_.happens(0.5) ? stage_.dice.below(visible.size()) : 0;
        Kept& kept = *visible[index];
        visible.erase(visible.begin() + static_cast<std::ptrdiff_t>(index));
        kept.visible_at = now + visibility_default;
        kept.receipt = "receipt-" + std::to_string(++receipts_);
        received.push_back({kept.work_id, kept.receipt});
        stage_.ledger.message_received(received.back());
    }
    return received;
}

void QueueServer::remove(const ReceivedMessage& message) {
    std::erase_if(kept_, [&](const Kept& kept) { return kept.receipt == message.receipt; });
}

void QueueServer::hide(const ReceivedMessage& message, Milliseconds visibility) {
    const auto kept = std::ranges::find(kept_, message.receipt, &Kept::receipt);
    if (kept != kept_.end()) kept->visible_at = stage_.time.steady() + visibility;
}

Gate::Fate SimQueue::draw() {
    if (server_.is_away) return Gate::Fate::not_done;
    const Gate::Fate fate = gate_.draw(gate_.stage().plan.queue_call);
    if (fate != Gate::Fate::done) gate_.stage().count(Count::queue_faults);
    return fate;
}

std::vector<Result<void>> SimQueue::send(std::span<const QueueMessage> messages) {
    gate_.enter("queue send");
    const Gate::Fate fate = draw();
    if (fate == Gate::Fate::not_done) return std::vector<Result<void>>(messages.size(), queue_is_away());
    std::vector<Result<void>> results;
    for (const QueueMessage& message : messages) {
        if (gate_.stage().happens(gate_.stage().plan.queue_message / 4)) {
            results.emplace_back(fail(ErrorCode::unavailable, "The queue refused the message."));
            continue;
        }
        server_.take(message);
        results.emplace_back();
    }
    gate_.leave("queue send");
    if (fate == Gate::Fate::answer_lost) {
        results.assign(messages.size(), fail(ErrorCode::outcome_unknown, "The queue's answer was lost."));
    }
    return results;
}

Result<std::vector<ReceivedMessage>> SimQueue::receive(std::size_t max, Milliseconds /*wait*/) {
    gate_.enter("queue receive");
    const Gate::Fate fate = draw();
    if (fate == Gate::Fate::not_done) return queue_is_away();
    std::vector<ReceivedMessage> received = server_.hand_out(max);
    gate_.leave("queue receive");
    if (fate == Gate::Fate::answer_lost) return queue_is_away();
    return received;
}

Result<void> SimQueue::ack(std::span<const ReceivedMessage> messages) {
    gate_.enter("queue ack");
    const Gate::Fate fate = draw();
    if (fate == Gate::Fate::not_done) return queue_is_away();
    for (const ReceivedMessage& message : messages) {
        gate_.stage().ledger.message_deleted(gate_.process(), message);
        server_.remove(message);
    }
    gate_.leave("queue ack");
    if (fate == Gate::Fate::answer_lost) return queue_is_away();
    return {};
}

Result<void> SimQueue::extend(std::span<const ReceivedMessage> messages, Milliseconds visibility) {
    gate_.enter("queue extend");
    const Gate::Fate fate = draw();
    if (fate == Gate::Fate::not_done) return queue_is_away();
    for (const ReceivedMessage& message : messages) server_.hide(message, visibility);
    gate_.leave("queue extend");
    if (fate == Gate::Fate::answer_lost) return queue_is_away();
    return {};
}

// ---- verdicts

double Verdicts::share_of(const OrderId& id, std::uint64_t salt) const {
    std::uint64_t hash = 0xcbf29ce484222325U + salt;
    for (const char c : id.text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    return Dice(hash).fraction();
}

// ---- mail

void SimMailer::send(Mail mail, Done done) {
    gate_.stage().trace.note(OrderId(mail.identity.substr(0, 36)), "process ", gate_.process(), " sends mail ",
                             mail.identity);
    pending_.push_back({std::move(mail), std::move(done)});
}

void SimMailer::accept(const Mail& mail) {
    gate_.stage().trace.note(OrderId(mail.identity.substr(0, 36)), "the mail server accepts ", mail.identity);
    gate_.stage().ledger.mail_accepted(mail);
}

void SimMailer::end_one(const Verdicts& verdicts) {
    Stage& stage = gate_.stage();
    const auto chosen = pending_.begin() + static_cast<std::ptrdiff_t>(stage.dice.below(pending_.size()));
    Pending ended = std::move(*chosen);
    pending_.erase(chosen);
    if (stage.happens(stage.plan.mail)) {
        if (stage.dice.chance(0.5)) {
            accept(ended.mail);
            stage.ledger.mail_answer_lost();
            stage.trace.note("its answer is lost");
        }
        return ended.done({MailOutcome::no_answer, "The connection was cut."});
    }
    if (stage.is_faulty && verdicts.is_mail_refused(OrderId(ended.mail.identity.substr(0, 36)))) {
        return ended.done({MailOutcome::refused, "There is no such address."});
    }
    accept(ended.mail);
    ended.done({MailOutcome::sent, ""});
}

void SimMailer::end_with_process() {
    for (const Pending& pending : pending_) {
        if (gate_.stage().dice.chance(0.5)) accept(pending.mail);
    }
    pending_.clear();
}

// ---- fulfilment

void SimFulfilment::fulfil(const Order& order, Done done) {
    gate_.stage().trace.note(order.id, "process ", gate_.process(), " hands it to fulfilment");
    if (verdicts_.is_poison(order.id)) throw std::runtime_error("poison");
    pending_.push_back({order.id, std::move(done)});
}

void SimFulfilment::end_one() {
    Stage& stage = gate_.stage();
    const auto chosen = pending_.begin() + static_cast<std::ptrdiff_t>(stage.dice.below(pending_.size()));
    Pending ended = std::move(*chosen);
    pending_.erase(chosen);
    const bool is_lost = stage.happens(stage.plan.fulfilment);
    if (is_lost && stage.dice.chance(0.5)) return ended.done({FulfilmentOutcome::no_answer, "It was away."});
    const bool is_refused = verdicts_.is_refused(ended.id);
    stage.trace.note(ended.id, is_refused ? "fulfilment refuses it" : "fulfilment accepts it",
                     is_lost ? ", and its answer is lost" : "");
    if (is_refused) {
        stage.ledger.fulfilment_refused(ended.id);
    } else {
        stage.ledger.fulfilment_accepted(ended.id);
    }
    if (is_lost) return ended.done({FulfilmentOutcome::no_answer, "It did not answer in time."});
    if (is_refused) return ended.done({FulfilmentOutcome::refused, "It is sold out at the partner's."});
    ended.done({FulfilmentOutcome::accepted, ""});
}

}  // namespace waybill::simulation
