// The least that an answer over HTTP costs with the libraries that Waybill uses: Beast reads a
// request, builds the same answer and writes it, on as many threads. No route, limit, deadline, log
// or count. Usage: bare_http THREADS ANSWER [prepared], with the answer of GET /livez as a file;
// `prepared` writes its bytes as they are instead of building it each time, which no server with a
// Date can do.
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace waybill::bench {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;

struct Answer {
    std::string bytes;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
    bool prepared = false;
};

Answer read_answer(const char* path, bool prepared) {
    std::ifstream file(path, std::ios::binary);
    Answer answer{{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()}, {}, {}, prepared};
    http::response_parser<http::string_body> parser;
    error_code error;
    parser.eager(true);
    parser.put(asio::buffer(answer.bytes), error);
    if (error || !parser.is_done()) throw std::runtime_error("the answer is none");
    for (const auto& field : parser.get()) answer.fields.emplace_back(field.name_string(), field.value());
    answer.body = parser.get().body();
    return answer;
}

class Session : public std::enable_shared_from_this<Session> {
public:
    Session(Socket socket, const Answer& answer) : socket_(std::move(socket)), answer_(answer) {}

    void read() {
        request_ = {};
        http::async_read(socket_, input_, request_, [self = shared_from_this()](error_code error, std::size_t) {
            if (!error) self->write();
        });
    }

private:
    void write() {
        const auto read_on = [self = shared_from_this()](error_code error, std::size_t) {
            if (!error) self->read();
        };
        if (answer_.prepared) {
            asio::async_write(socket_, asio::buffer(answer_.bytes), read_on);
            return;
        }
        response_ = {};
        response_.result(http::status::ok);
        response_.version(request_.version());
        for (const auto& [name, value] : answer_.fields) response_.insert(name, value);
        response_.body() = answer_.body;
        http::async_write(socket_, response_, read_on);
    }

    Socket socket_;
    const Answer& answer_;
    boost::beast::flat_buffer input_;
    http::request<http::string_body> request_;
    http::response<http::string_body> response_;
};

void accept(Acceptor& acceptor, std::vector<std::unique_ptr<asio::io_context>>& contexts, std::size_t next,
            const Answer& answer) {
    asio::io_context& context = *contexts[next % contexts.size()];
    acceptor.async_accept(context.get_executor(), [&, next](error_code error, Socket socket) {
        if (!error) {
            error_code ignored;
            socket.set_option(asio::ip::tcp::no_delay(true), ignored);
            const auto session = std::make_shared<Session>(std::move(socket), answer);
            asio::post(contexts[next % contexts.size()]->get_executor(), [session] { session->read(); });
        }
        accept(acceptor, contexts, next + 1, answer);
    });
}

void serve(std::size_t threads, const Answer& answer) {
    std::vector<std::unique_ptr<asio::io_context>> contexts;
    for (std::size_t i = 0; i < threads; ++i) contexts.push_back(std::make_unique<asio::io_context>(1));
    Acceptor acceptor(*contexts.front(), {asio::ip::address_v4::loopback(), 0});
    accept(acceptor, contexts, 0, answer);
    std::printf("listening on http://127.0.0.1:%d\n", acceptor.local_endpoint().port());
    std::fflush(stdout);
    std::vector<std::jthread> running;
    for (const auto& context : contexts) {
        running.emplace_back([&context] {
            const auto guard = asio::make_work_guard(*context);
            context->run();
        });
    }
}

}  // namespace
}  // namespace waybill::bench

int main(int argc, char** argv) {
    std::size_t threads = 0;
    const std::string_view count = argc > 1 ? argv[1] : "";
    std::from_chars(count.data(), count.data() + count.size(), threads);
    if (argc < 3 || threads == 0) {
        std::fputs("usage: bare_http THREADS ANSWER [prepared]\n", stderr);
        return 2;
    }
    try {
        const bool prepared = argc > 3 && std::string_view(argv[3]) == "prepared";
        waybill::bench::serve(threads, waybill::bench::read_answer(argv[2], prepared));
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "bare_http: %s\n", problem.what());
        return 1;
    }
    return 0;
}
