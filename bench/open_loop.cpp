// Sends requests at a given rate, whatever the server does, and counts each from the moment at which
// it was planned: a server that stalls for a second is charged for every request of that second
// (what wrk, which waits for an answer before it asks again, leaves out).
//
// Usage: open_loop PORT RATE SECONDS CONNECTIONS MODE FOLDER. MODE `order` places orders from the
// lists FOLDER/products and FOLDER/tokens; any other reads the targets in FOLDER/MODE. Prints
// "RESULT <answered> <microseconds> <p50> <p99> <refused> <broken> <late p99>", times in
// microseconds; `late` is how long after its planned moment a request was sent although a connection
// was free, the generator's own fault.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

namespace waybill::bench {
namespace {

using Time = std::chrono::steady_clock::time_point;
using std::chrono::nanoseconds;

constexpr unsigned threads_max = 2;
constexpr std::chrono::seconds answers_awaited_max{30};

struct Plan {
    std::uint16_t port = 0;
    double rate = 0;
    double seconds = 0;
    unsigned connections = 0;
    std::string mode;
    std::vector<std::string> tokens;
    std::vector<std::string> items;  // products, or targets
};

std::vector<std::string> read_lines(const std::string& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    if (lines.empty()) throw std::runtime_error(path + " is empty");
    return lines;
}

class Requests {
public:
    Requests(const Plan& plan, unsigned thread) : plan_(plan), thread_(thread), dice_(thread * 7'919 + 1) {}

    std::string next() {
        const std::string head = " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + pick(plan_.tokens) + "\r\n";
        if (plan_.mode != "order") return "GET " + pick(plan_.items) + head + "\r\n";
        ++number_;
        const std::size_t first = dice_() % plan_.items.size();
        const std::size_t second = (first + 1 + dice_() % (plan_.items.size() - 1)) % plan_.items.size();
        const std::string body = R"({"location":"bench","items":[{"productId":")" + plan_.items[first] +
                                 R"(","quantity":)" + std::to_string(1 + dice_() % 3) + R"(},{"productId":")" +
                                 plan_.items[second] + R"(","quantity":)" + std::to_string(1 + dice_() % 3) + "}]}";
        std::string key;
        if (number_ % 2 == 0) {
            key = "Idempotency-Key: open-" + std::to_string(thread_) + "-" + std::to_string(number_) + "\r\n";
        }
        return "POST /api/v1/orders" + head + key +
               "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }

private:
    const std::string& pick(const std::vector<std::string>& list) { return list[dice_() % list.size()]; }

    const Plan& plan_;
    const unsigned thread_;
    std::minstd_rand dice_;
    std::uint64_t number_ = 0;
};

struct Tally {
    std::vector<std::uint32_t> micros;
    std::vector<std::uint32_t> late_micros;
    std::uint64_t refused = 0;
    std::uint64_t broken = 0;
};

std::uint32_t micros_between(Time from, Time to) {
    return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(to - from).count());
}

struct Connection {
    int socket = -1;
    Time planned;
    std::string input;
    bool busy = false;
};

// The whole answer's size once it has arrived, else 0.
std::size_t answer_size(std::string_view input) {
    const std::size_t head = input.find("\r\n\r\n");
    if (head == std::string_view::npos) return 0;
    constexpr std::string_view field = "\r\nContent-Length: ";
    const std::size_t length = input.find(field);
    if (length == std::string_view::npos || length > head) throw std::runtime_error("an answer without a length");
    std::size_t body = 0;
    std::from_chars(input.data() + length + field.size(), input.data() + head, body);
    return input.size() >= head + 4 + body ? head + 4 + body : 0;
}

// One thread's share of the connections and of the rate.
class Loop {
public:
    Loop(const Plan& plan, unsigned thread, unsigned threads, Time start)
        : plan_(plan),
          requests_(plan, thread),
          start_(start + nanoseconds(static_cast<std::int64_t>(1e9 / plan.rate * thread))),
          interval_(static_cast<std::int64_t>(1e9 / plan.rate * threads)),
          count_(static_cast<std::uint64_t>(plan.rate * plan.seconds / threads)),
          poll_(epoll_create1(EPOLL_CLOEXEC)),
          connections_((plan.connections + threads - 1) / threads) {
        for (Connection& connection : connections_) open(connection);
    }
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop() {
        for (const Connection& connection : connections_) ::close(connection.socket);
        ::close(poll_);
    }

    Tally run() {
        const Time give_up = planned(count_) + answers_awaited_max;
        while (ended_ < count_) {
            const Time now = std::chrono::steady_clock::now();
            if (now >= give_up) {
                tally_.broken += count_ - ended_;
                break;
            }
            send_due(now);
            wait(now);
        }
        return std::move(tally_);
    }

private:
    [[nodiscard]] Time planned(std::uint64_t number) const {
        return start_ + interval_ * static_cast<std::int64_t>(number);
    }

    void open(Connection& connection) {
        connection.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(plan_.port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(connection.socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            throw std::runtime_error("the server does not listen");
        }
        const int one = 1;
        ::setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
        ::epoll_ctl(poll_, EPOLL_CTL_ADD, connection.socket, &event);
        idle_.push_back(&connection);
    }

    void send_due(Time now) {
        while (begun_ < count_ && planned(begun_) <= now && !idle_.empty()) {
            Connection& connection = *idle_.front();
            idle_.pop_front();
            connection.planned = planned(begun_++);
            connection.busy = true;
            // Who had to wait for a connection is the server's, who had not is ours.
            if (connection.planned >= starved_until_)
                tally_.late_micros.push_back(micros_between(connection.planned, now));
            const std::string text = requests_.next();
            if (::send(connection.socket, text.data(), text.size(), MSG_NOSIGNAL) !=
                static_cast<ssize_t>(text.size())) {
                reopen(connection);
            }
        }
        if (idle_.empty()) starved_until_ = now;
    }

    void wait(Time now) {
        std::array<epoll_event, 64> events{};
        const bool may_send = begun_ < count_ && !idle_.empty();
        const auto pause = may_send ? std::max(planned(begun_) - now, nanoseconds{0}) : nanoseconds{100'000'000};
        const timespec timeout{.tv_sec = pause / std::chrono::seconds{1},
                               .tv_nsec = (pause % std::chrono::seconds{1}).count()};
        const int ready = ::epoll_pwait2(poll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
        for (int i = 0; i < ready; ++i)
            receive(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
    }

    void receive(Connection& connection) {
        std::array<char, 16'384> buffer{};
        const ssize_t received = ::recv(connection.socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (received <= 0) return reopen(connection);
        connection.input.append(buffer.data(), static_cast<std::size_t>(received));
        const std::size_t size = answer_size(connection.input);
        if (size == 0 || !connection.busy) return;
        tally_.micros.push_back(micros_between(connection.planned, std::chrono::steady_clock::now()));
        if (!connection.input.starts_with("HTTP/1.1 2")) ++tally_.refused;
        connection.input.erase(0, size);
        end(connection);
    }

    void end(Connection& connection) {
        connection.busy = false;
        ++ended_;
        idle_.push_back(&connection);
    }

    void reopen(Connection& connection) {
        ::close(connection.socket);
        std::erase(idle_, &connection);
        connection.input.clear();
        if (connection.busy) {
            ++tally_.broken;
            ++ended_;
            connection.busy = false;
        }
        open(connection);
    }

    const Plan& plan_;
    Requests requests_;
    const Time start_;
    const nanoseconds interval_;
    const std::uint64_t count_;
    const int poll_;
    std::vector<Connection> connections_;
    std::deque<Connection*> idle_;
    std::uint64_t begun_ = 0;
    std::uint64_t ended_ = 0;
    Time starved_until_{};
    Tally tally_;
};

std::uint32_t percentile(std::vector<std::uint32_t>& values, double share) {
    if (values.empty()) return 0;
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

void run(const Plan& plan) {
    const unsigned threads = std::min(threads_max, plan.connections);
    const Time start = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
    std::vector<Tally> tallies(threads);
    {
        std::vector<std::jthread> running;
        for (unsigned t = 0; t < threads; ++t) {
            running.emplace_back([&, t] {
                try {
                    tallies[t] = Loop(plan, t, threads, start).run();
                } catch (const std::exception& problem) {
                    std::fprintf(stderr, "open_loop: %s\n", problem.what());
                    std::_Exit(1);
                }
            });
        }
    }
    const auto took = std::chrono::steady_clock::now() - start;
    Tally all;
    for (Tally& tally : tallies) {
        all.micros.insert(all.micros.end(), tally.micros.begin(), tally.micros.end());
        all.late_micros.insert(all.late_micros.end(), tally.late_micros.begin(), tally.late_micros.end());
        all.refused += tally.refused;
        all.broken += tally.broken;
    }
    std::printf("RESULT %zu %lld %u %u %llu %llu %u\n", all.micros.size(),
                static_cast<long long>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()),
                percentile(all.micros, 0.5), percentile(all.micros, 0.99), static_cast<unsigned long long>(all.refused),
                static_cast<unsigned long long>(all.broken), percentile(all.late_micros, 0.99));
}

}  // namespace
}  // namespace waybill::bench

int main(int argc, char** argv) {
    if (argc != 7) {
        std::fputs("usage: open_loop PORT RATE SECONDS CONNECTIONS MODE FOLDER\n", stderr);
        return 2;
    }
    try {
        const std::string folder = argv[6];
        waybill::bench::Plan plan{.port = static_cast<std::uint16_t>(std::atoi(argv[1])),
                                  .rate = std::atof(argv[2]),
                                  .seconds = std::atof(argv[3]),
                                  .connections = static_cast<unsigned>(std::atoi(argv[4])),
                                  .mode = argv[5],
                                  .tokens = waybill::bench::read_lines(folder + "/tokens"),
                                  .items = {}};
        plan.items = waybill::bench::read_lines(folder + "/" + (plan.mode == "order" ? "products" : plan.mode));
        if (plan.rate <= 0 || plan.seconds <= 0 || plan.connections == 0) throw std::runtime_error("nothing to send");
        waybill::bench::run(plan);
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "open_loop: %s\n", problem.what());
        return 1;
    }
    return 0;
}
