#include "http/response_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "http/octets.hpp"

namespace waybill::http {

namespace {

constexpr std::size_t head_bytes_guess = 1'024;

std::string_view reason_of(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 304:
            return "Not Modified";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 422:
            return "Unprocessable Content";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        default:
            return "";
    }
}

bool ends_a_line(std::string_view text) {
    return has_control(text) && std::ranges::any_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
    if (name.empty() || ends_a_line(name) || ends_a_line(value)) return;
    out.append(name).append(": ").append(value).append("\r\n");
}

template <class Number>
void append_number(std::string& out, Number value) {
    std::array<char, 24> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
    out.append(text.data(), end.ptr);
}

}  // namespace

std::string_view append_response(std::string& out, const Response& response, const Framing& framing) {
    const bool bodiless = response.status < 200 || response.status == 204 || response.status == 304;
    out.reserve(out.size() + head_bytes_guess + response.body.size());
    out += "HTTP/1.1 ";
    append_number(out, response.status);
    out.append(" ").append(reason_of(response.status)).append("\r\n");
    for (const auto& [name, value] : response.headers) append_header(out, name, value);
    if (!bodiless) {
        if (!response.content_type.empty()) append_header(out, "Content-Type", response.content_type);
        out += "Content-Length: ";
        append_number(out, response.body.size() + response.fixed_body.size());
        out += "\r\n";
    }
    if (framing.close) {
        out += "Connection: close\r\n";
    } else if (framing.keep_alive) {
        out += "Connection: keep-alive\r\n";
    }
    out += "\r\n";
    if (bodiless || framing.head) return {};
    out += response.body;
    return response.fixed_body;
}

}  // namespace waybill::http
