#include "adapters/sqlite/data_dir.hpp"

#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <string>
#include <system_error>
#include <unistd.h>

namespace waybill::sqlite {

namespace {

constexpr Milliseconds lock_retry_every{20};

std::string reason_of(int error) { return std::generic_category().message(error); }

std::unexpected<Error> unusable(const std::filesystem::path& path, int error) {
    return fail(ErrorCode::unavailable,
                "The data directory " + path.string() + " cannot be used: " + reason_of(error) + ".");
}

struct Holder {
    std::string process;
    std::string kind;  // server, restore, command
    bool is_server = true;
    [[nodiscard]] bool is_restore() const { return kind == "restore"; }
};

Holder read_holder(int file) {
    std::array<char, 64> bytes{};
    const ssize_t size = ::pread(file, bytes.data(), bytes.size(), 0);
    if (size <= 0) return {"unknown", "command", false};  // it has the lock and is about to write its name
    const std::string text(bytes.data(), static_cast<std::size_t>(size));
    for (const char* kind : {"command", "restore"}) {
        if (text.contains(kind)) return {text.substr(0, text.find_first_of(" \n")), kind, kind[0] == 'r'};
    }
    return {text.substr(0, text.find_first_of(" \n")), "server", true};
}

// The name may be that of a server that has died, when the holder has not written its own yet.
bool surely_lives(const Holder& holder) {
    pid_t process = 0;
    const char* end = holder.process.data() + holder.process.size();
    if (std::from_chars(holder.process.data(), end, process).ec != std::errc{}) return false;
    if (process <= 0 || process == ::getpid()) return false;
    return ::kill(process, 0) == 0 || errno == EPERM;
}

const char* kind_of(Access access) {
    switch (access) {
        case Access::server:
            return " server\n";
        case Access::command:
            return " command\n";
        case Access::restore:
            return " restore\n";
    }
    std::unreachable();
}

std::unexpected<Error> refuse_beside(const Holder& restore, const std::filesystem::path& data_dir) {
    return fail(ErrorCode::unavailable, "A restore (process " + restore.process + ") works on " + data_dir.string() +
                                            "; wait until it has ended.");
}

void write_holder(int file, Access access) {
    const std::string text = std::to_string(::getpid()) + kind_of(access);
    // The content is for people: the lock itself is what counts.
    if (::ftruncate(file, 0) != 0) return;
    [[maybe_unused]] const ssize_t written = ::pwrite(file, text.data(), text.size(), 0);
}

}  // namespace

Result<void> sync_dir(const std::filesystem::path& dir) {
    const FileDescriptor folder = open_file(dir, O_RDONLY | O_DIRECTORY);
    if (!folder.is_open() || ::fsync(folder.get()) != 0) return unusable(dir, errno);
    return {};
}

Result<void> make_data_dir(const std::filesystem::path& dir) {
    std::error_code error;
    if (std::filesystem::is_directory(dir, error)) return {};
    const std::filesystem::path parent = std::filesystem::absolute(dir, error).lexically_normal().parent_path();
    std::filesystem::create_directories(parent, error);
    if (error) return unusable(dir, error.value());
    if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) return unusable(dir, errno);
    return sync_dir(parent);
}

std::filesystem::path database_file(const std::filesystem::path& data_dir) { return data_dir / "waybill.db"; }

std::filesystem::path log_file(const std::filesystem::path& data_dir) { return data_dir / "waybill.db-wal"; }

std::filesystem::path journal_file(const std::filesystem::path& data_dir) { return data_dir / "orders.journal"; }

std::filesystem::path secret_file(const std::filesystem::path& data_dir) { return data_dir / "secret"; }

Result<void> prepare_data_dir(const std::filesystem::path& data_dir) {
    if (Result<void> made = make_data_dir(data_dir); !made) return made;
    for (const std::filesystem::path& file : {database_file(data_dir), journal_file(data_dir)}) {
        if (!open_file(file, O_RDWR | O_CREAT).is_open()) return unusable(data_dir, errno);
    }
    return sync_dir(data_dir);
}

Result<DirLock> lock_data_dir(const std::filesystem::path& data_dir, Access access, Milliseconds wait, Clock& clock) {
    const std::filesystem::path path = data_dir / "waybill.lock";
    FileDescriptor file = open_file(path, O_RDWR | O_CREAT);
    if (!file.is_open()) return unusable(data_dir, errno);
    const SteadyTime deadline = clock.steady_now() + wait;
    while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK) return unusable(data_dir, errno);
        const Holder holder = read_holder(file.get());
        if (access == Access::command && holder.is_restore()) return refuse_beside(holder, data_dir);
        if (access == Access::command) return DirLock{};
        if ((holder.is_server && surely_lives(holder)) || clock.steady_now() >= deadline) {
            return fail(ErrorCode::unavailable, "Another Waybill " + holder.kind + " (process " + holder.process +
                                                    ") uses " + data_dir.string() +
                                                    "; stop it, or give this one its own --data-dir.");
        }
        clock.sleep_for(lock_retry_every);
    }
    write_holder(file.get(), access);
    return DirLock(std::move(file));
}

Result<void> refuse_beside_restore(const std::filesystem::path& data_dir) {
    const FileDescriptor file = open_file(data_dir / "waybill.lock", O_RDONLY);
    if (!file.is_open()) return {};
    // The name of one that has ended stays.
    if (::flock(file.get(), LOCK_SH | LOCK_NB) == 0) return {};
    const Holder holder = read_holder(file.get());
    if (holder.is_restore()) return refuse_beside(holder, data_dir);
    return {};
}

}  // namespace waybill::sqlite
