// A server on a port of its own, with routes that a test can hold and let go.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/server.hpp"
#include "tests/unit/http/edge_fixture.hpp"
#include "tests/unit/http/raw_client.hpp"

namespace waybill::http {

// What the test's handlers share with the test: they are plain functions. One for each test.
struct Stage {
    std::mutex mutex;
    std::condition_variable changed;
    bool open = false;
    std::size_t entered = 0;
    std::vector<Completion> kept;

    void hold() {
        std::unique_lock lock(mutex);
        ++entered;
        changed.notify_all();
        changed.wait(lock, [this] { return open; });
    }
    void let_go() {
        const std::lock_guard lock(mutex);
        open = true;
        changed.notify_all();
    }
    void keep(Completion done) {
        const std::lock_guard lock(mutex);
        kept.push_back(std::move(done));
        changed.notify_all();
    }
    void wait_entered(std::size_t count) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return entered >= count; });
    }
    std::vector<Completion> take_kept(std::size_t count) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return kept.size() >= count; });
        return std::move(kept);
    }
};
inline Stage* stage = nullptr;

inline Response say(std::string text) {
    Response response;
    response.body = std::move(text);
    return response;
}
inline Response ping(const Services&, const Exchange&) { return say("pong"); }
inline Response echo(const Services&, const Exchange& exchange) { return say(std::string(exchange.request.body)); }
inline Response tell_host(const Services&, const Exchange& exchange) {
    return say(std::string(exchange.request.header("Host")));
}
inline Response tell_peer(const Services&, const Exchange& exchange) {
    return say(std::string(exchange.request.peer_address) + (exchange.request.peer_is_loopback ? " loopback" : ""));
}
inline Response big(const Services&, const Exchange&) { return say(std::string(32u << 20, 'x')); }
inline Response hold(const Services&, const Exchange& exchange) {
    stage->hold();
    return say("held " + std::string(exchange.request.target));
}
inline void later(const Services&, const Exchange&, Completion done) { stage->keep(std::move(done)); }

inline constexpr auto anyone = Access::anyone;
inline constexpr auto free_ = LimitClass::none;
inline constexpr Route rows[] = {
    {Method::get, "/ping", anyone, free_, Runs::on_io_thread, ping},
    {Method::post, "/echo", anyone, free_, Runs::on_io_thread, echo},
    {Method::get, "/host", anyone, free_, Runs::on_io_thread, tell_host},
    {Method::get, "/peer", anyone, free_, Runs::on_io_thread, tell_peer},
    {Method::get, "/big", anyone, free_, Runs::on_io_thread, big},
    {Method::post, "/hold", anyone, free_, Runs::as_store_write, hold},
    {Method::post, "/hash", anyone, free_, Runs::as_hashing, hold},
    {Method::post, "/write", anyone, free_, Runs::as_store_write, echo},
    {Method::post, "/later", anyone, free_, Runs::on_io_thread, nullptr, later},
};

inline std::string get(std::string_view path) { return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n"; }
inline std::string post(std::string_view path, std::string_view body) {
    return "POST " + std::string(path) +
           " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + std::string(body);
}
inline std::string post_chunked(std::string_view chunks) {
    return "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
           std::string(chunks);
}
inline constexpr Milliseconds shortly{100};
inline constexpr Milliseconds long_enough{30'000};

struct ServerTest : ::testing::Test, EdgeFixture {
    ServerTest() { stage = &scene; }
    ~ServerTest() override {
        scene.let_go();
        server.reset();
        scene.kept.clear();
    }
    // Options are changed before.
    std::string start() {
        options.port = 0;
        auto bound = Server::bind(options, router, log);
        if (!bound) throw std::runtime_error(bound.error().detail);
        server = std::move(*bound);
        server->start();
        return server->url();
    }
    Stage scene;
    Router router{{}, services, {}, rows};
    ServerOptions options;
    std::unique_ptr<Server> server;
};

}  // namespace waybill::http
