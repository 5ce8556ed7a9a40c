// The one place that maps errors to HTTP: RFC 9457 problem documents.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "domain/error.hpp"
#include "domain/money.hpp"
#include "http/message.hpp"

namespace waybill::http {

// Errors of the protocol itself, beside those of the domain.
enum class ProtocolError : std::uint8_t {
    malformed_json,
    bad_header,
    token_missing,
    not_found,
    method_not_allowed,
    request_timeout,
    payload_too_large,
    uri_too_long,
    unsupported_media_type,
    unknown_field,
    headers_too_large,
    expectation_failed,
    bad_request,  // a stream that is no HTTP: code bad-header, connection closed
};

// Members: type, title, status, detail, instance, code, requestId, message, and errors, shortages or
// expected where they apply. 503 carries Retry-After; 401 carries WWW-Authenticate.
[[nodiscard]] Response problem(const Request& request, const Error& error, const Currency& currency = {});
[[nodiscard]] Response problem(const Request& request, ProtocolError error, std::string_view detail,
                               const std::vector<FieldProblem>& fields = {});

// Every word that `code` can be, once.
[[nodiscard]] std::vector<std::string_view> problem_codes();

}  // namespace waybill::http
