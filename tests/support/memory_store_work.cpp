#include <algorithm>
#include <stdexcept>
#include <tuple>

#include "tests/support/memory_store.hpp"
#include "tests/support/newest_first.hpp"

namespace waybill::testing {

namespace {

constexpr Milliseconds resend_slack{1'000};  // as WorkPolicy::ahead_max allows a lease

std::unexpected<Error> lease_lost() { return fail(ErrorCode::lease_lost, "Somebody else holds this item now."); }

// Also what lies further ahead than anything can: the clock was set back.
bool is_reached(TimePoint at, Milliseconds ahead_max, TimePoint now) { return at <= now || at > now + ahead_max; }

template <class Item>
void sort_longest_waiting_first(std::vector<Item*>& items) {
    std::ranges::sort(items, [](const Item* a, const Item* b) {
        return std::tie(a->ready_at, a->number) < std::tie(b->ready_at, b->number);
    });
}

}  // namespace

bool MemoryStore::may_be_claimed(const WorkItem& item, TimePoint now) const {
    // A sent item whose resend time has come is due again; its time was set by another limit.
    if (item.state == WorkState::sent) return item.ready_at <= now;
    return is_reached(item.ready_at, ahead_max_, now);
}

bool MemoryStore::may_be_sent(const WorkItem& item, Milliseconds resend_after, TimePoint now) const {
    if (item.kind != WorkKind::process_order) return false;
    switch (item.state) {
        case WorkState::due:
            return is_reached(item.ready_at, ahead_max_, now);
        case WorkState::sent:
            return is_reached(item.ready_at, resend_after + resend_slack, now);
        case WorkState::claimed:
            // Its worker is gone, and its message may be gone too.
            return is_reached(item.ready_at, ahead_max_, now) &&
                   (!item.resend_at || is_reached(*item.resend_at, resend_after + resend_slack, now));
    }
    throw std::logic_error("an unknown state of work");
}

ClaimedWork MemoryStore::claim(WorkItem& item, Milliseconds lease, TimePoint now) {
    if (item.state == WorkState::claimed) ++item.attempts;
    item.state = WorkState::claimed;
    item.ready_at = now + lease;
    ++item.epoch;
    ++item.tries;
    if (!item.first_try_at) item.first_try_at = now;

    Order& order = orders_.at(item.order_id);
    if (item.kind == WorkKind::process_order && order.status == OrderStatus::pending) {
        order.status = OrderStatus::processing;
        order.processing_at = order.changed_at(now);
    }
    ClaimedWork claimed;
    claimed.lease = {item.id, item.epoch};
    claimed.kind = item.kind;
    claimed.order = item.mail_order.value_or(order);
    claimed.mail_to = item.mail_to;
    claimed.attempts = item.attempts;
    claimed.tries = item.tries;
    claimed.since_first_try = std::max(now - *item.first_try_at, Milliseconds{0});
    return claimed;
}

Result<std::vector<ClaimedWork>> MemoryStore::claim_work(WorkKind kind, std::size_t max, Milliseconds lease) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    std::vector<WorkItem*> ready;
    for (auto& [id, item] : work_) {
        if (item.kind == kind && may_be_claimed(item, now)) ready.push_back(&item);
    }
    sort_longest_waiting_first(ready);
    if (ready.size() > max) ready.resize(max);

    std::vector<ClaimedWork> claimed;
    for (WorkItem* item : ready) claimed.push_back(claim(*item, lease, now));
    return claimed;
}

std::vector<Result<ClaimById>> MemoryStore::claim_work(std::span<const WorkId> ids, Milliseconds lease) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    std::vector<Result<ClaimById>> results;
    for (const WorkId& id : ids) results.push_back(claim_by_id(id, lease, now));
    return results;
}

ClaimById MemoryStore::claim_by_id(const WorkId& id, Milliseconds lease, TimePoint now) {
    const auto found = work_.find(id);
    if (found == work_.end()) return {};
    WorkItem& item = found->second;
    if (item.state == WorkState::sent || may_be_claimed(item, now)) {
        return {ClaimById::Outcome::claimed, claim(item, lease, now), {}};
    }
    if (item.state == WorkState::claimed) return {ClaimById::Outcome::leased, {}, item.ready_at - now};
    return {};  // a retry that is not due yet: it will be sent again at its time
}

Result<std::vector<SentWork>> MemoryStore::mark_sent(std::size_t max, std::size_t window, Milliseconds resend_after) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    std::vector<WorkItem*> ready;
    std::size_t sent_now = 0;
    for (auto& [id, item] : work_) {
        if (item.state == WorkState::sent) ++sent_now;
        if (may_be_sent(item, resend_after, now)) ready.push_back(&item);
    }
    sort_longest_waiting_first(ready);

    std::vector<SentWork> won;
    for (WorkItem* item : ready) {
        if (won.size() == max) break;
        const bool is_new = item->state != WorkState::sent;
        if (is_new && sent_now >= window) continue;
        if (is_new) ++sent_now;
        if (item->state == WorkState::claimed) ++item->attempts;
        item->state = WorkState::sent;
        item->ready_at = now + resend_after;
        item->resend_at = item->ready_at;
        won.push_back({item->id, item->order_id, ++item->send_number, orders_.at(item->order_id).trace});
    }
    return won;
}

Result<void> MemoryStore::return_unsent(std::span<const SentWork> sent) {
    const std::lock_guard lock(mutex_);
    for (const SentWork& element : sent) {
        const auto found = work_.find(element.work_id);
        if (found == work_.end()) continue;
        WorkItem& item = found->second;
        if (item.state != WorkState::sent || item.send_number != element.send_number) continue;
        item.state = WorkState::due;
        item.ready_at = clock_.now();
        item.resend_at.reset();
    }
    return {};
}

Result<MemoryStore::WorkItem*> MemoryStore::held_item(const LeaseKey& lease) {
    const auto found = work_.find(lease.work_id);
    if (found == work_.end()) return lease_lost();
    if (found->second.state != WorkState::claimed || found->second.epoch != lease.epoch) return lease_lost();
    return &found->second;
}

std::vector<Result<void>> MemoryStore::settle_orders(std::span<const OrderSettlement> settlements) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    std::vector<Result<void>> results;
    for (const OrderSettlement& settlement : settlements) results.push_back(settle_order(settlement, now));
    return results;
}

Result<void> MemoryStore::settle_order(const OrderSettlement& settlement, TimePoint now) {
    const Result<WorkItem*> held = held_item(settlement.lease);
    if (!held) return std::unexpected(held.error());
    const WorkItem item = **held;
    if (item.kind != WorkKind::process_order) return lease_lost();
    work_.erase(item.id);
    if (settlement.dead_letter) bury(item, settlement.reason, settlement.attempts, now);
    finish(orders_.at(item.order_id), settlement.processed ? OrderStatus::processed : OrderStatus::failed,
           settlement.processed ? "" : settlement.reason, now);
    return {};
}

std::vector<Result<void>> MemoryStore::settle_mails(std::span<const MailSettlement> settlements) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    std::vector<Result<void>> results;
    for (const MailSettlement& settlement : settlements) results.push_back(settle_mail(settlement, now));
    return results;
}

Result<void> MemoryStore::settle_mail(const MailSettlement& settlement, TimePoint now) {
    const Result<WorkItem*> held = held_item(settlement.lease);
    if (!held) return std::unexpected(held.error());
    const WorkItem item = **held;
    if (item.kind != WorkKind::send_mail) return lease_lost();
    work_.erase(item.id);
    if (settlement.dead_letter) bury(item, settlement.reason, settlement.attempts, now);
    return {};
}

void MemoryStore::bury(const WorkItem& item, const std::string& reason, int attempts, TimePoint now) {
    dead_letters_[item.id] = {{item.id, item.kind, item.order_id, reason, attempts, now}, item};
}

std::vector<Result<void>> MemoryStore::retry_at(std::span<const Retry> retries) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    std::vector<Result<void>> results;
    for (const Retry& retry : retries) {
        const Result<WorkItem*> held = held_item(retry.lease);
        if (!held) {
            results.push_back(std::unexpected(held.error()));
            continue;
        }
        WorkItem& item = **held;
        item.state = WorkState::due;
        item.ready_at = now + retry.delay;
        item.resend_at.reset();
        if (retry.counts_as_attempt) ++item.attempts;
        results.emplace_back();
    }
    return results;
}

std::vector<Result<void>> MemoryStore::extend(std::span<const LeaseKey> leases, Milliseconds lease) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    std::vector<Result<void>> results;
    for (const LeaseKey& key : leases) {
        const Result<WorkItem*> held = held_item(key);
        if (held) (*held)->ready_at = now + lease;
        results.push_back(held ? Result<void>{} : std::unexpected(held.error()));
    }
    return results;
}

Result<std::vector<DeadLetter>> MemoryStore::list_dead_letters(const std::optional<PageKey>& after, std::size_t limit) {
    const std::lock_guard lock(mutex_);
    std::vector<DeadLetter> rows;
    for (const auto& [id, dead] : dead_letters_) rows.push_back(dead.letter);
    return page_newest_first(std::move(rows), after, limit);
}

Result<DeadLetter> MemoryStore::requeue_dead_letter(const WorkId& id) {
    const std::lock_guard lock(mutex_);
    const auto found = dead_letters_.find(id);
    if (found == dead_letters_.end()) return fail(ErrorCode::not_found, "There is no such dead letter.");
    if (found->second.letter.kind != WorkKind::send_mail) {
        return fail(ErrorCode::invalid_transition, "Only a mail can be queued again.");
    }
    const DeadItem dead = found->second;
    dead_letters_.erase(found);
    WorkItem item = dead.item;
    item.state = WorkState::due;
    item.ready_at = clock_.now();
    item.created_at = item.ready_at;
    item.number = ++items_made_;
    item.attempts = 0;
    item.tries = 0;
    item.first_try_at.reset();
    work_[id] = std::move(item);
    return dead.letter;
}

Result<DeadLetter> MemoryStore::discard_dead_letter(const WorkId& id) {
    const std::lock_guard lock(mutex_);
    const auto found = dead_letters_.find(id);
    if (found == dead_letters_.end()) return fail(ErrorCode::not_found, "There is no such dead letter.");
    const DeadLetter letter = found->second.letter;
    dead_letters_.erase(found);
    return letter;
}

}  // namespace waybill::testing
