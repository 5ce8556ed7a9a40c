#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <fcntl.h>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

#include "adapters/local/local.hpp"
#include "domain/ids.hpp"
#include "ports/thread_name.hpp"
#include "posix/file_descriptor.hpp"

namespace waybill::local {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t identity_length_max = 96;  // an order id and a state
constexpr ::mode_t folder_mode = 0700;           // mails hold names and addresses
constexpr ::mode_t mail_mode = 0600;

// Mails deleted in one sweep, so that a long neglected folder does not hold a sweep up.
constexpr std::size_t sweep_mails_max = 50'000;

bool is_valid_identity(std::string_view text) {
    if (text.empty() || text.size() > identity_length_max) return false;
    return std::ranges::all_of(text, [](char c) { return is_valid_id(std::string_view(&c, 1)); });
}

FileDescriptor open_folder(int at, const char* name) {
    return FileDescriptor(::openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
}

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

std::string sentence(const char* what, int error) {
    return std::string(what) + ": " + std::generic_category().message(error) + ".";
}

// The folder of a day, made when it is missing.
class DayFolder {
public:
    // Empty when it is open, else what went wrong.
    std::string open(int mail_folder, std::string day) {
        if (folder_.is_open() && day_ == day) return {};
        day_ = std::move(day);
        if (::mkdirat(mail_folder, day_.c_str(), folder_mode) != 0 && errno != EEXIST) {
            return sentence("The mail folder cannot be written", errno);
        }
        folder_ = open_folder(mail_folder, day_.c_str());
        return folder_.is_open() ? std::string() : sentence("The mail folder cannot be opened", errno);
    }
    [[nodiscard]] int fd() const { return folder_.get(); }

private:
    std::string day_;
    FileDescriptor folder_;
};

// A file without a name that gets its final one (open(2), O_TMPFILE): the cheapest way to show a mail only
// when it is whole. False where the file system has no such files, and where the name is taken.
bool link_mail(int day_folder, const std::string& name, std::string_view raw) {
    FileDescriptor file(::openat(day_folder, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, mail_mode));
    if (!file.is_open() || !write_all(file.get(), raw)) return false;
    const std::string nameless = "/proc/self/fd/" + std::to_string(file.get());
    return ::linkat(AT_FDCWD, nameless.c_str(), day_folder, name.c_str(), AT_SYMLINK_FOLLOW) == 0 && file.close();
}

// Written aside and renamed, in the place of what has that name. Empty, or what went wrong.
std::string replace_mail(int day_folder, const std::string& name, const Mail& mail) {
    const std::string aside = "." + mail.identity + ".tmp";
    FileDescriptor file(
        ::openat(day_folder, aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mail_mode));
    if (!file.is_open()) return sentence("The mail cannot be created", errno);
    if (!write_all(file.get(), mail.raw) || !file.close()) {
        std::string problem = sentence("The mail cannot be written", errno);
        ::unlinkat(day_folder, aside.c_str(), 0);
        return problem;
    }
    if (::renameat(day_folder, aside.c_str(), day_folder, name.c_str()) != 0) {
        return sentence("The mail cannot be renamed", errno);
    }
    return {};
}

// Empty when the mail lies under its final name (not yet synced), else what went wrong.
std::string write_mail(int day_folder, const Mail& mail) {
    const std::string name = mail.identity + ".eml";
    return link_mail(day_folder, name, mail.raw) ? std::string() : replace_mail(day_folder, name, mail);
}

struct WaitingMail {
    Mail mail;
    Mailer::Done done;
    MailResult result{};
};

class MailFolder final : public Mailer {
public:
    MailFolder(const MailFolderOptions& options, Log& log)
        : folder_(options.folder), in_flight_max_(std::max<std::size_t>(options.in_flight_max, 1)), log_(log) {
        if (folder_.has_parent_path()) fs::create_directories(folder_.parent_path());
        if (::mkdir(folder_.c_str(), folder_mode) != 0 && errno != EEXIST)
            throw std::system_error(errno, std::generic_category(), "the mail folder cannot be made");
        const FileDescriptor probe = open_folder(AT_FDCWD, folder_.c_str());
        if (!probe.is_open())
            throw std::system_error(errno, std::generic_category(), "the mail folder cannot be opened");
        thread_ = std::jthread([this](const std::stop_token& stop) {
            name_thread("mail-folder");
            run(stop);
        });
    }

    void send(Mail mail, Done done) override {
        {
            const std::lock_guard lock(mutex_);
            if (in_flight_ < in_flight_max_) {
                ++in_flight_;
                waiting_.push_back({std::move(mail), std::move(done)});
                changed_.notify_one();
                return;
            }
        }
        done({MailOutcome::no_answer, "Too many mails wait to be written."});
    }

    std::size_t in_flight_max() const override { return in_flight_max_; }

private:
    void run(const std::stop_token& stop) {
        for (;;) {
            std::vector<WaitingMail> batch;
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, stop, [this] { return !waiting_.empty(); });
                if (waiting_.empty()) return;  // stopped, and all that waited is answered
                batch.swap(waiting_);
            }
            deliver(batch);
            {
                const std::lock_guard lock(mutex_);
                in_flight_ -= batch.size();
            }
            for (WaitingMail& waiting : batch) waiting.done(std::move(waiting.result));
        }
    }

    void deliver(std::vector<WaitingMail>& batch) {
        try {
            write_batch(batch);
        } catch (const std::exception& problem) {
            for (WaitingMail& waiting : batch) {
                waiting.result = {MailOutcome::no_answer, "The mail could not be written."};
            }
            log_.write(LogLevel::error, "mail-folder-failed", {{"error", problem.what()}});
        }
    }

    // Data, names and new folders are durable after the one sync; until then nothing counts as sent.
    // A power cut before it may leave an incomplete file, which the repeated send replaces.
    void write_batch(std::vector<WaitingMail>& batch) {
        std::error_code ignored;
        fs::create_directories(folder_.parent_path(), ignored);
        ::mkdir(folder_.c_str(), folder_mode);
        const FileDescriptor folder = open_folder(AT_FDCWD, folder_.c_str());
        if (!folder.is_open()) return none_sent(batch, sentence("The mail folder cannot be opened", errno));
        DayFolder day;
        for (WaitingMail& waiting : batch) {
            if (!is_valid_identity(waiting.mail.identity)) {
                waiting.result = {MailOutcome::refused, "The mail's identity cannot be a file name."};
                continue;
            }
            std::string problem = day.open(folder.get(), format_rfc3339(waiting.mail.date).substr(0, 10));
            if (problem.empty()) problem = write_mail(day.fd(), waiting.mail);
            const MailOutcome outcome = problem.empty() ? MailOutcome::sent : MailOutcome::no_answer;
            waiting.result = {outcome, std::move(problem)};
        }
        if (::syncfs(folder.get()) != 0) none_sent(batch, sentence("The mails cannot be synced", errno));
    }

    static void none_sent(std::vector<WaitingMail>& batch, const std::string& problem) {
        for (WaitingMail& waiting : batch) {
            if (waiting.result.outcome != MailOutcome::refused) waiting.result = {MailOutcome::no_answer, problem};
        }
    }

    fs::path folder_;
    std::size_t in_flight_max_;
    Log& log_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::size_t in_flight_ = 0;
    std::vector<WaitingMail> waiting_;
    std::jthread thread_;  // last: it stops and joins before the rest goes
};

std::optional<int> parse_digits(std::string_view text) {
    int value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return value;
}

// Empty when the name is not exactly YYYY-MM-DD of a day that exists.
std::optional<std::chrono::sys_days> parse_day(std::string_view name) {
    if (name.size() != 10 || name[4] != '-' || name[7] != '-') return std::nullopt;
    const auto year = parse_digits(name.substr(0, 4));
    const auto month = parse_digits(name.substr(5, 2));
    const auto day = parse_digits(name.substr(8, 2));
    if (!year || !month || !day) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days(date);
}

bool is_mail_name(std::string_view name) {
    if (name.ends_with(".eml")) return is_valid_identity(name.substr(0, name.size() - 4));
    return name.size() > 5 && name.starts_with('.') && name.ends_with(".tmp") &&
           is_valid_identity(name.substr(1, name.size() - 5));
}

// Returns how many mails went; a folder that holds anything else stays.
std::size_t delete_day(const fs::path& day, std::size_t max) {
    std::size_t deleted = 0;
    std::error_code problem;
    for (fs::directory_iterator it(day, problem), end; !problem && it != end && deleted < max; it.increment(problem)) {
        const std::string name = it->path().filename().string();
        std::error_code ignored;
        if (is_mail_name(name) && fs::remove(it->path(), ignored) && name.ends_with(".eml")) ++deleted;
    }
    std::error_code ignored;
    fs::remove(day, ignored);
    return deleted;
}

}  // namespace

std::unique_ptr<Mailer> make_mail_folder(const MailFolderOptions& options, Log& log) {
    return std::make_unique<MailFolder>(options, log);
}

std::size_t sweep_mail_folder(const fs::path& folder, TimePoint now, Milliseconds keep) {
    std::vector<fs::path> outlived;
    std::error_code problem;
    for (fs::directory_iterator it(folder, problem), end; !problem && it != end; it.increment(problem)) {
        std::error_code ignored;
        const auto day = parse_day(it->path().filename().string());
        if (!day || it->symlink_status(ignored).type() != fs::file_type::directory) continue;
        if (*day + std::chrono::days(1) + keep <= now) outlived.push_back(it->path());
    }
    std::ranges::sort(outlived);
    std::size_t deleted = 0;
    for (const fs::path& day : outlived) {
        if (deleted >= sweep_mails_max) break;
        deleted += delete_day(day, sweep_mails_max - deleted);
    }
    return deleted;
}

}  // namespace waybill::local
