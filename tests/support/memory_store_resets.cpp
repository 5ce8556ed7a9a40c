#include <algorithm>

#include "tests/support/memory_store.hpp"

namespace waybill::testing {

namespace {

constexpr Milliseconds claim_slack{1'000};

}  // namespace

Result<void> MemoryStore::open_password_reset(const ResetId& id, const std::string& email, Milliseconds lifetime) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    PasswordReset reset{.user_id = {}, .mail_to = {}, .created_at = now, .expires_at = now + lifetime};
    if (const auto user = users_by_email_.find(email); user != users_by_email_.end()) {
        const auto is_open = [&](const auto& entry) {
            return entry.second.user_id == user->second && !entry.second.used_at && entry.second.expires_at > now;
        };
        if (std::ranges::count_if(resets_, is_open) < static_cast<std::ptrdiff_t>(password_resets_open_max)) {
            reset.user_id = user->second;
            reset.mail_to = email;
            reset.mail_ready_at = now;
        }
    }
    resets_.emplace(id, std::move(reset));
    return {};
}

Result<std::vector<SessionId>> MemoryStore::reset_password(const ResetId& id, const std::string& new_hash) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    const auto found = resets_.find(id);
    const bool may_be_used = found != resets_.end() && !found->second.used_at && found->second.expires_at > now &&
                             users_.contains(found->second.user_id);
    if (!may_be_used) return fail(ErrorCode::reset_invalid, "This link is not valid any more; ask for a new one.");
    const UserId user_id = found->second.user_id;
    users_.at(user_id).password_hash = new_hash;
    use_up_resets(user_id, now);
    return revoke_where(user_id, std::nullopt, now);
}

void MemoryStore::use_up_resets(const UserId& user_id, TimePoint now) {
    for (auto& [other, reset] : resets_) {
        if (reset.user_id != user_id) continue;
        reset.used_at = reset.used_at.value_or(now);
        reset.mail_ready_at.reset();
    }
}

Result<std::vector<ResetMail>> MemoryStore::claim_reset_mails(std::size_t max, Milliseconds lease) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    std::vector<std::pair<TimePoint, ResetId>> due;
    for (const auto& [id, reset] : resets_) {
        if (!reset.mail_ready_at || reset.expires_at <= now) continue;
        if (*reset.mail_ready_at > now && *reset.mail_ready_at <= now + lease + claim_slack) continue;
        due.emplace_back(*reset.mail_ready_at, id);
    }
    std::ranges::sort(due);
    due.resize(std::min(due.size(), max));
    std::vector<ResetMail> mails;
    for (const auto& [at, id] : due) {
        PasswordReset& reset = resets_.at(id);
        reset.mail_ready_at = now + lease;
        mails.push_back({id, reset.mail_to, reset.created_at, reset.expires_at, now + lease});
    }
    return mails;
}

Result<void> MemoryStore::settle_reset_mails(std::span<const ResetMailSettlement> settlements) {
    const std::lock_guard lock(mutex_);
    for (const ResetMailSettlement& settled : settlements) {
        const auto found = resets_.find(settled.id);
        if (found == resets_.end() || found->second.mail_ready_at != settled.leased_until) continue;
        found->second.mail_ready_at =
            settled.again_after ? std::optional(clock_.now() + *settled.again_after) : std::nullopt;
    }
    return {};
}

}  // namespace waybill::testing
