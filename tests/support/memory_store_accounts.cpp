#include <algorithm>
#include <utility>

#include "tests/support/memory_store.hpp"
#include "tests/support/newest_first.hpp"

namespace waybill::testing {

namespace {

std::unexpected<Error> another_password() {
    return fail(ErrorCode::invalid_credentials, "The account has another password by now.");
}

}  // namespace

Result<User> MemoryStore::create_user(const User& user, const std::optional<Session>& session) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    if (users_by_email_.contains(user.email) || users_.contains(user.id)) {
        return fail(ErrorCode::email_taken, "There is an account with this address.");
    }
    User stored = user;
    stored.created_at = now;
    users_[stored.id] = stored;
    users_by_email_[stored.email] = stored.id;
    if (session) (void)store_session(*session, session->expires_at - session->created_at, now);
    return stored;
}

Result<std::optional<User>> MemoryStore::find_user(const UserId& id) {
    const std::lock_guard lock(mutex_);
    const auto found = users_.find(id);
    if (found == users_.end()) return std::optional<User>{};
    return found->second;
}

Result<std::optional<User>> MemoryStore::find_user_by_email(const std::string& email) {
    const std::lock_guard lock(mutex_);
    const auto found = users_by_email_.find(email);
    if (found == users_by_email_.end()) return std::optional<User>{};
    return users_.at(found->second);
}

Result<void> MemoryStore::rehash_password(const UserId& id, const std::string& expected_hash,
                                          const std::string& new_hash) {
    const std::lock_guard lock(mutex_);
    if (has_hash(id, expected_hash)) users_.at(id).password_hash = new_hash;
    return {};
}

Result<std::vector<SessionId>> MemoryStore::change_password(const UserId& id, const std::string& expected_hash,
                                                            const std::string& new_hash,
                                                            const std::optional<SessionId>& keep) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    if (!has_hash(id, expected_hash)) return another_password();
    users_.at(id).password_hash = new_hash;
    use_up_resets(id, now);
    return revoke_where(id, keep, now);
}

bool MemoryStore::has_hash(const UserId& user_id, const std::string& hash) const {
    const auto found = users_.find(user_id);
    return found != users_.end() && found->second.password_hash == hash;
}

std::vector<SessionId> MemoryStore::revoke_where(const UserId& user_id, const std::optional<SessionId>& keep,
                                                 TimePoint now) {
    std::vector<SessionId> revoked;
    for (auto& [id, session] : sessions_) {
        if (session.user_id != user_id || session.revoked_at || keep == id) continue;
        session.revoked_at = now;
        revoked.push_back(id);
    }
    return revoked;
}

Session MemoryStore::store_session(Session session, Milliseconds lifetime, TimePoint now) {
    session.created_at = now;
    session.last_used_at = now;
    session.rotated_at = now;
    session.expires_at = now + lifetime;
    sessions_[session.id] = session;
    return session;
}

std::vector<SessionId> MemoryStore::end_oldest(const UserId& user_id, const SessionId& newcomer, TimePoint now) {
    std::vector<std::pair<TimePoint, SessionId>> others;
    for (const auto& [id, session] : sessions_) {
        if (session.user_id == user_id && is_live(session, now) && id != newcomer) {
            others.emplace_back(session.created_at, id);
        }
    }
    std::ranges::sort(others);
    std::vector<SessionId> ended;
    for (std::size_t i = 0; i + sessions_live_max <= others.size(); ++i) {
        sessions_.at(others[i].second).revoked_at = now;
        ended.push_back(others[i].second);
    }
    return ended;
}

Result<OpenedSession> MemoryStore::create_session(const Session& session, const std::string& expected_hash,
                                                  Milliseconds lifetime) {
    const std::lock_guard lock(mutex_);
    if (!has_hash(session.user_id, expected_hash)) return another_password();
    const TimePoint now = clock_.now();
    std::vector<SessionId> ended = end_oldest(session.user_id, session.id, now);
    return OpenedSession{store_session(session, lifetime, now), std::move(ended)};
}

Result<std::optional<Session>> MemoryStore::find_session(const SessionId& id) {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return std::optional<Session>{};
    return found->second;
}

Result<RotatedSession> MemoryStore::rotate_session(const SessionId& id, std::uint32_t presented_generation,
                                                   Milliseconds grace, Milliseconds lifetime) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return fail(ErrorCode::refresh_invalid, "This session is over.");
    Session& session = found->second;
    const auto user = users_.find(session.user_id);
    if (user == users_.end()) return fail(ErrorCode::refresh_invalid, "This session is over.");
    switch (decide_refresh(session, presented_generation, now, grace)) {
        case RefreshDecision::rotate:
            ++session.generation;
            session.rotated_at = now;
            session.last_used_at = now;
            session.expires_at = now + lifetime;
            return RotatedSession{session, user->second};
        case RefreshDecision::repeat_successor:
            return RotatedSession{session, user->second};
        case RefreshDecision::reused:
            session.revoked_at = now;
            return fail(ErrorCode::refresh_reused, "This session was used twice and is over.");
        case RefreshDecision::invalid:
            break;
    }
    return fail(ErrorCode::refresh_invalid, "This session is over.");
}

Result<std::vector<Session>> MemoryStore::list_sessions(const UserId& user_id) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    std::vector<Session> rows;
    for (const auto& [id, session] : sessions_) {
        if (session.user_id == user_id && is_live(session, now)) rows.push_back(session);
    }
    return page_newest_first(std::move(rows), std::nullopt, sessions_live_max);
}

Result<void> MemoryStore::revoke_session(const UserId& user_id, const SessionId& id) {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(id);
    if (found == sessions_.end() || found->second.user_id != user_id) {
        return fail(ErrorCode::not_found, "There is no such session.");
    }
    if (!found->second.revoked_at) found->second.revoked_at = clock_.now();
    return {};
}

Result<std::vector<SessionId>> MemoryStore::revoke_sessions(const UserId& user_id) {
    const std::lock_guard lock(mutex_);
    return revoke_where(user_id, std::nullopt, clock_.now());
}

Result<std::vector<SessionId>> MemoryStore::list_revoked_sessions(Milliseconds back) {
    const std::lock_guard lock(mutex_);
    const TimePoint since = clock_.now() - back;
    std::vector<SessionId> revoked;
    for (const auto& [id, session] : sessions_) {
        if (session.revoked_at && *session.revoked_at >= since) revoked.push_back(id);
    }
    return revoked;
}

}  // namespace waybill::testing
