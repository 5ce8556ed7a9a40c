// A TCP peer that reads Redis commands, keeps them, and answers what the test says: anything.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace waybill::testing {

class RedisPeer {
public:
    // Empty bytes are silence.
    struct Answer {
        std::string bytes{};
        bool close = false;
    };
    struct Command {
        std::size_t connection = 0;  // from 1
        std::vector<std::string> words;
        [[nodiscard]] bool is(std::string_view name) const { return !words.empty() && words.front() == name; }
    };
    // PING is answered with PONG before a rule is asked.
    using Rule = std::function<Answer(const Command&)>;

    explicit RedisPeer(Rule rule) : rule_(std::move(rule)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0 ||
            ::getsockname(listener_, generic, &size) != 0) {
            throw std::runtime_error("no server for the test");
        }
        port_ = ntohs(address.sin_port);
        acceptor_ = std::jthread([this] { accept_all(); });
    }

    ~RedisPeer() {
        ::shutdown(listener_, SHUT_RDWR);
        acceptor_.join();
        cut();
        threads_.clear();
        ::close(listener_);
        for (const int socket : sockets_) ::close(socket);
    }

    // Ends every connection that there is.
    void cut() {
        const std::lock_guard lock(mutex_);
        for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    }

    [[nodiscard]] std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] std::size_t connections() const {
        const std::lock_guard lock(mutex_);
        return sockets_.size();
    }
    // Without PING.
    [[nodiscard]] std::vector<Command> commands() const {
        const std::lock_guard lock(mutex_);
        return commands_;
    }
    [[nodiscard]] std::size_t count(std::string_view name) const {
        const std::vector<Command> all = commands();
        return static_cast<std::size_t>(
            std::ranges::count_if(all, [&](const Command& command) { return command.is(name); }));
    }

private:
    void accept_all() {
        for (;;) {
            const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (socket < 0) return;
            const std::lock_guard lock(mutex_);
            sockets_.push_back(socket);
            threads_.emplace_back([this, socket, number = sockets_.size()] { serve(socket, number); });
        }
    }

    void serve(int socket, std::size_t number) {
        std::string unread;
        for (;;) {
            const std::optional<std::vector<std::string>> words = read_command(socket, unread);
            if (!words) break;
            const Command command{number, *words};
            if (!command.is("PING")) {
                const std::lock_guard lock(mutex_);
                commands_.push_back(command);
            }
            const Answer answer = command.is("PING") ? Answer{"+PONG\r\n"} : rule_(command);
            static_cast<void>(::send(socket, answer.bytes.data(), answer.bytes.size(), MSG_NOSIGNAL));
            if (answer.close) break;
        }
        ::shutdown(socket, SHUT_RDWR);
    }

    static bool read_more(int socket, std::string& unread) {
        char chunk[4'096];
        const ssize_t got = ::recv(socket, chunk, sizeof(chunk), 0);
        if (got <= 0) return false;
        unread.append(chunk, static_cast<std::size_t>(got));
        return true;
    }

    static std::optional<std::string> take_line(int socket, std::string& unread) {
        std::size_t end = 0;
        while ((end = unread.find("\r\n")) == std::string::npos) {
            if (!read_more(socket, unread)) return std::nullopt;
        }
        std::string line = unread.substr(0, end);
        unread.erase(0, end + 2);
        return line;
    }

    static std::optional<std::vector<std::string>> read_command(int socket, std::string& unread) {
        const std::optional<std::string> head = take_line(socket, unread);
        if (!head || !head->starts_with('*')) return std::nullopt;
        std::vector<std::string> words;
        for (long left = std::strtol(head->c_str() + 1, nullptr, 10); left > 0; --left) {
            const std::optional<std::string> length = take_line(socket, unread);
            if (!length || !length->starts_with('$')) return std::nullopt;
            const std::size_t size = std::strtoul(length->c_str() + 1, nullptr, 10);
            while (unread.size() < size + 2) {
                if (!read_more(socket, unread)) return std::nullopt;
            }
            words.push_back(unread.substr(0, size));
            unread.erase(0, size + 2);
        }
        return words;
    }

    Rule rule_;
    int listener_ = -1;
    int port_ = 0;
    mutable std::mutex mutex_;
    std::vector<Command> commands_;
    std::vector<int> sockets_;
    std::vector<std::jthread> threads_;
    std::jthread acceptor_;
};

}  // namespace waybill::testing
