#include "tests/torture/open_loop.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <fcntl.h>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <unistd.h>

namespace waybill::torture {

namespace {

using Steady = std::chrono::steady_clock;

constexpr int threads = 2;
constexpr double patience_s = 10;

struct Connection {
    int socket = -1;
    bool busy = false;
    double due = 0;  // when its request should have been sent
    std::string answer;
};

int connect_to(std::uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw std::runtime_error("nobody listens");
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
    return socket;
}

// Of a whole answer; 0 while it is not whole.
int status_of(const std::string& answer) {
    const std::size_t head = answer.find("\r\n\r\n");
    if (head == std::string::npos) return 0;
    const std::size_t length = answer.find("Content-Length: ");
    const std::size_t body = length < head ? static_cast<std::size_t>(std::atol(answer.c_str() + length + 16)) : 0;
    return answer.size() >= head + 4 + body ? std::atoi(answer.c_str() + 9) : 0;
}

// One thread's share.
class Lane {
public:
    Lane(const OpenLoopOptions& options, int index)
        : options_(options), index_(index), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
        connections_.resize(options.connections / threads);
        for (std::size_t i = 0; i < connections_.size(); ++i) open(i);
    }
    ~Lane() {
        for (const Connection& connection : connections_) ::close(connection.socket);
        ::close(epoll_);
    }
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    void run(Steady::time_point begun) {
        begun_ = begun;
        const long count = static_cast<long>(options_.per_second * options_.seconds);
        long next = index_;
        while (next < count || open_ > 0 || !late_.empty()) {
            for (; next < count && due_of(next) <= now(); next += threads) {
                ++result_.offered;
                late_.push_back(due_of(next));
            }
            while (!late_.empty() && !idle_.empty()) send_next();
            if (now() > options_.seconds + patience_s) break;
            take_answers(next < count ? due_of(next) : now() + 0.05);
        }
        result_.unanswered += open_ + static_cast<long>(late_.size());
        result_.seconds = now();
    }

    OpenLoopResult result_;

private:
    [[nodiscard]] double now() const { return std::chrono::duration<double>(Steady::now() - begun_).count(); }
    [[nodiscard]] double due_of(long number) const { return static_cast<double>(number) / options_.per_second; }

    void open(std::size_t index) {
        Connection& connection = connections_[index];
        if (connection.socket >= 0) ::close(connection.socket);
        connection.socket = connect_to(options_.port);
        connection.busy = false;
        connection.answer.clear();
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = index;
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event);
        idle_.push_back(index);
    }

    void send_next() {
        const std::size_t index = idle_.back();
        idle_.pop_back();
        Connection& connection = connections_[index];
        connection.due = late_.front();
        late_.pop_front();
        connection.busy = true;
        ++open_;
        const ssize_t sent = ::send(connection.socket, options_.request.data(), options_.request.size(), MSG_NOSIGNAL);
        if (sent != static_cast<ssize_t>(options_.request.size())) lose(index);
    }

    void lose(std::size_t index) {
        if (connections_[index].busy) {
            --open_;
            ++result_.unanswered;
        } else {
            std::erase(idle_, index);
        }
        open(index);
    }

    void take_answers(double until) {
        std::array<epoll_event, 256> events{};
        const int timeout_ms = std::clamp(static_cast<int>(std::ceil((until - now()) * 1'000)), 0, 50);
        const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
        for (int i = 0; i < count; ++i) take_answer(events.at(static_cast<std::size_t>(i)).data.u64);
    }

    void take_answer(std::size_t index) {
        Connection& connection = connections_[index];
        std::array<char, 8'192> bytes;
        const ssize_t got = ::recv(connection.socket, bytes.data(), bytes.size(), 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) return lose(index);
        connection.answer.append(bytes.data(), static_cast<std::size_t>(got));
        const int status = status_of(connection.answer);
        if (status == 0) return;
        const double latency_ms = (now() - connection.due) * 1'000;
        if (status == 201) {
            ++result_.created;
            result_.latency_ms.push_back(latency_ms);
        } else if (status == 503 && connection.answer.find("Retry-After:") != std::string::npos) {
            ++result_.refused;
            result_.refusal_ms.push_back(latency_ms);
            result_.first_quiet_s = std::max(result_.first_quiet_s, connection.due);
        } else {
            ++result_.otherwise;
        }
        connection.answer.clear();
        connection.busy = false;
        --open_;
        idle_.push_back(index);
    }

    const OpenLoopOptions& options_;
    const int index_;
    const int epoll_;
    Steady::time_point begun_;
    std::vector<Connection> connections_;
    std::vector<std::size_t> idle_;
    std::deque<double> late_;  // due, and no connection was free
    long open_ = 0;
};

}  // namespace

double OpenLoopResult::percentile(const std::vector<double>& sorted, double share) {
    if (sorted.empty()) return 0;
    return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

OpenLoopResult offer(const OpenLoopOptions& options) {
    std::vector<std::unique_ptr<Lane>> lanes;
    for (int i = 0; i < threads; ++i) lanes.push_back(std::make_unique<Lane>(options, i));
    const auto begun = Steady::now();
    {
        std::vector<std::jthread> running;
        for (const auto& lane : lanes) running.emplace_back([&lane, begun] { lane->run(begun); });
    }
    OpenLoopResult all;
    for (const auto& lane : lanes) {
        OpenLoopResult& part = lane->result_;
        all.offered += part.offered;
        all.created += part.created;
        all.refused += part.refused;
        all.otherwise += part.otherwise;
        all.unanswered += part.unanswered;
        all.seconds = std::max(all.seconds, part.seconds);
        all.first_quiet_s = std::max(all.first_quiet_s, part.first_quiet_s);
        all.latency_ms.insert(all.latency_ms.end(), part.latency_ms.begin(), part.latency_ms.end());
        all.refusal_ms.insert(all.refusal_ms.end(), part.refusal_ms.begin(), part.refusal_ms.end());
    }
    std::ranges::sort(all.latency_ms);
    std::ranges::sort(all.refusal_ms);
    return all;
}

}  // namespace waybill::torture
