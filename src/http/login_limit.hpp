// Counts tries at an account: failed logins and password changes, registrations, mails for forgotten
// passwords, and tokens of resets that are not valid; for one account and address, and for one address.
// Tokens are taken before the password is looked at and given back where nothing counts, so that a burst of
// guesses cannot outrun the count.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/answer_headers.hpp"
#include "http/message.hpp"
#include "http/routes.hpp"

namespace waybill::http {

// One try.
class LoginLimit {
public:
    // `email` as it was sent; empty for who names no account.
    LoginLimit(const Services& services, const Request& request, std::string_view email);

    // Takes a token of both buckets, or of neither. The refusal is rate_limited with Retry-After.
    [[nodiscard]] std::optional<Response> charge();

    // The try was none, or one that does not count.
    void give_back();

    // Adds what is left to a response.
    void stamp(Response& response) const;

private:
    [[nodiscard]] Response refusal(const RateLimit& limit, const Admission& admission) const;

    const Services& services_;
    const Request& request_;
    std::string account_key_;
    std::string address_key_;
    Admission account_{};
};

}  // namespace waybill::http
