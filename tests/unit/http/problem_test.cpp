#include "http/problem.hpp"

#include <gtest/gtest.h>

#include "tests/unit/http/requests.hpp"

namespace waybill::http {
namespace {

struct Row {
    Response response;
    int status;
    std::string code;
    std::string retry_after;
    std::string challenge;
    bool close = false;
};

const Request& asked() {
    static const OwnedRequest request(Method::post, "/api/v1/orders?x=1");
    return request.get();
}

Response domain_problem(ErrorCode code) { return problem(asked(), Error{code, "One sentence."}); }
Response protocol_problem(ProtocolError error) { return problem(asked(), error, "One sentence."); }

std::vector<Row> rows() {
    using enum ErrorCode;
    using P = ProtocolError;
    const std::string bearer = "Bearer";
    const std::string bad_token = "Bearer error=\"invalid_token\"";
    return {
        {domain_problem(bad_cursor), 400, "bad-cursor", "", ""},
        {domain_problem(token_invalid), 401, "token-invalid", "", bad_token},
        {domain_problem(token_expired), 401, "token-expired", "", bad_token},
        {domain_problem(invalid_credentials), 401, "invalid-credentials", "", bearer},
        {domain_problem(refresh_invalid), 401, "refresh-invalid", "", bearer},
        {domain_problem(refresh_reused), 401, "refresh-reused", "", bearer},
        {domain_problem(reset_invalid), 401, "reset-invalid", "", bearer},
        {domain_problem(forbidden), 403, "forbidden", "", ""},
        {domain_problem(not_found), 404, "not-found", "", ""},
        {domain_problem(insufficient_stock), 409, "insufficient-stock", "", ""},
        {domain_problem(total_mismatch), 409, "total-mismatch", "", ""},
        {domain_problem(invalid_transition), 409, "invalid-transition", "", ""},
        {domain_problem(email_taken), 409, "email-taken", "", ""},
        {domain_problem(idempotency_in_progress), 409, "idempotency-in-progress", "1", ""},
        {domain_problem(validation_failed), 422, "validation-failed", "", ""},
        {domain_problem(unknown_product), 422, "unknown-product", "", ""},
        {domain_problem(unknown_location), 422, "unknown-location", "", ""},
        {domain_problem(idempotency_key_reused), 422, "idempotency-key-reused", "", ""},
        {domain_problem(rate_limited), 429, "rate-limited", "", ""},
        {domain_problem(internal), 500, "internal", "", ""},
        {domain_problem(lease_lost), 500, "internal", "", ""},
        {domain_problem(overloaded), 503, "overloaded", "1", ""},
        {domain_problem(unavailable), 503, "dependency-unavailable", "1", ""},
        {domain_problem(outcome_unknown), 504, "outcome-unknown", "", ""},
        {protocol_problem(P::malformed_json), 400, "malformed-json", "", ""},
        {protocol_problem(P::bad_header), 400, "bad-header", "", ""},
        {protocol_problem(P::bad_request), 400, "bad-header", "", "", true},
        {protocol_problem(P::token_missing), 401, "token-missing", "", bearer},
        {protocol_problem(P::not_found), 404, "not-found", "", ""},
        {protocol_problem(P::method_not_allowed), 405, "method-not-allowed", "", ""},
        {protocol_problem(P::request_timeout), 408, "request-timeout", "", "", true},
        {protocol_problem(P::payload_too_large), 413, "payload-too-large", "", "", true},
        {protocol_problem(P::uri_too_long), 414, "uri-too-long", "", "", true},
        {protocol_problem(P::unsupported_media_type), 415, "unsupported-media-type", "", ""},
        {protocol_problem(P::unknown_field), 422, "unknown-field", "", ""},
        {protocol_problem(P::headers_too_large), 431, "headers-too-large", "", "", true},
        {protocol_problem(P::expectation_failed), 417, "expectation-failed", "", "", true},
    };
}

TEST(Problem, gives_every_code_its_status_and_headers) {
    for (const Row& row : rows()) {
        EXPECT_EQ(row.response.status, row.status) << row.code;
        EXPECT_EQ(text_of(row.response, "code"), row.code);
        EXPECT_EQ(header_of(row.response, "Retry-After").value_or(""), row.retry_after) << row.code;
        EXPECT_EQ(header_of(row.response, "WWW-Authenticate").value_or(""), row.challenge) << row.code;
        EXPECT_EQ(row.response.close, row.close) << row.code;
    }
}

TEST(Problem, has_the_members_of_rfc_9457_and_ours_in_order) {
    for (const Row& row : rows()) {
        EXPECT_EQ(row.response.content_type, "application/problem+json");
        const Json json = json_of(row.response);
        std::vector<std::string> names;
        for (const auto& [name, value] : json.members) names.push_back(name);
        names.resize(8);
        EXPECT_EQ(names, (std::vector<std::string>{"type", "title", "status", "detail", "instance", "code", "requestId",
                                                   "message"}));
        EXPECT_EQ(json.find("type")->text, "urn:waybill:problem:" + row.code);
        EXPECT_EQ(json.find("status")->text, std::to_string(row.status));
        EXPECT_EQ(json.find("instance")->text, "/api/v1/orders");
        EXPECT_EQ(json.find("requestId")->text, "request-1");
        EXPECT_EQ(json.find("message")->text, json.find("detail")->text);
        EXPECT_FALSE(json.find("title")->text.empty());
        if (row.status != 500) {
            EXPECT_EQ(json.find("detail")->text, "One sentence.");
        }
    }
}

TEST(Problem, keeps_the_detail_of_a_broken_invariant_to_itself) {
    const Response response = problem(asked(), Error{ErrorCode::internal, "vector::at at 0x7f"});
    EXPECT_EQ(response.body.find("vector"), std::string::npos);
}

TEST(Problem, lists_the_fields_that_are_wrong) {
    const Error error{
        ErrorCode::validation_failed, "Two.", {{"/a", "missing", "Must be there."}, {"/b~1", "bad", "B."}}};
    const Response response = problem(asked(), error);
    EXPECT_EQ(problems_of(response), (std::vector<std::string>{"/a missing", "/b~1 bad"}));
    EXPECT_EQ(json_of(response).find("errors")->items[0].find("message")->text, "Must be there.");
    EXPECT_NE(json_of(problem(asked(), Error{ErrorCode::validation_failed, "No field."})).find("errors"), nullptr);
}

TEST(Problem, names_an_unknown_field) {
    const Response response =
        problem(asked(), ProtocolError::unknown_field, "There is no member /x.", {{"/x", "unknown-field", "No."}});
    EXPECT_EQ(problems_of(response), std::vector<std::string>{"/x unknown-field"});
}

TEST(Problem, lists_every_shortage) {
    Error error{ErrorCode::insufficient_stock, "Short."};
    error.shortages = {{ProductId("p1"), 5, 2}, {ProductId("p2"), 1, 0}};
    const Json json = json_of(problem(asked(), error));
    const Json* shortages = json.find("shortages");
    ASSERT_NE(shortages, nullptr);
    ASSERT_EQ(shortages->items.size(), 2u);
    EXPECT_EQ(shortages->items[0].find("productId")->text, "p1");
    EXPECT_EQ(shortages->items[0].find("requested")->text, "5");
    EXPECT_EQ(shortages->items[0].find("available")->text, "2");
    EXPECT_EQ(shortages->items[1].find("productId")->text, "p2");
}

TEST(Problem, tells_the_expected_total_as_an_exact_amount) {
    Error error{ErrorCode::total_mismatch, "Another total."};
    error.expected_total_minor = 432'400;
    const Response inr = problem(asked(), error, Currency{"INR", 2});
    EXPECT_EQ(text_of(inr, "expected"), "4324.00");
    EXPECT_EQ(text_of(inr, "currency"), "INR");
    EXPECT_EQ(text_of(problem(asked(), error, Currency{"JPY", 0}), "expected"), "432400");
}

TEST(Problem, stays_json_whatever_the_path_holds) {
    const OwnedRequest request(Method::get, "/\"\\\x01\xff\xc3");
    const Response response = problem(request.get(), ProtocolError::not_found, "No.");
    EXPECT_TRUE(read_json(response.body)) << response.body;
}

}  // namespace
}  // namespace waybill::http
