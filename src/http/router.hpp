// From a request to its route: prefix, match, method, token, role, rate limit, and where it runs.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <variant>

#include "http/message.hpp"
#include "http/problem.hpp"
#include "http/routes.hpp"

namespace waybill::http {

// What is left to do after the checks that run on the I/O thread.
struct Deferred {
    Runs runs = Runs::on_io_thread;                  // as_store_read, as_store_write or as_hashing: run `work` there
    std::move_only_function<void(Completion)> work;  // calls its argument exactly once
    // The answer when there is no room to run `work`, which is then never called.
    std::move_only_function<Response(const Error&)> refuse;
};

// Thread-safe after construction; outlives every request and every completion of a handler.
class Router {
public:
    struct Options {
        bool store_reads_inline = true;
        bool limits_inline = true;  // false: the limiter waits for a network
    };
    // `api` is mounted below /api/v1 and /api, `root` outside. Throws std::logic_error for rows that
    // exclude each other and std::invalid_argument for a trusted proxy that is no address.
    Router(Options options, const Services& services, std::span<const std::span<const Route>> api,
           std::span<const Route> root);
    ~Router();

    // Answers at once where it can. The request (and what its views point to) must stay until the
    // response is there. Every response has X-Request-Id, the security headers, CORS and rate-limit
    // headers, and is counted. Never throws: an exception of a handler is 500 `internal` and logged.
    [[nodiscard]] std::variant<Response, Deferred> handle(Request& request);

    // The answer to what never became a whole request, with the same headers, and counted too.
    // Closes the connection.
    [[nodiscard]] Response refuse(Request& request, ProtocolError error, std::string_view detail);
    [[nodiscard]] Response refuse(Request& request, const Error& error);

private:
    class State;
    std::unique_ptr<State> state_;
};

}  // namespace waybill::http
