#include "tests/system/fulfilment_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <stdexcept>
#include <unistd.h>

#include "domain/hex.hpp"

namespace waybill::system_test {

namespace {

bool read_until(int socket, std::string& buffer, const std::function<bool()>& complete) {
    std::array<char, 4'096> bytes{};
    while (!complete()) {
        const ssize_t received = ::recv(socket, bytes.data(), bytes.size(), 0);
        if (received <= 0) return false;
        buffer.append(bytes.data(), static_cast<std::size_t>(received));
    }
    return true;
}

std::map<std::string, std::string> parse_headers(const std::string& head) {
    std::map<std::string, std::string> headers;
    std::size_t start = head.find("\r\n") + 2;
    while (start < head.size()) {
        const std::size_t end = head.find("\r\n", start);
        const std::size_t colon = head.find(':', start);
        std::string name = head.substr(start, colon - start);
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        headers[name] =
            head.substr(head.find_first_not_of(' ', colon + 1), end - head.find_first_not_of(' ', colon + 1));
        start = end + 2;
    }
    return headers;
}

}  // namespace

std::string hmac_hex(const std::string& secret, const std::string& message) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(), &size);
    return to_hex(std::span(digest).first(size));
}

std::string FulfilmentCall::order_id() const {
    const auto found = headers.find("idempotency-key");
    return found == headers.end() ? std::string{} : found->second;
}

FulfilmentServer::FulfilmentServer(Decide decide, Calls calls) : decide_(std::move(decide)), keeping_(calls) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        throw std::runtime_error("the fulfilment server cannot listen");
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this] { accept_all(); });
}

FulfilmentServer::~FulfilmentServer() {
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
        for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    }
    changed_.notify_all();
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    threads_.clear();
    for (const int socket : sockets_) ::close(socket);
    ::close(listener_);
}

std::vector<std::string> FulfilmentServer::flags(std::vector<std::string> more) const {
    more.insert(more.end(), {"--fulfilment-url", "http://127.0.0.1:" + std::to_string(port_) + "/orders",
                             "--fulfilment-secret", fulfilment_secret});
    return more;
}

void FulfilmentServer::hold() {
    const std::lock_guard lock(mutex_);
    holding_ = true;
}

void FulfilmentServer::release() {
    {
        const std::lock_guard lock(mutex_);
        holding_ = false;
    }
    changed_.notify_all();
}

std::vector<FulfilmentCall> FulfilmentServer::calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
}

void FulfilmentServer::accept_all() {
    for (;;) {
        const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (socket < 0) return;
        const std::lock_guard lock(mutex_);
        sockets_.push_back(socket);
        if (ended_) ::shutdown(socket, SHUT_RDWR);
        threads_.emplace_back([this, socket] { serve(socket); });
    }
}

void FulfilmentServer::serve(int socket) {
    std::string buffer;
    std::size_t head_end = std::string::npos;
    while (read_until(socket, buffer, [&] { return (head_end = buffer.find("\r\n\r\n")) != std::string::npos; })) {
        FulfilmentCall call;
        call.headers = parse_headers(buffer.substr(0, head_end + 2));
        const std::size_t length = std::stoul(call.headers["content-length"]);
        const std::size_t end = head_end + 4 + length;
        if (!read_until(socket, buffer, [&] { return buffer.size() >= end; })) return;
        call.body = buffer.substr(head_end + 4, length);
        buffer.erase(0, end);
        const FulfilmentAnswer given = answer(std::move(call));
        const std::string bytes =
            "HTTP/1.1 " + std::to_string(given.status) +
            " Decided\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(given.body.size()) +
            "\r\n\r\n" + given.body;
        if (::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) return;
    }
}

FulfilmentAnswer FulfilmentServer::answer(FulfilmentCall call) {
    std::unique_lock lock(mutex_);
    if (keeping_ == Calls::kept) calls_.push_back(call);
    changed_.wait(lock, [this] { return !holding_ || ended_; });
    lock.unlock();
    return decide_(call);
}

}  // namespace waybill::system_test
