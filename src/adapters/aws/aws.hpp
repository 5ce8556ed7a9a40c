// AWS: the Queue port on SQS, the Mailer port on SES v2, and what `waybill doctor` asks of both.
//
// Every request is signed (SigV4) with credentials that may be static or those of a role, which are
// renewed before they end. Services are reached at their own address or at `endpoint`, never
// through a redirect. Errors and logs name host and error code, never a key, token or URL path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ports/clock.hpp"
#include "ports/log.hpp"
#include "ports/mailer.hpp"
#include "ports/queue.hpp"

namespace waybill::aws {

// Named as AWS names its environment variables. The first complete group counts.
struct CredentialOptions {
    // AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
    std::string access_key_id{};
    std::string secret_access_key{};
    std::string session_token{};

    // AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_SESSION_NAME, AWS_ENDPOINT_URL_STS
    std::string role_arn{};
    std::string web_identity_token_file{};
    std::string role_session_name{};  // "waybill" when empty
    std::string sts_endpoint{};       // https://sts.<region>.amazonaws.com when empty

    // AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, AWS_CONTAINER_AUTHORIZATION_TOKEN or _FILE
    std::string container_relative_uri{};
    std::string container_full_uri{};
    std::string container_token{};
    std::string container_token_file{};
};

// One request to a service, with its repetitions.
struct CallOptions {
    Milliseconds connect_timeout{2'000};
    Milliseconds timeout{3'000};    // of one try; a long poll's wait comes on top
    Milliseconds deadline{8'000};   // of all tries together; the same
    std::size_t attempts_max = 3;   // after throttling, 5xx and lost connections
    Milliseconds backoff_min{100};  // doubled each time, full jitter
    Milliseconds backoff_max{1'000};
    std::size_t response_bytes_max = 4u << 20;
    std::size_t idle_connections_max = 16;
    std::string ca_file{};  // AWS_CA_BUNDLE: who vouches for servers instead of the system's authorities
};

struct SqsOptions {
    std::string queue_url;   // names the queue; its host is connected to only without `endpoint`
    std::string region{};    // AWS_REGION; the region in an amazonaws.com host of queue_url counts first
    std::string endpoint{};  // AWS_ENDPOINT_URL_SQS
    CredentialOptions credentials{};
    Milliseconds visibility{15'000};  // of what is received
    std::size_t parallel_max = 8;     // batches of ten under way at once in one call
    CallOptions call{};
};

// Throws std::invalid_argument, with a sentence that names the setting, when it cannot work.
//
// A message whose body is no JSON object, or ours but broken, can never be worked: it is deleted and
// logged. One that is somebody else's, or of a newer version, is left to the queue's redrive policy
// and logged. The log names message ids, at most one line a minute for each kind.
[[nodiscard]] std::unique_ptr<Queue> make_sqs_queue(const SqsOptions& options, Clock& clock, Log& log);

struct SesOptions {
    std::string region;
    std::string endpoint{};  // AWS_ENDPOINT_URL_SESV2
    CredentialOptions credentials{};
    std::string configuration_set{};
    std::size_t in_flight_max = 16;         // one thread each
    double rate_per_second = 0;             // mails a second, whole process; 0: no limit of ours
    Milliseconds rate_wait_max{5'000};      // a mail that would wait longer for its turn gets no_answer
    std::size_t raw_bytes_max = 10u << 20;  // of the MIME message
    CallOptions call{.timeout = Milliseconds{8'000}};
};

// Throws std::invalid_argument, with a sentence that names the setting, when it cannot work.
[[nodiscard]] std::unique_ptr<Mailer> make_ses_mailer(const SesOptions& options, Clock& clock, Log& log);

// ---- what the doctor asks; options that cannot work throw std::invalid_argument here too

struct QueueReport {
    bool fifo = false;
    Milliseconds visibility{};                        // the queue's own default
    std::optional<std::int64_t> receive_count_max{};  // of its redrive policy, if it has one
    std::int64_t waiting = 0;
    std::int64_t in_flight = 0;
};
// Errors: forbidden (credentials or rights), not_found (no such queue), unavailable.
[[nodiscard]] Result<QueueReport> check_queue(const SqsOptions& options, Clock& clock, Log& log);

struct MailReport {
    bool sending_enabled = false;
    bool production_access = false;  // false: the sandbox, which only mails verified addresses
    double rate_per_second_max = 0;
    double sent_last_day = 0;
    double per_day_max = 0;
    bool sender_known = false;
    bool sender_verified = false;  // the address, or its whole domain
};
// Errors: forbidden (credentials or rights), unavailable.
[[nodiscard]] Result<MailReport> check_mail(const SesOptions& options, const std::string& sender, Clock& clock,
                                            Log& log);

}  // namespace waybill::aws
