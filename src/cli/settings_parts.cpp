// The settings of the production parts: MongoDB, Redis, AWS and SMTP.
#include <array>

#include "cli/config.hpp"
#include "cli/setting_readers.hpp"

namespace waybill::cli {

namespace {

Result<void> read_verified_sender(Config& config, std::string_view text) {
    if (text.empty()) return {};
    const auto address = normalize_email(text);
    if (!address) return fail(ErrorCode::validation_failed, "needs a mail address");
    config.verified_sender = *address;
    config.mail.from = *address;
    return {};
}

Result<void> read_smtp_tls(Config& config, std::string_view text) {
    static constexpr std::array<Choice<smtp::SmtpTls>, 4> words{{{"auto", smtp::SmtpTls::automatic},
                                                                 {"required", smtp::SmtpTls::required},
                                                                 {"opportunistic", smtp::SmtpTls::opportunistic},
                                                                 {"never", smtp::SmtpTls::never}}};
    return store_choice(text, words, config.smtp.tls);
}

Result<void> read_mail_rate(Config& config, std::string_view text) {
    const auto rate = parse_integer(text, 0, 100'000);
    if (!rate) return fail(rate.error());
    config.ses.rate_per_second = static_cast<double>(*rate);
    config.smtp.mails_per_second = static_cast<double>(*rate);
    return {};
}

Result<void> read_carrier_in_flight(Config& config, std::string_view text) {
    const auto mails = parse_integer(text, 2, 256);
    if (!mails) return fail(mails.error());
    config.ses.in_flight_max = static_cast<std::size_t>(*mails);
    config.smtp.in_flight_max = static_cast<std::size_t>(*mails);
    return {};
}

template <class T>
Result<void> store_text(std::string_view text, T& target) {
    target = text;
    return {};
}

using S = SettingGroup;
using Text = std::string_view;

// clang-format off
const std::vector<Setting> table{
    {"mongo-uri", "", "URI", "MongoDB replica set or sharded cluster: the store, in place of the embedded one", S::parts,
     [](Config& c, Text t) { return store_text(t, c.mongo.uri); }, {"MONGO_URI", "DATABASE_URL"}, true},
    {"mongo-database", "waybill", "NAME", "database; never taken from the URI", S::parts,
     [](Config& c, Text t) { return store_text(t, c.mongo.database); }},
    {"mongo-pool-size", "64", "N", "connections to each server", S::parts,
     [](Config& c, Text t) { return store_integer(t, 1, 4'096, c.mongo.pool_size); }},
    {"mongo-connect-timeout", "3s", "TIME", "for a new connection", S::parts,
     [](Config& c, Text t) { return store_positive(t, c.mongo.connect_timeout); }},
    {"mongo-server-selection-timeout", "3s", "TIME", "for a primary to be found", S::parts,
     [](Config& c, Text t) { return store_positive(t, c.mongo.server_selection_timeout); }},
    {"mongo-socket-timeout", "5s", "TIME", "for one command and its answer", S::parts,
     [](Config& c, Text t) { return store_positive(t, c.mongo.socket_timeout); }},
    {"mongo-wait-queue-timeout", "2s", "TIME", "for a free connection", S::parts,
     [](Config& c, Text t) { return store_positive(t, c.mongo.wait_queue_timeout); }},
    {"mongo-gather-max", "25ms", "TIME", "a batch of orders waits so long for customers just answered; 0 is never", S::parts,
     [](Config& c, Text t) { return store_value(parse_duration(t), c.mongo_gather_max); }},

    {"redis-url", "", "URL", "Redis: cache and rate limits of all processes (redis:// or rediss://)", S::parts,
     [](Config& c, Text t) { return store_text(t, c.redis.url); }, {"REDIS_URL", "REDIS_URI"}, true},
    {"redis-key-prefix", "waybill:", "TEXT", "what every key begins with", S::parts,
     [](Config& c, Text t) { return store_text(t, c.redis.key_prefix); }},
    {"redis-ca-file", "", "FILE", "PEM of the authority behind a rediss:// server; unset: the system's", S::parts,
     [](Config& c, Text t) { return store_text(t, c.redis.ca_file); }},
    {"redis-connections", "2", "N", "connections, each shared by all threads", S::parts,
     [](Config& c, Text t) { return store_integer(t, 1, 64, c.redis.connections); }},
    {"redis-call-timeout", "10ms", "TIME", "a call that takes longer counts as failed", S::parts,
     [](Config& c, Text t) { return store_positive(t, c.redis.call_timeout); }},
    {"redis-connect-timeout", "1s", "TIME", "for a new connection, in the background", S::parts,
     [](Config& c, Text t) { return store_positive(t, c.redis.connect_timeout); }},

    {"sqs-queue-url", "", "URL", "SQS queue that carries orders to the workers, standard or .fifo", S::parts,
     [](Config& c, Text t) { return store_text(t, c.sqs.queue_url); }, {"SQS_QUEUE_URL"}},
    {"relay-window", "1000", "N", "orders in the queue and not finished; the rest waits in the store", S::parts,
     [](Config& c, Text t) { return store_integer(t, 1, 100'000, c.relay.window); }},
    {"relay-resend-after", "30s", "TIME", "an order that is not finished by then is sent again", S::parts,
     [](Config& c, Text t) { return store_positive(t, c.relay.resend_after); }},
    {"queue-long-poll", "5s", "TIME", "how long one call waits for messages; at most 7s, so that a stop ends in time", S::parts,
     [](Config& c, Text t) -> Result<void> {
         auto r = store_positive(t, c.consumer.deliveries.long_poll);
         if (r && c.consumer.deliveries.long_poll > Milliseconds{7'000}) return fail(ErrorCode::validation_failed, "must be 7s or shorter");
         return r;
     }},

    {"aws-region", "", "REGION", "region of SQS and SES", S::parts,
     [](Config& c, Text t) { return store_text(t, c.aws_region); }, {"AWS_REGION"}},
    {"aws-access-key-id", "", "ID", "static credentials", S::parts,
     [](Config& c, Text t) { return store_text(t, c.aws_credentials.access_key_id); }, {"AWS_ACCESS_KEY_ID"}},
    {"aws-secret-access-key", "", "SECRET", "static credentials", S::parts,
     [](Config& c, Text t) { return store_text(t, c.aws_credentials.secret_access_key); }, {"AWS_SECRET_ACCESS_KEY"}, true},
    {"aws-session-token", "", "TOKEN", "of temporary credentials", S::parts,
     [](Config& c, Text t) { return store_text(t, c.aws_credentials.session_token); }, {"AWS_SESSION_TOKEN"}, true},
    {"aws-role-arn", "", "ARN", "role to take by web identity", S::parts,
     [](Config& c, Text t) { return store_text(t, c.aws_credentials.role_arn); }, {"AWS_ROLE_ARN"}},
    {"aws-web-identity-token-file", "", "FILE", "the token for it", S::parts,
     [](Config& c, Text t) { return store_text(t, c.aws_credentials.web_identity_token_file); }, {"AWS_WEB_IDENTITY_TOKEN_FILE"}},
    {"aws-role-session-name", "", "NAME", "how the session is called; unset: waybill", S::parts,
     [](Config& c, Text t) { return store_text(t, c.aws_credentials.role_session_name); }, {"AWS_ROLE_SESSION_NAME"}},
    {"aws-container-credentials-relative-uri", "", "PATH", "credentials of a container's role, as ECS sets it", S::parts,
     [](Config& c, Text t) { return store_text(t, c.aws_credentials.container_relative_uri); }, {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"}},
    {"aws-container-credentials-full-uri", "", "URI", "the same, as EKS sets it", S::parts,
     [](Config& c, Text t) { return store_text(t, c.aws_credentials.container_full_uri); }, {"AWS_CONTAINER_CREDENTIALS_FULL_URI"}},
    {"aws-container-authorization-token", "", "TOKEN", "sent to that address", S::parts,
     [](Config& c, Text t) { return store_text(t, c.aws_credentials.container_token); }, {"AWS_CONTAINER_AUTHORIZATION_TOKEN"}, true},
    {"aws-container-authorization-token-file", "", "FILE", "file with that token", S::parts,
     [](Config& c, Text t) { return store_text(t, c.aws_credentials.container_token_file); }, {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"}},
    {"aws-endpoint-url-sqs", "", "URL", "where SQS is, if not at AWS", S::parts,
     [](Config& c, Text t) { return store_text(t, c.sqs.endpoint); }, {"AWS_ENDPOINT_URL_SQS"}},
    {"aws-endpoint-url-sesv2", "", "URL", "where SES is, if not at AWS", S::parts,
     [](Config& c, Text t) { return store_text(t, c.ses.endpoint); }, {"AWS_ENDPOINT_URL_SESV2"}},
    {"aws-endpoint-url-sts", "", "URL", "where STS is, if not at AWS", S::parts,
     [](Config& c, Text t) { return store_text(t, c.aws_credentials.sts_endpoint); }, {"AWS_ENDPOINT_URL_STS"}},

    {"smtp-url", "", "URL", "mail goes to this server (smtp:// or smtps://); wins over SES", S::parts,
     [](Config& c, Text t) { return store_text(t, c.smtp.url); }, {"SMTP_URL"}, true},
    {"smtp-tls", "auto", "auto|required|opportunistic|never", "STARTTLS; auto: required with a user, else where offered", S::parts, read_smtp_tls},
    {"smtp-ca-file", "", "FILE", "PEM of the authority behind the server; unset: the system's", S::parts,
     [](Config& c, Text t) { return store_text(t, c.smtp.ca_file); }},
    {"smtp-connections-max", "4", "N", "connections to the server", S::parts,
     [](Config& c, Text t) { return store_integer(t, 1, 64, c.smtp.connections_max); }},
    {"sender-verified-email", "", "ADDRESS", "sender of every mail, wins over --mail-from; with a region: mail goes through SES", S::parts,
     read_verified_sender, {"SENDER_VERIFIED_EMAIL"}},
    {"ses-configuration-set", "", "NAME", "of SES, for its own bookkeeping", S::parts,
     [](Config& c, Text t) { return store_text(t, c.ses.configuration_set); }},
    {"mail-carrier-in-flight-max", "16", "N", "mails that are handed to SES or SMTP at once", S::parts, read_carrier_in_flight},
    {"mails-per-second-max", "0", "N", "mails to SES or SMTP; 0: as many as they take", S::parts, read_mail_rate},

    {"poll-queue-interval", "", "", "accepted from older deployments; has nothing to do", S::parts,
     [](Config&, Text) { return Result<void>{}; }, {"POLL_QUEUE_INTERVAL"}},
    {"refresh-token-secret", "", "", "accepted from older deployments; has nothing to do", S::parts,
     [](Config&, Text) { return Result<void>{}; }, {"REFRESH_TOKEN_SECRET"}, true},
};
// clang-format on

}  // namespace

std::span<const Setting> part_settings() { return table; }

}  // namespace waybill::cli
