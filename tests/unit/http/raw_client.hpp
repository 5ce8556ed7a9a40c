// A client that sends exactly the bytes it is told to, and reads what comes.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

#include "domain/time.hpp"

namespace waybill::http {

struct RawAnswer {
    int status = 0;  // 0: the connection ended without one
    std::string head;
    std::string body;
    [[nodiscard]] bool has(std::string_view header_line) const {
        return head.find("\r\n" + std::string(header_line) + "\r\n") != std::string::npos;
    }
    [[nodiscard]] bool closes() const { return has("Connection: close"); }
};

class RawClient {
public:
    static constexpr int patience_s = 60;  // only a broken server lets a test wait that long

    explicit RawClient(const std::string& url, int receive_buffer = 0) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
        const timeval patience{patience_s, 0};
        setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (receive_buffer > 0) setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error("cannot connect to " + url);
    }
    ~RawClient() { close(); }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    // False when the server has closed the connection.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    void finish_sending() { shutdown(socket_, SHUT_WR); }
    void close() {
        if (socket_ >= 0) ::close(std::exchange(socket_, -1));
    }

    // The next answer; `head` is for one that has no body although it tells a length.
    RawAnswer read_answer(bool head = false) {
        RawAnswer answer;
        while (input_.find("\r\n\r\n") == std::string::npos) {
            if (!receive()) return answer;
        }
        const std::size_t end = input_.find("\r\n\r\n") + 4;
        answer.head = input_.substr(0, end);
        answer.status = std::stoi(answer.head.substr(9, 3));
        input_.erase(0, end);
        const std::size_t length_at = answer.head.find("\r\nContent-Length: ");
        if (head || length_at == std::string::npos) return answer;
        const auto length = static_cast<std::size_t>(std::stoul(answer.head.substr(length_at + 18)));
        while (input_.size() < length && receive()) {
        }
        answer.body = input_.substr(0, length);
        input_.erase(0, length);
        return answer;
    }
    RawAnswer ask(std::string_view bytes) {
        send(bytes);
        return read_answer();
    }

    // All that comes until the server closes.
    std::string read_rest() {
        while (receive()) {
        }
        return std::exchange(input_, {});
    }
    // Whether something came, or the end.
    [[nodiscard]] bool is_readable_within(Milliseconds timeout) const {
        pollfd waited{socket_, POLLIN, 0};
        return !input_.empty() || poll(&waited, 1, static_cast<int>(timeout.count())) > 0;
    }
    bool is_closed() { return input_.empty() && !receive(); }

private:
    bool receive() {
        std::array<char, 4096> bytes{};
        const ssize_t received = recv(socket_, bytes.data(), bytes.size(), 0);
        if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) throw std::runtime_error("no answer came");
        if (received <= 0) return false;
        input_.append(bytes.data(), static_cast<std::size_t>(received));
        return true;
    }
    int socket_;
    std::string input_;
};

}  // namespace waybill::http
