// One client's connection, and what the connections of a server or of an I/O thread share. Private
// to the server: this header brings Asio.
//
// A connection lives on one I/O thread and answers one request at a time, in order. What a handler
// on another thread may still read lives in its Conversation, which no Asio object is part of, so
// that the handler may outlive the connection and the server.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "http/blocking_pool.hpp"
#include "http/head_scanner.hpp"
#include "http/request_checks.hpp"
#include "http/request_parser.hpp"
#include "http/router.hpp"
#include "http/server.hpp"

namespace waybill::http {

using Executor = boost::asio::io_context::executor_type;
template <class T>
using Awaitable = boost::asio::awaitable<T, Executor>;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;
using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

class Connection;

// What all connections of one server share. Thread-safe.
struct Edge {
    Edge(const ServerOptions& given_options, Router& given_router, Log& given_log);

    // Room in the memory for requests; false when buffer_bytes_max is reached.
    [[nodiscard]] bool reserve(std::size_t bytes);
    void release(std::size_t bytes);

    [[nodiscard]] bool open_connection();  // false when connections_max is reached
    void count_connection();
    void close_connection();
    [[nodiscard]] bool wait_closed(Milliseconds timeout);

    const ServerOptions options;
    Router& router;
    Log& log;
    BlockingPool store_pool;
    BlockingPool hashing_pool;
    std::atomic<std::size_t> buffered_bytes = 0;
    std::mutex mutex;
    std::condition_variable closed;
    std::size_t connections = 0;
};

// The way back to an I/O thread. What comes after the end is dropped. Thread-safe.
class Mailbox : public std::enable_shared_from_this<Mailbox> {
public:
    struct Letter {
        std::weak_ptr<Connection> connection;
        std::shared_ptr<const void> conversation;  // stays for `make`
        MakeResponse make;
    };
    explicit Mailbox(boost::asio::io_context& context) : context_(&context) {}
    void deliver(Letter letter);
    void close();

private:
    void hand_out();

    std::mutex mutex_;
    boost::asio::io_context* context_;
    std::vector<Letter> letters_;
};

// One I/O thread's world. Deadlines are counted in its ticks, which costs a request nothing.
class Shard {
public:
    static constexpr Milliseconds tick_length{100};

    Shard();
    void add(const std::shared_ptr<Connection>& connection);
    void remove(Connection& connection);
    void begin_drain();
    void abandon();  // after its thread has ended: closes what is left
    [[nodiscard]] bool draining() const { return draining_; }
    [[nodiscard]] std::uint64_t deadline_after(Milliseconds duration) const;

    boost::asio::io_context context{1};
    const std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>(context);

private:
    void arm();

    Timer ticker_;
    std::uint64_t now_ = 0;
    bool armed_ = false;
    bool draining_ = false;
    std::list<Connection*> connections_;
};

struct Conversation {
    std::vector<char> input;
    std::string body;
    std::string peer_address;
    Request request;
};

class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(Socket socket, Edge& edge, Shard& shard);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // On the shard's thread, all of them.
    void start();
    void check_deadline(std::uint64_t now);
    void begin_drain();
    void abandon();
    void deliver(Response response);

    std::list<Connection*>::iterator place;  // in its shard

private:
    enum class Phase : std::uint8_t { idle, head, body, handling, writing, lingering };
    enum class Read : std::uint8_t { request, refused, gone };

    Awaitable<void> run();
    Awaitable<Read> read_request();
    Awaitable<Read> read_head();
    Awaitable<Read> read_body();
    Awaitable<bool> read_more();
    Awaitable<bool> send_continue();
    Awaitable<void> wait_for_answer();
    Awaitable<bool> write_answer();
    Awaitable<void> linger();

    void enter(Phase phase, Milliseconds deadline);
    void begin_request();
    void end_request();
    [[nodiscard]] HeadScanner::Found scan();
    [[nodiscard]] Read parse_head();
    [[nodiscard]] Read check_head();
    [[nodiscard]] Read parse_body();
    [[nodiscard]] Read read_failed();
    Read refuse(ProtocolError error, std::string_view detail);
    Read refuse_overloaded();
    Read refuse_head(HeadScanner::Found found);
    [[nodiscard]] bool make_room(std::size_t bytes);
    [[nodiscard]] bool make_body_room();
    void answer();
    void launch(Deferred deferred);
    [[nodiscard]] bool keeps_open() const;
    [[nodiscard]] std::string_view arrived() const;

    Socket socket_;
    Edge& edge_;
    Shard& shard_;
    Timer answered_;  // never runs out: cancelled when the answer is there
    std::shared_ptr<Conversation> conversation_;
    std::size_t begin_ = 0;     // of the request's bytes in the input
    std::size_t consumed_ = 0;  // up to where the request was parsed
    std::size_t end_ = 0;       // of what has arrived
    std::size_t input_reserved_ = 0;
    std::size_t body_reserved_ = 0;
    HeadScanner scanner_;
    std::optional<RequestParser> parser_;
    std::optional<Response> response_;
    std::string output_;
    Phase phase_ = Phase::idle;
    std::uint64_t deadline_ = 0;  // in ticks; 0 is none
    Expectation expectation_ = Expectation::none;
    bool timed_out_ = false;
    bool skipped_line_ = false;
    bool refused_ = false;
};

}  // namespace waybill::http
