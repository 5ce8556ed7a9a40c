#include "tests/system/http_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <unistd.h>

#include "tests/system/kept_logs.hpp"

namespace waybill::system_test {

boost::json::value Answer::json() const {
    boost::system::error_code problem;
    boost::json::value value = boost::json::parse(body, problem);
    return problem ? boost::json::value{} : value;
}

std::string Answer::text(std::string_view member) const {
    const boost::json::value value = json();
    const auto* object = value.if_object();
    const auto* found = object != nullptr ? object->if_contains(member) : nullptr;
    return found != nullptr && found->is_string() ? std::string{found->as_string()} : std::string{};
}

std::string Answer::header(const std::string& lower_case_name) const {
    const auto found = headers.find(lower_case_name);
    return found == headers.end() ? std::string{} : found->second;
}

HttpClient::~HttpClient() { close(); }

HttpClient::HttpClient(HttpClient&& other) noexcept
    : port_(other.port_),
      timeout_ms_(other.timeout_ms_),
      socket_(std::exchange(other.socket_, -1)),
      ending_(other.ending_),
      buffer_(std::move(other.buffer_)) {}

void HttpClient::close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
    ending_ = false;
    buffer_.clear();
}

bool HttpClient::connect() {
    close();
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval timeout{timeout_ms_ / 1'000, (timeout_ms_ % 1'000) * 1'000};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
    close();
    return false;
}

bool HttpClient::write_all(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (written <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

bool HttpClient::read_more() {
    std::array<char, 16'384> bytes{};
    const ssize_t received = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (received <= 0) return false;
    buffer_.append(bytes.data(), static_cast<std::size_t>(received));
    return true;
}

Answer HttpClient::read_answer(bool head_only) {
    std::size_t end = std::string::npos;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
        if (!read_more()) return {};
    }
    Answer answer;
    answer.status = std::atoi(buffer_.c_str() + std::min<std::size_t>(9, buffer_.size()));
    std::size_t start = buffer_.find("\r\n") + 2;
    while (start < end + 2) {
        const std::size_t line_end = buffer_.find("\r\n", start);
        const std::size_t colon = buffer_.find(':', start);
        std::string name = buffer_.substr(start, colon - start);
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        const std::size_t value = buffer_.find_first_not_of(' ', colon + 1);
        std::string& slot = answer.headers[name];
        if (!slot.empty()) slot += ", ";
        slot += buffer_.substr(value, line_end - value);
        start = line_end + 2;
    }
    buffer_.erase(0, end + 4);
    if (answer.status == 100) return read_answer(head_only);
    const std::string length_text = answer.header("content-length");
    const std::size_t length = head_only || length_text.empty() ? 0 : std::stoul(length_text);
    while (buffer_.size() < length) {
        if (!read_more()) return {};
    }
    answer.body = buffer_.substr(0, length);
    keep_secrets_of_answer(answer.header("set-cookie"));
    keep_secrets_of_answer(answer.body);
    buffer_.erase(0, length);
    if (answer.header("connection") == "close") ending_ = true;
    return answer;
}

Answer HttpClient::send(std::string_view method, std::string_view target, std::string_view body, Headers headers) {
    std::string bytes = std::string{method} + " " + std::string{target} +
                        " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port_) + "\r\n";
    const bool has_type =
        std::ranges::any_of(headers, [](const auto& header) { return header.first == "Content-Type"; });
    if (!body.empty() && !has_type) bytes += "Content-Type: application/json\r\n";
    if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
        bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    }
    for (const auto& [name, value] : headers) bytes += name + ": " + value + "\r\n";
    bytes += "\r\n";
    bytes += body;
    keep_secrets_of_request(bytes);

    if (ending_) close();
    const bool reused = socket_ >= 0;
    if (!reused && !connect()) return {};
    // A refused body is answered before it has been read, so a failed write is no reason not to read.
    (void)write_all(bytes);
    Answer answer = read_answer(method == "HEAD");
    if (answer.status == 0 && reused && method == "GET" && connect() && write_all(bytes)) answer = read_answer(false);
    if (answer.status == 0) close();
    return answer;
}

Answer HttpClient::send_raw(std::string_view bytes) { return connect() ? finish_raw(bytes) : Answer{}; }

bool HttpClient::begin_raw(std::string_view bytes) { return connect() && write_all(bytes); }

Answer HttpClient::finish_raw(std::string_view bytes) {
    (void)write_all(bytes);
    return read_answer(false);
}

std::string HttpClient::exchange_raw(std::string_view bytes) {
    if (!connect()) return {};
    (void)write_all(bytes);
    ::shutdown(socket_, SHUT_WR);
    while (read_more()) {
    }
    std::string all = std::move(buffer_);
    close();
    return all;
}

bool HttpClient::drop_after(std::string_view bytes) {
    const bool written = connect() && write_all(bytes);
    close();
    return written;
}

bool HttpClient::is_closed_by_server() {
    if (socket_ < 0) return true;
    char byte = 0;
    return ::recv(socket_, &byte, 1, 0) == 0 || errno == ECONNRESET;
}

}  // namespace waybill::system_test
