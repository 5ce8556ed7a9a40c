#include "adapters/redis/stream.hpp"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <expected>
#include <poll.h>
#include <utility>

namespace waybill::redis {

namespace {

std::unexpected<Error> away(std::string sentence) { return fail(ErrorCode::unavailable, std::move(sentence)); }

std::unexpected<Error> no_answer_in_time(const RedisAddress& address) {
    return away("Redis at " + address.place() +
                " did not answer in time; check that it runs and that no firewall is between.");
}

std::string reason_of(int connect_errno) {
    if (connect_errno == ECONNREFUSED) return "refuses connections; start it, or correct REDIS_URL.";
    return "cannot be reached; check the network, or correct REDIS_URL.";
}

// The error is an errno.
std::expected<FileDescriptor, int> connect_to(const SocketAddress& to, const Patience& patience) {
    FileDescriptor socket(::socket(to.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.is_open()) return std::unexpected(errno);
    const int on = 1;
    static_cast<void>(::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    static_cast<void>(::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on));
    const auto* generic = reinterpret_cast<const sockaddr*>(&to.bytes);
    if (::connect(socket.get(), generic, to.size) == 0) return socket;
    if (errno != EINPROGRESS) return std::unexpected(errno);
    if (patience.wait_for(socket.get(), POLLOUT) != Waited::ready) return std::unexpected(ETIMEDOUT);
    int problem = 0;
    socklen_t size = sizeof problem;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &problem, &size) != 0) return std::unexpected(errno);
    if (problem != 0) return std::unexpected(problem);
    return socket;
}

// One address that swallows everything must not use up the time of the others.
Result<FileDescriptor> connect_to_any(const RedisAddress& address, const std::vector<SocketAddress>& places,
                                      const Patience& patience) {
    int problem = ETIMEDOUT;
    for (std::size_t i = 0; i < places.size(); ++i) {
        const auto share = patience.left() / static_cast<int>(places.size() - i);
        std::expected<FileDescriptor, int> socket =
            connect_to(places[i], {patience.clock, patience.clock.steady_now() + share, patience.wake, patience.stop});
        if (socket) return std::move(*socket);
        problem = socket.error();
    }
    if (problem == ETIMEDOUT) return no_answer_in_time(address);
    return away("Redis at " + address.place() + " " + reason_of(problem));
}

std::string untrusted(const RedisAddress& address, long verdict) {
    if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        return "The certificate of Redis at " + address.place() +
               " is for another host; use the name that is in it, or a certificate for this one.";
    }
    return "The certificate of Redis at " + address.place() + " is not trusted (" +
           X509_verify_cert_error_string(verdict) + "); configure the file of the authority that signed it.";
}

std::string not_tls(const RedisAddress& address) {
    return "Redis at " + address.place() +
           " ended the TLS handshake; use redis:// if that port is in clear, or look into the server's log.";
}

bool expect_host(SSL* session, const RedisAddress& address) {
    if (address.host_is_ip) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), address.host.c_str()) == 1;
    }
    SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(session, address.host.c_str()) == 1 &&
           SSL_set_tlsext_host_name(session, address.host.c_str()) == 1;
}

}  // namespace

Result<TlsContext> make_tls_context(const std::filesystem::path& ca_file) {
    TlsContext context(SSL_CTX_new(TLS_client_method()));
    if (!context) throw std::bad_alloc();
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get())
                                       : SSL_CTX_load_verify_file(context.get(), ca_file.c_str());
    ERR_clear_error();
    if (loaded != 1) {
        return fail(ErrorCode::validation_failed,
                    "The file of authorities for Redis, " + ca_file.string() + ", cannot be read as PEM certificates.");
    }
    return context;
}

Result<Stream> Stream::open(const RedisAddress& address, SSL_CTX* tls, Resolver& resolver, const Patience& patience) {
    Result<std::vector<SocketAddress>> places = resolver.resolve(patience);
    if (!places) return fail(std::move(places.error()));
    Result<FileDescriptor> socket = connect_to_any(address, *places, patience);
    if (!socket) return fail(std::move(socket.error()));
    Stream stream(std::move(*socket));
    if (tls != nullptr) {
        if (auto done = stream.shake_hands(address, tls, patience); !done) return fail(std::move(done.error()));
    }
    return stream;
}

Result<void> Stream::shake_hands(const RedisAddress& address, SSL_CTX* tls, const Patience& patience) {
    tls_.reset(SSL_new(tls));
    if (!tls_ || SSL_set_fd(tls_.get(), fd()) != 1 || !expect_host(tls_.get(), address)) throw std::bad_alloc();
    for (;;) {
        ERR_clear_error();
        const int result = SSL_connect(tls_.get());
        if (result == 1) return {};
        const Moved moved = judge_tls(result);
        if (moved.step == Step::closed) {
            const long verdict = SSL_get_verify_result(tls_.get());
            return away(verdict == X509_V_OK ? not_tls(address) : untrusted(address, verdict));
        }
        const short events = moved.step == Step::want_read ? POLLIN : POLLOUT;
        if (patience.wait_for(fd(), events) != Waited::ready) {
            return away("Redis at " + address.place() +
                        " did not answer the TLS handshake in time; use redis:// if that port is in clear.");
        }
    }
}

// A session that failed must not be used again; OpenSSL's queue of errors is the thread's.
Stream::Moved Stream::judge_tls(int result) {
    const int problem = SSL_get_error(tls_.get(), result);
    ERR_clear_error();
    if (problem == SSL_ERROR_WANT_READ) return {Step::want_read, 0};
    if (problem == SSL_ERROR_WANT_WRITE) return {Step::want_write, 0};
    return {Step::closed, 0};
}

Stream::Moved Stream::read_some(std::span<char> buffer) {
    if (tls_) {
        const int got =
            SSL_read(tls_.get(), buffer.data(), static_cast<int>(std::min<std::size_t>(buffer.size(), INT_MAX)));
        return got > 0 ? Moved{Step::moved, static_cast<std::size_t>(got)} : judge_tls(got);
    }
    for (;;) {
        const ssize_t got = ::recv(fd(), buffer.data(), buffer.size(), 0);
        if (got > 0) return {Step::moved, static_cast<std::size_t>(got)};
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {Step::want_read, 0};
        return {Step::closed, 0};
    }
}

Stream::Moved Stream::write_some(std::string_view bytes) {
    if (tls_) {
        const int put =
            SSL_write(tls_.get(), bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX)));
        return put > 0 ? Moved{Step::moved, static_cast<std::size_t>(put)} : judge_tls(put);
    }
    for (;;) {
        const ssize_t put = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (put >= 0) return {Step::moved, static_cast<std::size_t>(put)};
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return {Step::want_write, 0};
        return {Step::closed, 0};
    }
}

}  // namespace waybill::redis
