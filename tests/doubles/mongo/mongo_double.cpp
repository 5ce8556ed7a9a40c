#include "tests/doubles/mongo/mongo_double.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <atomic>
#include <list>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#include "tests/doubles/mongo/dispatcher.hpp"
#include "tests/doubles/mongo/wire.hpp"

namespace waybill::testing {

namespace {

std::optional<mongo::Object> refuse_malformed(const std::string& why) {
    static constexpr int invalid_bson = 22;
    return mongo::error_reply(mongo::CommandError(invalid_bson, why));
}

// A socket of 127.0.0.1 with this port, or a free one.
int bind_to(std::uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (socket >= 0 && ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return socket;
    if (socket >= 0) ::close(socket);
    throw std::runtime_error("the double of MongoDB cannot have its port");
}

std::uint16_t port_of(int socket) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

}  // namespace

class MongoDouble::Server {
public:
    Server(Clock& clock, const Options& options) : options_(options), port_(options.port), dispatcher_(clock, options) {
        start();
    }
    ~Server() {
        stop();
        ::close(reserved_);
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    void start();
    void stop();
    void cut_connections();

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] const Options& options() const { return options_; }
    [[nodiscard]] mongo::Dispatcher& dispatcher() { return dispatcher_; }

private:
    struct Connection {
        int socket = -1;
        bool ended = false;
        std::jthread thread;
    };
    void accept_all(int listener);
    void serve(int socket, std::int64_t id);
    void join_ended();

    const Options options_;
    std::atomic<std::uint16_t> port_;
    mongo::Dispatcher dispatcher_;
    std::mutex mutex_;
    int reserved_ = -1;
    int listener_ = -1;
    bool stopping_ = false;
    std::int64_t last_connection_ = 0;
    std::list<Connection> connections_;
    std::jthread acceptor_;
};

void MongoDouble::Server::start() {
    const std::lock_guard lock(mutex_);
    if (listener_ >= 0) return;
    // Held while the server is stopped too, so that nobody else gets the port.
    if (reserved_ < 0) reserved_ = bind_to(port_);
    port_ = port_of(reserved_);
    const int listener = bind_to(port_);
    if (::listen(listener, 256) != 0) {
        ::close(listener);
        throw std::runtime_error("the double of MongoDB cannot listen");
    }
    listener_ = listener;
    stopping_ = false;
    dispatcher_.engine().set_port(port_);
    dispatcher_.engine().restart();
    dispatcher_.faults().start();
    acceptor_ = std::jthread([this, listener] { accept_all(listener); });
}

void MongoDouble::Server::stop() {
    {
        const std::lock_guard lock(mutex_);
        if (listener_ < 0) return;
        stopping_ = true;
        ::shutdown(listener_, SHUT_RDWR);
        for (const Connection& connection : connections_) {
            if (!connection.ended) ::shutdown(connection.socket, SHUT_RDWR);
        }
    }
    dispatcher_.faults().stop();
    dispatcher_.engine().stop();
    acceptor_.join();
    connections_.clear();  // joins
    const std::lock_guard lock(mutex_);
    ::close(listener_);
    listener_ = -1;
}

void MongoDouble::Server::cut_connections() {
    const std::lock_guard lock(mutex_);
    for (const Connection& connection : connections_) {
        if (!connection.ended) ::shutdown(connection.socket, SHUT_RDWR);
    }
}

void MongoDouble::Server::accept_all(int listener) {
    for (;;) {
        const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (socket < 0) return;
        const int on = 1;
        ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        join_ended();
        const std::lock_guard lock(mutex_);
        if (stopping_) {
            ::close(socket);
            continue;
        }
        Connection& connection = connections_.emplace_back();
        connection.socket = socket;
        connection.thread = std::jthread([this, &connection, id = ++last_connection_] {
            serve(connection.socket, id);
            const std::lock_guard end_lock(mutex_);
            connection.ended = true;
            ::close(connection.socket);
        });
    }
}

void MongoDouble::Server::join_ended() {
    std::list<Connection> ended;
    const std::lock_guard lock(mutex_);
    for (auto at = connections_.begin(); at != connections_.end();) {
        const auto next = std::next(at);
        if (at->ended) ended.splice(ended.end(), connections_, at);
        at = next;
    }
}

void MongoDouble::Server::serve(int socket, std::int64_t id) {
    mongo::Client client{id, "127.0.0.1:" + std::to_string(id)};
    try {
        while (const auto message = mongo::read_message(socket)) {
            const auto reply = message->malformed.empty() ? dispatcher_.answer(message->command, client)
                                                          : refuse_malformed(message->malformed);
            if (!reply) break;
            if (message->wants_reply && !mongo::write_reply(socket, *message, *reply)) break;
        }
    } catch (const mongo::BadBson&) {
        // As a server does with what is no message: the connection ends.
    }
    ::shutdown(socket, SHUT_RDWR);
}

MongoDouble::MongoDouble(Clock& clock, const Options& options) : server_(std::make_unique<Server>(clock, options)) {}
MongoDouble::~MongoDouble() = default;

std::string MongoDouble::uri() const {
    const bool is_set = server_->options().topology == Topology::replica_set;
    return "mongodb://127.0.0.1:" + std::to_string(port()) + "/" +
           (is_set ? "?replicaSet=" + server_->options().set_name : std::string{});
}

std::uint16_t MongoDouble::port() const { return server_->port(); }
void MongoDouble::stop() { server_->stop(); }
void MongoDouble::start() { server_->start(); }

void MongoDouble::arm(const Fault& fault) { server_->dispatcher().faults().arm(fault); }
void MongoDouble::clear_faults() { server_->dispatcher().faults().clear(); }
void MongoDouble::freeze() { server_->dispatcher().faults().freeze(); }
void MongoDouble::release() { server_->dispatcher().faults().release(); }
bool MongoDouble::wait_for_frozen(int count) {
    return server_->dispatcher().faults().wait_for_frozen(count, Milliseconds{10'000});
}
void MongoDouble::step_down(Milliseconds duration) { server_->dispatcher().engine().step_down(duration); }
void MongoDouble::step_up() { server_->dispatcher().engine().step_up(); }
void MongoDouble::cut_connections() { server_->cut_connections(); }

std::size_t MongoDouble::commands(const std::string& name, const std::string& collection) const {
    return server_->dispatcher().log().count(name, collection);
}
std::size_t MongoDouble::commands() const { return server_->dispatcher().log().count_all(); }
std::vector<MongoDouble::Seen> MongoDouble::seen(const std::string& name) const {
    return server_->dispatcher().log().seen(name);
}
void MongoDouble::reset_commands() { server_->dispatcher().log().reset(); }

std::size_t MongoDouble::count(const std::string& collection, const Object& filter) const {
    return find(collection, filter).size();
}
std::vector<MongoDouble::Object> MongoDouble::find(const std::string& collection, const Object& filter) const {
    return server_->dispatcher().engine().find(collection, filter);
}
std::size_t MongoDouble::open_transactions() const { return server_->dispatcher().engine().open_transactions(); }
std::size_t MongoDouble::waiting() const { return server_->dispatcher().engine().waiting(); }
std::size_t MongoDouble::expire_documents() { return server_->dispatcher().engine().expire_documents(); }

}  // namespace waybill::testing
