// Forgotten passwords.
#include "adapters/mongo/account_steps.hpp"
#include "adapters/mongo/mongo_store.hpp"
#include "adapters/mongo/rows.hpp"

namespace waybill::mongo {

namespace {

// A claim may be late by this much before its time counts as one of a clock set back.
constexpr Milliseconds claim_slack{1'000};

struct Reset {
    UserId user_id;
    TimePoint expires_at{};
    bool used = false;
};

Reset read_reset(const View& found) {
    return {UserId(found.text_or("user_id", "")), found.time("expires_at"), found.has("used_at")};
}

ResetMail read_reset_mail(const View& found) {
    return {.id = ResetId(found.text("_id")),
            .to = found.text("mail_to"),
            .created_at = found.time("created_at"),
            .expires_at = found.time("expires_at")};
}

// What has no such field is not used, or has no mail to send.
Document absent() { return doc("$exists", false); }

std::unexpected<Error> reset_invalid() {
    return fail(ErrorCode::reset_invalid, "This link is not valid any more; ask for a new one.");
}

// The account that a new reset is for; empty where nothing is mailed.
std::optional<UserId> find_resettable(Transaction& transaction, const std::string& email) {
    const std::optional<User> user = transaction.find_one(collection::users, doc("email", email), read_user);
    const std::string user_id = user ? user->id.text : "-";
    const auto open =
        transaction.find(collection::password_resets,
                         doc("user_id", user_id, "used_at", absent(), "expires_at", doc("$gt", transaction.now)),
                         {.limit = password_resets_open_max, .fields = doc("_id", 1)},
                         [](const View& found) { return found.text("_id"); });
    if (!user || open.size() >= password_resets_open_max) return std::nullopt;
    return user->id;
}

Document due_filter(TimePoint now, Milliseconds lease) {
    const Document passed = doc("mail_ready_at", doc("$lte", now));
    const Document far_ahead = doc("mail_ready_at", doc("$gt", now + lease + claim_slack));
    return doc("mail_ready_at", doc("$exists", true), "expires_at", doc("$gt", now), "$or", array(passed, far_ahead));
}

}  // namespace

Result<void> MongoStore::open_password_reset(const ResetId& id, const std::string& email, Milliseconds lifetime) {
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<void> {
        const std::optional<UserId> user_id = find_resettable(transaction, email);
        Document first = doc("created_at", transaction.now, "expires_at", transaction.now + lifetime);
        if (user_id) {
            first.put("user_id", *user_id);
            first.put("mail_to", email);
            first.put("mail_ready_at", transaction.now);
        }
        transaction.apply(collection::password_resets,
                          array(doc("q", by_id(id.text), "u", doc("$setOnInsert", first), "upsert", true)));
        return {};
    });
}

Result<std::vector<SessionId>> MongoStore::reset_password(const ResetId& id, const std::string& new_hash) {
    RevokedSessions revoked;
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<std::vector<SessionId>> {
        const std::optional<Reset> reset =
            transaction.find_one(collection::password_resets, by_id(id.text), read_reset);
        if (!reset || reset->user_id.text.empty()) return reset_invalid();
        if (was_set_before(transaction, reset->user_id, new_hash)) return revoked.list();
        if (reset->used || reset->expires_at <= transaction.now) return reset_invalid();
        const std::int64_t changed = transaction.update_where(collection::users, by_id(reset->user_id.text),
                                                              doc("$set", doc("password_hash", new_hash)));
        if (changed == 0) return reset_invalid();
        use_up_resets(transaction, reset->user_id);
        revoked.revoke_all(transaction, reset->user_id, std::nullopt);
        return revoked.list();
    });
}

Result<std::vector<ResetMail>> MongoStore::claim_reset_mails(std::size_t max, Milliseconds lease) {
    // Looking first keeps an idle loop from writing.
    const Result<bool> is_idle = transactions_.read([&](Connection& connection) {
        const Document due = due_filter(transactions_.time().now(connection), lease);
        return connection.find(collection::password_resets, due, {.limit = 1}, read_reset_mail).empty();
    });
    if (!is_idle) return std::unexpected(is_idle.error());
    if (*is_idle || max == 0) return std::vector<ResetMail>{};
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<std::vector<ResetMail>> {
        std::vector<ResetMail> mails =
            transaction.find(collection::password_resets, due_filter(transaction.now, lease),
                             {.sort = doc("mail_ready_at", 1), .limit = max}, read_reset_mail);
        Updates updates;
        for (ResetMail& mail : mails) {
            mail.leased_until = transaction.now + lease;
            updates.add(mail.id.text, doc("mail_ready_at", doc("$exists", true)),
                        doc("$set", doc("mail_ready_at", mail.leased_until)));
        }
        transaction.update(collection::password_resets, updates);
        return mails;
    });
}

Result<void> MongoStore::settle_reset_mails(std::span<const ResetMailSettlement> settlements) {
    if (settlements.empty()) return {};
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<void> {
        std::vector<Document> statements;
        for (const ResetMailSettlement& settled : settlements) {
            const Document change = settled.again_after
                                        ? doc("$set", doc("mail_ready_at", transaction.now + *settled.again_after))
                                        : doc("$unset", doc("mail_ready_at", ""));
            statements.push_back(doc("q", doc("_id", settled.id, "mail_ready_at", settled.leased_until), "u", change));
        }
        transaction.apply(collection::password_resets, statements);
        return {};
    });
}

}  // namespace waybill::mongo
