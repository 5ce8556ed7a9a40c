// Forgotten passwords.
#include <algorithm>

#include "adapters/sqlite/account_steps.hpp"
#include "adapters/sqlite/rows.hpp"
#include "adapters/sqlite/sqlite_store.hpp"

namespace waybill::sqlite {

namespace {

// A claim may be late by this much before its time counts as one of a clock set back.
constexpr Milliseconds claim_slack{1'000};

struct Reset {
    UserId user_id;
    TimePoint expires_at{};
    bool used = false;
};

Reset read_reset(const Rows& row) { return {UserId(row.text(0)), row.time(1), !row.is_null(2)}; }

ResetMail read_reset_mail(const Rows& row) {
    return {.id = ResetId(row.text(0)), .to = row.text(1), .created_at = row.time(2), .expires_at = row.time(3)};
}

// The account that a new reset is for; empty where nothing is mailed.
std::optional<UserId> select_resettable(Transaction& transaction, const std::string& email) {
    auto& [db, now] = transaction;
    std::optional<UserId> user_id = read_first(db.query("SELECT user_id FROM users WHERE email = ?1", email),
                                               [](const Rows& row) { return UserId(row.text(0)); });
    Rows open =
        db.query("SELECT count(*) FROM password_resets WHERE user_id = ?1 AND expires_at > ?2 AND used_at IS NULL",
                 user_id.value_or(UserId{"-"}), now);
    require(open.next(), "a count without a row");
    if (open.integer(0) >= static_cast<std::int64_t>(password_resets_open_max)) return std::nullopt;
    return user_id;
}

std::vector<ResetMail> select_due(Connection& db, TimePoint now, Milliseconds lease, std::size_t max) {
    return read_all(db.query("SELECT reset_id, mail_to, created_at, expires_at FROM password_resets INDEXED BY"
                             " password_resets_to_mail WHERE mail_ready_at IS NOT NULL AND (mail_ready_at <= ?1"
                             " OR mail_ready_at > ?2) AND expires_at > ?1 ORDER BY mail_ready_at LIMIT ?3",
                             now, now + lease + claim_slack, max),
                    read_reset_mail);
}

}  // namespace

Result<void> SqliteStore::open_password_reset(const ResetId& id, const std::string& email, Milliseconds lifetime) {
    return write([&](Transaction& transaction) -> Result<void> {
        auto& [db, now] = transaction;
        const std::optional<UserId> user_id = select_resettable(transaction, email);
        db.run(
            "INSERT INTO password_resets VALUES (?1, ?2, ?3, ?4, ?5, NULL, CASE WHEN ?2 <> '' THEN ?4 END)"
            " ON CONFLICT DO NOTHING",
            id, user_id.value_or(UserId{}), user_id ? email : std::string{}, now, now + lifetime);
        return {};
    });
}

Result<std::vector<SessionId>> SqliteStore::reset_password(const ResetId& id, const std::string& new_hash) {
    return write([&](Transaction& transaction) -> Result<std::vector<SessionId>> {
        auto& [db, now] = transaction;
        const std::optional<Reset> reset = read_first(
            db.query("SELECT user_id, expires_at, used_at FROM password_resets WHERE reset_id = ?1", id), read_reset);
        const bool may_be_used = reset && !reset->used && reset->expires_at > now;
        if (!may_be_used ||
            db.run("UPDATE users SET password_hash = ?2 WHERE user_id = ?1", reset->user_id, new_hash) == 0) {
            return fail(ErrorCode::reset_invalid, "This link is not valid any more; ask for a new one.");
        }
        use_up_resets(transaction, reset->user_id);
        return revoke_all(transaction, reset->user_id, std::nullopt);
    });
}

Result<std::vector<ResetMail>> SqliteStore::claim_reset_mails(std::size_t max, Milliseconds lease) {
    // Looking first keeps an idle loop from writing.
    const Result<bool> is_idle = read([&](Connection& db) { return select_due(db, clock_.now(), lease, 1).empty(); });
    if (!is_idle) return std::unexpected(is_idle.error());
    if (*is_idle || max == 0) return std::vector<ResetMail>{};
    return write([&](Transaction& transaction) -> Result<std::vector<ResetMail>> {
        auto& [db, now] = transaction;
        std::vector<ResetMail> mails = select_due(db, now, lease, max);
        for (ResetMail& mail : mails) {
            mail.leased_until = now + lease;
            db.run("UPDATE password_resets SET mail_ready_at = ?2 WHERE reset_id = ?1", mail.id, mail.leased_until);
        }
        return mails;
    });
}

Result<void> SqliteStore::settle_reset_mails(std::span<const ResetMailSettlement> settlements) {
    if (settlements.empty()) return {};
    return write([&](Transaction& transaction) -> Result<void> {
        auto& [db, now] = transaction;
        for (const ResetMailSettlement& settled : settlements) {
            const std::optional<TimePoint> again =
                settled.again_after ? std::optional(now + *settled.again_after) : std::nullopt;
            db.run("UPDATE password_resets SET mail_ready_at = ?3 WHERE reset_id = ?1 AND mail_ready_at = ?2",
                   settled.id, settled.leased_until, again);
        }
        return {};
    });
}

}  // namespace waybill::sqlite
