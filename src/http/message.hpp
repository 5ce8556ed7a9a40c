// A request and a response as the routes see them; nothing here knows Asio or Beast.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/trace.hpp"

namespace waybill::http {

enum class Method : std::uint8_t { get, head, post, put, patch, del, options, other };
[[nodiscard]] std::string_view to_text(Method method);

using HeaderList = std::vector<std::pair<std::string_view, std::string_view>>;

// Views point into the connection's buffers and live until the response has been handed over.
struct Request {
    Method method = Method::other;
    std::string_view target;  // as sent: path and query
    std::string_view path;    // raw, without the query
    std::string_view query;   // raw, without '?'
    HeaderList headers;
    std::string_view body;
    std::string_view peer_address;  // without port
    bool peer_is_loopback = false;
    std::string request_id;      // the client's, or ours
    std::string client_address;  // the peer's, or what a trusted proxy says
    TraceContext trace;          // the client's in a step of ours, or one that begins here

    // The first header of that name, compared without case; empty when absent.
    [[nodiscard]] std::string_view header(std::string_view name) const;
};

struct Response {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;               // HEAD: kept for its length and not sent
    std::string_view fixed_body{};  // instead of `body`: bytes that live as long as the process, never copied
    std::vector<std::pair<std::string, std::string>> headers;
    bool close = false;               // the connection ends after this answer
    std::string_view problem_code{};  // of a problem document: one of problem_codes()

    Response& with(std::string name, std::string value) {
        headers.emplace_back(std::move(name), std::move(value));
        return *this;
    }
};

}  // namespace waybill::http
