// Accounts, logins and sessions.
#include "http/cookies.hpp"
#include "http/decode.hpp"
#include "http/encode.hpp"
#include "http/login_limit.hpp"
#include "http/problem.hpp"
#include "http/routes.hpp"

namespace waybill::http {

namespace {

std::string agent_of(const Request& request) {
    return std::string(request.header("User-Agent").substr(0, session_agent_length_max));
}

Response login_response(const Services& services, const Request& request, int status, const Login& login) {
    JsonWriter json;
    json.reserve(1'024);
    write_login(json, login);
    Response response = json_response(status, json);
    response.with("Set-Cookie", set_refresh_cookie(request, services.edge, login.refresh_token));
    return response;
}

// Says nothing more, whatever was found.
Response accepted() {
    Response response = no_content();
    response.status = 202;
    return response;
}

Response cleared_response(const Services& services, const Request& request) {
    Response response = no_content();
    response.with("Set-Cookie", clear_refresh_cookie(request, services.edge));
    return response;
}

// POST /auth/register. Counts unless nothing was tried.
Response register_user(const Services& services, const Exchange& exchange) {
    const Request& request = exchange.request;
    auto registration = decode_registration(request);
    if (!registration) return std::move(registration.error());
    registration->agent = agent_of(request);

    LoginLimit limit(services, request, registration->email);
    if (auto refusal = limit.charge()) return std::move(*refusal);
    const Result<Login> login = services.auth.register_user(*registration);
    if (!login && login.error().code != ErrorCode::email_taken) limit.give_back();
    Response response = login ? login_response(services, request, 201, *login) : problem(request, login.error());
    limit.stamp(response);
    return response;
}

// POST /auth/login. Only wrong credentials count.
Response log_in(const Services& services, const Exchange& exchange) {
    const Request& request = exchange.request;
    auto credentials = decode_credentials(request);
    if (!credentials) return std::move(credentials.error());

    LoginLimit limit(services, request, credentials->email);
    if (auto refusal = limit.charge()) return std::move(*refusal);
    const Result<Login> login = services.auth.log_in(credentials->email, credentials->password, agent_of(request));
    if (login || login.error().code != ErrorCode::invalid_credentials) limit.give_back();
    Response response = login ? login_response(services, request, 200, *login) : problem(request, login.error());
    limit.stamp(response);
    return response;
}

// The token of a cookie endpoint, empty without a cookie; or why the request is refused.
std::expected<std::string_view, Response> take_refresh_token(const Services& services, const Request& request) {
    if (!has_trusted_origin(request, services.edge)) {
        return std::unexpected(problem(request, Error{ErrorCode::forbidden, "The request comes from another site."}));
    }
    if (auto nothing = decode_nothing(request); !nothing) return std::unexpected(std::move(nothing.error()));
    const RefreshCookie cookie = find_refresh_cookie(request);
    if (cookie.presence == RefreshCookie::Presence::ambiguous) {
        return std::unexpected(
            problem(request, Error{ErrorCode::refresh_invalid, "The cookie refreshToken must come once."}));
    }
    return cookie.token;
}

// POST /auth/refresh, /auth/refresh-token
Response refresh(const Services& services, const Exchange& exchange) {
    const Request& request = exchange.request;
    auto token = take_refresh_token(services, request);
    if (!token) return std::move(token.error());
    const Result<Login> login = services.auth.refresh(*token);
    if (!login) return problem(request, login.error());
    return login_response(services, request, 200, *login);
}

// POST /auth/logout
Response log_out(const Services& services, const Exchange& exchange) {
    const Request& request = exchange.request;
    auto token = take_refresh_token(services, request);
    if (!token) return std::move(token.error());
    if (const Result<void> done = services.auth.log_out(*token); !done) return problem(request, done.error());
    return cleared_response(services, request);
}

// POST /auth/logout-all
Response log_out_all(const Services& services, const Exchange& exchange) {
    if (auto nothing = decode_nothing(exchange.request); !nothing) return std::move(nothing.error());
    const Result<void> done = services.auth.log_out_all(exchange.caller);
    if (!done) return problem(exchange.request, done.error());
    return cleared_response(services, exchange.request);
}

// GET /auth/sessions
Response list_sessions(const Services& services, const Exchange& exchange) {
    const Result<std::vector<Session>> sessions = services.auth.list_sessions(exchange.caller);
    if (!sessions) return problem(exchange.request, sessions.error());
    return list_response(
        std::span<const Session>(*sessions), std::nullopt,
        [&](JsonWriter& json, const Session& session) { write_session(json, session, exchange.caller.session_id); });
}

// DELETE /auth/sessions/{id}
Response revoke_session(const Services& services, const Exchange& exchange) {
    const Result<void> done = services.auth.revoke_session(exchange.caller, SessionId(std::string(exchange.params[0])));
    return done ? no_content() : problem(exchange.request, done.error());
}

// GET /me
Response get_user(const Services& services, const Exchange& exchange) {
    const Result<User> user = services.auth.get_user(exchange.caller);
    if (!user) return problem(exchange.request, user.error());
    JsonWriter json;
    write_user(json, *user);
    return json_response(200, json);
}

// POST /me/password. A wrong current password counts as a failed login of the account does: whoever holds a
// token of it must not guess faster than anybody else.
Response change_password(const Services& services, const Exchange& exchange) {
    const Request& request = exchange.request;
    auto change = decode_password_change(request);
    if (!change) return std::move(change.error());
    const Result<User> user = services.auth.get_user(exchange.caller);
    if (!user) return problem(request, user.error());

    LoginLimit limit(services, request, user->email);
    if (auto refusal = limit.charge()) return std::move(*refusal);
    const Result<void> done = services.auth.change_password(exchange.caller, change->current, change->replacement);
    if (done || done.error().code != ErrorCode::invalid_credentials) limit.give_back();
    Response response = done ? no_content() : problem(request, done.error());
    limit.stamp(response);
    return response;
}

// POST /auth/forgot-password. Every one counts: neither answer nor count may tell who has an account.
Response forget_password(const Services& services, const Exchange& exchange) {
    const Request& request = exchange.request;
    const auto email = decode_forgotten_password(request);
    if (!email) return email.error();

    LoginLimit limit(services, request, *email);
    if (auto refusal = limit.charge()) return std::move(*refusal);
    const Result<void> done = services.auth.forgot_password(*email);
    if (!done) limit.give_back();
    Response response = done ? accepted() : problem(request, done.error());
    limit.stamp(response);
    return response;
}

// POST /auth/reset-password. Only tokens that are not valid count, for the address they come from.
Response reset_password(const Services& services, const Exchange& exchange) {
    const Request& request = exchange.request;
    const auto reset = decode_password_reset(request);
    if (!reset) return reset.error();

    LoginLimit limit(services, request, "");
    if (auto refusal = limit.charge()) return std::move(*refusal);
    const Result<void> done = services.auth.reset_password(reset->token, reset->password);
    if (done || done.error().code != ErrorCode::reset_invalid) limit.give_back();
    Response response = done ? no_content() : problem(request, done.error());
    limit.stamp(response);
    return response;
}

constexpr Route rows[] = {
    {Method::post, "/auth/register", Access::anyone, LimitClass::auth, Runs::as_hashing, register_user},
    {Method::post, "/auth/login", Access::anyone, LimitClass::auth, Runs::as_hashing, log_in},
    {Method::post, "/auth/refresh", Access::anyone, LimitClass::api, Runs::as_store_write, refresh},
    {Method::post, "/auth/refresh-token", Access::anyone, LimitClass::api, Runs::as_store_write, refresh},
    {Method::post, "/auth/logout", Access::anyone, LimitClass::api, Runs::as_store_write, log_out},
    {Method::post, "/auth/logout-all", Access::user, LimitClass::api, Runs::as_store_write, log_out_all},
    {Method::get, "/auth/sessions", Access::user, LimitClass::api, Runs::as_store_read, list_sessions},
    {Method::del, "/auth/sessions/{id}", Access::user, LimitClass::api, Runs::as_store_write, revoke_session},
    {Method::post, "/auth/forgot-password", Access::anyone, LimitClass::auth, Runs::as_store_write, forget_password},
    {Method::post, "/auth/reset-password", Access::anyone, LimitClass::auth, Runs::as_hashing, reset_password},
    {Method::get, "/me", Access::user, LimitClass::api, Runs::as_store_read, get_user},
    {Method::post, "/me/password", Access::user, LimitClass::api, Runs::as_hashing, change_password},
};

}  // namespace

std::span<const Route> auth_routes() { return rows; }

}  // namespace waybill::http
