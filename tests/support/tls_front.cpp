#include "tests/support/tls_front.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <list>
#include <mutex>
#include <poll.h>
#include <stdexcept>
#include <thread>
#include <unistd.h>

namespace waybill::testing {

namespace {

struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSession {
    void operator()(SSL* session) const { SSL_free(session); }
};
using Session = std::unique_ptr<SSL, FreeSession>;

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

bool send_all(int socket, const char* bytes, std::size_t count) {
    while (count > 0) {
        const ssize_t sent = ::send(socket, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes += sent;
        count -= static_cast<std::size_t>(sent);
    }
    return true;
}

// Until one side ends.
void pump(SSL* session, int client, int server) {
    std::array<char, 16'384> chunk{};
    for (;;) {
        std::array<pollfd, 2> watched{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
        if (SSL_pending(session) == 0 && ::poll(watched.data(), watched.size(), -1) < 0) return;
        if (SSL_pending(session) > 0 || watched[0].revents != 0) {
            const int count = SSL_read(session, chunk.data(), chunk.size());
            const bool goes_on = count > 0 || SSL_get_error(session, count) == SSL_ERROR_WANT_READ;
            if (!goes_on || (count > 0 && !send_all(server, chunk.data(), static_cast<std::size_t>(count)))) return;
        }
        if (watched[1].revents != 0) {
            const ssize_t count = ::recv(server, chunk.data(), chunk.size(), 0);
            if (count <= 0 || SSL_write(session, chunk.data(), static_cast<int>(count)) <= 0) return;
        }
    }
}

}  // namespace

class TlsFront::Listener {
public:
    explicit Listener(const Certificate& certificate) : context_(SSL_CTX_new(TLS_server_method())) {
        const bool usable =
            context_ &&
            SSL_CTX_use_certificate_file(context_.get(), certificate.certificate.c_str(), SSL_FILETYPE_PEM) == 1 &&
            SSL_CTX_use_PrivateKey_file(context_.get(), certificate.key.c_str(), SSL_FILETYPE_PEM) == 1;
        if (!usable) throw std::runtime_error("the certificate of the test cannot be used");
        SSL_CTX_clear_mode(context_.get(), SSL_MODE_AUTO_RETRY);
        socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address = loopback(0);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (::bind(socket_, generic, size) != 0 || ::listen(socket_, 256) != 0 ||
            ::getsockname(socket_, generic, &size) != 0) {
            ::close(socket_);
            throw std::runtime_error("no port for the test");
        }
        port_ = ntohs(address.sin_port);
        acceptor_ = std::jthread([this] { accept_all(); });
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
            ::shutdown(socket_, SHUT_RDWR);
            for (const int open : open_) ::shutdown(open, SHUT_RDWR);
        }
        acceptor_.join();
        connections_.clear();  // joins
        ::close(socket_);
    }

    void set_target(std::uint16_t port) { target_ = port; }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] int served() const { return served_; }

private:
    // A socket that the end of the listener shuts down.
    class Open {
    public:
        Open(Listener& listener, int socket) : listener_(listener), socket_(socket) {
            const std::lock_guard lock(listener_.mutex_);
            at_ = listener_.open_.insert(listener_.open_.end(), socket_);
            if (listener_.stopping_) ::shutdown(socket_, SHUT_RDWR);
        }
        Open(const Open&) = delete;
        Open& operator=(const Open&) = delete;
        ~Open() {
            const std::lock_guard lock(listener_.mutex_);
            listener_.open_.erase(at_);
            ::close(socket_);
        }

    private:
        Listener& listener_;
        int socket_;
        std::list<int>::iterator at_;
    };

    void accept_all() {
        for (;;) {
            const int client = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
            if (client < 0) return;
            connections_.emplace_back([this, client] { serve(client); });
        }
    }

    void serve(int client) {
        const Open open_client(*this, client);
        const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const Open open_server(*this, server);
        const Session session(SSL_new(context_.get()));
        if (!session || SSL_set_fd(session.get(), client) != 1 || SSL_accept(session.get()) != 1) return;
        const sockaddr_in address = loopback(target_);
        if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
        ++served_;
        pump(session.get(), client, server);
    }

    std::unique_ptr<SSL_CTX, FreeContext> context_;
    int socket_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<std::uint16_t> target_{0};
    std::atomic<int> served_{0};
    std::mutex mutex_;
    std::list<int> open_;
    bool stopping_ = false;
    std::list<std::jthread> connections_;  // the acceptor's, until it has ended
    std::jthread acceptor_;
};

TlsFront::TlsFront(const Certificate& certificate) : listener_(std::make_unique<Listener>(certificate)) {}
TlsFront::~TlsFront() = default;
void TlsFront::set_target(std::uint16_t port) { listener_->set_target(port); }
std::uint16_t TlsFront::port() const { return listener_->port(); }
int TlsFront::served() const { return listener_->served(); }

}  // namespace waybill::testing
