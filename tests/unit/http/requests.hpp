// Requests as a connection would hand them over, and what tests ask of responses.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/json.hpp"
#include "http/message.hpp"

namespace waybill::http {

using HeaderTexts = std::vector<std::pair<std::string, std::string>>;

// Owns what the views of its request point to.
class OwnedRequest {
public:
    OwnedRequest(Method method, std::string_view target, std::string_view body = {}, HeaderTexts headers = {}) {
        request_.method = method;
        request_.target = keep(target);
        request_.path = request_.target.substr(0, request_.target.find('?'));
        if (request_.path.size() < request_.target.size()) {
            request_.query = request_.target.substr(request_.path.size() + 1);
        }
        request_.body = keep(body);
        request_.peer_address = "127.0.0.1";
        request_.peer_is_loopback = true;
        request_.request_id = "request-1";
        request_.client_address = "127.0.0.1";
        request_.trace = {{1, 2, 3}, {4, 5}, 1};
        for (const auto& [name, value] : headers) request_.headers.emplace_back(keep(name), keep(value));
    }

    [[nodiscard]] Request& get() { return request_; }
    [[nodiscard]] const Request& get() const { return request_; }

private:
    std::string_view keep(std::string_view text) { return texts_.emplace_back(text); }

    std::deque<std::string> texts_;
    Request request_;
};

[[nodiscard]] inline std::optional<std::string> header_of(const Response& response, std::string_view name) {
    const auto found =
        std::ranges::find(response.headers, name, [](const auto& header) { return std::string_view(header.first); });
    if (found == response.headers.end()) return std::nullopt;
    return found->second;
}

[[nodiscard]] inline Json json_of(const Response& response) { return read_json(response.body).value(); }

// The text of a member of the body's object: a string or number; empty when absent.
[[nodiscard]] inline std::string text_of(const Response& response, std::string_view name) {
    const Json json = json_of(response);
    const Json* member = json.find(name);
    return member == nullptr ? "" : member->text;
}

// "<pointer> <code>" for each of `errors`.
[[nodiscard]] inline std::vector<std::string> problems_of(const Response& response) {
    std::vector<std::string> problems;
    const Json json = json_of(response);
    if (const Json* errors = json.find("errors")) {
        for (const Json& error : errors->items) {
            problems.push_back(error.find("pointer")->text + " " + error.find("code")->text);
        }
    }
    return problems;
}

}  // namespace waybill::http
