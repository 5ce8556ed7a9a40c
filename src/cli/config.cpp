#include "cli/config.hpp"

#include <algorithm>

#include "cli/unknown_settings.hpp"

namespace waybill::cli {

namespace {

constexpr std::string_view secret_mask = "********";

// Older deployments name the port alone, and mean every address.
std::string adapt_value(std::string_view name, const std::string& value) {
    return name == "PORT" ? "0.0.0.0:" + value : value;
}

std::optional<EffectiveValue> find_named(const Setting& setting, const Variables& variables, std::string_view where) {
    const auto take = [&](std::string_view name) -> std::optional<EffectiveValue> {
        const auto found = variables.find(name);
        if (found == variables.end() || found->second.empty()) return std::nullopt;  // empty means unset
        return EffectiveValue{&setting, adapt_value(name, found->second), std::string{where} + ": " + std::string{name},
                              found->second};
    };
    if (auto value = take(environment_name(setting.key))) return value;
    for (const std::string_view name : setting.other_names) {
        if (auto value = take(name)) return value;
    }
    return std::nullopt;
}

EffectiveValue find_value(const Setting& setting, const Variables& flags, const Variables& environment,
                          const Variables& env_file, std::string_view env_file_name) {
    if (const auto flag = flags.find(setting.key); flag != flags.end()) return {&setting, flag->second, "flag"};
    if (auto value = find_named(setting, environment, "environment")) return *value;
    if (auto value = find_named(setting, env_file, env_file_name)) return *value;
    return {&setting, std::string{setting.fallback}, "default"};
}

std::string name_for_person(const EffectiveValue& value) {
    const std::size_t colon = value.origin.rfind(": ");
    if (colon == std::string::npos) return "--" + std::string{value.setting->key};
    const std::string name = value.origin.substr(colon + 2);
    const std::string where = value.origin.substr(0, colon);
    return where == "environment" ? name : name + " (in " + where + ")";
}

Result<void> check_together(const Config& config) {
    const auto refuse = [](std::string sentence) { return fail(ErrorCode::validation_failed, std::move(sentence)); };
    if (config.role != ProcessRole::all && !config.has_mongo()) {
        return refuse(
            "--role=api and --role=worker need MongoDB (MONGO_URI): the embedded store serves a single process, so use "
            "--role=all.");
    }
    if (config.has_mongo() && config.jwt_secret.empty()) {
        return refuse(
            "MONGO_URI needs JWT_SECRET: all processes must share one secret of at least 32 characters, for example "
            "from 'openssl rand -base64 48'.");
    }
    if (config.has_sqs() && config.aws_region.empty() &&
        config.sqs.queue_url.find(".amazonaws.com") == std::string::npos) {
        return refuse("SQS_QUEUE_URL needs AWS_REGION, because its host does not name one.");
    }
    if (config.work.heartbeat >= config.work.lease) {
        return refuse("--work-heartbeat must be shorter than --work-lease.");
    }
    if (config.work.backoff_min > config.work.backoff_max) {
        return refuse("--work-backoff-min must not be longer than --work-backoff-max.");
    }
    if (!config.fulfilment.url.empty() && config.fulfilment.secret.size() < 16) {
        return refuse("--fulfilment-url needs --fulfilment-secret with at least 16 characters.");
    }
    if (config.fulfilment.timeout >= config.work.lease) {
        return refuse("--fulfilment-timeout must be shorter than --work-lease.");
    }
    if (config.edge.cookie_same_site == "None" && config.edge.cookie_secure == http::CookieSecure::never) {
        return refuse("--cookie-same-site=None needs Secure cookies: leave --cookie-secure at auto or always.");
    }
    return {};
}

void derive(Config& config) {
    config.server.address = config.listen.host;
    config.server.port = config.listen.port;
    config.store.data_dir = config.data_dir;
    config.store.lease_ahead_max = config.work.ahead_max();
    config.mongo.lease_ahead_max = config.work.ahead_max();
    config.mongo.request_deadline = config.intake.request_deadline;
    if (config.has_mongo()) config.intake.gather_max = config.mongo_gather_max;
    config.sqs.region = config.aws_region;
    config.sqs.credentials = config.aws_credentials;
    config.sqs.visibility = config.work.lease;
    config.sqs.call.timeout = Milliseconds{2'000};
    config.sqs.call.deadline = Milliseconds{4'000};  // so that a stop ends in time, whatever the queue does
    config.ses.region = config.aws_region;
    config.ses.credentials = config.aws_credentials;
    config.relay.poll_every = config.work_loop.poll_every;
    config.consumer.loop = config.work_loop;
    if (!config.edge.auth_limit.enabled()) config.edge.auth_address_limit = {};
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
    return text;
}

std::string_view unquote(std::string_view text) {
    const bool quoted =
        text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front();
    return quoted ? text.substr(1, text.size() - 2) : text;
}

}  // namespace

std::string environment_name(std::string_view key) {
    std::string name = "WAYBILL_";
    for (const char c : key) name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    return name;
}

Result<LoadedConfig> load_config(const Variables& flags, const Variables& environment, const Variables& env_file,
                                 std::string_view env_file_name) {
    LoadedConfig loaded;
    for (const auto& [name, value] : env_file) {
        if (!is_unknown_setting(name, value)) continue;
        return fail(ErrorCode::validation_failed, describe_unknown_setting(name, env_file_name));
    }
    for (const auto& [name, value] : environment) {
        if (is_unknown_setting(name, value)) {
            loaded.remarks.push_back(describe_unknown_setting(name, "the environment"));
        }
    }
    for (const Setting& setting : all_settings()) {
        EffectiveValue value = find_value(setting, flags, environment, env_file, env_file_name);
        if (const auto read = setting.read(loaded.config, value.value); !read) {
            const bool is_adapted = !value.given.empty() && value.given != value.value;
            const std::string shown = setting.secret ? "" : " '" + (is_adapted ? value.given : value.value) + "'";
            const std::string needs = is_adapted ? "needs a port from 0 to 65535" : read.error().detail;
            return fail(ErrorCode::validation_failed, name_for_person(value) + shown + " " + needs + ".");
        }
        loaded.values.push_back(std::move(value));
    }
    if (const auto consistent = check_together(loaded.config); !consistent) return fail(consistent.error());
    derive(loaded.config);
    return loaded;
}

Result<Variables> parse_env_file(std::string_view text, std::string_view name) {
    Variables variables;
    int line_number = 0;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        std::string_view line = trim(text.substr(0, end));
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        ++line_number;
        if (line.empty() || line.front() == '#') continue;
        if (line.starts_with("export ")) line = trim(line.substr(7));
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos || equals == 0) {
            return fail(ErrorCode::validation_failed,
                        std::string{name} + ", line " + std::to_string(line_number) + ", needs NAME=value.");
        }
        variables.insert_or_assign(std::string{trim(line.substr(0, equals))},
                                   std::string{unquote(trim(line.substr(equals + 1)))});
    }
    return variables;
}

std::string render_values(const LoadedConfig& loaded) {
    std::size_t width = 0;
    for (const EffectiveValue& value : loaded.values) width = std::max(width, value.setting->key.size());
    std::string out;
    for (const EffectiveValue& value : loaded.values) {
        std::string line{value.setting->key};
        line.resize(width, ' ');
        line += " = ";
        line += value.setting->secret && !value.value.empty() ? secret_mask : std::string_view{value.value};
        line.resize(std::max(line.size(), width + 34), ' ');
        out += line + "  (" + value.origin + ")\n";
    }
    return out;
}

std::string render_env_sample() {
    std::string out =
        "# Every setting of Waybill, with its default. Copy to .env, and take the '#' off what you change.\n"
        "# Flags win over the environment, and the environment over this file.\n";
    std::optional<SettingGroup> group;
    for (const Setting& setting : all_settings()) {
        if (group != setting.group) {
            group = setting.group;
            out += "\n# ---- " + std::string{title_of(setting.group)} + "\n";
        }
        out += "\n# " + std::string{setting.help};
        for (const std::string_view name : setting.other_names)
            out += (name == setting.other_names.front() ? " (also " : ", ") + std::string{name};
        if (!setting.other_names.empty()) out += ")";
        out += "\n# " + environment_name(setting.key) + "=" + std::string{setting.fallback} + "\n";
    }
    return out;
}

}  // namespace waybill::cli
