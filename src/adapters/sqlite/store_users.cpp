// Users and their sessions.
#include "adapters/sqlite/account_steps.hpp"
#include "adapters/sqlite/rows.hpp"
#include "adapters/sqlite/sqlite_store.hpp"

namespace waybill::sqlite {

namespace {

std::optional<User> select_user(Connection& db, const UserId& id) {
    return read_first(db.query("SELECT * FROM users WHERE user_id = ?1", id), read_user);
}

std::optional<Session> select_session(Connection& db, const SessionId& id) {
    return read_first(db.query("SELECT * FROM sessions WHERE session_id = ?1", id), read_session);
}

// A repeat with the same id writes the same session again.
Session put_session(Transaction& transaction, Session session, Milliseconds lifetime) {
    session.created_at = transaction.now;
    session.rotated_at = transaction.now;
    session.last_used_at = transaction.now;
    session.expires_at = transaction.now + lifetime;
    transaction.db.run("INSERT OR REPLACE INTO sessions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", session.id,
                       session.user_id, session.generation, session.rotated_at, session.created_at,
                       session.last_used_at, session.expires_at, session.revoked_at, session.agent);
    return session;
}

void revoke(Transaction& transaction, const SessionId& id) {
    transaction.db.run("UPDATE sessions SET revoked_at = ?2 WHERE session_id = ?1 AND revoked_at IS NULL", id,
                       transaction.now);
}

// Makes room for `newcomer`, which may be there from before.
std::vector<SessionId> end_oldest(Transaction& transaction, const UserId& user_id, const SessionId& newcomer) {
    return read_all(
        transaction.db.query("UPDATE sessions SET revoked_at = ?3 WHERE session_id IN"
                             " (SELECT session_id FROM sessions INDEXED BY sessions_live WHERE user_id = ?1"
                             " AND revoked_at IS NULL AND expires_at > ?3 AND session_id <> ?2"
                             " ORDER BY created_at DESC, session_id DESC LIMIT -1 OFFSET ?4) RETURNING session_id",
                             user_id, newcomer, transaction.now, sessions_live_max - 1),
        [](const Rows& row) { return SessionId(row.text(0)); });
}

std::unexpected<Error> refresh_invalid() { return fail(ErrorCode::refresh_invalid, "This session is over."); }

std::unexpected<Error> another_password() {
    return fail(ErrorCode::invalid_credentials, "The account has another password by now.");
}

}  // namespace

Result<User> SqliteStore::create_user(const User& user, const std::optional<Session>& session) {
    return write([&](Transaction& transaction) -> Result<User> {
        User stored = user;
        stored.created_at = transaction.now;
        const std::int64_t inserted =
            transaction.db.run("INSERT INTO users VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING", stored.id,
                               stored.email, stored.name, stored.password_hash, stored.role, stored.created_at);
        if (inserted == 0) return fail(ErrorCode::email_taken, "There is an account with this address.");
        if (session) put_session(transaction, *session, session->expires_at - session->created_at);
        return stored;
    });
}

Result<std::optional<User>> SqliteStore::find_user(const UserId& id) {
    return read([&](Connection& db) { return select_user(db, id); });
}

Result<std::optional<User>> SqliteStore::find_user_by_email(const std::string& email) {
    return read(
        [&](Connection& db) { return read_first(db.query("SELECT * FROM users WHERE email = ?1", email), read_user); });
}

Result<void> SqliteStore::rehash_password(const UserId& id, const std::string& expected_hash,
                                          const std::string& new_hash) {
    return write([&](Transaction& transaction) -> Result<void> {
        transaction.db.run("UPDATE users SET password_hash = ?3 WHERE user_id = ?1 AND password_hash = ?2", id,
                           expected_hash, new_hash);
        return {};
    });
}

Result<std::vector<SessionId>> SqliteStore::change_password(const UserId& id, const std::string& expected_hash,
                                                            const std::string& new_hash,
                                                            const std::optional<SessionId>& keep) {
    return write([&](Transaction& transaction) -> Result<std::vector<SessionId>> {
        const std::int64_t changed =
            transaction.db.run("UPDATE users SET password_hash = ?3 WHERE user_id = ?1 AND password_hash = ?2", id,
                               expected_hash, new_hash);
        if (changed == 0) return another_password();
        use_up_resets(transaction, id);
        return revoke_all(transaction, id, keep);
    });
}

Result<OpenedSession> SqliteStore::create_session(const Session& session, const std::string& expected_hash,
                                                  Milliseconds lifetime) {
    return write([&](Transaction& transaction) -> Result<OpenedSession> {
        const std::optional<User> user = select_user(transaction.db, session.user_id);
        if (!user || user->password_hash != expected_hash) return another_password();
        std::vector<SessionId> ended = end_oldest(transaction, session.user_id, session.id);
        return OpenedSession{put_session(transaction, session, lifetime), std::move(ended)};
    });
}

Result<std::optional<Session>> SqliteStore::find_session(const SessionId& id) {
    return read([&](Connection& db) { return select_session(db, id); });
}

Result<RotatedSession> SqliteStore::rotate_session(const SessionId& id, std::uint32_t presented_generation,
                                                   Milliseconds grace, Milliseconds lifetime) {
    return write([&](Transaction& transaction) -> Result<RotatedSession> {
        auto& [db, now] = transaction;
        std::optional<Session> session = select_session(db, id);
        if (!session) return refresh_invalid();
        std::optional<User> user = select_user(db, session->user_id);
        if (!user) return refresh_invalid();
        switch (decide_refresh(*session, presented_generation, now, grace)) {
            case RefreshDecision::rotate:
                ++session->generation;
                session->rotated_at = now;
                session->last_used_at = now;
                session->expires_at = now + lifetime;
                db.run(
                    "UPDATE sessions SET generation = ?2, rotated_at = ?3, last_used_at = ?3, expires_at = ?4"
                    " WHERE session_id = ?1",
                    id, session->generation, now, session->expires_at);
                break;
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

Result<std::vector<Session>> SqliteStore::list_sessions(const UserId& user_id) {
    return read([&](Connection& db) {
        return read_all(db.query("SELECT * FROM sessions INDEXED BY sessions_live WHERE user_id = ?1"
                                 " AND revoked_at IS NULL AND expires_at > ?2"
                                 " ORDER BY created_at DESC, session_id DESC LIMIT ?3",
                                 user_id, clock_.now(), sessions_live_max),
                        read_session);
    });
}

Result<void> SqliteStore::revoke_session(const UserId& user_id, const SessionId& id) {
    return write([&](Transaction& transaction) -> Result<void> {
        const std::optional<Session> session = select_session(transaction.db, id);
        if (!session || session->user_id != user_id) return fail(ErrorCode::not_found, "There is no such session.");
        revoke(transaction, id);
        return {};
    });
}

Result<std::vector<SessionId>> SqliteStore::revoke_sessions(const UserId& user_id) {
    return write([&](Transaction& transaction) -> Result<std::vector<SessionId>> {
        return revoke_all(transaction, user_id, std::nullopt);
    });
}

Result<std::vector<SessionId>> SqliteStore::list_revoked_sessions(Milliseconds back) {
    return read([&](Connection& db) {
        return read_all(db.query("SELECT session_id FROM sessions INDEXED BY sessions_revoked WHERE revoked_at >= ?1",
                                 clock_.now() - back),
                        [](const Rows& row) { return SessionId(row.text(0)); });
    });
}

}  // namespace waybill::sqlite
