#include "adapters/mongo/account_steps.hpp"

#include "adapters/mongo/rows.hpp"
#include "ports/store.hpp"

namespace waybill::mongo {

namespace {

// A session that was never revoked, or a reset that was never used, has no such field.
Document absent() { return doc("$exists", false); }

SessionId read_id(const View& found) { return SessionId(found.text("_id")); }

}  // namespace

void RevokedSessions::revoke_all(Transaction& transaction, const UserId& user_id,
                                 const std::optional<SessionId>& keep) {
    std::vector<SessionId> ids = transaction.find(collection::sessions, doc("user_id", user_id, "revoked_at", absent()),
                                                  {.fields = doc("_id", 1)}, read_id);
    if (keep) std::erase(ids, *keep);
    revoke(transaction, ids);
}

void RevokedSessions::end_oldest(Transaction& transaction, const UserId& user_id, const SessionId& newcomer) {
    // A run that was surely undone may have met others as the oldest.
    if (!transaction.may_have_committed) ids_.clear();
    const Document others = doc("user_id", user_id, "revoked_at", absent(), "expires_at", doc("$gt", transaction.now),
                                "_id", doc("$ne", newcomer));
    revoke(transaction,
           transaction.find(collection::sessions, others,
                            {.sort = newest_first(), .skip = sessions_live_max - 1, .fields = doc("_id", 1)}, read_id));
}

void RevokedSessions::revoke(Transaction& transaction, const std::vector<SessionId>& ids) {
    Updates updates;
    for (const SessionId& id : ids) updates.add(id.text, doc(), doc("$set", doc("revoked_at", transaction.now)));
    transaction.update(collection::sessions, updates);
    ids_.insert(ids.begin(), ids.end());
}

void use_up_resets(Transaction& transaction, const UserId& user_id) {
    (void)transaction.update_where(collection::password_resets, doc("user_id", user_id, "used_at", absent()),
                                   doc("$set", doc("used_at", transaction.now), "$unset", doc("mail_ready_at", "")));
}

bool was_set_before(Transaction& transaction, const UserId& user_id, const std::string& new_hash) {
    if (!transaction.may_have_committed) return false;
    const std::optional<User> user = transaction.find_one(collection::users, by_id(user_id.text), read_user);
    return user && user->password_hash == new_hash;
}

}  // namespace waybill::mongo
