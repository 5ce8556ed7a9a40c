#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <unistd.h>
#include <vector>

#include "cli/commands.hpp"
#include "cli/wiring.hpp"
#include "posix/file_descriptor.hpp"

namespace waybill::cli {

namespace {

enum class Verdict { ok, note, failed };

struct Finding {
    Verdict verdict = Verdict::ok;
    std::string part;
    std::string sentence;
};

constexpr int sync_samples = 20;
constexpr std::size_t sync_bytes = 4'096;
constexpr std::uintmax_t free_bytes_low = 1u << 30;

// The nearest folder above that is there must let this user make the rest.
Finding check_place(const std::filesystem::path& data_dir) {
    std::error_code problem;
    std::filesystem::path above = std::filesystem::absolute(data_dir, problem).lexically_normal();
    do above = above.parent_path();
    while (!std::filesystem::exists(above, problem) && above != above.root_path());
    if (::access(above.c_str(), W_OK | X_OK) != 0) {
        return {Verdict::failed, "data directory",
                data_dir.string() + " cannot be made: " + above.string() + " cannot be written by this user (" +
                    std::generic_category().message(errno) + "); make it as root and give it to this user."};
    }
    return {Verdict::note, "data directory", data_dir.string() + " is not there yet; 'waybill serve' makes it."};
}

Finding check_data_dir(const Config& config, const Result<sqlite::ShopFiles>& files) {
    if (!files) return {Verdict::failed, "data directory", files.error().detail};
    if (!files->has_folder) return check_place(config.data_dir);
    std::error_code problem;
    if (::access(config.data_dir.c_str(), R_OK | W_OK | X_OK) != 0) {
        return {Verdict::failed, "data directory",
                config.data_dir.string() +
                    " cannot be written by this user; change its owner or choose another --data-dir."};
    }
    const auto space = std::filesystem::space(config.data_dir, problem);
    const std::string free = std::to_string(space.available >> 20) + " MiB free";
    if (!problem && space.available < free_bytes_low) {
        return {Verdict::note, "data directory", free + "; make room before the disk is full."};
    }
    return {Verdict::ok, "data directory", config.data_dir.string() + ", " + free};
}

Finding disk_failed(const Config& config, int error) {
    const std::string where = "in " + config.data_dir.string();
    if (error == ENOSPC || error == EDQUOT) {
        return {Verdict::failed, "disk",
                "it is full: nothing can be written " + where +
                    ", and no order can be taken; make room, or give this user a larger quota."};
    }
    return {Verdict::failed, "disk",
            "a write or sync failed " + where + " (" + std::generic_category().message(error) +
                "); check the disk before trusting it with orders."};
}

// The median of a few writes of one page, each made durable, over a page that is there already, as in a
// log that is reused: what one lone order costs at least.
Finding check_sync(const Config& config, Clock& clock) {
    const std::string path = (config.data_dir / ".doctor").string();
    const FileDescriptor file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.is_open()) return disk_failed(config, errno);
    const std::vector<char> page(sync_bytes, 'x');
    std::vector<std::int64_t> micros;
    bool good = true;
    int problem = 0;
    for (int i = 0; i <= sync_samples && good; ++i) {
        const auto began = clock.steady_now();
        good = ::pwrite(file.get(), page.data(), page.size(), 0) == static_cast<ssize_t>(page.size()) &&
               ::fdatasync(file.get()) == 0;
        problem = good ? 0 : errno;
        if (i > 0)
            micros.push_back(std::chrono::duration_cast<std::chrono::microseconds>(clock.steady_now() - began).count());
    }
    ::unlink(path.c_str());
    if (!good) return disk_failed(config, problem);
    std::ranges::sort(micros);
    return {Verdict::ok, "disk", "a durable write takes " + std::to_string(micros[micros.size() / 2]) + " us (median)"};
}

// What can be told without opening the database as one that takes orders; empty: it can be opened.
std::optional<Finding> check_database(const Config& config, const sqlite::ShopFiles& files) {
    const Finding none_yet{Verdict::note, "store", "there is no database yet; 'waybill serve' makes it."};
    if (files.lost_database()) {
        return Finding{Verdict::failed, "store", describe_lost_database(config.data_dir, files)};
    }
    if (!files.has_database) return none_yet;
    const Result<sqlite::DatabaseLook> look = sqlite::look_at_database(config.data_dir);
    if (!look) return Finding{Verdict::failed, "store", look.error().detail};
    if (look->is_empty) return none_yet;
    if (!look->older.empty()) return Finding{Verdict::note, "store", look->older};
    return std::nullopt;
}

Finding check_store(const Config& config, Clock& clock, Log& log) {
    const auto store = open_store_for_command(config, ShopUse::look, clock, log);
    if (!store) return {Verdict::failed, "store", store.error().detail};
    if (const auto answered = (*store)->ping(); !answered) return {Verdict::failed, "store", answered.error().detail};
    const auto stats = (*store)->stats();
    if (!stats) return {Verdict::failed, "store", stats.error().detail};
    std::string sentence = config.has_mongo() ? "MongoDB answers, and keeps transactions" : "the database answers";
    if (stats->dead_letters > 0) {
        return {Verdict::note, "store",
                sentence + "; " + std::to_string(stats->dead_letters) +
                    " dead letters wait: see 'waybill dead-letters ls'."};
    }
    return {Verdict::ok, "store", sentence + ", no dead letters"};
}

Finding check_secret(const Config& config, const Result<sqlite::ShopFiles>& files) {
    if (!config.jwt_secret.empty()) return {Verdict::ok, "secret", "JWT_SECRET is set"};
    const std::filesystem::path path = secret_file(config);
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 && errno == ENOENT) {
        const std::string lost = files ? describe_lost_secret(config, *files) : "";
        return {Verdict::note, "secret",
                lost.empty() ? "there is none yet; the first start makes one in the data directory." : lost};
    }
    if (const auto secret = read_secret_file(path); !secret) return {Verdict::failed, "secret", secret.error().detail};
    if (const std::string open = describe_open_secret(path); !open.empty()) return {Verdict::failed, "secret", open};
    return {Verdict::ok, "secret", path.string()};
}

Finding check_templates(const Config& config) {
    const auto templates = load_mail_templates(config.mail_templates);
    if (!templates) return {Verdict::failed, "mail templates", templates.error().detail};
    try {
        const MailRenderer renderer(config.mail, *templates);
    } catch (const std::invalid_argument& problem) {
        return {Verdict::failed, "mail templates", problem.what()};
    }
    return {Verdict::ok, "mail templates",
            templates->empty() ? "built in" : std::to_string(templates->size()) + " of your own"};
}

Finding check_memory(const Config& config, Clock& clock) {
    if (!config.has_redis()) return {Verdict::ok, "cache", "in this process"};
    const Result<std::string> seen = redis::check_redis(config.redis, clock);
    if (!seen) return {Verdict::failed, "Redis", seen.error().detail};
    return {Verdict::ok, "Redis", *seen};
}

Finding aws_failed(const std::string& service, const std::string& endpoint_name, const Error& error) {
    std::string sentence = error.detail;
    if (error.code == ErrorCode::unavailable) {
        sentence += " Check the network, AWS_REGION and " + endpoint_name + " (if it is set).";
    }
    return {Verdict::failed, service, sentence};
}

// The store counts attempts and keeps the dead letters; the queue's own redrive is a second net, and
// must not catch an order before the store has given it up.
Finding check_queue(const Config& config, Clock& clock, Log& log) {
    const Result<aws::QueueReport> seen = aws::check_queue(config.sqs, clock, log);
    if (!seen) return aws_failed("SQS", "AWS_ENDPOINT_URL_SQS", seen.error());
    if (seen->receive_count_max && *seen->receive_count_max <= config.work.attempts_max) {
        return {Verdict::failed, "SQS",
                "its redrive policy takes a message after " + std::to_string(*seen->receive_count_max) +
                    " receives; set maxReceiveCount above --attempts-max (" + std::to_string(config.work.attempts_max) +
                    ")."};
    }
    const std::string sentence = std::string(seen->fifo ? "a .fifo queue answers, " : "the queue answers, ") +
                                 std::to_string(seen->waiting) + " messages wait";
    if (seen->visibility < config.work.lease) {
        return {Verdict::note, "SQS",
                sentence + "; its visibility timeout (" + std::to_string(seen->visibility.count() / 1'000) +
                    " s) is shorter than --work-lease, which Waybill sets on what it receives."};
    }
    return {Verdict::ok, "SQS", sentence};
}

Finding check_ses(const Config& config, Clock& clock, Log& log) {
    const Result<aws::MailReport> seen = aws::check_mail(config.ses, config.mail.from, clock, log);
    if (!seen) return aws_failed("SES", "AWS_ENDPOINT_URL_SESV2", seen.error());
    if (!seen->sending_enabled) return {Verdict::failed, "SES", "sending is switched off for this account."};
    if (!seen->sender_verified) {
        return {Verdict::failed, "SES",
                "the sender " + config.mail.from + " is not verified; verify the address or its domain in SES."};
    }
    if (!seen->production_access) {
        return {Verdict::note, "SES", "the account is in the sandbox: only verified addresses get mail."};
    }
    return {Verdict::ok, "SES", "may send, from " + config.mail.from};
}

Finding check_mail(const Config& config, Clock& clock, Log& log) {
    if (config.has_ses()) return check_ses(config, clock, log);
    if (!config.has_smtp()) {
        return {Verdict::ok, "mail",
                "written to " + (config.data_dir / "mail").string() + ", from " + config.mail.from};
    }
    const Result<std::string> seen = smtp::check_smtp(config.smtp);
    if (!seen) return {Verdict::failed, "SMTP", seen.error().detail};
    return {Verdict::ok, "SMTP", *seen + " From " + config.mail.from + "."};
}

Finding check_fulfilment(const Config& config) {
    if (config.fulfilment.url.empty()) return {Verdict::ok, "fulfilment", "built in: every order is accepted"};
    if (const Result<void> seen = webcall::check_webcall(config.fulfilment); !seen) {
        return {Verdict::failed, "fulfilment", seen.error().detail};
    }
    return {Verdict::ok, "fulfilment",
            "your service can be reached; a signed call, deadline " +
                std::to_string(config.fulfilment.timeout.count()) + " ms"};
}

std::string_view word(Verdict verdict) {
    switch (verdict) {
        case Verdict::ok:
            return "ok  ";
        case Verdict::note:
            return "note";
        case Verdict::failed:
            return "FAIL";
    }
    return "";
}

std::vector<Finding> examine(const CommandContext& context) {
    const Config& config = context.loaded.config;
    std::vector<Finding> findings;
    for (const std::string& remark : context.loaded.remarks) findings.push_back({Verdict::note, "settings", remark});
    const Result<sqlite::ShopFiles> files = sqlite::look_for_shop(config.data_dir);
    if (config.uses_data_dir()) findings.push_back(check_data_dir(config, files));
    if (config.has_mongo()) {
        findings.push_back(check_store(config, context.clock, context.log));
    } else if (findings.back().verdict != Verdict::failed) {
        if (files->has_folder) findings.push_back(check_sync(config, context.clock));
        const std::optional<Finding> database = check_database(config, *files);
        findings.push_back(database ? *database : check_store(config, context.clock, context.log));
    }
    findings.push_back(check_memory(config, context.clock));
    try {
        if (config.has_sqs()) findings.push_back(check_queue(config, context.clock, context.log));
        findings.push_back(check_mail(config, context.clock, context.log));
    } catch (const std::invalid_argument& problem) {
        findings.push_back({Verdict::failed, "settings", problem.what()});
    }
    findings.push_back(check_secret(config, files));
    findings.push_back(check_templates(config));
    findings.push_back(check_fulfilment(config));
    return findings;
}

}  // namespace

int run_doctor(const CommandContext& context) {
    bool healthy = true;
    for (const Finding& finding : examine(context)) {
        healthy = healthy && finding.verdict != Verdict::failed;
        std::printf("%s  %-15s %s\n", std::string{word(finding.verdict)}.c_str(), finding.part.c_str(),
                    finding.sentence.c_str());
    }
    return healthy ? exit_ok : exit_failed;
}

}  // namespace waybill::cli
