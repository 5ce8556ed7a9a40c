// Accounts and logins: register, log in, refresh, log out, change a password.
//
// Methods that hash a password take about 12 ms of CPU and 19 MiB: call them on the hashing pool.
// Thread-safe; methods block on the store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/id_maker.hpp"
#include "app/passwords.hpp"
#include "app/session_guard.hpp"
#include "app/tokens.hpp"
#include "domain/session.hpp"
#include "domain/user.hpp"
#include "ports/log.hpp"
#include "ports/store.hpp"

namespace waybill {

struct Registration {
    std::string email;
    std::string password;
    std::string name;
    std::string agent;
};

struct Login {
    std::string access_token;
    Milliseconds expires_in{};
    std::string refresh_token;
    User user;
};

struct AuthOptions {
    Milliseconds refresh_lifetime{604'800'000};
    Milliseconds refresh_grace{10'000};
    std::size_t password_length_min = 6;
    bool deny_common_passwords = false;
    PasswordCost password_cost{};
    Milliseconds reset_lifetime{1'800'000};
};

// Without the store. Errors: validation_failed (fields /email, /password, /name).
[[nodiscard]] Result<void> check_registration(const Registration& registration, const AuthOptions& options);

class Auth {
public:
    using Options = AuthOptions;
    Auth(Options options, Store& store, Clock& clock, Log& log, AccessTokens& access, RefreshTokens& refresh,
         ResetTokens& reset, SessionGuard& sessions);

    // Errors: validation_failed (fields /email, /password, /name), email_taken.
    [[nodiscard]] Result<Login> register_user(const Registration& registration);

    // As register_user, without a login; for the command line.
    [[nodiscard]] Result<User> create_user(const Registration& registration, Role role);

    // Same time and text for an unknown address and a wrong password, and for one that is replaced while
    // it is checked. Errors: invalid_credentials.
    [[nodiscard]] Result<Login> log_in(std::string_view email, std::string_view password, std::string_view agent);

    // Errors: refresh_invalid, refresh_reused (the family is revoked).
    [[nodiscard]] Result<Login> refresh(std::string_view refresh_token);

    // Revokes the family; an unknown token is no error.
    [[nodiscard]] Result<void> log_out(std::string_view refresh_token);
    [[nodiscard]] Result<void> log_out_all(const Caller& caller);

    [[nodiscard]] Result<std::vector<Session>> list_sessions(const Caller& caller);
    [[nodiscard]] Result<void> revoke_session(const Caller& caller, const SessionId& id);

    [[nodiscard]] Result<User> get_user(const Caller& caller);

    // Revokes the other sessions and uses up the resets that are open. Errors: invalid_credentials (also
    // when the password was replaced meanwhile), validation_failed (field /new).
    [[nodiscard]] Result<void> change_password(const Caller& caller, std::string_view current,
                                               std::string_view replacement);

    // Opens a reset, which is mailed, where there is an account. The same work, and no error, where
    // there is none. Errors: validation_failed (field /email).
    [[nodiscard]] Result<void> forgot_password(std::string_view email);

    // Revokes every session. The token counts once. Errors: reset_invalid, validation_failed (field
    // /password).
    [[nodiscard]] Result<void> reset_password(std::string_view token, std::string_view password);

    // Signature, claims and session of an access token. `check_access_now` never blocks and is empty
    // when only the store can tell. Errors: token_invalid, token_expired, unavailable.
    [[nodiscard]] std::optional<Result<Caller>> check_access_now(std::string_view token);
    [[nodiscard]] Result<Caller> check_access(std::string_view token);

private:
    [[nodiscard]] Result<User> make_user(const Registration& registration, Role role);
    [[nodiscard]] Login make_login(const User& user, const SessionId& session, std::uint32_t generation);
    [[nodiscard]] Result<User> find_by_password(std::string_view email, std::string_view password);
    [[nodiscard]] std::unexpected<Error> refuse_login(const std::string& user_id);
    [[nodiscard]] std::unexpected<Error> refuse_current_password(const Caller& caller);
    void strengthen_hash(const User& user, std::string_view password);
    [[nodiscard]] Result<void> end_session(const UserId& user_id, const SessionId& id);
    void log_end(const UserId& user_id, const SessionId& id);

    Options options_;
    Store& store_;
    Clock& clock_;
    Log& log_;
    AccessTokens& access_;
    RefreshTokens& refresh_;
    ResetTokens& reset_;
    SessionGuard& sessions_;
    IdMaker ids_;
    std::string absent_user_hash_;  // verified against when no account matches, for equal time
};

}  // namespace waybill
