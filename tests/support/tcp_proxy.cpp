#include "tests/support/tcp_proxy.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <fcntl.h>
#include <list>
#include <mutex>
#include <poll.h>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace waybill::testing {

namespace {

using Steady = std::chrono::steady_clock;

// Above what services have, below what the kernel gives to outgoing connections.
constexpr int port_min = 12'000;
constexpr int port_max = 32'000;
constexpr int port_tries_max = 200;
// Bytes that wait in one direction before no more are read.
constexpr std::size_t waiting_bytes_max = 4u << 20;

int listen_on(std::uint16_t port) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::listen(listener, 512) == 0) {
        return listener;
    }
    ::close(listener);
    return -1;
}

int connect_to(std::uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return socket;
    ::close(socket);
    return -1;
}

void prepare(int socket) {
    ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void reset_socket(int socket) {
    const linger at_once{1, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(socket);
}

struct Chunk {
    Steady::time_point due;
    std::string bytes;
};

struct Direction {
    int from = -1;
    int to = -1;
    std::deque<Chunk> waiting{};
    std::size_t waiting_bytes = 0;
    bool ended = false;   // nothing more comes
    bool closed = false;  // and that was told
};

struct Pair {
    std::array<Direction, 2> ways;
};

// False when the pair is broken.
bool take_in(Direction& way, Steady::time_point due) {
    std::array<char, 65'536> bytes;
    const ssize_t got = ::recv(way.from, bytes.data(), bytes.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) {
        way.ended = true;
        return true;
    }
    way.waiting.push_back({due, std::string(bytes.data(), static_cast<std::size_t>(got))});
    way.waiting_bytes += static_cast<std::size_t>(got);
    return true;
}

bool hand_on(Direction& way, Steady::time_point now) {
    while (!way.waiting.empty() && way.waiting.front().due <= now) {
        Chunk& chunk = way.waiting.front();
        const ssize_t sent = ::send(way.to, chunk.bytes.data(), chunk.bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN || errno == EINTR;
        way.waiting_bytes -= static_cast<std::size_t>(sent);
        chunk.bytes.erase(0, static_cast<std::size_t>(sent));
        if (!chunk.bytes.empty()) return true;
        way.waiting.pop_front();
    }
    if (way.ended && way.waiting.empty() && !way.closed) {
        ::shutdown(way.to, SHUT_WR);
        way.closed = true;
    }
    return true;
}

}  // namespace

std::uint16_t find_lasting_port() {
    static std::mutex mutex;
    static std::mt19937 numbers{std::random_device{}()};
    static std::set<std::uint16_t> given;
    const std::lock_guard lock(mutex);
    std::uniform_int_distribution<int> ports(port_min, port_max);
    for (int i = 0; i < port_tries_max; ++i) {
        const auto port = static_cast<std::uint16_t>(ports(numbers));
        const int listener = given.contains(port) ? -1 : listen_on(port);
        if (listener < 0) continue;
        given.insert(port);
        ::close(listener);
        return port;
    }
    throw std::runtime_error("no free port for the test");
}

class TcpProxy::Loop {
public:
    explicit Loop(std::uint16_t target) : target_(target) {
        for (int i = 0; i < port_tries_max && listener_ < 0; ++i) {
            port_ = find_lasting_port();
            listener_ = listen_on(port_);
        }
        if (listener_ < 0) throw std::runtime_error("the proxy cannot listen");
        wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    }

    ~Loop() {
        thread_.request_stop();
        wake();
        thread_.join();
        cut_all();
        if (listener_ >= 0) ::close(listener_);
        ::close(wake_);
    }

    enum class Mode { forward, refuse, freeze, slow };

    // Returns when the loop has taken it over.
    void change(Mode mode, Milliseconds delay) {
        mode_ = mode;
        delay_ms_ = delay.count();
        await_round();
    }

    void cut() {
        cut_wanted_ = true;
        await_round();
    }

    std::atomic<std::uint16_t> target_;
    std::uint16_t port_ = 0;
    std::atomic<std::size_t> resets_{0};

private:
    void wake() const {
        const std::uint64_t one = 1;
        (void)!::write(wake_, &one, sizeof one);
    }

    void await_round() {
        const std::uint64_t seen = rounds_.load();
        wake();
        // Two: the first may have begun before the change.
        while (rounds_.load() < seen + 2) {
            wake();
            rounds_.wait(rounds_.load());
        }
    }

    void run(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            follow_mode();
            poll_once();
            move_bytes();
            ++rounds_;
            rounds_.notify_all();
        }
    }

    void follow_mode() {
        if (cut_wanted_.exchange(false) || mode_ == Mode::refuse) cut_all();
        if (mode_ == Mode::refuse && listener_ >= 0) ::close(std::exchange(listener_, -1));
        if (mode_ != Mode::refuse && listener_ < 0) listener_ = listen_on(port_);
    }

    void poll_once() {
        std::vector<pollfd> watched{{wake_, POLLIN, 0}};
        if (listener_ >= 0) watched.push_back({listener_, POLLIN, 0});
        int timeout_ms = listener_ < 0 && mode_ != Mode::refuse ? 10 : 1'000;
        if (mode_ != Mode::freeze) {
            for (Pair& pair : pairs_) {
                for (Direction& way : pair.ways) timeout_ms = std::min(timeout_ms, watch(way, watched));
            }
        }
        ::poll(watched.data(), watched.size(), timeout_ms);
        std::uint64_t count = 0;
        (void)!::read(wake_, &count, sizeof count);
    }

    // Milliseconds until it has something to do by itself.
    static int watch(const Direction& way, std::vector<pollfd>& watched) {
        if (!way.ended && way.waiting_bytes < waiting_bytes_max) watched.push_back({way.from, POLLIN, 0});
        if (way.waiting.empty()) return 1'000;
        const auto now = Steady::now();
        if (way.waiting.front().due <= now) {
            watched.push_back({way.to, POLLOUT, 0});
            return 1'000;
        }
        return static_cast<int>(
                   std::chrono::duration_cast<std::chrono::milliseconds>(way.waiting.front().due - now).count()) +
               1;
    }

    void move_bytes() {
        accept_new();
        if (mode_ == Mode::freeze) return;
        const auto now = Steady::now();
        const auto due = now + std::chrono::milliseconds(mode_ == Mode::slow ? delay_ms_.load() : 0);
        for (auto pair = pairs_.begin(); pair != pairs_.end();) {
            bool whole = true;
            for (Direction& way : pair->ways) {
                if (!way.ended && way.waiting_bytes < waiting_bytes_max) whole = whole && take_in(way, due);
                whole = whole && hand_on(way, now);
            }
            const bool done = pair->ways[0].closed && pair->ways[1].closed;
            if (whole && !done) {
                ++pair;
                continue;
            }
            for (const Direction& way : pair->ways) whole ? (void)::close(way.from) : reset_socket(way.from);
            pair = pairs_.erase(pair);
        }
    }

    void accept_new() {
        while (listener_ >= 0) {
            const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (client < 0) return;
            const int server = connect_to(target_);
            if (server < 0) {
                reset_socket(client);
                continue;
            }
            prepare(client);
            prepare(server);
            Pair pair;
            pair.ways[0].from = pair.ways[1].to = client;
            pair.ways[0].to = pair.ways[1].from = server;
            pairs_.push_back(std::move(pair));
        }
    }

    void cut_all() {
        for (Pair& pair : pairs_) {
            ++resets_;
            for (const Direction& way : pair.ways) reset_socket(way.from);
        }
        pairs_.clear();
    }

    int listener_ = -1;
    int wake_ = -1;
    std::atomic<Mode> mode_ = Mode::forward;
    std::atomic<std::int64_t> delay_ms_{0};
    std::atomic<bool> cut_wanted_{false};
    std::atomic<std::uint64_t> rounds_{0};
    std::list<Pair> pairs_;
    std::jthread thread_;
};

TcpProxy::TcpProxy(std::uint16_t target) : loop_(std::make_unique<Loop>(target)) {}

TcpProxy::~TcpProxy() = default;

void TcpProxy::set_target(std::uint16_t port) { loop_->target_ = port; }

std::uint16_t TcpProxy::port() const { return loop_->port_; }

void TcpProxy::refuse() { loop_->change(Loop::Mode::refuse, {}); }

void TcpProxy::freeze() { loop_->change(Loop::Mode::freeze, {}); }

void TcpProxy::slow(Milliseconds each_way) { loop_->change(Loop::Mode::slow, each_way); }

void TcpProxy::heal() { loop_->change(Loop::Mode::forward, {}); }

void TcpProxy::reset() { loop_->cut(); }

std::size_t TcpProxy::resets() const { return loop_->resets_; }

}  // namespace waybill::testing
