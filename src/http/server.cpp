#include "http/server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "http/connection.hpp"
#include "ports/thread_name.hpp"

namespace waybill::http {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using boost::system::error_code;

namespace {

using Acceptor = asio::basic_socket_acceptor<Tcp, Executor>;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable_t<Executor>{});
constexpr Milliseconds accept_pause{100};

std::string name_of(const ServerOptions& options) {
    return "Port " + std::to_string(options.port) + " on " + options.address;
}

std::unexpected<Error> cannot_listen(const ServerOptions& options, const error_code& error) {
    if (error == asio::error::address_in_use)
        return fail(ErrorCode::unavailable,
                    name_of(options) + " is in use; stop the other program or choose another with --listen.");
    if (error == asio::error::access_denied)
        return fail(ErrorCode::unavailable,
                    name_of(options) + " needs more rights; choose a port above 1023 with --listen.");
    return fail(ErrorCode::unavailable, name_of(options) + " cannot be listened on (" + error.message() +
                                            "); choose an address of this machine with --listen.");
}

// A name may have several addresses; an IPv4 one wins, because more clients reach it.
Result<Tcp::endpoint> resolve(const ServerOptions& options, asio::io_context& context) {
    std::string host = options.address;
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    error_code error;
    const asio::ip::address literal = asio::ip::make_address(host, error);
    if (!error) return Tcp::endpoint(literal, options.port);
    Tcp::resolver resolver(context);
    const auto found = resolver.resolve(host, std::to_string(options.port), Tcp::resolver::passive, error);
    if (error || found.empty())
        return fail(ErrorCode::unavailable, options.address + " is no address or host name that can be listened on.");
    for (const auto& entry : found) {
        if (entry.endpoint().address().is_v4()) return entry.endpoint();
    }
    return found.begin()->endpoint();
}

error_code listen(Acceptor& acceptor, const Tcp::endpoint& endpoint) {
    error_code error;
    const auto step = [&error](auto&& action) {
        if (!error) action();
    };
    step([&] { acceptor.open(endpoint.protocol(), error); });
    step([&] { acceptor.set_option(Acceptor::reuse_address(true), error); });
    if (endpoint.address().is_v6()) step([&] { acceptor.set_option(asio::ip::v6_only(false), error); });
    step([&] { acceptor.bind(endpoint, error); });
    step([&] { acceptor.listen(Acceptor::max_listen_connections, error); });
    return error;
}

}  // namespace

class Server::State {
public:
    State(const ServerOptions& options, Router& router, Log& log) : edge_(options, router, log) {
        for (std::size_t i = 0; i < std::max<std::size_t>(options.io_threads, 1); ++i)
            shards_.push_back(std::make_unique<Shard>());
        acceptor_ = std::make_unique<Acceptor>(shards_.front()->context);
        pause_ = std::make_unique<Timer>(shards_.front()->context);
    }
    ~State() {
        stop(Milliseconds{0});
        for (const auto& shard : shards_) shard->mailbox->close();
        pause_.reset();
        acceptor_.reset();
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    Result<void> bind();
    [[nodiscard]] std::string url() const;
    void start();
    void stop(Milliseconds drain_max);
    [[nodiscard]] ServerFigures figures();

private:
    Awaitable<void> accept();
    void take(Shard& shard, Socket socket);
    void serve(Shard& shard);

    Edge edge_;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::unique_ptr<Acceptor> acceptor_;
    std::unique_ptr<Timer> pause_;
    std::vector<std::jthread> threads_;
};

Result<void> Server::State::bind() {
    const Result<Tcp::endpoint> endpoint = resolve(edge_.options, shards_.front()->context);
    if (!endpoint) return fail(endpoint.error());
    if (const error_code error = listen(*acceptor_, *endpoint)) return cannot_listen(edge_.options, error);
    return {};
}

std::string Server::State::url() const {
    error_code ignored;
    const Tcp::endpoint endpoint = acceptor_->local_endpoint(ignored);
    std::string host = endpoint.address().to_string();
    if (endpoint.address().is_v6()) host = '[' + host + ']';
    return "http://" + host + ':' + std::to_string(endpoint.port());
}

void Server::State::start() {
    asio::co_spawn(shards_.front()->context, accept(), asio::detached);
    for (const auto& shard : shards_) {
        threads_.emplace_back([this, &shard] {
            name_thread("http-io");
            serve(*shard);
        });
    }
}

void Server::State::serve(Shard& shard) {
    const auto guard = asio::make_work_guard(shard.context);
    while (!shard.context.stopped()) {
        try {
            shard.context.run();
        } catch (const std::exception& error) {
            edge_.log.write(LogLevel::error, "io-thread-crashed", {{"what", error.what()}});
        }
    }
}

Awaitable<void> Server::State::accept() {
    for (std::size_t next = 0; acceptor_->is_open(); ++next) {
        Shard& shard = *shards_[next % shards_.size()];
        auto result = co_await acceptor_->async_accept(shard.context.get_executor(), as_result);
        auto& [error, socket] = result;
        if (!error) {
            take(shard, std::move(socket));
        } else if (error != asio::error::connection_aborted && acceptor_->is_open()) {
            // Mostly: no descriptor is left.
            edge_.log.write(LogLevel::warn, "accept-failed", {{"reason", error.message()}});
            pause_->expires_after(accept_pause);
            auto waited = co_await pause_->async_wait(as_result);
            static_cast<void>(waited);
        }
    }
}

void Server::State::take(Shard& shard, Socket socket) {
    if (!edge_.open_connection()) return;
    asio::post(shard.context, [this, &shard, moved = std::move(socket)]() mutable {
        error_code ignored;
        moved.set_option(Tcp::no_delay(true), ignored);
        shard.add(std::make_shared<Connection>(std::move(moved), edge_, shard));
    });
}

ServerFigures Server::State::figures() {
    const std::lock_guard lock(edge_.mutex);
    return {edge_.connections, edge_.store_pool.waiting(), edge_.hashing_pool.waiting()};
}

void Server::State::stop(Milliseconds drain_max) {
    if (threads_.empty()) return;
    // Each step counts as a connection until it is done, so that the wait cannot end before it.
    const auto run = [this](Shard& shard, auto step) {
        edge_.count_connection();
        asio::post(shard.context, [this, step] {
            step();
            edge_.close_connection();
        });
    };
    run(*shards_.front(), [this] {
        error_code ignored;
        acceptor_->close(ignored);
        pause_->cancel();
    });
    for (const auto& shard : shards_) run(*shard, [&shard] { shard->begin_drain(); });
    static_cast<void>(edge_.wait_closed(drain_max));
    for (const auto& shard : shards_) {
        shard->mailbox->close();
        shard->context.stop();
    }
    threads_.clear();
    error_code ignored;
    acceptor_->close(ignored);
    for (const auto& shard : shards_) shard->abandon();
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::bind(const ServerOptions& options, Router& router, Log& log) {
    auto state = std::make_unique<State>(options, router, log);
    if (const Result<void> bound = state->bind(); !bound) return fail(bound.error());
    return std::unique_ptr<Server>(new Server(std::move(state)));
}

std::string Server::url() const { return state_->url(); }
void Server::start() { state_->start(); }
ServerFigures Server::figures() const { return state_->figures(); }
void Server::stop(Milliseconds drain_max) { state_->stop(drain_max); }

}  // namespace waybill::http
