// Where a Redis server is and who we are there, from a URL.
//
// redis[s]://[[user]:password@]host[:port][/database]. User and password are percent-decoded; an
// IPv6 host stands in brackets. Nothing else is allowed, so that a slip of the pen is told and not
// connected to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "domain/error.hpp"

namespace waybill::redis {

struct RedisAddress {
    bool tls = false;
    std::string host;  // a name, or an IP address without brackets
    bool host_is_ip = false;
    std::uint16_t port = 6'379;
    std::uint32_t database = 0;
    std::string user;
    std::string password;

    // "host:port", for logs and errors.
    [[nodiscard]] std::string place() const;
};

// Errors: validation_failed. No part of the URL is ever in its text.
[[nodiscard]] Result<RedisAddress> parse_redis_url(std::string_view url);

}  // namespace waybill::redis
