#include "http/cookies.hpp"

#include <algorithm>
#include <chrono>

#include "http/request_checks.hpp"

namespace waybill::http {

namespace {

// The host of a Host header, without its port; an IPv6 address keeps its brackets.
std::string_view without_port(std::string_view host) {
    if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
    return host.substr(0, host.find(':'));
}

bool is_ipv4_loopback(std::string_view host) {
    const bool digits_only = host.find_first_not_of("0123456789.") == std::string_view::npos;
    return digits_only && host.starts_with("127.") && std::ranges::count(host, '.') == 3;
}

bool is_loopback_host(std::string_view host) {
    host = without_port(host);
    return equal_names(host, "localhost") || host == "[::1]" || is_ipv4_loopback(host);
}

bool came_through_a_proxy(const Request& request) {
    return std::ranges::any_of(request.headers, [](const auto& header) {
        const std::string_view name = header.first;
        return equal_names(name, "Forwarded") || equal_names(name.substr(0, 12), "X-Forwarded-");
    });
}

bool must_be_secure(const Request& request, CookieSecure secure) {
    switch (secure) {
        case CookieSecure::always:
            return true;
        case CookieSecure::never:
            return false;
        case CookieSecure::automatic:
            break;
    }
    return !request.peer_is_loopback || !is_loopback_host(request.header("Host")) || came_through_a_proxy(request);
}

std::string make_cookie(const Request& request, const EdgeOptions& edge, std::string_view token, std::int64_t seconds) {
    std::string cookie(refresh_cookie_name);
    cookie.append("=").append(token).append("; HttpOnly; SameSite=").append(edge.cookie_same_site);
    cookie.append("; Path=/api; Max-Age=").append(std::to_string(seconds));
    if (must_be_secure(request, edge.cookie_secure)) cookie.append("; Secure");
    return cookie;
}

// A proxy in front may end TLS, so either scheme is this host's.
bool is_origin_of_host(std::string_view origin, std::string_view host) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (origin.starts_with(scheme) && equal_names(origin.substr(scheme.size()), host)) return !host.empty();
    }
    return false;
}

}  // namespace

RefreshCookie find_refresh_cookie(const Request& request) {
    RefreshCookie found;
    for (const auto& [field, cookies] : request.headers) {
        if (!equal_names(field, "Cookie")) continue;
        std::string_view rest = cookies;
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find(';'), rest.size());
            const std::string_view pair = trim_ows(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
            const std::size_t equals = pair.find('=');
            if (equals == std::string_view::npos || pair.substr(0, equals) != refresh_cookie_name) continue;
            if (found.presence != RefreshCookie::Presence::absent) return {RefreshCookie::Presence::ambiguous};
            found = {RefreshCookie::Presence::once, pair.substr(equals + 1)};
        }
    }
    return found;
}

std::string set_refresh_cookie(const Request& request, const EdgeOptions& edge, std::string_view token) {
    const auto lifetime = std::chrono::duration_cast<std::chrono::seconds>(edge.refresh_lifetime);
    return make_cookie(request, edge, token, lifetime.count());
}

std::string clear_refresh_cookie(const Request& request, const EdgeOptions& edge) {
    return make_cookie(request, edge, "", 0);
}

bool has_trusted_origin(const Request& request, const EdgeOptions& edge) {
    const std::string_view host = request.header("Host");
    return std::ranges::all_of(request.headers, [&](const auto& header) {
        if (!equal_names(header.first, "Origin")) return true;
        const std::string_view origin = header.second;
        return is_origin_of_host(origin, host) ||
               std::ranges::find(edge.cors_origins, origin) != edge.cors_origins.end();
    });
}

}  // namespace waybill::http
