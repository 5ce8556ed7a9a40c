#include "adapters/redis/patience.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <poll.h>
#include <system_error>
#include <unistd.h>

namespace waybill::redis {

Wake::Wake() : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (!event_.is_open()) throw std::system_error(errno, std::generic_category(), "eventfd");
}

void Wake::signal() {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(fd(), &one, sizeof one));  // a full counter is readable already
}

void Wake::clear() {
    std::uint64_t count = 0;
    static_cast<void>(!::read(fd(), &count, sizeof count));
}

Milliseconds Patience::left() const {
    return std::max(std::chrono::ceil<Milliseconds>(deadline - clock.steady_now()), Milliseconds::zero());
}

Waited Patience::wait_for(int fd, short events) const {
    for (;;) {
        if (stop.stop_requested()) return Waited::stopped;
        std::array<pollfd, 2> watched{{{fd, events, 0}, {wake.fd(), POLLIN, 0}}};
        const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(left().count()));
        if (ready == 0) return Waited::timed_out;
        if (ready < 0 && errno != EINTR) return Waited::timed_out;
        if (ready < 0) continue;
        if (watched[1].revents != 0) wake.clear();
        if (watched[0].revents != 0) return Waited::ready;
    }
}

}  // namespace waybill::redis
