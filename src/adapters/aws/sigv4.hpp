// AWS Signature Version 4 in headers, as SQS, SES and STS want it (not S3: the path is encoded once
// more than on the wire). Source: "Create a signed AWS API request", AWS IAM User Guide, and the
// vectors of the official test suite.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/aws/credentials.hpp"
#include "domain/time.hpp"

namespace waybill::aws {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct SignableRequest {
    std::string method;
    std::string path;   // as on the wire, from its first '/'
    std::string query;  // as on the wire, without '?'
    Headers headers;    // all are signed; host must be among them
    std::string body;
};

enum class PathForm { normalized, as_is };

// Thread-safe. Keeps the derived key of the last day and secret.
class Signer {
public:
    Signer(std::string region, std::string service);

    // The headers to send besides those of the request: x-amz-date, x-amz-security-token when there
    // is a token, authorization.
    [[nodiscard]] Headers sign(const SignableRequest& request, const Credentials& credentials, TimePoint time,
                               PathForm form = PathForm::normalized);

    [[nodiscard]] const std::string& region() const { return region_; }

private:
    [[nodiscard]] std::string signing_key(const std::string& secret, const std::string& day);

    const std::string region_;
    const std::string service_;
    std::mutex mutex_;
    std::string cached_secret_;
    std::string cached_day_;
    std::string cached_key_;
};

// Everything but unreserved characters (RFC 3986, 2.3) as %XX; '/' too unless `keep_slash`.
[[nodiscard]] std::string percent_encode(std::string_view text, bool keep_slash = false);

[[nodiscard]] std::string sha256_hex(std::string_view bytes);

// What is hashed and signed; shown for tests.
[[nodiscard]] std::string canonical_request(const SignableRequest& request, PathForm form);

}  // namespace waybill::aws
