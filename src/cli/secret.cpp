#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <unistd.h>

#include "cli/wiring.hpp"
#include "domain/hex.hpp"
#include "posix/file_descriptor.hpp"

namespace waybill::cli {

namespace {

constexpr std::size_t secret_bytes = 32;
constexpr std::size_t secret_file_bytes_max = 4'096;

std::string make_secret_text(Clock& clock) {
    std::array<std::uint8_t, secret_bytes> random{};
    clock.fill_random(random);
    return to_hex(random);
}

// Written aside and linked into place, so that nobody ever reads half of it; whoever comes first
// wins, and everybody reads what is there then.
Result<void> make_secret_file(const std::filesystem::path& path, Clock& clock) {
    const auto refused = fail(ErrorCode::unavailable, "The secret cannot be written to " + path.string() +
                                                          "; make the data directory writable for this user.");
    const std::filesystem::path aside = path.string() + ".new." + std::to_string(::getpid());
    {
        const FileDescriptor file = open_file(aside, O_WRONLY | O_CREAT | O_TRUNC);
        const std::string text = make_secret_text(clock) + "\n";
        const bool written = file.is_open() &&
                             ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                             ::fsync(file.get()) == 0;
        if (!written) return refused;
    }
    const int linked = ::link(aside.c_str(), path.c_str());
    const int problem = errno;
    ::unlink(aside.c_str());
    if (linked != 0 && problem != EEXIST) return refused;
    const FileDescriptor folder = open_file(path.parent_path(), O_RDONLY | O_DIRECTORY);
    if (!folder.is_open() || ::fsync(folder.get()) != 0) return refused;
    return {};
}

std::unexpected<Error> unreadable(const std::filesystem::path& path, int error) {
    const std::string reason = std::generic_category().message(error);
    const std::string step = error == EACCES   ? "run this as the user that owns it."
                             : error == EISDIR ? "move it away: a secret is a file."
                                               : "check the disk.";
    return fail(ErrorCode::unavailable, "The secret in " + path.string() + " cannot be read (" + reason + "); " + step);
}

}  // namespace

std::filesystem::path secret_file(const Config& config) { return config.data_dir / "secret"; }

Result<std::string> read_secret_file(const std::filesystem::path& path) {
    const FileDescriptor file = open_file(path, O_RDONLY);
    std::string text(secret_file_bytes_max, '\0');
    const ssize_t size = file.is_open() ? ::read(file.get(), text.data(), text.size()) : -1;
    if (size < 0) return unreadable(path, errno);
    text.resize(static_cast<std::size_t>(size));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (text.size() < token_secret_length_min) {
        return fail(ErrorCode::unavailable, "The secret in " + path.string() +
                                                " is shorter than 32 characters; delete the file to have a new one "
                                                "made (everybody logs in again).");
    }
    return text;
}

std::string describe_open_secret(const std::filesystem::path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || (status.st_mode & 0077) == 0) return {};
    return path.string() + " can be read by others; run: chmod 600 " + path.string();
}

std::string describe_lost_secret(const Config& config, const sqlite::ShopFiles& files) {
    if (!files.has_database || files.has_secret() || !config.jwt_secret.empty()) return {};
    const Result<sqlite::DatabaseLook> look = sqlite::look_at_database(config.data_dir);
    if (!look || !look->has_sessions) return {};
    return "There is no secret beside the database in " + config.data_dir.string() +
           ", so a start makes a new one and every login ends; if you have the old one, put it back before.";
}

void warn_of_lost_files(const Config& config, const sqlite::ShopFiles& before, Log& log) {
    if (before.lost_database()) {
        log.write(LogLevel::warn, "database-lost", {{"advice", describe_lost_database(config.data_dir, before)}});
    }
    if (const std::string lost = describe_lost_secret(config, before); !lost.empty()) {
        log.write(LogLevel::warn, "secret-lost", {{"advice", lost}});
    }
}

Result<std::string> obtain_secret(const Config& config, Clock& clock, Log& log) {
    if (!config.jwt_secret.empty()) return config.jwt_secret;
    const std::filesystem::path path = secret_file(config);
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
        if (const auto made = make_secret_file(path, clock); !made) return fail(made.error());
    }
    if (const std::string open = describe_open_secret(path); !open.empty()) {
        log.write(LogLevel::warn, "secret-open-to-others", {{"advice", open}});
    }
    return read_secret_file(path);
}

}  // namespace waybill::cli
