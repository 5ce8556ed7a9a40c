// Signed calls of one AWS service, repeated within bounds: after throttling, 5xx and lost connections
// with backoff and jitter; once with the server's time when ours is refused; once with other
// credentials when these are refused.
#pragma once

#include <atomic>
#include <expected>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "adapters/aws/http_client.hpp"

namespace waybill::aws {

enum class FailureKind : std::uint8_t {
    no_answer,  // connection, timeout
    throttled,
    server,       // 5xx
    credentials,  // none, or these are not taken, or not allowed to do this
    rejected,     // other 4xx: this request can never succeed as it stands
};

struct ServiceFailure {
    FailureKind kind = FailureKind::no_answer;
    long status = 0;
    std::string code;         // as AWS names it, for example MessageRejected
    std::string detail;       // one sentence for a person, without secrets
    bool maybe_done = false;  // the answer to one of the tries was lost
};

using ServiceAnswer = std::expected<HttpResponse, ServiceFailure>;

struct ServiceRequest {
    std::string method;
    std::string path;   // as on the wire
    Headers headers{};  // signed
    std::string body{};
    Milliseconds extra_wait{};  // that the service may take besides, for a long poll
    bool repeat = true;         // false: one try (and its repairs) only
};

struct ServiceOptions {
    std::string name;  // as in logs: "sqs"
    Endpoint endpoint;
    std::string region;
    std::string signing_name;
    CallOptions call;
};

// Thread-safe.
class ServiceClient {
public:
    ServiceClient(ServiceOptions options, std::shared_ptr<CredentialSource> credentials, Clock& clock, Log& log);

    [[nodiscard]] ServiceAnswer call(const ServiceRequest& request, const std::stop_token& stop = {});

private:
    // What one call has repaired already.
    struct Repairs {
        bool clock = false;
        bool credentials = false;
    };

    ServiceAnswer try_once(const ServiceRequest& request, Milliseconds timeout, Repairs& repairs,
                           const std::stop_token& stop);
    ServiceAnswer send_signed(const ServiceRequest& request, const Credentials& credentials, TimePoint time,
                              Milliseconds timeout, const std::stop_token& stop);
    bool adopt_time(const ServiceFailure& failure, const HttpResponse& answer);
    void note(const ServiceAnswer& answer);
    void note_away(const ServiceFailure& failure);

    const ServiceOptions options_;
    const std::shared_ptr<CredentialSource> credentials_;
    Clock& clock_;
    Log& log_;
    HttpClient http_;
    Signer signer_;
    std::atomic<std::int64_t> ahead_ms_{0};  // the service's time minus ours
    std::atomic<bool> away_{false};
    std::mutex note_mutex_;
    bool away_told_ = false;
    SteadyTime tell_away_from_{};
};

// ---- pure parts

// https://<service>.<region>.amazonaws.com, in China with .cn.
[[nodiscard]] std::string service_address(const std::string& service, const std::string& region);

// The region in an SQS host of amazonaws.com; empty when it is none.
[[nodiscard]] std::string region_of_host(std::string_view host);

// The code of an error answer, as SQS (JSON), SES (REST) and STS (XML) tell it; else "HTTP <status>".
[[nodiscard]] std::string error_code_of(const HttpResponse& answer);
[[nodiscard]] FailureKind classify(long status, std::string_view code);

[[nodiscard]] std::optional<TimePoint> parse_http_date(const std::string& text);
// 2026-01-31T09:30:00Z, with or without a fraction.
[[nodiscard]] std::optional<TimePoint> parse_time(std::string_view text);

}  // namespace waybill::aws
