#include "cli/load_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "ports/thread_name.hpp"
#include "posix/file_descriptor.hpp"

namespace waybill::cli {

namespace {

constexpr std::size_t threads_max = 2;
constexpr int poll_ms = 50;  // how long a request to stop may go unseen
constexpr Milliseconds watch_every{200};

FileDescriptor require_open(int made) {
    if (made < 0) throw std::system_error(errno, std::generic_category());
    return FileDescriptor(made);
}

FileDescriptor connect_to(std::uint16_t port) {
    FileDescriptor client = require_open(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        throw std::system_error(errno, std::generic_category());
    }
    const int on = 1;
    ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return client;
}

// The size of a whole answer, or 0 while it is not whole.
std::size_t answer_size(std::string_view input) {
    constexpr std::string_view field = "\r\nContent-Length: ";
    const std::size_t head = input.find("\r\n\r\n");
    if (head == std::string_view::npos) return 0;
    const std::size_t length = input.find(field);
    if (length > head) throw std::runtime_error("an answer without Content-Length");
    std::size_t body = 0;
    std::from_chars(input.data() + length + field.size(), input.data() + head, body);
    const std::size_t size = head + 4 + body;
    return input.size() < size ? 0 : size;
}

struct Client {
    FileDescriptor socket;
    SteadyTime asked_at{};
    std::string input{};
};

// What the threads of one load share.
struct Shared {
    const Load& load;
    Clock& clock;
    const SteadyTime counted_from;
    const SteadyTime end;
    std::atomic<std::uint64_t> next_request = 0;
    std::atomic<std::uint64_t> answers = 0;
    std::atomic<std::uint64_t> refused = 0;
};

class Thread {
public:
    Thread(Shared& shared, std::size_t connections) : shared_(shared) {
        clients_.reserve(connections);
        for (std::size_t i = 0; i < connections; ++i) {
            Client& client = clients_.emplace_back(connect_to(shared.load.port));
            epoll_event event{.events = EPOLLIN, .data = {.ptr = &client}};
            ::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, client.socket.get(), &event);
        }
    }

    std::vector<std::uint32_t> run(const std::stop_token& stop) {
        for (Client& client : clients_) ask(client);
        std::array<epoll_event, 64> events{};
        while (!stop.stop_requested() && shared_.clock.steady_now() < shared_.end) {
            const int ready = ::epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), poll_ms);
            for (int i = 0; i < ready; ++i) {
                receive(*static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr));
            }
        }
        return std::move(micros_);
    }

private:
    void ask(Client& client) {
        const std::string text = shared_.load.request(shared_.next_request.fetch_add(1));
        client.asked_at = shared_.clock.steady_now();
        const ssize_t sent = ::send(client.socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
        if (sent != static_cast<ssize_t>(text.size())) throw std::runtime_error("a connection was lost");
    }

    void receive(Client& client) {
        std::array<char, 16'384> buffer;  // NOLINT(*-member-init): filled by recv
        const ssize_t received = ::recv(client.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (received <= 0) throw std::runtime_error("a connection was closed");
        client.input.append(buffer.data(), static_cast<std::size_t>(received));
        if (answer_size(client.input) == 0) return;
        count(client);
        client.input.clear();
        ask(client);
    }

    void count(const Client& client) {
        const SteadyTime now = shared_.clock.steady_now();
        if (now < shared_.counted_from) return;
        if (!client.input.starts_with("HTTP/1.1 2")) shared_.refused.fetch_add(1);
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - client.asked_at);
        micros_.push_back(static_cast<std::uint32_t>(took.count()));
        shared_.answers.fetch_add(1, std::memory_order_relaxed);
    }

    Shared& shared_;
    FileDescriptor poll_ = require_open(::epoll_create1(EPOLL_CLOEXEC));
    std::vector<Client> clients_;
    std::vector<std::uint32_t> micros_;
};

double percentile_ms(std::vector<std::uint32_t>& micros, double share) {
    if (micros.empty()) return 0;
    const auto at = micros.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(micros.size() - 1));
    std::ranges::nth_element(micros, at);
    return *at / 1e3;
}

}  // namespace

Result<LoadFigures> run_load(const Load& load, Clock& clock, const std::stop_token& stop,
                             const std::function<void(std::uint64_t answers, Milliseconds in)>& watch) {
    const SteadyTime begin = clock.steady_now();
    Shared shared{load, clock, begin + load.warm_up, begin + load.warm_up + load.duration};
    const std::size_t threads = std::min(threads_max, load.connections);
    std::vector<std::vector<std::uint32_t>> micros(threads);
    std::vector<std::string> problems(threads);
    std::atomic<std::size_t> running = threads;
    std::vector<std::jthread> workers;
    for (std::size_t t = 0; t < threads; ++t) {
        workers.emplace_back([&, t] {
            name_thread("bench-load");
            try {
                micros[t] = Thread(shared, (load.connections + t) / threads).run(stop);
            } catch (const std::exception& problem) {
                problems[t] = problem.what();
            }
            running.fetch_sub(1);
        });
    }
    const auto elapsed = [&] {
        return std::max(std::chrono::duration_cast<Milliseconds>(clock.steady_now() - shared.counted_from),
                        Milliseconds{0});
    };
    while (running > 0) {
        watch(shared.answers, elapsed());
        clock.sleep_for(std::min(watch_every, Milliseconds{poll_ms}));
    }
    workers.clear();
    const Milliseconds took = std::min(elapsed(), load.duration);
    for (const std::string& problem : problems) {
        if (!problem.empty()) return fail(ErrorCode::unavailable, "The load could not be made: " + problem + ".");
    }
    for (std::size_t t = 1; t < threads; ++t) micros[0].insert(micros[0].end(), micros[t].begin(), micros[t].end());
    const double seconds = std::max(std::chrono::duration<double>(took).count(), 1e-3);
    return LoadFigures{.per_second = static_cast<double>(micros[0].size()) / seconds,
                       .p50_ms = percentile_ms(micros[0], 0.5),
                       .p99_ms = percentile_ms(micros[0], 0.99),
                       .refused = shared.refused};
}

}  // namespace waybill::cli
