#include "domain/work.hpp"

#include <algorithm>
#include <utility>

namespace waybill {

namespace {

std::string_view id_suffix(OrderStatus state) {
    switch (state) {
        case OrderStatus::pending:
            return "-pending";
        case OrderStatus::processing:
            return "-processing";
        case OrderStatus::processed:
            return "-processed";
        case OrderStatus::failed:
            return "-failed";
        case OrderStatus::cancelled:
            return "-cancelled";
    }
    std::unreachable();
}

Milliseconds deadline_of(WorkKind kind, const WorkPolicy& policy) {
    switch (kind) {
        case WorkKind::process_order:
            return policy.process_deadline;
        case WorkKind::send_mail:
            return policy.mail_deadline;
    }
    std::unreachable();
}

}  // namespace

std::string_view to_text(WorkKind kind) {
    switch (kind) {
        case WorkKind::process_order:
            return "process_order";
        case WorkKind::send_mail:
            return "send_mail";
    }
    std::unreachable();
}

bool is_valid_work_id(std::string_view text) {
    if (text.size() > work_id_length_max) return false;
    return is_valid_id(text.substr(0, id_length_max)) &&
           (text.size() <= id_length_max || is_valid_id(text.substr(id_length_max)));
}

WorkId process_work_id(const OrderId& order_id) { return WorkId{"p-" + order_id.text}; }

WorkId mail_work_id(const OrderId& order_id, OrderStatus state) {
    std::string text = "m-" + order_id.text;
    text += id_suffix(state);
    return WorkId{std::move(text)};
}

Milliseconds WorkPolicy::ahead_max() const { return std::max(lease, backoff_max) + Milliseconds{1'000}; }

NextStep next_step(WorkKind kind, TryOutcome outcome, std::string reason, int attempts, int tries,
                   Milliseconds since_first_try, double dice, const WorkPolicy& policy) {
    const bool is_mail = kind == WorkKind::send_mail;
    switch (outcome) {
        case TryOutcome::done:
            return SettleDone{};
        case TryOutcome::refused:
            return SettleFailed{.reason = std::move(reason), .dead_letter = is_mail};
        case TryOutcome::no_answer:
            if (since_first_try >= deadline_of(kind, policy)) {
                return SettleFailed{.reason = std::move(reason), .dead_letter = is_mail};
            }
            return TryAgain{.delay = backoff_delay(tries, dice, policy), .reason = std::move(reason)};
        case TryOutcome::crashed:
            if (attempts + 1 >= policy.attempts_max) {
                return SettleFailed{.reason = std::move(reason), .dead_letter = true};
            }
            return TryAgain{
                .delay = backoff_delay(tries, dice, policy), .reason = std::move(reason), .counts_as_attempt = true};
    }
    std::unreachable();
}

Milliseconds backoff_delay(int tries, double dice, const WorkPolicy& policy) {
    Milliseconds cap = policy.backoff_min;
    for (int i = 0; i < tries && cap < policy.backoff_max; ++i) cap *= 2;
    cap = std::min(cap, policy.backoff_max);
    const double spread = static_cast<double>((cap - policy.backoff_min).count()) * std::clamp(dice, 0.0, 1.0);
    return policy.backoff_min + Milliseconds{static_cast<std::int64_t>(spread)};
}

}  // namespace waybill
