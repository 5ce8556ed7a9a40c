// A blocking HTTP/1.1 client on one kept-alive connection: just enough to drive the server.
#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waybill::system_test {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Answer {
    int status = 0;                              // 0: no answer (refused, reset, closed, or timed out)
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;

    [[nodiscard]] boost::json::value json() const;                  // null when the body is no JSON
    [[nodiscard]] std::string text(std::string_view member) const;  // a string member, or empty
    [[nodiscard]] std::string code() const { return text("code"); }
    [[nodiscard]] std::string header(const std::string& lower_case_name) const;
};

// Not thread-safe: one for each thread.
class HttpClient {
public:
    explicit HttpClient(std::uint16_t port, int timeout_ms = 20'000) : port_(port), timeout_ms_(timeout_ms) {}
    ~HttpClient();
    HttpClient(HttpClient&& other) noexcept;
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;
    HttpClient& operator=(HttpClient&&) = delete;

    // Connects when it must; an idle connection that the server has closed is opened again once.
    Answer send(std::string_view method, std::string_view target, std::string_view body = {}, Headers headers = {});

    Answer get(std::string_view target, Headers headers = {}) { return send("GET", target, {}, std::move(headers)); }
    Answer post(std::string_view target, std::string_view body, Headers headers = {}) {
        return send("POST", target, body, std::move(headers));
    }

    // Bytes as they are, on a fresh connection; the first answer.
    Answer send_raw(std::string_view bytes);

    // The same in two parts; nothing is awaited between them.
    bool begin_raw(std::string_view bytes);
    Answer finish_raw(std::string_view bytes);

    // Bytes as they are, on a fresh connection, then no more bytes; everything that comes back until the server closes
    // or the timeout ends.
    std::string exchange_raw(std::string_view bytes);

    // The same, then the connection is dropped; false when the bytes could not be sent.
    bool drop_after(std::string_view bytes);

    // Waits for it, up to the timeout.
    bool is_closed_by_server();

    // Forgets the connection.
    void close();

private:
    bool connect();
    bool write_all(std::string_view bytes);
    Answer read_answer(bool head_only);
    bool read_more();

    std::uint16_t port_;
    int timeout_ms_;
    int socket_ = -1;
    bool ending_ = false;  // the server has said that it closes
    std::string buffer_;
};

}  // namespace waybill::system_test
