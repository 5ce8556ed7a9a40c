#include "adapters/mongo/account_steps.hpp"

#include "adapters/mongo/rows.hpp"

namespace waybill::mongo {

namespace {

// A session that was never revoked, or a reset that was never used, has no such field.
Document absent() { return doc("$exists", false); }

}  // namespace

void RevokedSessions::revoke_all(Transaction& transaction, const UserId& user_id,
                                 const std::optional<SessionId>& keep) {
    std::vector<SessionId> ids =
        transaction.find(collection::sessions, doc("user_id", user_id, "revoked_at", absent()),
                         {.fields = doc("_id", 1)}, [](const View& found) { return SessionId(found.text("_id")); });
    if (keep) std::erase(ids, *keep);
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
