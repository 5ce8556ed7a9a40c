#include "adapters/redis/resolver.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <netdb.h>
#include <poll.h>
#include <thread>
#include <utility>

#include "ports/thread_name.hpp"

namespace waybill::redis {

namespace {

constexpr std::size_t addresses_max = 8;

std::vector<SocketAddress> look_up(const std::string& host, const std::string& port, int flags) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &list) != 0) return {};
    std::vector<SocketAddress> found;
    for (const addrinfo* it = list; it != nullptr && found.size() < addresses_max; it = it->ai_next) {
        SocketAddress address;
        address.size = std::min<socklen_t>(it->ai_addrlen, sizeof address.bytes);
        std::memcpy(&address.bytes, it->ai_addr, address.size);
        found.push_back(address);
    }
    ::freeaddrinfo(list);
    return found;
}

}  // namespace

// Shared with the thread that looks up, which may outlive the resolver.
struct Resolver::Lookup {
    Wake done;
    std::mutex mutex;
    std::vector<SocketAddress> found;
};

Resolver::Resolver(std::string host, std::uint16_t port) : host_(std::move(host)), port_(std::to_string(port)) {}

Result<std::vector<SocketAddress>> Resolver::resolve(const Patience& patience) {
    std::vector<SocketAddress> found = look_up(host_, port_, AI_NUMERICHOST);
    if (!found.empty()) return found;
    if (!running_) {
        running_ = std::make_shared<Lookup>();
        std::thread([lookup = running_, host = host_, port = port_] {
            name_thread("redis-lookup");
            std::vector<SocketAddress> looked_up = look_up(host, port, 0);
            {
                const std::lock_guard lock(lookup->mutex);
                lookup->found = std::move(looked_up);
            }
            lookup->done.signal();
        }).detach();
    }
    if (patience.wait_for(running_->done.fd(), POLLIN) != Waited::ready) {
        return fail(ErrorCode::unavailable,
                    "The name " + host_ + " of the Redis server was not looked up in time; check the name server.");
    }
    const std::shared_ptr<Lookup> done = std::exchange(running_, nullptr);
    const std::lock_guard lock(done->mutex);
    if (done->found.empty()) {
        return fail(ErrorCode::unavailable,
                    "The name " + host_ + " of the Redis server is not known; correct REDIS_URL or the name server.");
    }
    return std::move(done->found);
}

}  // namespace waybill::redis
