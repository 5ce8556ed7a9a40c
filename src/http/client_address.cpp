#include "http/client_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <ranges>
#include <stdexcept>

#include "http/request_checks.hpp"

namespace waybill::http {

namespace {

constexpr std::array<std::uint8_t, 12> v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned v4_prefix_bits = 96;
constexpr std::size_t forwarded_entries_max = 64;

// "192.0.2.1:4711" and "[2001:db8::1]:4711" as some proxies write them.
std::string_view without_port(std::string_view text) {
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        return end == std::string_view::npos ? std::string_view() : text.substr(1, end - 1);
    }
    return std::ranges::count(text, ':') == 1 ? text.substr(0, text.find(':')) : text;
}

// The entries of all X-Forwarded-For headers, nearest proxy first.
std::vector<std::string_view> forwarded_entries(const HeaderList& headers) {
    std::vector<std::string_view> entries;
    for (auto header = headers.rbegin(); header != headers.rend(); ++header) {
        if (!equal_names(header->first, "x-forwarded-for")) continue;
        std::string_view rest = header->second;
        while (entries.size() < forwarded_entries_max) {
            const std::size_t comma = rest.rfind(',');
            entries.push_back(trim_ows(comma == std::string_view::npos ? rest : rest.substr(comma + 1)));
            if (comma == std::string_view::npos) break;
            rest = rest.substr(0, comma);
        }
    }
    return entries;
}

}  // namespace

bool IpAddress::is_v4() const { return std::ranges::equal(v4_prefix, bytes | std::views::take(v4_prefix.size())); }

bool IpAddress::is_loopback() const {
    if (is_v4()) return bytes[12] == 127;
    return bytes.back() == 1 &&
           std::ranges::all_of(bytes | std::views::take(15), [](std::uint8_t b) { return b == 0; });
}

std::string IpAddress::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (is_v4()) {
        inet_ntop(AF_INET, bytes.data() + v4_prefix.size(), text.data(), static_cast<socklen_t>(text.size()));
    } else {
        inet_ntop(AF_INET6, bytes.data(), text.data(), static_cast<socklen_t>(text.size()));
    }
    return text.data();
}

std::optional<IpAddress> parse_ip_address(std::string_view text) {
    const std::string copy(text.substr(0, text.find('%')));  // without the zone of a link-local one
    IpAddress address;
    if (inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
    std::ranges::copy(v4_prefix, address.bytes.begin());
    if (inet_pton(AF_INET, copy.c_str(), address.bytes.data() + v4_prefix.size()) == 1) return address;
    return std::nullopt;
}

std::string network_of(const std::string& address) {
    if (!address.contains(':')) return address;
    std::optional<IpAddress> parsed = parse_ip_address(address);
    if (!parsed || parsed->is_v4()) return address;
    std::fill(parsed->bytes.begin() + 8, parsed->bytes.end(), std::uint8_t{0});
    return parsed->to_string() + "/64";
}

TrustedProxies::TrustedProxies(const std::vector<std::string>& entries) {
    for (const std::string& entry : entries) {
        const std::string_view text = entry;
        const std::size_t slash = text.find('/');
        const std::optional<IpAddress> base = parse_ip_address(text.substr(0, slash));
        const bool written_v4 = text.find(':') == std::string_view::npos;
        unsigned bits = 128;
        if (base && slash != std::string_view::npos) {
            const std::string_view digits = text.substr(slash + 1);
            const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
            if (end.ec != std::errc() || end.ptr != digits.data() + digits.size() || bits > (written_v4 ? 32u : 128u))
                throw std::invalid_argument("trusted proxy is no address or CIDR block: " + entry);
            if (written_v4) bits += v4_prefix_bits;
        }
        if (!base) throw std::invalid_argument("trusted proxy is no address or CIDR block: " + entry);
        blocks_.push_back({*base, bits});
    }
}

bool TrustedProxies::contains(const IpAddress& address) const {
    return std::ranges::any_of(blocks_, [&](const Block& block) {
        const std::size_t whole = block.prefix_bits / 8;
        const unsigned rest = block.prefix_bits % 8;
        if (!std::equal(address.bytes.begin(), address.bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                        block.base.bytes.begin()))
            return false;
        return rest == 0 || (address.bytes[whole] ^ block.base.bytes[whole]) >> (8 - rest) == 0;
    });
}

std::string TrustedProxies::client_address(const Request& request) const {
    std::string address(request.peer_address);
    if (blocks_.empty()) return address;
    std::optional<IpAddress> nearest = parse_ip_address(address);
    for (const std::string_view entry : forwarded_entries(request.headers)) {
        if (!nearest || !contains(*nearest)) break;
        const std::optional<IpAddress> next = parse_ip_address(without_port(entry));
        if (!next) break;
        nearest = next;
        address = next->to_string();
    }
    return address;
}

}  // namespace waybill::http
