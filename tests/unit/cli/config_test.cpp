#include "cli/config.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>

namespace waybill::cli {
namespace {

std::string problem_of(const Variables& flags, const Variables& environment = {}, const Variables& env_file = {}) {
    const auto loaded = load_config(flags, environment, env_file);
    return loaded ? "" : loaded.error().detail;
}

TEST(Config, the_defaults_are_valid) {
    const auto loaded = load_config({}, {}, {});
    ASSERT_TRUE(loaded) << loaded.error().detail;
    EXPECT_EQ(loaded->config.listen, (ListenAddress{"127.0.0.1", 8'080}));
    EXPECT_EQ(loaded->config.data_dir, "./data");
    EXPECT_EQ(loaded->config.edge.api_limit, (RateLimit{300, Milliseconds{60'000}}));
}

TEST(Config, flags_win_over_environment_over_env_file_over_defaults) {
    const auto listen_of = [](const Variables& flags, const Variables& environment, const Variables& env_file) {
        return load_config(flags, environment, env_file)->config.listen.port;
    };
    EXPECT_EQ(listen_of({}, {}, {{"WAYBILL_LISTEN", "a:1"}}), 1);
    EXPECT_EQ(listen_of({}, {{"WAYBILL_LISTEN", "a:2"}}, {{"WAYBILL_LISTEN", "a:1"}}), 2);
    EXPECT_EQ(listen_of({{"listen", "a:3"}}, {{"WAYBILL_LISTEN", "a:2"}}, {{"WAYBILL_LISTEN", "a:1"}}), 3);
}

TEST(Config, the_names_of_existing_deployments_work) {
    const auto loaded = load_config({},
                                    {{"PORT", "5000"},
                                     {"JWT_SECRET", "0123456789abcdef0123456789abcdef"},
                                     {"JWT_EXPIRES_IN", "30m"},
                                     {"REFRESH_TOKEN_EXPIRES_IN", "2d"},
                                     {"REFRESH_TOKEN_SECRET", "whatever"},
                                     {"POLL_QUEUE_INTERVAL", "5000"},
                                     {"CORS_ALLOW_ORIGIN", "https://shop.example"},
                                     {"REDIS_CACHE_EXPIRATION", "60"},
                                     {"SENDER_VERIFIED_EMAIL", "shop@example.com"}},
                                    {});
    ASSERT_TRUE(loaded) << loaded.error().detail;
    EXPECT_EQ(loaded->config.listen, (ListenAddress{"0.0.0.0", 5'000}));
    EXPECT_EQ(loaded->config.access.lifetime, Milliseconds{1'800'000});
    EXPECT_EQ(loaded->config.auth.refresh_lifetime, Milliseconds{172'800'000});
    EXPECT_EQ(loaded->config.ordering.cache_ttl, Milliseconds{60'000});
    EXPECT_EQ(loaded->config.mail.from, "shop@example.com");
}

TEST(Config, a_name_that_is_no_setting_is_refused_in_the_file_and_remarked_in_the_environment) {
    EXPECT_EQ(problem_of({}, {}, {{"WAYBILL_CURENCY", "EUR"}}),
              "WAYBILL_CURENCY (in .env) is no setting; WAYBILL_CURRENCY is one: was it meant?");
    EXPECT_EQ(problem_of({}, {}, {{"WAYBILL_NOTHING_LIKE_IT", "1"}}),
              "WAYBILL_NOTHING_LIKE_IT (in .env) is no setting; 'waybill config' lists them all.");
    EXPECT_EQ(problem_of({}, {}, {{"COMPOSE_PROFILES", "embedded"}}), "");
    const auto loaded = load_config({}, {{"WAYBILL_CURENCY", "EUR"}, {"WAYBILL_PORT", "5000"}}, {});
    ASSERT_TRUE(loaded);
    ASSERT_EQ(loaded->remarks.size(), 2u);
    EXPECT_NE(loaded->remarks[0].find("WAYBILL_CURRENCY is one"), std::string::npos) << loaded->remarks[0];
    EXPECT_NE(loaded->remarks[1].find("; PORT is one"), std::string::npos) << loaded->remarks[1];
}

TEST(Config, variables_that_others_make_are_no_slips) {
    const auto loaded = load_config({},
                                    {{"WAYBILL_SERVICE_HOST", "10.0.0.1"},
                                     {"WAYBILL_SERVICE_PORT", "80"},
                                     {"WAYBILL_SERVICE_PORT_HTTP", "80"},
                                     {"WAYBILL_PORT", "tcp://10.0.0.1:80"},
                                     {"WAYBILL_PORT_80_TCP", "tcp://10.0.0.1:80"},
                                     {"WAYBILL_PORT_80_TCP_ADDR", "10.0.0.1"},
                                     {"WAYBILL_METRICS_PORT_9090_TCP_PROTO", "tcp"},
                                     {"WAYBILL_IMPORT_FROM", "mongodb://old/shop"}},
                                    {});
    ASSERT_TRUE(loaded);
    EXPECT_TRUE(loaded->remarks.empty()) << loaded->remarks[0];
}

TEST(Config, a_bad_port_alone_is_shown_as_it_was_written) {
    EXPECT_EQ(problem_of({}, {{"PORT", "abc"}}), "PORT 'abc' needs a port from 0 to 65535.");
    EXPECT_EQ(problem_of({}, {{"PORT", "1:2"}}), "PORT '1:2' needs a port from 0 to 65535.");
}

TEST(Config, an_empty_variable_counts_as_unset) {
    EXPECT_EQ(load_config({}, {{"PORT", ""}}, {})->config.listen.port, 8'080);
}

TEST(Config, a_bad_value_names_its_key_and_never_shows_a_secret) {
    EXPECT_EQ(problem_of({{"listen", "a:b"}}), "--listen 'a:b' needs a port from 0 to 65535.");
    EXPECT_EQ(problem_of({}, {{"JWT_EXPIRES_IN", "soon"}}),
              "JWT_EXPIRES_IN 'soon' needs a time such as 200ms, 10s, 15m, 24h or 7d.");
    EXPECT_TRUE(
        problem_of({}, {}, {{"WAYBILL_ROLE", "boss"}}).starts_with("WAYBILL_ROLE (in .env) 'boss' needs one of"));
    const std::string short_secret = problem_of({}, {{"JWT_SECRET", "hunter2"}});
    EXPECT_TRUE(short_secret.starts_with("JWT_SECRET is too short")) << short_secret;
    EXPECT_EQ(short_secret.find("hunter2"), std::string::npos);
}

TEST(Config, settings_that_contradict_each_other_are_refused) {
    EXPECT_NE(problem_of({{"work-heartbeat", "20s"}}), "");
    EXPECT_NE(problem_of({{"fulfilment-url", "http://127.0.0.1:1"}}), "");
    EXPECT_NE(problem_of({{"fulfilment-timeout", "15s"}}), "");
    EXPECT_NE(problem_of({{"role", "api"}}), "");
    EXPECT_NE(problem_of({{"idempotency-keep", "1h"}}), "");
    EXPECT_NE(problem_of({{"cookie-same-site", "None"}, {"cookie-secure", "never"}}), "");
    EXPECT_NE(problem_of({{"cors-allow-origin", "*"}}), "");
}

TEST(Config, each_part_is_on_when_its_address_is_set) {
    const auto embedded = load_config({}, {}, {});
    EXPECT_FALSE(embedded->config.has_mongo() || embedded->config.has_redis() || embedded->config.has_sqs() ||
                 embedded->config.has_smtp() || embedded->config.has_ses());

    // The names of the deployments that Waybill takes over, and no other.
    const auto all = load_config({},
                                 {{"PORT", "3000"},
                                  {"DATABASE_URL", "mongodb://db/shop"},
                                  {"REDIS_URI", "redis://cache"},
                                  {"JWT_SECRET", "0123456789abcdef0123456789abcdef"},
                                  {"AWS_ACCESS_KEY_ID", "AKID"},
                                  {"AWS_SECRET_ACCESS_KEY", "hush"},
                                  {"AWS_REGION", "eu-west-1"},
                                  {"SQS_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/orders"},
                                  {"SENDER_VERIFIED_EMAIL", "Shop@example.com"}},
                                 {});
    ASSERT_TRUE(all) << all.error().detail;
    const Config& config = all->config;
    EXPECT_TRUE(config.has_mongo() && config.has_redis() && config.has_sqs() && config.has_ses());
    EXPECT_EQ(config.mongo.uri, "mongodb://db/shop");
    EXPECT_EQ(config.mongo.database, "waybill") << "not the URI's path";
    EXPECT_EQ(config.sqs.region, "eu-west-1");
    EXPECT_EQ(config.sqs.credentials.secret_access_key, "hush");
    EXPECT_EQ(config.sqs.visibility, config.work.lease);
    EXPECT_EQ(config.ses.region, "eu-west-1");
    EXPECT_EQ(config.mail.from, "shop@example.com");
    EXPECT_FALSE(config.uses_data_dir());
}

TEST(Config, smtp_wins_over_ses) {
    const auto loaded = load_config(
        {}, {{"SMTP_URL", "smtp://mail"}, {"SENDER_VERIFIED_EMAIL", "a@example.com"}, {"AWS_REGION", "eu-west-1"}}, {});
    EXPECT_TRUE(loaded->config.has_smtp());
    EXPECT_FALSE(loaded->config.has_ses());
}

TEST(Config, parts_that_lack_something_say_what) {
    const std::string secret = "0123456789abcdef0123456789abcdef";
    EXPECT_NE(problem_of({}, {{"MONGO_URI", "mongodb://db"}}).find("JWT_SECRET"), std::string::npos);
    EXPECT_NE(problem_of({{"role", "worker"}}, {{"JWT_SECRET", secret}}).find("MONGO_URI"), std::string::npos);
    EXPECT_EQ(problem_of({{"role", "worker"}}, {{"MONGO_URI", "mongodb://db"}, {"JWT_SECRET", secret}}), "");
    EXPECT_NE(problem_of({}, {{"SQS_QUEUE_URL", "http://127.0.0.1:4566/1/orders"}}).find("AWS_REGION"),
              std::string::npos);
    EXPECT_NE(problem_of({{"queue-long-poll", "20s"}}).find("7s"), std::string::npos);
}

TEST(Config, rate_limit_auth_zero_switches_the_address_limit_off_too) {
    const auto loaded = load_config({{"rate-limit-auth", "0"}}, {}, {});
    EXPECT_FALSE(loaded->config.edge.auth_address_limit.enabled());
}

TEST(Config, what_is_printed_masks_secrets_and_tells_origins) {
    const auto loaded = load_config({}, {{"JWT_SECRET", "0123456789abcdef0123456789abcdef"}}, {});
    const std::string printed = render_values(*loaded);
    EXPECT_EQ(printed.find("0123456789abcdef"), std::string::npos);
    EXPECT_NE(printed.find("********"), std::string::npos);
    EXPECT_NE(printed.find("(environment: JWT_SECRET)"), std::string::npos);
    EXPECT_NE(printed.find("(default)"), std::string::npos);
}

TEST(Config, no_address_that_may_hold_a_password_is_shown) {
    const std::string url = "://user:hush@127.0.0.1/";
    const auto loaded = load_config({},
                                    {{"MONGO_URI", "mongodb" + url},
                                     {"REDIS_URL", "redis" + url},
                                     {"SMTP_URL", "smtp" + url},
                                     {"WAYBILL_FULFILMENT_URL", "http" + url},
                                     {"WAYBILL_FULFILMENT_SECRET", "0123456789abcdef"},
                                     {"JWT_SECRET", "0123456789abcdef0123456789abcdef"}},
                                    {});
    ASSERT_TRUE(loaded) << loaded.error().detail;
    EXPECT_EQ(render_values(*loaded).find("hush"), std::string::npos);
    const auto mistaken = load_config({}, {{"WAYBILL_FULFILMENT_URL", "ftp" + url}}, {});
    EXPECT_EQ(mistaken.error().detail.find("hush"), std::string::npos) << mistaken.error().detail;
}

TEST(Config, every_setting_has_a_name_of_its_own_and_help) {
    std::set<std::string_view> names;
    for (const Setting& setting : all_settings()) {
        EXPECT_TRUE(names.insert(setting.key).second) << setting.key;
        EXPECT_FALSE(setting.help.empty()) << setting.key;
        for (const auto name : setting.other_names) EXPECT_TRUE(names.insert(name).second) << name;
    }
}

TEST(Config, env_sample_in_the_repository_lists_every_setting) {
    std::ifstream file(std::string{WAYBILL_SOURCE_DIR} + "/.env.sample");
    const std::string sample{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    EXPECT_EQ(sample, render_env_sample()) << "write it anew: waybill config --env-sample > .env.sample";
}

TEST(EnvFile, lines_are_names_and_values) {
    const auto variables = parse_env_file("# comment\n\nA=1\r\nexport B = two words \nC=\"x y\"\nD='#'\nE=a=b");
    ASSERT_TRUE(variables);
    EXPECT_EQ(*variables, (Variables{{"A", "1"}, {"B", "two words"}, {"C", "x y"}, {"D", "#"}, {"E", "a=b"}}));
}

TEST(EnvFile, a_line_without_a_name_is_named) {
    EXPECT_EQ(parse_env_file("A=1\nnonsense").error().detail, ".env, line 2, needs NAME=value.");
    EXPECT_EQ(parse_env_file("=1").error().detail, ".env, line 1, needs NAME=value.");
}

}  // namespace
}  // namespace waybill::cli
