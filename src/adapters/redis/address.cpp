#include "adapters/redis/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "domain/percent.hpp"

namespace waybill::redis {

namespace {

constexpr std::size_t url_length_max = 2'048;
constexpr std::size_t host_length_max = 253;
constexpr std::uint32_t database_max = 65'535;

std::unexpected<Error> refuse(std::string_view what) {
    return fail(ErrorCode::validation_failed,
                "The Redis URL " + std::string(what) +
                    "; it is redis://[user:password@]host[:port][/database], or rediss:// "
                    "for TLS.");
}

template <class Number>
bool read_number(std::string_view text, Number& out) {
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
    return problem == std::errc{} && end == text.data() + text.size();
}

bool is_ip(const std::string& host, int family) {
    in6_addr bytes{};
    return ::inet_pton(family, host.c_str(), &bytes) == 1;
}

bool is_host_name(std::string_view host) {
    const auto is_allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
               c == '_';
    };
    return !host.empty() && host.size() <= host_length_max && std::ranges::all_of(host, is_allowed);
}

Result<void> read_credentials(std::string_view text, RedisAddress& address) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return refuse("has a user without a password");
    std::optional<std::string> user = decode_percent(text.substr(0, colon));
    std::optional<std::string> password = decode_percent(text.substr(colon + 1));
    if (!user || !password) return refuse("has a '%' that two hexadecimal digits do not follow");
    if (password->empty()) return refuse("has an empty password");
    address.user = std::move(*user);
    address.password = std::move(*password);
    return {};
}

Result<void> read_port(std::string_view text, RedisAddress& address) {
    if (!read_number(text, address.port) || address.port == 0) {
        return refuse("has a port that is not 1 to 65535 (a '/', '?', '#' or '@' in a password is percent-encoded)");
    }
    return {};
}

Result<void> read_host(std::string_view text, RedisAddress& address) {
    std::string_view rest;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos) return refuse("has a '[' without a ']'");
        address.host = text.substr(1, end - 1);
        rest = text.substr(end + 1);
        if (!is_ip(address.host, AF_INET6)) return refuse("has brackets that hold no IPv6 address");
        if (!rest.empty() && rest.front() != ':') return refuse("has something between ']' and the port");
        address.host_is_ip = true;
    } else {
        const std::size_t colon = text.find(':');
        address.host = text.substr(0, colon);
        rest = colon == std::string_view::npos ? std::string_view{} : text.substr(colon);
        if (!is_host_name(address.host)) return refuse("has no usable host name");
        address.host_is_ip = is_ip(address.host, AF_INET);
    }
    return rest.empty() ? Result<void>{} : read_port(rest.substr(1), address);
}

Result<void> read_database(std::string_view text, RedisAddress& address) {
    if (text.empty()) return {};
    if (!read_number(text, address.database) || address.database > database_max) {
        return refuse("has a database that is not a number");
    }
    return {};
}

}  // namespace

std::string RedisAddress::place() const {
    const bool brackets = host.find(':') != std::string::npos;
    return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<RedisAddress> parse_redis_url(std::string_view url) {
    RedisAddress address;
    if (url.size() > url_length_max) return refuse("is too long");
    const auto is_unprintable = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; };
    if (std::ranges::any_of(url, is_unprintable)) return refuse("has a space or control character");
    if (url.starts_with("rediss://")) {
        address.tls = true;
        url.remove_prefix(9);
    } else if (url.starts_with("redis://")) {
        url.remove_prefix(8);
    } else {
        return refuse("begins with neither redis:// nor rediss://");
    }
    if (url.find_first_of("?#") != std::string_view::npos) return refuse("has a '?' or '#', which means nothing here");

    const std::size_t slash = url.find('/');
    std::string_view authority = url.substr(0, slash);
    const std::string_view path = slash == std::string_view::npos ? std::string_view{} : url.substr(slash + 1);
    if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
        if (auto read = read_credentials(authority.substr(0, at), address); !read) return fail(read.error());
        authority.remove_prefix(at + 1);
    }
    if (auto read = read_host(authority, address); !read) return fail(read.error());
    if (auto read = read_database(path, address); !read) return fail(read.error());
    return address;
}

}  // namespace waybill::redis
