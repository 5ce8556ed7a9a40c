// Beast's parser over our buffers: the head becomes views, the body one string. For connection.cpp.
#pragma once

#include <boost/beast/http/basic_parser.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "http/message.hpp"
#include "http/request_checks.hpp"

namespace waybill::http {

class RequestParser final : public boost::beast::http::basic_parser<true> {
public:
    using ErrorCode = boost::beast::error_code;
    using Text = boost::beast::string_view;

    // Both are cleared, then filled. The head's bytes must stay where they are.
    RequestParser(Request& request, std::string& body) : request_(request), body_(body) {
        request_.headers.clear();
        body_.clear();
    }

    [[nodiscard]] bool is_http_1_1() const { return http_1_1_; }

    // As put(), for what follows the head; may change the names of trailers. Beast 1.81 asserts that a last chunk of
    // which it has seen "0" CR LF has grown by two octets when it is shown again.
    std::size_t put_body(std::span<char> bytes, ErrorCode& error) {
        if (chunked() && bytes.size() == 4 && std::string_view(bytes.data(), bytes.size()).starts_with("0\r\n")) {
            error = boost::beast::http::error::need_more;
            return 0;
        }
        unread_ = bytes;
        return put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    }

private:
    static std::string_view view(Text text) { return {text.data(), text.size()}; }

    // Else the value is what follows the colon and its blanks.
    static bool is_unfolded(Text name, Text value) {
        const char* begin = name.data() + name.size() + 1;
        while (*begin == ' ' || *begin == '\t') ++begin;
        return begin != value.data();
    }

    // Beast obeys a trailer named Connection as if it were the header (not RFC 9110, 6.5.1).
    static void rename_connection_trailers(std::span<char> trailers) {
        for (;;) {
            std::string_view line(trailers.data(), trailers.size());
            const std::size_t end = line.find("\r\n");
            if (end == 0 || end == std::string_view::npos) return;
            line = line.substr(0, end);
            const std::string_view name = line.substr(0, line.find(':'));
            if (equal_names(name, "connection") || equal_names(name, "proxy-connection")) trailers.front() = 'X';
            trailers = trailers.subspan(end + 2);
        }
    }

    static Method method_of(boost::beast::http::verb verb) {
        namespace beast_http = boost::beast::http;
        if (verb == beast_http::verb::get) return Method::get;
        if (verb == beast_http::verb::post) return Method::post;
        if (verb == beast_http::verb::head) return Method::head;
        if (verb == beast_http::verb::put) return Method::put;
        if (verb == beast_http::verb::patch) return Method::patch;
        if (verb == beast_http::verb::delete_) return Method::del;
        if (verb == beast_http::verb::options) return Method::options;
        return Method::other;
    }

    void on_request_impl(boost::beast::http::verb verb, Text, Text target, int version, ErrorCode&) override {
        http_1_1_ = version >= 11;
        request_.method = method_of(verb);
        request_.target = view(target);
    }
    void on_response_impl(int, Text, int, ErrorCode&) override {}
    void on_field_impl(boost::beast::http::field, Text name, Text value, ErrorCode& error) override {
        // Trailers are not headers. The scanner has seen no folded header; a folded trailer comes here unfolded.
        if (!is_header_done()) {
            request_.headers.emplace_back(view(name), view(value));
        } else if (is_unfolded(name, value)) {
            error = boost::beast::http::error::bad_value;
        }
    }
    void on_header_impl(ErrorCode&) override {}
    void on_body_init_impl(boost::optional<std::uint64_t> const&, ErrorCode&) override {}
    std::size_t on_body_impl(Text bytes, ErrorCode&) override {
        body_.append(bytes.data(), bytes.size());
        return bytes.size();
    }
    void on_chunk_header_impl(std::uint64_t size, Text extension, ErrorCode& error) override {
        if (!is_chunk_extension(view(extension))) error = boost::beast::http::error::bad_chunk_extension;
        if (size > 0) return;
        // When the last chunk comes here, all trailers have arrived, and Beast reads them next.
        const auto line_end = static_cast<std::size_t>(extension.data() + extension.size() - unread_.data());
        rename_connection_trailers(unread_.subspan(line_end + 2));
    }
    std::size_t on_chunk_body_impl(std::uint64_t, Text bytes, ErrorCode&) override {
        body_.append(bytes.data(), bytes.size());
        return bytes.size();
    }
    void on_finish_impl(ErrorCode&) override {}

    Request& request_;
    std::string& body_;
    std::span<char> unread_;
    bool http_1_1_ = true;
};

}  // namespace waybill::http
