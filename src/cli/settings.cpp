// The table of settings. A new one is a row here and a member of an options struct.
#include <algorithm>
#include <array>
#include <iterator>
#include <stdexcept>

#include "cli/config.hpp"
#include "cli/setting_readers.hpp"
#include "http/client_address.hpp"

namespace waybill::cli {

namespace {

Result<void> read_role(Config& config, std::string_view text) {
    static constexpr std::array<Choice<ProcessRole>, 3> roles{
        {{"all", ProcessRole::all}, {"api", ProcessRole::api}, {"worker", ProcessRole::worker}}};
    return store_choice(text, roles, config.role);
}

Result<void> read_log_level(Config& config, std::string_view text) {
    static constexpr std::array<Choice<LogLevel>, 5> levels{{{"debug", LogLevel::debug},
                                                             {"info", LogLevel::info},
                                                             {"warn", LogLevel::warn},
                                                             {"error", LogLevel::error},
                                                             {"off", LogLevel::off}}};
    return store_choice(text, levels, config.log_level);
}

Result<void> read_log_format(Config& config, std::string_view text) {
    static constexpr std::array<Choice<std::optional<local::LogFormat>>, 3> formats{
        {{"auto", std::nullopt}, {"text", local::LogFormat::text}, {"json", local::LogFormat::json}}};
    return store_choice(text, formats, config.log_format);
}

Result<void> read_cookie_secure(Config& config, std::string_view text) {
    static constexpr std::array<Choice<http::CookieSecure>, 3> words{{{"auto", http::CookieSecure::automatic},
                                                                      {"always", http::CookieSecure::always},
                                                                      {"never", http::CookieSecure::never}}};
    return store_choice(text, words, config.edge.cookie_secure);
}

Result<void> read_same_site(Config& config, std::string_view text) {
    static constexpr std::array<Choice<std::string_view>, 3> words{
        {{"Strict", "Strict"}, {"Lax", "Lax"}, {"None", "None"}}};
    return store_choice(text, words, config.edge.cookie_same_site);
}

Result<void> read_currency(Config& config, std::string_view text) {
    const auto currency = find_currency(text);
    if (!currency) return fail(ErrorCode::validation_failed, "needs an ISO 4217 code such as INR or EUR");
    config.edge.currency = *currency;
    config.mail.currency = *currency;
    config.fulfilment.currency = *currency;
    return {};
}

Result<void> read_default_location(Config& config, std::string_view text) {
    if (text.empty()) return {};
    if (!is_valid_location(text)) {
        return fail(ErrorCode::validation_failed, "needs 1 to 64 letters, digits, '-' or '_'");
    }
    config.ordering.default_location = std::string{text};
    return {};
}

Result<void> read_password_reset_url(Config& config, std::string_view text) {
    if (!text.empty() && !text.starts_with("https://") && !text.starts_with("http://"))
        return fail(ErrorCode::validation_failed, "needs a URL that starts with https:// or http://");
    config.mail.password_reset_url = text;
    return {};
}

Result<void> read_mail_from(Config& config, std::string_view text) {
    const auto address = normalize_email(text);
    if (!address) return fail(ErrorCode::validation_failed, "needs a mail address");
    config.mail.from = *address;
    return {};
}

Result<void> read_secret(Config& config, std::string_view text) {
    if (!text.empty() && text.size() < token_secret_length_min) {
        return fail(ErrorCode::validation_failed,
                    "is too short: it needs at least 32 characters, for example from "
                    "'openssl rand -base64 48'");
    }
    config.jwt_secret = text;
    return {};
}

Result<void> read_metrics_listen(Config& config, std::string_view text) {
    if (text.empty()) return {};
    const auto address = parse_listen_address(text);
    if (!address) return fail(address.error());
    config.metrics_listen = *address;
    config.edge.metrics_here = false;
    return {};
}

Result<void> read_cors_origins(Config& config, std::string_view text) {
    config.edge.cors_origins = parse_list(text);
    for (const std::string& origin : config.edge.cors_origins) {
        const bool has_scheme = origin.starts_with("http://") || origin.starts_with("https://");
        if (!has_scheme || origin.find('*') != std::string::npos || origin.ends_with('/')) {
            return fail(ErrorCode::validation_failed, "needs exact origins such as https://shop.example");
        }
    }
    return {};
}

Result<void> read_trusted_proxies(Config& config, std::string_view text) {
    config.edge.trusted_proxies = parse_list(text);
    try {
        const http::TrustedProxies checked(config.edge.trusted_proxies);
    } catch (const std::invalid_argument&) {
        return fail(ErrorCode::validation_failed, "needs addresses or CIDR blocks such as 10.0.0.0/8");
    }
    return {};
}

Result<void> read_fulfilment_url(Config& config, std::string_view text) {
    if (!text.empty() && !text.starts_with("http://") && !text.starts_with("https://")) {
        return fail(ErrorCode::validation_failed, "needs an http or https address");
    }
    config.fulfilment.url = text;
    return {};
}

using S = SettingGroup;
using Text = std::string_view;

// clang-format off
const std::vector<Setting> embedded{
    {"listen", "127.0.0.1:8080", "HOST:PORT", "address to serve on; port 0 takes a free one; PORT alone means 0.0.0.0:PORT", S::serving,
     [](Config& c, Text t) { return store_value(parse_listen_address(t), c.listen); }, {"PORT"}},
    {"data-dir", "./data", "FOLDER", "where the database, the secret and the mails are", S::serving,
     [](Config& c, Text t) { c.data_dir = t; return t.empty() ? fail(ErrorCode::validation_failed, "needs a folder") : Result<void>{}; }},
    {"role", "all", "all|api|worker", "what this process does; api and worker need MongoDB", S::serving, read_role},
    {"seed-demo", "false", "", "put demo products and stock into an empty catalogue", S::serving,
     [](Config& c, Text t) { return store_value(parse_switch(t), c.seed_demo); }},
    {"metrics-listen", "", "HOST:PORT", "serve /metrics on its own address instead of --listen", S::serving, read_metrics_listen},
    {"log-level", "info", "debug|info|warn|error|off", "what is logged, on standard error", S::serving, read_log_level},
    {"log-format", "auto", "auto|text|json", "auto: text on a terminal, else json", S::serving, read_log_format},
    {"shutdown-delay", "0s", "TIME", "after SIGTERM, go on serving so long with /readyz at 503", S::serving,
     [](Config& c, Text t) { return store_value(parse_duration(t), c.shutdown_delay); }},
    {"cors-allow-origin", "", "ORIGINS", "exact origins of browser front ends, separated by commas", S::serving, read_cors_origins, {"CORS_ALLOW_ORIGIN"}},
    {"trusted-proxies", "", "ADDRESSES", "addresses or CIDR blocks whose X-Forwarded-For is believed", S::serving,
     read_trusted_proxies},

    {"jwt-secret", "", "SECRET", "signs tokens; at least 32 characters; unset: one is made in the data directory", S::accounts, read_secret, {"JWT_SECRET"}, true},
    {"jwt-expires-in", "15m", "TIME", "life of an access token", S::accounts,
     [](Config& c, Text t) { return store_positive(t, c.access.lifetime); }, {"JWT_EXPIRES_IN"}},
    {"refresh-token-expires-in", "7d", "TIME", "life of a login that is not refreshed", S::accounts,
     [](Config& c, Text t) { auto r = store_positive(t, c.auth.refresh_lifetime); c.edge.refresh_lifetime = c.auth.refresh_lifetime; return r; }, {"REFRESH_TOKEN_EXPIRES_IN"}},
    {"refresh-grace", "10s", "TIME", "how long a repeated refresh gets the same successor", S::accounts,
     [](Config& c, Text t) { return store_value(parse_duration(t), c.auth.refresh_grace); }},
    {"password-length-min", "6", "N", "characters a password needs", S::accounts,
     [](Config& c, Text t) { return store_integer(t, 1, 128, c.auth.password_length_min); }},
    {"password-deny-common", "false", "", "refuse passwords that everybody tries first", S::accounts,
     [](Config& c, Text t) { return store_value(parse_switch(t), c.auth.deny_common_passwords); }},
    {"cookie-same-site", "Strict", "Strict|Lax|None", "None for a front end on another site", S::accounts, read_same_site},
    {"cookie-secure", "auto", "auto|always|never", "auto: without Secure only on plain loopback", S::accounts, read_cookie_secure},

    {"currency", "INR", "CODE", "ISO 4217 currency of every price", S::orders, read_currency},
    {"default-location", "", "NAME", "for orders without one; unset: the only location there is", S::orders, read_default_location},
    {"request-deadline", "10s", "TIME", "an order that is not answered by then gets 503 or 504", S::orders,
     [](Config& c, Text t) { auto r = store_positive(t, c.intake.request_deadline); c.store.write_deadline = c.intake.request_deadline; return r; }},
    {"cache-ttl", "600s", "TIME", "life of a cached product or finished order", S::orders,
     [](Config& c, Text t) { auto r = store_positive(t, c.ordering.cache_ttl); c.catalogue.cache_ttl = c.ordering.cache_ttl; return r; }, {"REDIS_CACHE_EXPIRATION"}},
    {"idempotency-keep", "24h", "TIME", "how long idempotency keys are remembered; at least 24h", S::orders,
     [](Config& c, Text t) -> Result<void> {
         auto r = store_positive(t, c.janitor.retention.idempotency_keep);
         if (r && c.janitor.retention.idempotency_keep < Milliseconds{86'400'000}) return fail(ErrorCode::validation_failed, "must be 24h or longer");
         return r;
     }},

    {"work-lease", "15s", "TIME", "an item that is not settled by then is worked again", S::work,
     [](Config& c, Text t) { return store_positive(t, c.work.lease); }},
    {"work-heartbeat", "5s", "TIME", "how often the lease of an item under way is extended", S::work,
     [](Config& c, Text t) { return store_positive(t, c.work.heartbeat); }},
    {"work-backoff-min", "200ms", "TIME", "first wait before another try", S::work,
     [](Config& c, Text t) { return store_positive(t, c.work.backoff_min); }},
    {"work-backoff-max", "10s", "TIME", "longest wait before another try", S::work,
     [](Config& c, Text t) { return store_positive(t, c.work.backoff_max); }},
    {"attempts-max", "6", "N", "crashes and lost leases before an item becomes a dead letter", S::work,
     [](Config& c, Text t) { return store_integer(t, 1, 1'000, c.work.attempts_max); }},
    {"process-deadline", "24h", "TIME", "an order without a usable answer by then fails", S::work,
     [](Config& c, Text t) { return store_positive(t, c.work.process_deadline); }},
    {"work-batch-max", "2048", "N", "items claimed or settled in one commit", S::work,
     [](Config& c, Text t) { return store_integer(t, 1, 8'192, c.work_loop.batch_max); }},
    {"work-poll-every", "500ms", "TIME", "how often retries that have come due are looked for", S::work,
     [](Config& c, Text t) { return store_positive(t, c.work_loop.poll_every); }},
    {"dead-letter-keep", "30d", "TIME", "how long dead letters are kept", S::work,
     [](Config& c, Text t) { return store_positive(t, c.janitor.retention.dead_letter_keep); }},
    {"janitor-every", "1m", "TIME", "how often expired rows and mails are deleted", S::work,
     [](Config& c, Text t) { return store_positive(t, c.janitor_every); }},

    {"mail-from", "orders@localhost.localdomain", "ADDRESS", "sender of every mail", S::mail, read_mail_from},
    {"shop-name", "Waybill", "NAME", "how the shop calls itself in mails", S::mail,
     [](Config& c, Text t) { c.mail.shop_name = t; return Result<void>{}; }},
    {"mail-templates", "", "FOLDER", "your own <mail>.subject, .txt and .html files (processed, failed, cancelled, password-reset)", S::mail,
     [](Config& c, Text t) { c.mail_templates = t; return Result<void>{}; }},
    {"password-reset-url", "", "URL", "your page for a new password, in the mail with the token after it; without it the mail shows the token", S::mail,
     read_password_reset_url},
    {"mail-deadline", "24h", "TIME", "a mail that is not sent by then becomes a dead letter", S::mail,
     [](Config& c, Text t) { return store_positive(t, c.work.mail_deadline); }},
    {"mail-keep", "30d", "TIME", "how long files in the mail folder are kept", S::mail,
     [](Config& c, Text t) { return store_positive(t, c.mail_keep); }},
    {"mail-in-flight-max", "4096", "N", "mails under way at once", S::mail,
     [](Config& c, Text t) { return store_integer(t, 2, 8'192, c.mail_in_flight_max); }},

    {"fulfilment-url", "", "URL", "your service that accepts or refuses an order; unset: every order is accepted", S::fulfilment, read_fulfilment_url, {}, true},
    {"fulfilment-secret", "", "SECRET", "signs the calls; at least 16 characters", S::fulfilment,
     [](Config& c, Text t) { c.fulfilment.secret = t; return Result<void>{}; }, {}, true},
    {"fulfilment-timeout", "10s", "TIME", "deadline of one call; below the lease", S::fulfilment,
     [](Config& c, Text t) { return store_positive(t, c.fulfilment.timeout); }},
    {"fulfilment-in-flight-max", "32", "N", "calls under way at once", S::fulfilment,
     [](Config& c, Text t) { return store_integer(t, 1, 1'024, c.fulfilment.in_flight_max); }},

    {"rate-limit-auth", "10/15m", "N/TIME", "failed logins (wrong current passwords too), registrations and resets for one account and address; 0 is off", S::limits,
     [](Config& c, Text t) { return store_value(parse_rate_limit(t), c.edge.auth_limit); }},
    {"rate-limit-auth-address", "100/15m", "N/TIME", "the same for one address; 0 is off", S::limits,
     [](Config& c, Text t) { return store_value(parse_rate_limit(t), c.edge.auth_address_limit); }},
    {"rate-limit-api", "300/1m", "N/TIME", "requests of one user, or address when anonymous; 0 is off", S::limits,
     [](Config& c, Text t) { return store_value(parse_rate_limit(t), c.edge.api_limit); }},
    {"intake-waiting-max", "4096", "N", "orders that may wait for their commit; then 503", S::limits,
     [](Config& c, Text t) { return store_integer(t, 1, 1'000'000, c.intake.waiting_max); }},
    {"intake-wait-max", "200ms", "TIME", "an order that would wait longer for its commit gets 503 at once", S::limits,
     [](Config& c, Text t) { return store_positive(t, c.intake.wait_max); }},
    {"batch-orders-max", "256", "N", "orders in one commit", S::limits,
     [](Config& c, Text t) { return store_integer(t, 1, 4'096, c.intake.batch_orders_max); }},
    {"batch-bytes-max", "4MiB", "SIZE", "request bytes in one commit", S::limits,
     [](Config& c, Text t) { return store_value(parse_size(t), c.intake.batch_bytes_max); }},
    {"io-threads", "2", "N", "threads that read and answer requests", S::limits,
     [](Config& c, Text t) { return store_integer(t, 1, 256, c.server.io_threads); }},
    {"store-threads", "8", "N", "threads that wait for the store", S::limits,
     [](Config& c, Text t) { return store_integer(t, 1, 256, c.server.store_threads); }},
    {"pool-waiting-max", "1024", "N", "requests that may wait for a store thread; then 503", S::limits,
     [](Config& c, Text t) { return store_integer(t, 1, 1'000'000, c.server.pool_waiting_max); }},
    {"hashing-threads", "2", "N", "threads that hash passwords, 19 MiB each", S::limits,
     [](Config& c, Text t) { return store_integer(t, 1, 64, c.server.hashing_threads); }},
    {"hashing-waiting-max", "64", "N", "logins that may wait for one; then 503", S::limits,
     [](Config& c, Text t) { return store_integer(t, 1, 100'000, c.server.hashing_waiting_max); }},
    {"connections-max", "16384", "N", "open connections; further ones are closed", S::limits,
     [](Config& c, Text t) { return store_integer(t, 1, 1'000'000, c.server.connections_max); }},
    {"body-bytes-max", "64KiB", "SIZE", "request body", S::limits,
     [](Config& c, Text t) { return store_value(parse_size(t), c.server.body_bytes_max); }},
    {"request-line-bytes-max", "8KiB", "SIZE", "method, target and version of a request", S::limits,
     [](Config& c, Text t) { return store_value(parse_size(t), c.server.request_line_bytes_max); }},
    {"header-bytes-max", "16KiB", "SIZE", "headers of a request", S::limits,
     [](Config& c, Text t) { return store_value(parse_size(t), c.server.header_bytes_max); }},
    {"header-fields-max", "100", "N", "header fields of a request", S::limits,
     [](Config& c, Text t) { return store_integer(t, 1, 10'000, c.server.header_fields_max); }},
    {"buffer-bytes-max", "64MiB", "SIZE", "large requests of all connections together; then 503", S::limits,
     [](Config& c, Text t) { return store_value(parse_size(t), c.server.buffer_bytes_max); }},
    {"header-deadline", "10s", "TIME", "a request's headers must be there by then", S::limits,
     [](Config& c, Text t) { return store_positive(t, c.server.header_deadline); }},
    {"body-deadline", "15s", "TIME", "a request's body must be there by then", S::limits,
     [](Config& c, Text t) { return store_positive(t, c.server.body_deadline); }},
    {"idle-deadline", "30s", "TIME", "a connection without a request is closed then", S::limits,
     [](Config& c, Text t) { return store_positive(t, c.server.idle_deadline); }},
    {"write-deadline", "30s", "TIME", "a client that does not read its answer by then is closed", S::limits,
     [](Config& c, Text t) { return store_positive(t, c.server.write_deadline); }},
    {"cache-entries-max", "100000", "N", "entries of the cache in this process", S::limits,
     [](Config& c, Text t) { return store_integer(t, 1, 100'000'000, c.cache.entries_max); }},
    {"cache-bytes-max", "32MiB", "SIZE", "bytes of the cache in this process", S::limits,
     [](Config& c, Text t) { return store_value(parse_size(t), c.cache.bytes_max); }},
};
// clang-format on

}  // namespace

std::span<const Setting> all_settings() {
    static const std::vector<Setting> all = [] {
        std::vector<Setting> rows = embedded;
        std::ranges::copy(part_settings(), std::back_inserter(rows));
        return rows;
    }();
    return all;
}

std::string_view title_of(SettingGroup group) {
    switch (group) {
        case SettingGroup::serving:
            return "Serving";
        case SettingGroup::accounts:
            return "Accounts";
        case SettingGroup::orders:
            return "Orders";
        case SettingGroup::work:
            return "Work";
        case SettingGroup::mail:
            return "Mail";
        case SettingGroup::fulfilment:
            return "Fulfilment";
        case SettingGroup::limits:
            return "Limits";
        case SettingGroup::parts:
            return "Production parts";
    }
    return "";
}

}  // namespace waybill::cli
