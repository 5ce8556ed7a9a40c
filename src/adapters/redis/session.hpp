// A connection that is logged in and has answered.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/redis/address.hpp"
#include "adapters/redis/reply.hpp"
#include "adapters/redis/stream.hpp"

namespace waybill::redis {

struct Session {
    Stream stream;
    ReplyReader reader;
};

// What every connection is made from. Made once, read by all.
struct Target {
    RedisAddress address;
    TlsContext tls;  // null in clear
    std::size_t reply_bytes_max = 0;
};

// Connects, AUTH, SELECT, PING. Errors: unavailable (says what to do).
[[nodiscard]] Result<Session> open_session(const Target& target, Resolver& resolver, const Patience& patience);

// Sends `commands` and waits for `count` replies. Errors: unavailable; the session is of no use then.
[[nodiscard]] Result<std::vector<Reply>> exchange(Session& session, const RedisAddress& address,
                                                  std::string_view commands, std::size_t count,
                                                  const Patience& patience);

// What an operator should do about an error reply to what Waybill sends.
[[nodiscard]] Error explain(const RedisAddress& address, const std::string& error_code);

}  // namespace waybill::redis
