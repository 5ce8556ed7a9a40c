#include "tests/system/server_process.hpp"

#include <gtest/gtest.h>

#include <sys/prctl.h>
#include <sys/wait.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <signal.h>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>

#include "tests/system/kept_logs.hpp"

namespace waybill::system_test {

namespace {

constexpr int command_timeout_ms = 30'000;

std::string& binary() {
    static std::string path = WAYBILL_BINARY;
    return path;
}

bool configures_waybill(std::string_view name) {
    constexpr std::array<std::string_view, 8> names{"PORT",      "MONGO_URI", "DATABASE_URL",  "REDIS_URL",
                                                    "REDIS_URI", "SMTP_URL",  "SQS_QUEUE_URL", "SENDER_VERIFIED_EMAIL"};
    for (const std::string_view known : names) {
        if (name == known) return true;
    }
    return name.starts_with("AWS_") || name.starts_with("WAYBILL_") || name.starts_with("JWT_");
}

// Ours, without what configures Waybill, and `more`. A process that is killed would leave the counters
// of MongoDB's driver in shared memory, and the next one of that id would complain about them.
std::vector<std::string> environment_with(const std::vector<std::string>& more) {
    std::vector<std::string> entries = more;
    entries.emplace_back("MONGOC_DISABLE_SHM=1");
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        if (!configures_waybill(text.substr(0, text.find('=')))) entries.emplace_back(text);
    }
    return entries;
}

std::vector<char*> pointers_to(const std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

// Starts the binary with its streams on the given descriptors, in `folder`.
pid_t spawn(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
            const std::filesystem::path& folder, int in, int out, int err) {
    std::vector<std::string> words{binary()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const std::vector<std::string> entries = environment_with(environment);
    keep_secrets_of_settings(words);
    keep_secrets_of_settings(environment);
    const std::vector<char*> argv = pointers_to(words);
    const std::vector<char*> envp = pointers_to(entries);
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed takes its servers along
    ::dup2(in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    if (::chdir(folder.c_str()) != 0) ::_exit(126);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
}

int exit_status_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

int open_file(const std::filesystem::path& path, int flags) { return ::open(path.c_str(), flags | O_CLOEXEC, 0600); }

}  // namespace

void use_binary(std::filesystem::path path) { binary() = std::move(path); }

std::filesystem::path make_folder() {
    std::string path = (std::filesystem::temp_directory_path() / "waybill-system-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no temporary folder");
    return path;
}

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool eventually(const std::function<bool()>& condition, int timeout_ms) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

namespace {

ProcessResult run_command(const std::vector<std::string>& arguments, const std::string& input,
                          const std::vector<std::string>& environment, const std::function<void(pid_t)>& meanwhile) {
    const std::filesystem::path folder = make_folder();
    std::ofstream(folder / "in") << input;
    const int in = open_file(folder / "in", O_RDONLY);
    const int out = open_file(folder / "out", O_WRONLY | O_CREAT);
    const int err = open_file(folder / "err", O_WRONLY | O_CREAT);
    const pid_t pid = spawn(arguments, environment, folder, in, out, err);
    meanwhile(pid);
    int status = 0;
    if (!eventually([&] { return ::waitpid(pid, &status, WNOHANG) == pid; }, command_timeout_ms)) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, &status, 0);
    }
    ::close(in);
    ::close(out);
    ::close(err);
    ProcessResult result{exit_status_of(status), read_file(folder / "out"), read_file(folder / "err")};
    keep_log("command", result.out + result.err);
    std::filesystem::remove_all(folder);
    return result;
}

}  // namespace

ProcessResult run_waybill(const std::vector<std::string>& arguments, const std::string& input,
                          const std::vector<std::string>& environment) {
    return run_command(arguments, input, environment, [](pid_t) {});
}

ProcessResult interrupt_waybill(const std::vector<std::string>& arguments, int signal_number,
                                const std::function<bool()>& condition) {
    return run_command(arguments, {}, {}, [&](pid_t pid) {
        EXPECT_TRUE(eventually(condition));
        ::kill(pid, signal_number);
    });
}

ServerProcess::ServerProcess(std::filesystem::path folder, std::string name, std::vector<std::string> arguments,
                             std::vector<std::string> environment)
    : folder_(std::move(folder)),
      name_(std::move(name)),
      arguments_(std::move(arguments)),
      environment_(std::move(environment)) {}

ServerProcess::~ServerProcess() {
    if (is_running()) kill();
    if (output_ >= 0) ::close(output_);
    const std::string written = log();
    keep_log(name_, written);
    for (const char* sign : {"Sanitizer", "runtime error:", "terminate called", "crashed", "step-failed"}) {
        const std::size_t found = written.find(sign);
        if (found != std::string::npos) {
            ADD_FAILURE() << name_ << ": " << written.substr(found > 500 ? found - 500 : 0, 6'000);
            break;
        }
    }
}

void ServerProcess::launch() {
    const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int err = open_file(folder_ / (name_ + ".err"), O_WRONLY | O_CREAT | O_APPEND);
    std::array<int, 2> out{};
    if (::pipe2(out.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    if (output_ >= 0) ::close(output_);
    output_ = out[0];
    pid_ = spawn(arguments_, environment_, folder_, in, out[1], err);
    ::close(in);
    ::close(err);
    ::close(out[1]);
}

void ServerProcess::await_listening() {
    std::string line;
    for (char c = 0; ::read(output_, &c, 1) == 1 && c != '\n';) line += c;
    ::close(std::exchange(output_, -1));
    const std::string expected = "listening on http://127.0.0.1:";
    if (!line.starts_with(expected)) throw std::runtime_error("the server did not start: " + line + log());
    port_ = static_cast<std::uint16_t>(std::stoi(line.substr(expected.size())));
}

void ServerProcess::start() {
    launch();
    await_listening();
}

void ServerProcess::signal(int number) const { ::kill(pid_, number); }

void ServerProcess::pause() const {
    signal(SIGSTOP);
    int status = 0;
    if (::waitpid(pid_, &status, WUNTRACED) != pid_ || !WIFSTOPPED(status)) throw std::runtime_error("it did not stop");
}

void ServerProcess::resume() const { signal(SIGCONT); }

void ServerProcess::kill() {
    signal(SIGKILL);
    (void)wait_for_exit();
}

std::optional<int> ServerProcess::wait_for_exit(int timeout_ms) {
    int status = 0;
    if (!eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }, timeout_ms)) return std::nullopt;
    pid_ = -1;
    return exit_status_of(status);
}

int ServerProcess::terminate() {
    signal(SIGTERM);
    return wait_for_exit().value_or(-1);
}

std::string ServerProcess::log() const { return read_file(folder_ / (name_ + ".err")); }

}  // namespace waybill::system_test
