// A server on a free port of 127.0.0.1 that keeps what it was sent and answers what the test says.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace waybill::testing {

class HttpPeer {
public:
    // The bytes to answer with; the connection is closed after them. `hold` keeps it open, silent.
    struct Answer {
        std::string bytes;
        bool hold = false;
    };
    using Rule = std::function<Answer(const std::string& request)>;

    explicit HttpPeer(Rule rule) : rule_(std::move(rule)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
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
        thread_ = std::jthread([this] { run(); });
    }

    ~HttpPeer() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
        for (const int connection : held_) ::close(connection);
    }

    [[nodiscard]] std::string url(const std::string& path = "/orders") const {
        return "http://127.0.0.1:" + std::to_string(port_) + path;
    }
    [[nodiscard]] std::vector<std::string> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

    static Answer reply(int status, const std::string& body, const std::string& headers = "") {
        return {"HTTP/1.1 " + std::to_string(status) + " Words\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\nConnection: close\r\n" + headers + "\r\n" + body};
    }

private:
    void run() {
        for (;;) {
            const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (connection < 0) return;
            std::string request = read_request(connection);
            {
                const std::lock_guard lock(mutex_);
                requests_.push_back(request);
            }
            const Answer answer = rule_(request);
            if (answer.hold) {
                held_.push_back(connection);
                continue;
            }
            static_cast<void>(::send(connection, answer.bytes.data(), answer.bytes.size(), MSG_NOSIGNAL));
            ::shutdown(connection, SHUT_WR);
            ::close(connection);
        }
    }

    static std::string read_request(int connection) {
        std::string request;
        char buffer[4096];
        while (!is_complete(request)) {
            const ssize_t size = ::recv(connection, buffer, sizeof(buffer), 0);
            if (size <= 0) break;
            request.append(buffer, static_cast<std::size_t>(size));
        }
        return request;
    }

    static bool is_complete(const std::string& request) {
        const std::size_t end = request.find("\r\n\r\n");
        if (end == std::string::npos) return false;
        const std::size_t length = request.find("Content-Length: ");
        const std::size_t body = length < end ? std::strtoul(request.c_str() + length + 16, nullptr, 10) : 0;
        return request.size() >= end + 4 + body;
    }

    Rule rule_;
    int listener_;
    int port_ = 0;
    mutable std::mutex mutex_;
    std::vector<std::string> requests_;
    std::vector<int> held_;
    std::jthread thread_;
};

}  // namespace waybill::testing
