#include "http/connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <exception>
#include <utility>
#include <variant>

#include "http/client_address.hpp"
#include "http/request_checks.hpp"
#include "http/response_text.hpp"

namespace waybill::http {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable_t<Executor>{});

constexpr std::size_t input_bytes_base = 4u << 10;
constexpr std::size_t bytes_kept = 4u << 10;     // of a string, between requests
constexpr std::size_t body_room_min = 1u << 10;  // also the longest chunk header and trailer
constexpr std::size_t linger_bytes_max = 256u << 10;
constexpr Milliseconds linger_deadline{2'000};
constexpr Milliseconds drain_read_deadline{1'000};

constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

HeadScanner::Limits limits_of(const ServerOptions& options) {
    return {options.request_line_bytes_max, options.header_bytes_max, options.header_fields_max};
}

}  // namespace

// ---- Edge

Edge::Edge(const ServerOptions& given_options, Router& given_router, Log& given_log)
    : options(given_options),
      router(given_router),
      log(given_log),
      store_pool("http-store", options.store_threads, options.pool_waiting_max),
      hashing_pool("http-hashing", options.hashing_threads, options.hashing_waiting_max) {}

bool Edge::reserve(std::size_t bytes) {
    if (buffered_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes <= options.buffer_bytes_max) return true;
    release(bytes);
    return false;
}

void Edge::release(std::size_t bytes) { buffered_bytes.fetch_sub(bytes, std::memory_order_relaxed); }

bool Edge::open_connection() {
    const std::lock_guard lock(mutex);
    if (connections >= options.connections_max) return false;
    ++connections;
    return true;
}

void Edge::count_connection() {
    const std::lock_guard lock(mutex);
    ++connections;
}

void Edge::close_connection() {
    const std::lock_guard lock(mutex);
    if (--connections == 0) closed.notify_all();
}

bool Edge::wait_closed(Milliseconds timeout) {
    std::unique_lock lock(mutex);
    return closed.wait_for(lock, timeout, [this] { return connections == 0; });
}

// ---- Mailbox

void Mailbox::deliver(Letter letter) {
    const std::lock_guard lock(mutex_);
    if (context_ == nullptr) return;
    letters_.push_back(std::move(letter));
    // One wake-up serves all that come before it.
    if (letters_.size() == 1) asio::post(*context_, [self = shared_from_this()] { self->hand_out(); });
}

void Mailbox::hand_out() {
    std::vector<Letter> letters;
    {
        const std::lock_guard lock(mutex_);
        letters.swap(letters_);
    }
    std::exception_ptr failure;
    for (Letter& letter : letters) {
        try {
            // Made, and so counted, also where nobody waits any more.
            Response response = letter.make();
            if (const std::shared_ptr<Connection> alive = letter.connection.lock()) alive->deliver(std::move(response));
        } catch (...) {
            failure = std::current_exception();  // the others have their answers all the same
        }
    }
    if (failure) std::rethrow_exception(failure);
}

void Mailbox::close() {
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
}

// ---- Shard

Shard::Shard() : ticker_(context) {}

void Shard::add(const std::shared_ptr<Connection>& connection) {
    connection->place = connections_.insert(connections_.end(), connection.get());
    connection->start();
    if (!armed_) arm();
}

void Shard::remove(Connection& connection) { connections_.erase(connection.place); }

void Shard::arm() {
    armed_ = true;
    ticker_.expires_after(tick_length);
    ticker_.async_wait([this](const boost::system::error_code& error) {
        armed_ = false;
        if (error) return;
        ++now_;
        for (Connection* connection : connections_) connection->check_deadline(now_);
        if (!connections_.empty()) arm();
    });
}

void Shard::begin_drain() {
    draining_ = true;
    for (Connection* connection : connections_) connection->begin_drain();
}

void Shard::abandon() {
    for (Connection* connection : connections_) connection->abandon();
}

std::uint64_t Shard::deadline_after(Milliseconds duration) const {
    const auto ticks = (duration + tick_length - Milliseconds{1}) / tick_length;
    return now_ + static_cast<std::uint64_t>(std::max<std::int64_t>(ticks, 0)) + 1;
}

// ---- Connection

Connection::Connection(Socket socket, Edge& edge, Shard& shard)
    : socket_(std::move(socket)),
      edge_(edge),
      shard_(shard),
      answered_(shard.context),
      conversation_(std::make_shared<Conversation>()),
      scanner_(limits_of(edge.options)) {
    answered_.expires_at(Timer::time_point::max());
    conversation_->input.resize(input_bytes_base);
    boost::system::error_code ignored;
    const auto peer = parse_ip_address(socket_.remote_endpoint(ignored).address().to_string());
    if (peer) conversation_->peer_address = peer->to_string();
    conversation_->request.peer_address = conversation_->peer_address;
    conversation_->request.peer_is_loopback = peer && peer->is_loopback();
}

Connection::~Connection() { edge_.release(input_reserved_ + body_reserved_); }

void Connection::start() {
    asio::co_spawn(shard_.context, run(), [self = shared_from_this()](const std::exception_ptr& crash) {
        if (crash) self->edge_.log.write(LogLevel::error, "connection-crashed", {});
        boost::system::error_code ignored;
        self->socket_.close(ignored);
        self->shard_.remove(*self);
        self->edge_.close_connection();
    });
}

Awaitable<void> Connection::run() {
    for (;;) {
        const Read read = co_await read_request();
        if (read == Read::gone) co_return;
        if (read == Read::request) {
            answer();
            if (!response_) co_await wait_for_answer();
        }
        const bool open = co_await write_answer();
        if (!open) co_return;
        end_request();
    }
}

void Connection::enter(Phase phase, Milliseconds deadline) {
    phase_ = phase;
    timed_out_ = false;
    deadline_ = shard_.deadline_after(deadline);
}

void Connection::check_deadline(std::uint64_t now) {
    if (deadline_ == 0 || now < deadline_) return;
    deadline_ = 0;
    timed_out_ = true;
    boost::system::error_code ignored;
    if (phase_ == Phase::writing || phase_ == Phase::lingering) {
        // A reset: what a slow reader has not taken must not stay in the kernel either.
        if (phase_ == Phase::writing) socket_.set_option(Socket::linger(true, 0), ignored);
        socket_.close(ignored);
    } else {
        socket_.cancel(ignored);
    }
}

void Connection::begin_drain() {
    boost::system::error_code ignored;
    switch (phase_) {
        case Phase::idle:
            socket_.cancel(ignored);
            return;
        case Phase::head:
        case Phase::body:
        case Phase::lingering:
            deadline_ = std::min(deadline_, shard_.deadline_after(drain_read_deadline));
            return;
        case Phase::handling:
        case Phase::writing:
            return;
    }
}

void Connection::abandon() {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

// ---- reading

std::string_view Connection::arrived() const { return {conversation_->input.data() + begin_, end_ - begin_}; }

void Connection::begin_request() {
    Request& request = conversation_->request;
    request.method = Method::other;
    request.target = request.path = request.query = request.body = {};
    request.headers.clear();
    scanner_.reset();
    response_.reset();
    skipped_line_ = false;
    if (begin_ == end_) {
        begin_ = end_ = 0;
        enter(Phase::idle, edge_.options.idle_deadline);
    } else {
        enter(Phase::head, edge_.options.header_deadline);
    }
}

// What came behind the request stays; memory beyond the usual goes back.
void Connection::end_request() {
    begin_ = consumed_;
    if (conversation_->body.capacity() > bytes_kept) conversation_->body = std::string();
    edge_.release(std::exchange(body_reserved_, 0));
    std::vector<char>& input = conversation_->input;
    const std::size_t left = end_ - begin_;
    if (input_reserved_ == 0 || left > input_bytes_base) return;
    std::vector<char> usual(input_bytes_base);
    std::ranges::copy(arrived(), usual.begin());
    input = std::move(usual);
    begin_ = 0;
    end_ = left;
    edge_.release(std::exchange(input_reserved_, 0));
}

Awaitable<Connection::Read> Connection::read_request() {
    begin_request();
    Read read = co_await read_head();
    if (read != Read::request) co_return read;
    read = parse_head();
    if (read != Read::request) co_return read;
    if (!parser_->is_done()) read = co_await read_body();
    conversation_->request.body = conversation_->body;
    co_return read;
}

Awaitable<Connection::Read> Connection::read_head() {
    for (;;) {
        const HeadScanner::Found found = scan();
        if (found == HeadScanner::Found::complete) co_return Read::request;
        if (found != HeadScanner::Found::need_more) co_return refuse_head(found);
        if (!make_room(1)) co_return refuse_overloaded();
        const bool more = co_await read_more();
        if (!more) co_return read_failed();
        if (phase_ == Phase::idle) enter(Phase::head, edge_.options.header_deadline);
    }
}

// One empty line in front of a request is skipped (RFC 9112, 2.2).
HeadScanner::Found Connection::scan() {
    if (!skipped_line_ && arrived().starts_with("\r\n")) {
        skipped_line_ = true;
        begin_ += 2;
    }
    if (!skipped_line_ && arrived() == "\r") return HeadScanner::Found::need_more;
    return scanner_.scan(arrived());
}

// False: the connection failed, was closed by the client, or its deadline has passed.
Awaitable<bool> Connection::read_more() {
    if (phase_ == Phase::idle && shard_.draining()) {
        boost::system::error_code ignored;
        if (socket_.available(ignored) == 0) co_return false;
    }
    const asio::mutable_buffer room(conversation_->input.data() + end_, conversation_->input.size() - end_);
    auto result = co_await socket_.async_read_some(room, as_result);
    auto& [error, bytes] = result;
    end_ += bytes;
    // A request that had arrived when the drain began is still answered.
    if (error == asio::error::operation_aborted && phase_ == Phase::idle && shard_.draining() && !timed_out_) {
        const bool again = co_await read_more();
        co_return again;
    }
    co_return !error && !(timed_out_ && phase_ != Phase::idle);
}

Connection::Read Connection::read_failed() {
    if (!timed_out_ || phase_ == Phase::idle) return Read::gone;
    return refuse(ProtocolError::request_timeout,
                  phase_ == Phase::head ? "The headers did not arrive in time." : "The body did not arrive in time.");
}

// Room behind what has arrived, by moving the request to the front or by growing. Views into the
// input end here.
bool Connection::make_room(std::size_t bytes) {
    std::vector<char>& input = conversation_->input;
    if (input.size() - end_ >= bytes) return true;
    if (begin_ > 0) {
        std::copy(input.begin() + static_cast<std::ptrdiff_t>(begin_),
                  input.begin() + static_cast<std::ptrdiff_t>(end_), input.begin());
        end_ -= begin_;
        begin_ = 0;
        if (input.size() - end_ >= bytes) return true;
    }
    const std::size_t added = std::max(input.size(), bytes);
    if (!edge_.reserve(added)) return false;
    input_reserved_ += added;
    input.resize(input.size() + added);
    return true;
}

Connection::Read Connection::refuse_head(HeadScanner::Found found) {
    switch (found) {
        case HeadScanner::Found::line_too_long:
            return refuse(ProtocolError::uri_too_long, "The request line is too long.");
        case HeadScanner::Found::fields_too_large:
            return refuse(ProtocolError::headers_too_large, "The headers are too many or too large.");
        case HeadScanner::Found::bare_line_feed:
            return refuse(ProtocolError::bad_request, "A line must end with CR and LF.");
        case HeadScanner::Found::folded:
            return refuse(ProtocolError::bad_request, "Folded headers are not supported.");
        case HeadScanner::Found::no_http:
        case HeadScanner::Found::need_more:
        case HeadScanner::Found::complete:
            break;
    }
    return refuse(ProtocolError::bad_request, "The request is not HTTP/1.1.");
}

Connection::Read Connection::refuse(ProtocolError error, std::string_view detail) {
    refused_ = true;
    response_ = edge_.router.refuse(conversation_->request, error, detail);
    return Read::refused;
}

Connection::Read Connection::refuse_overloaded() {
    refused_ = true;
    const Error error{ErrorCode::overloaded, "There is no room for further requests at the moment."};
    response_ = edge_.router.refuse(conversation_->request, error);
    return Read::refused;
}

Connection::Read Connection::parse_head() {
    // The body is read into the room behind the head, which must not move once it was parsed.
    const std::size_t head_end = begin_ + scanner_.size();
    if (conversation_->input.size() - head_end < body_room_min && !make_room(body_room_min)) return refuse_overloaded();
    parser_.emplace(conversation_->request, conversation_->body);
    parser_->header_limit(static_cast<std::uint32_t>(scanner_.size()) + 1);
    parser_->body_limit(edge_.options.body_bytes_max);
    boost::beast::error_code error;
    consumed_ = begin_ + parser_->put(asio::const_buffer(arrived().data(), scanner_.size()), error);
    const bool too_large = error == beast_http::error::body_limit;
    if (error && !too_large) return refuse(ProtocolError::bad_request, "The request is not HTTP/1.1.");
    const Read checked = check_head();
    if (checked == Read::request && too_large)
        return refuse(ProtocolError::payload_too_large, "The body is too large.");
    return checked;
}

// What Beast lets pass.
Connection::Read Connection::check_head() {
    Request& request = conversation_->request;
    const std::string_view fault = find_head_fault(request.headers, parser_->is_http_1_1());
    if (!fault.empty()) return refuse(ProtocolError::bad_request, fault);
    const TargetParts parts = split_target(request.target);
    if (parts.path.empty()) return refuse(ProtocolError::bad_request, "The request target is not valid.");
    if (parts.path == "*" && request.method != Method::options)
        return refuse(ProtocolError::bad_request, "The request target * is for OPTIONS.");
    request.path = parts.path;
    request.query = parts.query;
    // RFC 9112, 3.2.2: the target says for whom it is.
    if (!parts.authority.empty()) {
        for (auto& [name, value] : request.headers) {
            if (equal_names(name, "host")) value = parts.authority;
        }
    }
    expectation_ = find_expectation(request.headers, parser_->is_http_1_1());
    if (expectation_ == Expectation::unknown)
        return refuse(ProtocolError::expectation_failed, "The only expectation that is known is 100-continue.");
    return Read::request;
}

Awaitable<Connection::Read> Connection::read_body() {
    enter(Phase::body, edge_.options.body_deadline);
    parser_->eager(true);
    if (consumed_ == end_ && expectation_ == Expectation::go_on) {
        const bool sent = co_await send_continue();
        if (!sent) co_return read_failed();
    }
    for (;;) {
        const Read parsed = parse_body();
        if (parsed != Read::request || parser_->is_done()) co_return parsed;
        const bool more = co_await read_more();
        if (!more) co_return read_failed();
    }
}

// What was announced reserves nothing: it costs the client nothing either.
bool Connection::make_body_room() {
    std::string& body = conversation_->body;
    const auto length = parser_->content_length();
    const std::size_t most = length ? static_cast<std::size_t>(*length) : edge_.options.body_bytes_max;
    const std::size_t wanted = std::min(body.size() + (end_ - consumed_), most);
    const std::size_t room = bytes_kept + body_reserved_;
    if (wanted <= room) return true;
    const std::size_t grown = std::min(std::bit_ceil(wanted), most);
    if (!edge_.reserve(grown - room)) return false;
    body_reserved_ += grown - room;
    body.reserve(grown);
    return true;
}

Connection::Read Connection::parse_body() {
    if (!make_body_room()) return refuse_overloaded();
    char* const data = conversation_->input.data();
    boost::beast::error_code error;
    if (consumed_ < end_) consumed_ += parser_->put_body({data + consumed_, end_ - consumed_}, error);
    if (error == beast_http::error::body_limit)
        return refuse(ProtocolError::payload_too_large, "The body is too large.");
    if (error && error != beast_http::error::need_more)
        return refuse(ProtocolError::bad_request, "The body is not framed as its headers say.");
    if (parser_->is_done()) return Read::request;
    if (error && leaves_quote_open({data + consumed_, end_ - consumed_}))
        return refuse(ProtocolError::bad_request, "The body is not framed as its headers say.");
    const std::size_t head_end = begin_ + scanner_.size();
    std::copy(data + consumed_, data + end_, data + head_end);
    end_ = head_end + (end_ - consumed_);
    consumed_ = head_end;
    if (end_ == conversation_->input.size())
        return refuse(ProtocolError::bad_request, "A chunk header or trailer is too long.");
    return Read::request;
}

Awaitable<bool> Connection::send_continue() {
    const asio::const_buffer line(continue_line.data(), continue_line.size());
    auto result = co_await asio::async_write(socket_, line, as_result);
    co_return !std::get<0>(result);
}

// ---- answering

void Connection::answer() {
    phase_ = Phase::handling;
    deadline_ = 0;
    std::variant<Response, Deferred> outcome = edge_.router.handle(conversation_->request);
    if (Response* response = std::get_if<Response>(&outcome)) {
        response_ = std::move(*response);
    } else {
        launch(std::move(std::get<Deferred>(outcome)));
    }
}

void Connection::launch(Deferred deferred) {
    // The conversation stays for the handler, even when the connection does not.
    Completion done = [mailbox = shard_.mailbox, weak = weak_from_this(), kept = conversation_](MakeResponse make) {
        mailbox->deliver({weak, kept, std::move(make)});
    };
    if (deferred.runs == Runs::on_io_thread) {
        deferred.work(std::move(done));
        return;
    }
    BlockingPool& pool = deferred.runs == Runs::as_hashing ? edge_.hashing_pool : edge_.store_pool;
    BlockingPool::Job job = [work = std::move(deferred.work), done = std::move(done)]() mutable {
        work(std::move(done));
    };
    if (!pool.submit(std::move(job)))
        response_ = deferred.refuse(Error{ErrorCode::overloaded, "Too many requests wait; try again shortly."});
}

void Connection::deliver(Response response) {
    if (phase_ != Phase::handling) return;
    response_ = std::move(response);
    answered_.cancel();
}

Awaitable<void> Connection::wait_for_answer() {
    while (!response_) {
        auto result = co_await answered_.async_wait(as_result);
        static_cast<void>(result);
    }
}

// Of both words in HTTP/1.0, Beast obeys keep-alive.
bool Connection::keeps_open() const {
    return parser_->keep_alive() && (parser_->is_http_1_1() || !asks_to_close(conversation_->request.headers));
}

// False when the connection ends here.
Awaitable<bool> Connection::write_answer() {
    const bool keeps = !refused_ && keeps_open();
    Framing framing;
    framing.close = !keeps || response_->close || shard_.draining();
    framing.keep_alive = !framing.close && !parser_->is_http_1_1();
    framing.head = arrived().starts_with("HEAD ");  // also when the head was refused before it was parsed
    output_.clear();
    const std::string_view fixed = append_response(output_, *response_, framing);
    response_.reset();
    enter(Phase::writing, edge_.options.write_deadline);
    const std::array<asio::const_buffer, 2> bytes{asio::const_buffer(output_.data(), output_.size()),
                                                  asio::const_buffer(fixed.data(), fixed.size())};
    auto result = co_await asio::async_write(socket_, bytes, as_result);
    if (std::get<0>(result)) co_return false;
    if (output_.capacity() > bytes_kept) output_ = std::string();
    if (!framing.close) co_return true;
    co_await linger();
    co_return false;
}

// A close with unread bytes would reset the connection and might take the answer with it.
Awaitable<void> Connection::linger() {
    enter(Phase::lingering, linger_deadline);
    boost::system::error_code failed;
    socket_.shutdown(Socket::shutdown_send, failed);
    std::size_t drained = 0;
    const asio::mutable_buffer room(conversation_->input.data(), conversation_->input.size());
    while (!failed && drained < linger_bytes_max) {
        auto result = co_await socket_.async_read_some(room, as_result);
        failed = std::get<0>(result);
        drained += std::get<1>(result);
    }
}

}  // namespace waybill::http
