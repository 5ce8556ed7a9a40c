// A connected socket, in clear or in TLS. Never blocks: the caller polls.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "adapters/redis/address.hpp"
#include "adapters/redis/patience.hpp"
#include "adapters/redis/resolver.hpp"
#include "domain/error.hpp"
#include "posix/file_descriptor.hpp"

namespace waybill::redis {

struct FreeTls {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL* session) const { SSL_free(session); }
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeTls>;

// Certificates are checked against `ca_file`, or the system's authorities when it is empty. TLS 1.2 or
// newer. Errors: validation_failed (the file).
[[nodiscard]] Result<TlsContext> make_tls_context(const std::filesystem::path& ca_file);

class Stream {
public:
    enum class Step : std::uint8_t { moved, want_read, want_write, closed };
    struct Moved {
        Step step = Step::closed;
        std::size_t bytes = 0;
    };

    // Connects, and with TLS checks certificate and host name. Errors: unavailable (says what to do).
    [[nodiscard]] static Result<Stream> open(const RedisAddress& address, SSL_CTX* tls, Resolver& resolver,
                                             const Patience& patience);

    [[nodiscard]] Moved read_some(std::span<char> buffer);
    [[nodiscard]] Moved write_some(std::string_view bytes);

    // What poll cannot see, because it has been read from the socket already.
    [[nodiscard]] bool holds_unread() const { return tls_ != nullptr && SSL_pending(tls_.get()) > 0; }
    [[nodiscard]] int fd() const { return socket_.get(); }

private:
    explicit Stream(FileDescriptor socket) : socket_(std::move(socket)) {}
    [[nodiscard]] Result<void> shake_hands(const RedisAddress& address, SSL_CTX* tls, const Patience& patience);
    [[nodiscard]] Moved judge_tls(int result);

    FileDescriptor socket_;
    std::unique_ptr<SSL, FreeTls> tls_;  // last: it goes before its socket
};

}  // namespace waybill::redis
