#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
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

Result<std::string> read_secret_file(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::string text;
    for (char c = 0; text.size() < secret_file_bytes_max && file.get(c);) text += c;
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (!file.eof()) return fail(ErrorCode::unavailable, "The secret in " + path.string() + " cannot be read.");
    if (text.size() < token_secret_length_min) {
        return fail(ErrorCode::unavailable, "The secret in " + path.string() +
                                                " is shorter than 32 characters; delete the file to have a new one "
                                                "made (everybody logs in again).");
    }
    return text;
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

}  // namespace

Result<std::string> obtain_secret(const Config& config, Clock& clock) {
    if (!config.jwt_secret.empty()) return config.jwt_secret;
    const std::filesystem::path path = config.data_dir / "secret";
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
        if (const auto made = make_secret_file(path, clock); !made) return fail(made.error());
    }
    return read_secret_file(path);
}

}  // namespace waybill::cli
