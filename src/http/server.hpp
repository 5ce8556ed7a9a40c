// The HTTP/1.1 server: connections, limits, deadlines, draining. The only public face of Asio.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "domain/error.hpp"
#include "http/router.hpp"

namespace waybill::http {

struct ServerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080;  // 0 takes a free one
    std::size_t io_threads = 2;
    std::size_t store_threads = 8;  // the blocking pool
    std::size_t hashing_threads = 2;
    std::size_t pool_waiting_max = 1'024;  // then 503 overloaded
    std::size_t hashing_waiting_max = 64;
    std::size_t connections_max = 16'384;      // further ones are closed
    std::size_t buffer_bytes_max = 64u << 20;  // for large heads and bodies of all connections; then 503
    std::size_t body_bytes_max = 64u << 10;
    std::size_t request_line_bytes_max = 8u << 10;
    std::size_t header_bytes_max = 16u << 10;
    std::size_t header_fields_max = 100;
    Milliseconds header_deadline{10'000};
    Milliseconds body_deadline{15'000};
    Milliseconds idle_deadline{30'000};
    Milliseconds write_deadline{30'000};
};

struct ServerFigures {
    std::size_t connections = 0;
    std::size_t store_waiting = 0;  // requests that wait for a thread of the pool
    std::size_t hashing_waiting = 0;
};

class Server {
public:
    // Binds at once. Errors (unavailable): the address is in use or not ours, one sentence.
    [[nodiscard]] static Result<std::unique_ptr<Server>> bind(const ServerOptions& options, Router& router, Log& log);
    ~Server();

    [[nodiscard]] std::string url() const;  // http://ADDRESS:PORT

    // Serves on its own threads until stop().
    void start();

    [[nodiscard]] ServerFigures figures() const;  // from any thread

    // No new connections; requests already read are answered, then connections close. Returns when
    // all are closed or after `drain_max`.
    void stop(Milliseconds drain_max);

private:
    class State;
    explicit Server(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace waybill::http
