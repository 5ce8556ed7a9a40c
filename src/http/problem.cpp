#include "http/problem.hpp"

#include <algorithm>

#include "http/json.hpp"

namespace waybill::http {

namespace {

struct Kind {
    int status;
    std::string_view code;
    std::string_view title;
};

Kind kind_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::validation_failed:
            return {422, "validation-failed", "The request is not valid"};
        case ErrorCode::unknown_product:
            return {422, "unknown-product", "There is no such product"};
        case ErrorCode::unknown_location:
            return {422, "unknown-location", "There is no such location"};
        case ErrorCode::bad_cursor:
            return {400, "bad-cursor", "The cursor is not one of ours"};
        case ErrorCode::not_found:
            return {404, "not-found", "Not found"};
        case ErrorCode::forbidden:
            return {403, "forbidden", "Not allowed"};
        case ErrorCode::insufficient_stock:
            return {409, "insufficient-stock", "There is not enough stock"};
        case ErrorCode::total_mismatch:
            return {409, "total-mismatch", "The total is another one"};
        case ErrorCode::invalid_transition:
            return {409, "invalid-transition", "The present state does not allow this"};
        case ErrorCode::email_taken:
            return {409, "email-taken", "The e-mail address is taken"};
        case ErrorCode::idempotency_key_reused:
            return {422, "idempotency-key-reused", "The key belongs to another request"};
        case ErrorCode::idempotency_in_progress:
            return {409, "idempotency-in-progress", "The first request with this key is under way"};
        case ErrorCode::invalid_credentials:
            return {401, "invalid-credentials", "The credentials are not right"};
        case ErrorCode::token_invalid:
            return {401, "token-invalid", "The access token is not valid"};
        case ErrorCode::token_expired:
            return {401, "token-expired", "The access token has expired"};
        case ErrorCode::refresh_invalid:
            return {401, "refresh-invalid", "The refresh token is not valid"};
        case ErrorCode::refresh_reused:
            return {401, "refresh-reused", "The refresh token was used before"};
        case ErrorCode::reset_invalid:
            return {401, "reset-invalid", "The reset token is not valid"};
        case ErrorCode::rate_limited:
            return {429, "rate-limited", "Too many requests"};
        case ErrorCode::overloaded:
            return {503, "overloaded", "Too busy at the moment"};
        case ErrorCode::unavailable:
            return {503, "dependency-unavailable", "Not available at the moment"};
        case ErrorCode::outcome_unknown:
            return {504, "outcome-unknown", "The outcome is not known"};
        case ErrorCode::lease_lost:
        case ErrorCode::internal:
            break;
    }
    return {500, "internal", "Something went wrong on our side"};
}

Kind kind_of(ProtocolError error) {
    switch (error) {
        case ProtocolError::malformed_json:
            return {400, "malformed-json", "The body is not JSON"};
        case ProtocolError::bad_header:
            return {400, "bad-header", "A header is not valid"};
        case ProtocolError::token_missing:
            return {401, "token-missing", "An access token is needed"};
        case ProtocolError::not_found:
            return {404, "not-found", "Not found"};
        case ProtocolError::method_not_allowed:
            return {405, "method-not-allowed", "The method is not allowed here"};
        case ProtocolError::request_timeout:
            return {408, "request-timeout", "The request took too long"};
        case ProtocolError::payload_too_large:
            return {413, "payload-too-large", "The body is too large"};
        case ProtocolError::uri_too_long:
            return {414, "uri-too-long", "The request line is too long"};
        case ProtocolError::unsupported_media_type:
            return {415, "unsupported-media-type", "The content type is not supported"};
        case ProtocolError::expectation_failed:
            return {417, "expectation-failed", "The expectation cannot be met"};
        case ProtocolError::unknown_field:
            return {422, "unknown-field", "A member is not known"};
        case ProtocolError::headers_too_large:
            return {431, "headers-too-large", "The headers are too large"};
        case ProtocolError::bad_request:
            return {400, "bad-header", "The request is not HTTP/1.1"};
    }
    return {500, "internal", "Something went wrong on our side"};
}

// What follows such an error in the stream cannot be trusted, or was not read.
bool ends_the_connection(ProtocolError error) {
    return error == ProtocolError::bad_request || error == ProtocolError::request_timeout ||
           error == ProtocolError::payload_too_large || error == ProtocolError::uri_too_long ||
           error == ProtocolError::headers_too_large || error == ProtocolError::expectation_failed;
}

void write_fields(JsonWriter& json, const std::vector<FieldProblem>& fields) {
    json.name("errors").begin_array();
    for (const FieldProblem& field : fields) {
        json.begin_object();
        json.name("pointer").string(field.pointer);
        json.name("code").string(field.code);
        json.name("message").string(field.message);
        json.end_object();
    }
    json.end_array();
}

void write_shortages(JsonWriter& json, const std::vector<Shortage>& shortages) {
    json.name("shortages").begin_array();
    for (const Shortage& shortage : shortages) {
        json.begin_object();
        json.name("productId").string(shortage.product_id.text);
        json.name("requested").integer(shortage.requested);
        json.name("available").integer(shortage.available);
        json.end_object();
    }
    json.end_array();
}

// The members that every problem has; the object stays open for those of its own.
JsonWriter begin_problem(const Request& request, const Kind& kind, std::string_view detail) {
    JsonWriter json;
    json.reserve(512);
    json.begin_object();
    json.name("type").string(std::string("urn:waybill:problem:").append(kind.code));
    json.name("title").string(kind.title);
    json.name("status").integer(kind.status);
    json.name("detail").string(detail);
    json.name("instance").string(request.path);
    json.name("code").string(kind.code);
    json.name("requestId").string(request.request_id);
    json.name("message").string(detail);
    return json;
}

Response finish_problem(const Kind& kind, JsonWriter& json) {
    Response response;
    response.status = kind.status;
    response.content_type = "application/problem+json";
    response.body = json.end_object().take();
    response.problem_code = kind.code;
    return response;
}

// RFC 6750, 3: `error` names a token that was sent, and is left out when none was.
void add_challenge(Response& response, std::string_view code) {
    const bool about_token = code == "token-invalid" || code == "token-expired";
    if (response.status == 401)
        response.with("WWW-Authenticate", about_token ? "Bearer error=\"invalid_token\"" : "Bearer");
}

void add_retry_after(Response& response, ErrorCode code) {
    if (response.status == 503 || code == ErrorCode::idempotency_in_progress) response.with("Retry-After", "1");
}

}  // namespace

Response problem(const Request& request, const Error& error, const Currency& currency) {
    const Kind kind = kind_of(error.code);
    // The detail of a broken invariant is for the log.
    const bool tells = kind.status != 500 && !error.detail.empty();
    JsonWriter json = begin_problem(request, kind, tells ? std::string_view(error.detail) : kind.title);
    if (error.code == ErrorCode::validation_failed) write_fields(json, error.fields);
    if (error.code == ErrorCode::insufficient_stock) write_shortages(json, error.shortages);
    if (error.code == ErrorCode::total_mismatch && error.expected_total_minor) {
        json.name("expected").raw(format_amount(*error.expected_total_minor, currency));
        json.name("currency").string(currency.code);
    }
    Response response = finish_problem(kind, json);
    add_challenge(response, kind.code);
    add_retry_after(response, error.code);
    return response;
}

Response problem(const Request& request, ProtocolError error, std::string_view detail,
                 const std::vector<FieldProblem>& fields) {
    const Kind kind = kind_of(error);
    JsonWriter json = begin_problem(request, kind, detail.empty() ? kind.title : detail);
    if (!fields.empty()) write_fields(json, fields);
    Response response = finish_problem(kind, json);
    add_challenge(response, kind.code);
    response.close = ends_the_connection(error);
    return response;
}

std::vector<std::string_view> problem_codes() {
    std::vector<std::string_view> codes;
    for (auto code = std::uint8_t{0}; code <= static_cast<std::uint8_t>(ErrorCode::internal); ++code) {
        codes.push_back(kind_of(static_cast<ErrorCode>(code)).code);
    }
    for (auto code = std::uint8_t{0}; code <= static_cast<std::uint8_t>(ProtocolError::bad_request); ++code) {
        codes.push_back(kind_of(static_cast<ProtocolError>(code)).code);
    }
    std::ranges::sort(codes);
    const auto repeated = std::ranges::unique(codes);
    codes.erase(repeated.begin(), repeated.end());
    return codes;
}

}  // namespace waybill::http
