#include "http/login_limit.hpp"

#include <algorithm>

#include "domain/user.hpp"
#include "http/client_address.hpp"
#include "http/problem.hpp"

namespace waybill::http {

namespace {

constexpr std::string_view policy = "auth";

Admission admit(RateLimiter& limiter, std::string_view key, const RateLimit& limit, std::int64_t cost) {
    return limit.enabled() ? limiter.admit(key, limit, cost) : Admission{};
}

}  // namespace

// What is no address has no account: all such tries of one peer share a bucket, and keys stay short.
LoginLimit::LoginLimit(const Services& services, const Request& request, std::string_view email)
    : services_(services), request_(request) {
    account_key_.append("auth:acct:").append(normalize_email(email).value_or("-"));
    const std::string network = network_of(request.client_address);
    account_key_.append("|").append(network);
    address_key_.append("auth:addr:").append(network);
}

std::optional<Response> LoginLimit::charge() {
    const EdgeOptions& edge = services_.edge;
    const Admission address = admit(services_.limiter, address_key_, edge.auth_address_limit, 1);
    if (!address.admitted) return refusal(edge.auth_address_limit, address);
    account_ = admit(services_.limiter, account_key_, edge.auth_limit, 1);
    if (account_.admitted) return std::nullopt;
    static_cast<void>(admit(services_.limiter, address_key_, edge.auth_address_limit, -1));
    return refusal(edge.auth_limit, account_);
}

void LoginLimit::give_back() {
    static_cast<void>(admit(services_.limiter, address_key_, services_.edge.auth_address_limit, -1));
    account_ = admit(services_.limiter, account_key_, services_.edge.auth_limit, -1);
}

void LoginLimit::stamp(Response& response) const {
    add_rate_headers(response, {policy, services_.edge.auth_limit, account_});
}

Response LoginLimit::refusal(const RateLimit& limit, const Admission& admission) const {
    const std::string seconds = std::to_string(std::max<std::int64_t>(to_seconds_up(admission.retry_after), 1));
    Response response =
        problem(request_, Error{ErrorCode::rate_limited, "Too many tries; try again in " + seconds + " s."});
    response.with("Retry-After", seconds);
    add_rate_headers(response, {policy, limit, admission});
    return response;
}

}  // namespace waybill::http
