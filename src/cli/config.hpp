// The whole configuration: one struct, filled from defaults < .env file < environment < flags.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/aws/aws.hpp"
#include "adapters/local/local.hpp"
#include "adapters/mongo/mongo.hpp"
#include "adapters/redis/redis.hpp"
#include "adapters/smtp/smtp.hpp"
#include "adapters/sqlite/sqlite.hpp"
#include "adapters/webcall/webcall.hpp"
#include "app/auth.hpp"
#include "app/catalogue.hpp"
#include "app/mail_renderer.hpp"
#include "app/order_intake.hpp"
#include "app/ordering.hpp"
#include "cli/values.hpp"
#include "http/routes.hpp"
#include "http/server.hpp"
#include "worker/janitor.hpp"
#include "worker/queue_consumer.hpp"
#include "worker/relay.hpp"
#include "worker/work_loop.hpp"

namespace waybill::cli {

enum class ProcessRole { all, api, worker };

struct Config {
    ProcessRole role = ProcessRole::all;
    std::filesystem::path data_dir;
    ListenAddress listen;
    std::optional<ListenAddress> metrics_listen;
    bool seed_demo = false;
    LogLevel log_level = LogLevel::info;
    std::optional<local::LogFormat> log_format;  // empty: text on a terminal, else json
    Milliseconds shutdown_delay{};

    http::ServerOptions server;
    http::EdgeOptions edge;
    std::string jwt_secret;  // empty: the one in the data directory
    AccessTokens::Options access;
    Auth::Options auth;
    OrderIntake::Options intake;
    Ordering::Options ordering;
    Catalogue::Options catalogue;
    local::MemoryCacheOptions cache;
    sqlite::SqliteOptions store;
    WorkPolicy work;
    worker::WorkLoopOptions work_loop;
    worker::JanitorOptions janitor;
    Milliseconds janitor_every{};
    MailRenderer::Options mail;
    std::filesystem::path mail_templates;
    Milliseconds mail_keep{};
    std::size_t mail_in_flight_max = 0;
    webcall::WebcallOptions fulfilment;

    // The production parts; each is on when its address is set.
    mongo::MongoOptions mongo;
    Milliseconds mongo_gather_max{};  // of the intake, where it fills batches of MongoDB
    redis::RedisOptions redis;
    std::string aws_region;
    aws::CredentialOptions aws_credentials;
    aws::SqsOptions sqs;
    worker::RelayOptions relay;
    worker::QueueConsumerOptions consumer;
    smtp::SmtpOptions smtp;
    aws::SesOptions ses;
    std::string verified_sender;  // with aws_region: SES is on

    [[nodiscard]] bool has_mongo() const { return !mongo.uri.empty(); }
    [[nodiscard]] bool has_redis() const { return !redis.url.empty(); }
    [[nodiscard]] bool has_sqs() const { return !sqs.queue_url.empty(); }
    [[nodiscard]] bool has_smtp() const { return !smtp.url.empty(); }
    [[nodiscard]] bool has_ses() const { return !has_smtp() && !verified_sender.empty() && !aws_region.empty(); }
    [[nodiscard]] bool uses_data_dir() const { return !has_mongo() || !(has_smtp() || has_ses()); }
    [[nodiscard]] bool writes_mail_folder() const { return works() && !has_smtp() && !has_ses(); }
    [[nodiscard]] bool serves_api() const { return role != ProcessRole::worker; }
    [[nodiscard]] bool works() const { return role != ProcessRole::api; }
};

enum class SettingGroup { serving, accounts, orders, work, mail, fulfilment, limits, parts };

// One row for each setting: the flag --<key>, the variable WAYBILL_<KEY>, and older names.
struct Setting {
    std::string_view key;
    std::string_view fallback;
    std::string_view placeholder;
    std::string_view help;
    SettingGroup group = SettingGroup::serving;
    Result<void> (*read)(Config&, std::string_view) = nullptr;
    std::vector<std::string_view> other_names{};
    bool secret = false;
};

[[nodiscard]] std::span<const Setting> all_settings();
[[nodiscard]] std::span<const Setting> part_settings();  // those of the production parts
[[nodiscard]] std::string_view title_of(SettingGroup group);

// WAYBILL_DATA_DIR for "data-dir".
[[nodiscard]] std::string environment_name(std::string_view key);

struct EffectiveValue {
    const Setting* setting = nullptr;
    std::string value;
    std::string origin;   // "default", ".env: NAME" (or the file's own name), "environment: NAME", "flag"
    std::string given{};  // as it was written there, where the value was made of it (PORT)
};

struct LoadedConfig {
    Config config;
    std::vector<EffectiveValue> values;  // in the order of all_settings()
    std::vector<std::string> remarks;    // one sentence for each variable that looks like a setting and is none
};

using Variables = std::map<std::string, std::string, std::less<>>;

// Errors (validation_failed): one sentence that names the key and where its value came from. A WAYBILL_ name that is no
// setting is an error in the file, and a remark in the environment, where others set variables too.
[[nodiscard]] Result<LoadedConfig> load_config(const Variables& flags, const Variables& environment,
                                               const Variables& env_file, std::string_view env_file_name = ".env");

// NAME=value lines; '#' starts a comment line; quotes around a value are taken off; `export ` is
// allowed. Errors name the line.
[[nodiscard]] Result<Variables> parse_env_file(std::string_view text, std::string_view name = ".env");

// What `waybill config` prints, and what .env.sample holds.
[[nodiscard]] std::string render_values(const LoadedConfig& loaded);
[[nodiscard]] std::string render_env_sample();

}  // namespace waybill::cli
