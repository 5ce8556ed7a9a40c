// The refresh token's cookie (RFC 6265) and who may send it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/message.hpp"
#include "http/routes.hpp"

namespace waybill::http {

inline constexpr std::string_view refresh_cookie_name = "refreshToken";

struct RefreshCookie {
    enum class Presence : std::uint8_t { absent, once, ambiguous };
    Presence presence = Presence::absent;
    std::string_view token{};  // where it is there once
};

// Two cookies of that name are ambiguous: one of them was planted by a neighbouring host or path.
[[nodiscard]] RefreshCookie find_refresh_cookie(const Request& request);

// Values of Set-Cookie.
[[nodiscard]] std::string set_refresh_cookie(const Request& request, const EdgeOptions& edge, std::string_view token);
[[nodiscard]] std::string clear_refresh_cookie(const Request& request, const EdgeOptions& edge);

// Whether a page of this host, or of a configured origin, sends the request. A request without
// Origin comes from no page.
[[nodiscard]] bool has_trusted_origin(const Request& request, const EdgeOptions& edge);

}  // namespace waybill::http
