// What customers were told.
#include <algorithm>
#include <string>

#include "tests/simulation/ledger.hpp"

namespace waybill::simulation {

namespace {

int rank_of(OrderStatus status) {
    if (is_terminal(status)) return 2;
    return status == OrderStatus::processing ? 1 : 0;
}

std::string_view word_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::unavailable:
            return "unavailable";
        case ErrorCode::outcome_unknown:
            return "outcome-unknown";
        case ErrorCode::overloaded:
            return "overloaded";
        case ErrorCode::insufficient_stock:
            return "insufficient-stock";
        case ErrorCode::total_mismatch:
            return "total-mismatch";
        case ErrorCode::idempotency_key_reused:
            return "idempotency-key-reused";
        case ErrorCode::idempotency_in_progress:
            return "idempotency-in-progress";
        case ErrorCode::not_found:
            return "not-found";
        case ErrorCode::invalid_transition:
            return "invalid-transition";
        case ErrorCode::validation_failed:
            return "validation-failed";
        case ErrorCode::unknown_product:
            return "unknown-product";
        case ErrorCode::unknown_location:
            return "unknown-location";
        default:
            return "of a kind that no request here may meet";
    }
}

// Answers that promise that nothing was done, and say nothing about the order.
bool is_busy(ErrorCode code) {
    return code == ErrorCode::unavailable || code == ErrorCode::overloaded ||
           code == ErrorCode::idempotency_in_progress;
}

}  // namespace

std::size_t Ledger::begin(Attempt attempt) {
    attempt.began = next_moment();
    attempts_.push_back(std::move(attempt));
    return attempts_.size() - 1;
}

void Ledger::set_order_id(std::size_t attempt, const OrderId& id) {
    attempts_[attempt].order_id = id;
    attempt_by_id_[id] = attempt;
    trace_.note(id, "asked for by ", attempts_[attempt].user.text, " at process ", attempts_[attempt].process, " key ",
                attempts_[attempt].key.value_or("-"), " body ", static_cast<int>(attempts_[attempt].body));
}

void Ledger::lose(std::size_t attempt) {
    if (attempts_[attempt].state == Attempt::State::waiting) attempts_[attempt].state = Attempt::State::unknown;
}

void Ledger::lose_all_of(int process) {
    for (std::size_t i = 0; i < attempts_.size(); ++i) {
        if (attempts_[i].process == process) lose(i);
    }
}

void Ledger::answer(std::size_t number, const Result<PlacedOrder>& result) {
    Attempt& attempt = attempts_[number];
    if (attempt.state != Attempt::State::waiting) {
        return violate("I14", "a request was answered twice", attempt.order_id);
    }
    if (result) {
        trace_.note(result->order.id, "answered 201", result->replayed ? ", replayed" : "", " to key ",
                    attempt.key.value_or("-"));
        attempt.state = Attempt::State::placed;
        return answer_placed(attempt, *result);
    }
    trace_.note(attempt.order_id, "answered ", word_of(result.error().code));
    attempt.state =
        result.error().code == ErrorCode::outcome_unknown ? Attempt::State::unknown : Attempt::State::not_done;
    answer_refused(attempt, result.error());
}

void Ledger::answer_placed(Attempt& attempt, const PlacedOrder& placed) {
    const auto found = orders_.find(placed.order.id);
    if (found == orders_.end()) {
        return violate("I3", "an order was answered 201 that the store did not take", placed.order.id);
    }
    KnownOrder& known = found->second;
    if (placed.order != known.as_placed)
        violate("I5", "a 201 does not show the order as it was placed", placed.order.id);
    if (placed.order.user_id != attempt.user) violate("I5", "a 201 shows somebody else's order", placed.order.id);
    if (!placed.replayed && placed.order.id != attempt.order_id) {
        violate("I5", "a new order has another id than its request", placed.order.id);
    }
    if (placed.order.id != attempt.order_id) {
        const Attempt& first = attempts_[known.attempt];
        if (!attempt.key || first.key != attempt.key) violate("I5", "a replay of another key's order", placed.order.id);
        if (first.body != attempt.body) violate("I5", "another body replayed an order", placed.order.id);
    }
    if (!known.acknowledged) known.acknowledged = next_moment();
}

void Ledger::answer_refused(Attempt& attempt, const Error& error) {
    check_error(error, "POST /orders");
    const ErrorCode code = error.code;
    if (is_busy(code) || code == ErrorCode::outcome_unknown) return;
    if (code == ErrorCode::not_found || code == ErrorCode::invalid_transition) {
        return violate("I14", "an answer that a new order cannot get", attempt.order_id);
    }
    const auto record = attempt.key ? by_key_.find({attempt.user, *attempt.key}) : by_key_.end();
    const KnownOrder* first = record == by_key_.end() ? nullptr : &orders_.at(record->second);
    if (code == ErrorCode::idempotency_key_reused) {
        if (first == nullptr) return violate("I5", "a key was called used that made no order", attempt.order_id);
        if (attempts_[first->attempt].body == attempt.body) {
            violate("I5", "the same body was refused as another", record->second);
        }
        return;
    }
    // After a success its key can only replay it or be refused as used.
    if (first != nullptr && first->acknowledged && *first->acknowledged < attempt.began) {
        violate("I5", "a key was decided again after its success", record->second);
    }
}

void Ledger::check_error(const Error& error, std::string_view request) {
    const std::string_view word = word_of(error.code);
    if (word.find(' ') != std::string_view::npos) {
        violate("I14", std::string(request) + " was answered with an error " + std::string(word) + ": " + error.detail);
    }
}

// ---- reads

bool Ledger::is_same_order(const Order& placed, const Order& later) const {
    return placed.id == later.id && placed.user_id == later.user_id && placed.location == later.location &&
           placed.lines == later.lines && placed.total == later.total && placed.created_at == later.created_at;
}

void Ledger::note_seen(KnownOrder& known, const Order& order, Moment began) {
    if (!is_same_order(known.as_placed, order)) violate("I3", "an order is read differently", order.id);
    const int rank = rank_of(order.status);
    for (const Seen& seen : known.seen) {
        if (seen.answered < began && seen.rank > rank) {
            violate("I6", "an order went back to " + std::string(to_text(order.status)) + " for its reader", order.id);
        }
    }
    if (is_terminal(order.status)) {
        if (known.end_seen.value_or(order.status) != order.status)
            violate("I6", "an order ended in two ways", order.id);
        known.end_seen = order.status;
    }
    if (known.seen.empty() || known.seen.back().rank < rank) known.seen.push_back({next_moment(), rank});
}

void Ledger::read(const UserId& reader, bool is_admin, const OrderId& id, const Result<Order>& result, Moment began) {
    const auto known = orders_.find(id);
    if (!result) {
        check_error(result.error(), "GET /orders/{id}");
        if (result.error().code != ErrorCode::not_found || known == orders_.end()) return;
        const bool may_see = is_admin || known->second.as_placed.user_id == reader;
        if (may_see && known->second.acknowledged && *known->second.acknowledged < began) {
            violate("I3", "an order that was answered 201 is not found", id);
        }
        return;
    }
    if (known == orders_.end() || result->id != id) return violate("I4", "an order was read that nobody placed", id);
    if (!is_admin && result->user_id != reader) violate("I10", "a customer saw somebody else's order", id);
    note_seen(known->second, *result, began);
}

void Ledger::list(const UserId& reader, const Result<std::vector<Order>>& result, Moment began) {
    if (!result) return check_error(result.error(), "GET /orders");
    std::set<OrderId> listed;
    for (const Order& order : *result) {
        listed.insert(order.id);
        read(reader, false, order.id, order, began);
    }
    for (const auto& [id, known] : orders_) {
        const bool must_be_there =
            known.as_placed.user_id == reader && known.acknowledged && *known.acknowledged < began;
        if (must_be_there && !listed.contains(id)) violate("I3", "a list lacks an order that was answered 201", id);
    }
}

void Ledger::cancel(const OrderId& id, const Result<Order>& result) {
    const auto known = orders_.find(id);
    if (result) {
        trace_.note(id, "cancelling answered: ", to_text(result->status));
        if (result->status != OrderStatus::cancelled) return violate("I6", "a cancelled order is not Cancelled", id);
        if (known == orders_.end()) return violate("I4", "an order was cancelled that nobody placed", id);
        return note_seen(known->second, *result, moment_);
    }
    trace_.note(id, "cancelling answered: ", word_of(result.error().code));
    check_error(result.error(), "POST /orders/{id}/cancel");
    if (result.error().code != ErrorCode::invalid_transition || known == orders_.end()) return;
    std::vector<Seen>& seen = known->second.seen;
    if (seen.empty() || seen.back().rank < 1) seen.push_back({next_moment(), 1});
}

}  // namespace waybill::simulation
