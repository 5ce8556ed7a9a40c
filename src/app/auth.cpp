#include "app/auth.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include "app/common_passwords.hpp"
#include "domain/utf8.hpp"

namespace waybill {

namespace {

// The first may meet a hash that another login has strengthened meanwhile.
constexpr int login_tries_max = 2;

void check_email(const std::optional<std::string>& normalized, std::vector<FieldProblem>& problems) {
    if (!normalized) problems.push_back({"/email", "invalid-email", "This is no e-mail address."});
}

void check_name(std::string_view name, std::vector<FieldProblem>& problems) {
    const auto length = count_code_points(name);
    if (!length || has_control_character(name)) {
        problems.push_back({"/name", "bad-characters", "A name is UTF-8 without control characters."});
    } else if (*length > user_name_length_max) {
        problems.push_back(
            {"/name", "bad-length", "A name has at most " + std::to_string(user_name_length_max) + " characters."});
    }
}

void check_password(std::string_view pointer, std::string_view password, const Auth::Options& options,
                    std::vector<FieldProblem>& problems) {
    const std::size_t length_min = options.password_length_min;
    const auto length = count_code_points(password);
    if (!length) {
        problems.push_back({std::string{pointer}, "bad-characters", "A password is UTF-8."});
    } else if (*length < length_min || *length > password_length_max) {
        problems.push_back({std::string{pointer}, "bad-length",
                            "A password has " + std::to_string(length_min) + " to " +
                                std::to_string(password_length_max) + " characters."});
    } else if (options.deny_common_passwords && is_common_password(password)) {
        problems.push_back({std::string{pointer}, "too-common", "This password is among those that are tried first."});
    }
}

std::unexpected<Error> invalid_fields(std::vector<FieldProblem> problems) {
    std::string detail = problems.front().message;
    return fail(
        Error{.code = ErrorCode::validation_failed, .detail = std::move(detail), .fields = std::move(problems)});
}

// A header of a stranger, for the eyes of the account's owner: visible ASCII, and not too much of it.
std::string clean_agent(std::string_view agent) {
    std::string text{agent.substr(0, session_agent_length_max)};
    std::ranges::replace_if(
        text, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
    return text;
}

// Nobody outside needs the hash of a password.
User without_hash(User user) {
    user.password_hash.clear();
    return user;
}

}  // namespace

Result<void> check_registration(const Registration& registration, const AuthOptions& options) {
    std::vector<FieldProblem> problems;
    check_email(normalize_email(registration.email), problems);
    check_password("/password", registration.password, options, problems);
    check_name(registration.name, problems);
    if (!problems.empty()) return invalid_fields(std::move(problems));
    return {};
}

Auth::Auth(Options options, Store& store, Clock& clock, Log& log, AccessTokens& access, RefreshTokens& refresh,
           ResetTokens& reset, SessionGuard& sessions)
    : options_(options),
      store_(store),
      clock_(clock),
      log_(log),
      access_(access),
      refresh_(refresh),
      reset_(reset),
      sessions_(sessions),
      ids_(clock),
      absent_user_hash_(make_unmatched_hash(options.password_cost, clock)) {
    options_.password_length_min = std::max<std::size_t>(options_.password_length_min, 1);
}

Result<User> Auth::make_user(const Registration& registration, Role role) {
    if (const auto checked = check_registration(registration, options_); !checked) return fail(checked.error());

    User user;
    user.id = ids_.make_user_id();
    user.email = *normalize_email(registration.email);
    user.name = registration.name;
    user.password_hash = hash_password(registration.password, options_.password_cost, clock_);
    user.role = role;
    user.created_at = clock_.now();
    return user;
}

Login Auth::make_login(const User& user, const SessionId& session, std::uint32_t generation) {
    return Login{.access_token = access_.issue({user.id, session, user.role}),
                 .expires_in = access_.lifetime(),
                 .refresh_token = refresh_.make(session, generation),
                 .user = without_hash(user)};
}

Result<Login> Auth::register_user(const Registration& registration) {
    const auto user = make_user(registration, Role::customer);
    if (!user) return fail(user.error());

    Session session;
    session.id = ids_.make_session_id();
    session.user_id = user->id;
    session.created_at = user->created_at;
    session.expires_at = user->created_at + options_.refresh_lifetime;
    session.agent = clean_agent(registration.agent);

    const auto stored = store_.create_user(*user, session);
    if (!stored) return fail(stored.error());
    log_.write(LogLevel::info, "user-registered", {{"user_id", stored->id.text}});
    return make_login(*stored, session.id, session.generation);
}

Result<User> Auth::create_user(const Registration& registration, Role role) {
    const auto user = make_user(registration, role);
    if (!user) return fail(user.error());
    const auto stored = store_.create_user(*user, std::nullopt);
    if (!stored) return fail(stored.error());
    log_.write(LogLevel::info, "user-registered", {{"user_id", stored->id.text}});
    return without_hash(*stored);
}

Result<Login> Auth::log_in(std::string_view email, std::string_view password, std::string_view agent) {
    for (int tries = 0; tries < login_tries_max; ++tries) {
        const auto user = find_by_password(email, password);
        if (!user) return fail(user.error());

        Session session;
        session.id = ids_.make_session_id();
        session.user_id = user->id;
        session.agent = clean_agent(agent);
        const auto opened = store_.create_session(session, user->password_hash, options_.refresh_lifetime);
        if (!opened && opened.error().code == ErrorCode::invalid_credentials) continue;
        if (!opened) return fail(opened.error());
        sessions_.forget(opened->ended);
        log_.write(LogLevel::info, "logged-in", {{"user_id", user->id.text}, {"session_id", session.id.text}});
        for (const SessionId& id : opened->ended) log_end(user->id, id);
        strengthen_hash(*user, password);
        return make_login(*user, opened->session.id, opened->session.generation);
    }
    return refuse_login("unknown");
}

std::unexpected<Error> Auth::refuse_login(const std::string& user_id) {
    log_.write(LogLevel::warn, "login-failed", {{"user_id", user_id}});
    return fail(ErrorCode::invalid_credentials, "The e-mail address or the password is wrong.");
}

std::unexpected<Error> Auth::refuse_current_password(const Caller& caller) {
    log_.write(LogLevel::warn, "login-failed", {{"user_id", caller.user_id.text}});
    return fail(ErrorCode::invalid_credentials, "The current password is wrong.");
}

// Something is looked up and something is verified whatever the address, so that time tells nothing.
Result<User> Auth::find_by_password(std::string_view email, std::string_view password) {
    const auto user = store_.find_user_by_email(normalize_email(email).value_or(""));
    if (!user) return fail(user.error());
    const bool is_known = user->has_value();
    const bool is_right = verify_password(password, is_known ? (*user)->password_hash : absent_user_hash_);
    if (!is_known || !is_right) return refuse_login(is_known ? (*user)->id.text : "unknown");
    return **user;
}

// A login does not fail because its hash could not be replaced: the next one tries again.
void Auth::strengthen_hash(const User& user, std::string_view password) {
    if (!needs_rehash(password, user.password_hash, options_.password_cost)) return;
    const auto stored =
        store_.rehash_password(user.id, user.password_hash, hash_password(password, options_.password_cost, clock_));
    if (!stored) log_.write(LogLevel::warn, "password-not-rehashed", {{"user_id", user.id.text}});
}

Result<Login> Auth::refresh(std::string_view refresh_token) {
    const auto claim = refresh_.verify(refresh_token);
    if (!claim) return fail(ErrorCode::refresh_invalid, "The refresh token is not valid.");
    const auto rotated =
        store_.rotate_session(claim->family, claim->generation, options_.refresh_grace, options_.refresh_lifetime);
    if (rotated) return make_login(rotated->user, rotated->session.id, rotated->session.generation);
    if (rotated.error().code == ErrorCode::refresh_reused) {
        sessions_.forget(std::span{&claim->family, 1});
        log_.write(LogLevel::warn, "refresh-reused", {{"session_id", claim->family.text}});
    }
    return fail(rotated.error());
}

Result<void> Auth::log_out(std::string_view refresh_token) {
    const auto claim = refresh_.verify(refresh_token);
    if (!claim) return {};
    const auto session = store_.find_session(claim->family);
    if (!session) return fail(session.error());
    if (!*session) return {};
    auto ended = end_session((*session)->user_id, claim->family);
    if (!ended && ended.error().code == ErrorCode::not_found) return {};  // swept meanwhile
    return ended;
}

Result<void> Auth::log_out_all(const Caller& caller) {
    const auto revoked = store_.revoke_sessions(caller.user_id);
    if (!revoked) return fail(revoked.error());
    sessions_.forget(*revoked);
    log_.write(LogLevel::info, "logged-out-everywhere", {{"user_id", caller.user_id.text}});
    return {};
}

Result<std::vector<Session>> Auth::list_sessions(const Caller& caller) { return store_.list_sessions(caller.user_id); }

Result<void> Auth::revoke_session(const Caller& caller, const SessionId& id) { return end_session(caller.user_id, id); }

Result<void> Auth::end_session(const UserId& user_id, const SessionId& id) {
    auto revoked = store_.revoke_session(user_id, id);
    if (!revoked) return revoked;
    sessions_.forget(std::span{&id, 1});
    log_end(user_id, id);
    return revoked;
}

void Auth::log_end(const UserId& user_id, const SessionId& id) {
    log_.write(LogLevel::info, "session-ended", {{"user_id", user_id.text}, {"session_id", id.text}});
}

Result<User> Auth::get_user(const Caller& caller) {
    const auto user = store_.find_user(caller.user_id);
    if (!user) return fail(user.error());
    if (!*user) return fail(invalid_token());
    return without_hash(**user);
}

Result<void> Auth::change_password(const Caller& caller, std::string_view current, std::string_view replacement) {
    std::vector<FieldProblem> problems;
    check_password("/new", replacement, options_, problems);
    if (!problems.empty()) return invalid_fields(std::move(problems));

    const auto user = store_.find_user(caller.user_id);
    if (!user) return fail(user.error());
    if (!*user) return fail(invalid_token());
    const std::string& hash = (*user)->password_hash;
    if (!verify_password(current, hash)) return refuse_current_password(caller);
    const auto revoked = store_.change_password(
        caller.user_id, hash, hash_password(replacement, options_.password_cost, clock_), caller.session_id);
    if (!revoked && revoked.error().code == ErrorCode::invalid_credentials) return refuse_current_password(caller);
    if (!revoked) return fail(revoked.error());
    sessions_.forget(*revoked);
    log_.write(LogLevel::info, "password-changed", {{"user_id", caller.user_id.text}});
    return {};
}

Result<void> Auth::forgot_password(std::string_view email) {
    const auto normalized = normalize_email(email);
    std::vector<FieldProblem> problems;
    check_email(normalized, problems);
    if (!problems.empty()) return invalid_fields(std::move(problems));
    return store_.open_password_reset(ids_.make_reset_id(), *normalized, options_.reset_lifetime);
}

Result<void> Auth::reset_password(std::string_view token, std::string_view password) {
    std::vector<FieldProblem> problems;
    check_password("/password", password, options_, problems);
    if (!problems.empty()) return invalid_fields(std::move(problems));

    const auto id = reset_.verify(token);
    if (!id) return fail(ErrorCode::reset_invalid, "This link is not valid any more; ask for a new one.");
    const auto revoked = store_.reset_password(*id, hash_password(password, options_.password_cost, clock_));
    if (!revoked) return fail(revoked.error());
    sessions_.forget(*revoked);
    log_.write(LogLevel::info, "password-reset", {{"reset_id", id->text}});
    return {};
}

std::optional<Result<Caller>> Auth::check_access_now(std::string_view token) {
    auto caller = access_.verify(token);
    if (!caller) return caller;
    const auto is_live = sessions_.is_live_now(caller->session_id);
    if (!is_live) return std::nullopt;
    if (!*is_live) return Result<Caller>{fail(invalid_token())};
    return caller;
}

Result<Caller> Auth::check_access(std::string_view token) {
    auto caller = access_.verify(token);
    if (!caller) return caller;
    if (const auto checked = sessions_.check(caller->session_id); !checked) return fail(checked.error());
    return caller;
}

}  // namespace waybill
