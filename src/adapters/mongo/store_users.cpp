// Users and their sessions.
#include "adapters/mongo/account_steps.hpp"
#include "adapters/mongo/mongo_store.hpp"
#include "adapters/mongo/rows.hpp"

namespace waybill::mongo {

namespace {

std::optional<User> find_user_in(Transaction& transaction, const UserId& id) {
    return transaction.find_one(collection::users, by_id(id.text), read_user);
}

std::optional<Session> find_session_in(Transaction& transaction, const SessionId& id) {
    return transaction.find_one(collection::sessions, by_id(id.text), read_session);
}

// A repeat with the same id writes the same session again.
Session put_session(Transaction& transaction, Session session, Milliseconds lifetime) {
    session.created_at = transaction.now;
    session.rotated_at = transaction.now;
    session.last_used_at = transaction.now;
    session.expires_at = transaction.now + lifetime;
    const Document stored = write_session(session);
    transaction.apply(collection::sessions, array(doc("q", by_id(session.id.text), "u", stored, "upsert", true)));
    return session;
}

// A session that was never revoked has no such field.
Document never_revoked() { return doc("$exists", false); }

void revoke(Transaction& transaction, const SessionId& id) {
    (void)transaction.update_where(collection::sessions, doc("_id", id, "revoked_at", never_revoked()),
                                   doc("$set", doc("revoked_at", transaction.now)));
}

Document with_hash(const UserId& id, const std::string& hash) { return doc("_id", id, "password_hash", hash); }

std::unexpected<Error> refresh_invalid() { return fail(ErrorCode::refresh_invalid, "This session is over."); }

std::unexpected<Error> another_password() {
    return fail(ErrorCode::invalid_credentials, "The account has another password by now.");
}

}  // namespace

Result<User> MongoStore::create_user(const User& user, const std::optional<Session>& session) {
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<User> {
        const Document same = doc("$or", array(doc("_id", user.id), doc("email", user.email)));
        if (std::optional<User> known = transaction.find_one(collection::users, same, read_user)) {
            const bool is_ours = transaction.may_have_committed && known->id == user.id && known->email == user.email;
            if (is_ours) return *std::move(known);
            return fail(ErrorCode::email_taken, "There is an account with this address.");
        }
        User stored = user;
        stored.created_at = transaction.now;
        transaction.insert(collection::users, {write_user(stored)});
        if (session) (void)put_session(transaction, *session, session->expires_at - session->created_at);
        return stored;
    });
}

Result<std::optional<User>> MongoStore::find_user(const UserId& id) {
    return transactions_.read([&](Connection& connection) -> std::optional<User> {
        auto found = connection.find(collection::users, by_id(id.text), {.limit = 1}, read_user);
        if (found.empty()) return std::nullopt;
        return std::move(found.front());
    });
}

Result<std::optional<User>> MongoStore::find_user_by_email(const std::string& email) {
    return transactions_.read([&](Connection& connection) -> std::optional<User> {
        auto found = connection.find(collection::users, doc("email", email), {.limit = 1}, read_user);
        if (found.empty()) return std::nullopt;
        return std::move(found.front());
    });
}

Result<void> MongoStore::rehash_password(const UserId& id, const std::string& expected_hash,
                                         const std::string& new_hash) {
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<void> {
        (void)transaction.update_where(collection::users, with_hash(id, expected_hash),
                                       doc("$set", doc("password_hash", new_hash)));
        return {};
    });
}

Result<std::vector<SessionId>> MongoStore::change_password(const UserId& id, const std::string& expected_hash,
                                                           const std::string& new_hash,
                                                           const std::optional<SessionId>& keep) {
    RevokedSessions revoked;
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<std::vector<SessionId>> {
        if (was_set_before(transaction, id, new_hash)) return revoked.list();
        const std::int64_t changed = transaction.update_where(collection::users, with_hash(id, expected_hash),
                                                              doc("$set", doc("password_hash", new_hash)));
        if (changed == 0) return another_password();
        use_up_resets(transaction, id);
        revoked.revoke_all(transaction, id, keep);
        return revoked.list();
    });
}

// Reading the hash would conflict with nothing, so a counter beside it is raised: a new password changes the
// account too, and of the two one waits and sees the other; so do two logins, which count the same sessions. (A
// change to the same value is none.)
Result<OpenedSession> MongoStore::create_session(const Session& session, const std::string& expected_hash,
                                                 Milliseconds lifetime) {
    RevokedSessions ended;
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<OpenedSession> {
        const std::int64_t found = transaction.update_where(
            collection::users, with_hash(session.user_id, expected_hash), doc("$inc", doc("logins", 1)));
        if (found == 0) return another_password();
        ended.end_oldest(transaction, session.user_id, session.id);
        return OpenedSession{put_session(transaction, session, lifetime), ended.list()};
    });
}

Result<std::optional<Session>> MongoStore::find_session(const SessionId& id) {
    return transactions_.read([&](Connection& connection) -> std::optional<Session> {
        auto found = connection.find(collection::sessions, by_id(id.text), {.limit = 1}, read_session);
        if (found.empty()) return std::nullopt;
        return std::move(found.front());
    });
}

Result<RotatedSession> MongoStore::rotate_session(const SessionId& id, std::uint32_t presented_generation,
                                                  Milliseconds grace, Milliseconds lifetime) {
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<RotatedSession> {
        std::optional<Session> session = find_session_in(transaction, id);
        if (!session) return refresh_invalid();
        std::optional<User> user = find_user_in(transaction, session->user_id);
        if (!user) return refresh_invalid();
        switch (decide_refresh(*session, presented_generation, transaction.now, grace)) {
            case RefreshDecision::rotate: {
                ++session->generation;
                session->rotated_at = transaction.now;
                session->last_used_at = transaction.now;
                session->expires_at = transaction.now + lifetime;
                Updates updates;
                updates.add(id.text, doc(),
                            doc("$set", doc("generation", session->generation, "rotated_at", session->rotated_at,
                                            "last_used_at", session->last_used_at, "expires_at", session->expires_at)));
                transaction.update(collection::sessions, updates);
                break;
            }
            case RefreshDecision::repeat_successor:
                break;
            case RefreshDecision::reused:
                revoke(transaction, id);
                return fail(ErrorCode::refresh_reused, "This session was used twice and is over.");
            case RefreshDecision::invalid:
                return refresh_invalid();
        }
        return RotatedSession{*std::move(session), *std::move(user)};
    });
}

Result<std::vector<Session>> MongoStore::list_sessions(const UserId& user_id) {
    return transactions_.read([&](Connection& connection) {
        const Document live = doc("user_id", user_id, "revoked_at", never_revoked(), "expires_at",
                                  doc("$gt", transactions_.time().now(connection)));
        return connection.find(collection::sessions, live, {.sort = newest_first(), .limit = sessions_live_max},
                               read_session);
    });
}

Result<void> MongoStore::revoke_session(const UserId& user_id, const SessionId& id) {
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<void> {
        const std::optional<Session> session = find_session_in(transaction, id);
        if (!session || session->user_id != user_id) return fail(ErrorCode::not_found, "There is no such session.");
        revoke(transaction, id);
        return {};
    });
}

Result<std::vector<SessionId>> MongoStore::revoke_sessions(const UserId& user_id) {
    RevokedSessions revoked;
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<std::vector<SessionId>> {
        revoked.revoke_all(transaction, user_id, std::nullopt);
        return revoked.list();
    });
}

Result<std::vector<SessionId>> MongoStore::list_revoked_sessions(Milliseconds back) {
    return transactions_.read([&](Connection& connection) {
        const TimePoint since = transactions_.time().now(connection) - back;
        return connection.find(collection::sessions, doc("revoked_at", doc("$gte", since)), {.fields = doc("_id", 1)},
                               [](const View& found) { return SessionId(found.text("_id")); });
    });
}

}  // namespace waybill::mongo
