// Who really asks: the peer, or what a trusted proxy says of it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace waybill::http {

// An IPv4 or IPv6 address as 16 bytes; IPv4 in its mapped form, so that both spellings are equal.
struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};
    [[nodiscard]] bool is_v4() const;
    [[nodiscard]] bool is_loopback() const;
    [[nodiscard]] std::string to_string() const;  // an IPv4 one always in dotted form
    bool operator==(const IpAddress&) const = default;
};

[[nodiscard]] std::optional<IpAddress> parse_ip_address(std::string_view text);

// What counts as one client where tries are counted: the address, of IPv6 the /64 that it lies in, since
// nobody is given less (RFC 6177).
[[nodiscard]] std::string network_of(const std::string& address);

// Immutable, so thread-safe.
class TrustedProxies {
public:
    // Addresses or CIDR blocks. Throws std::invalid_argument that names the entry that is neither.
    explicit TrustedProxies(const std::vector<std::string>& entries);

    [[nodiscard]] bool contains(const IpAddress& address) const;

    // The peer when it is no trusted proxy, else the last address of X-Forwarded-For that is none.
    // An entry that is no address ends the search at the proxy that passed it on.
    [[nodiscard]] std::string client_address(const Request& request) const;

private:
    struct Block {
        IpAddress base;
        unsigned prefix_bits = 128;
    };
    std::vector<Block> blocks_;
};

}  // namespace waybill::http
