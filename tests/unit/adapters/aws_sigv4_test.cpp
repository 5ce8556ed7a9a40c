#include <gtest/gtest.h>

#include "adapters/aws/sigv4.hpp"
#include "tests/unit/adapters/aws_sigv4_vectors.hpp"

namespace waybill::aws {
namespace {

using testing::BodyHash;
using testing::SigningVector;

const TimePoint suite_time = from_unix_ms(1'440'938'160'000);  // 2015-08-30T12:36:00Z
const std::string suite_secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

std::string header(const Headers& headers, std::string_view name) {
    for (const auto& [key, value] : headers) {
        if (key == name) return value;
    }
    return {};
}

SignableRequest request_of(const SigningVector& vector) {
    SignableRequest request{vector.method, vector.path, vector.query, vector.headers, vector.body};
    if (vector.body_hash == BodyHash::in_header) {
        request.headers.emplace_back("x-amz-content-sha256", sha256_hex(vector.body));
    }
    return request;
}

std::string signature_of(const Headers& added) {
    const std::string authorization = header(added, "authorization");
    return authorization.substr(authorization.find("Signature=") + 10);
}

TEST(Sigv4, signs_every_vector_of_the_official_suite) {
    const std::vector<SigningVector> vectors = testing::signing_vectors();
    ASSERT_EQ(vectors.size(), 38U);
    Signer signer("us-east-1", "service");
    for (const SigningVector& vector : vectors) {
        const Credentials credentials{"AKIDEXAMPLE", suite_secret, vector.token};
        const Headers added = signer.sign(request_of(vector), credentials, suite_time, vector.form);
        EXPECT_EQ(signature_of(added), vector.signature) << vector.name;
    }
}

TEST(Sigv4, names_scope_and_signed_headers) {
    Signer signer("eu-central-1", "sqs");
    const SignableRequest request{"POST", "/", "", {{"Host", "h"}, {"Content-Type", "text/plain"}}, "x"};
    const Headers added = signer.sign(request, {"AKID", "secret", "token"}, suite_time);
    EXPECT_EQ(header(added, "x-amz-date"), "20150830T123600Z");
    EXPECT_EQ(header(added, "x-amz-security-token"), "token");
    EXPECT_TRUE(header(added, "authorization")
                    .starts_with("AWS4-HMAC-SHA256 Credential=AKID/20150830/eu-central-1/sqs/aws4_request, "
                                 "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature="));
}

TEST(Sigv4, encodes_the_query_once_whatever_stands_in_it) {
    const SignableRequest request{"GET", "/", "a=%41%zz&b=%&c=%4", {{"host", "h"}}, ""};
    EXPECT_TRUE(canonical_request(request, PathForm::normalized).starts_with("GET\n/\na=A%25zz&b=%25&c=%254\n"));
}

TEST(Sigv4, encodes_the_path_once_more_than_on_the_wire) {
    const SignableRequest request{"GET", "/v2/email/identities/a%40b.example", "", {{"host", "h"}}, ""};
    EXPECT_TRUE(
        canonical_request(request, PathForm::normalized).starts_with("GET\n/v2/email/identities/a%2540b.example\n"));
}

TEST(Sigv4, keeps_no_key_of_another_day_or_secret) {
    const SignableRequest request{"GET", "/", "", {{"host", "h"}}, ""};
    const TimePoint next_day = suite_time + std::chrono::hours(24);
    Signer used("us-east-1", "service");
    static_cast<void>(used.sign(request, {"A", "one", ""}, suite_time));
    for (const auto& [secret, time] : {std::pair{"two", suite_time}, {"two", next_day}, {"one", suite_time}}) {
        Signer fresh("us-east-1", "service");
        EXPECT_EQ(signature_of(used.sign(request, {"A", secret, ""}, time)),
                  signature_of(fresh.sign(request, {"A", secret, ""}, time)));
    }
}

}  // namespace
}  // namespace waybill::aws
