// Names to addresses, with a deadline that the C library's resolver does not know.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "adapters/redis/patience.hpp"
#include "domain/error.hpp"

namespace waybill::redis {

struct SocketAddress {
    sockaddr_storage bytes{};
    socklen_t size = 0;
};

// A name server that is away can hold a lookup for many seconds. It runs aside then, and the next call
// waits for it again instead of starting another: there is never more than one.
class Resolver {
public:
    Resolver(std::string host, std::uint16_t port);

    // At least one address. Errors: unavailable.
    [[nodiscard]] Result<std::vector<SocketAddress>> resolve(const Patience& patience);

private:
    struct Lookup;
    std::string host_;
    std::string port_;
    std::shared_ptr<Lookup> running_;
};

}  // namespace waybill::redis
