#include "tests/support/mail_server.hpp"

#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <spawn.h>
#include <stdexcept>
#include <unistd.h>
#include <utility>

extern "C" char** environ;

namespace waybill::testing {

namespace {

constexpr int start_timeout_ms = 60'000;

std::pair<int, int> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe for the test");
    return {ends[0], ends[1]};
}

// -1 leaves a stream as it is.
pid_t spawn(const std::vector<std::string>& words, int input, int output, int errors = -1) {
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::posix_spawn_file_actions_t actions{};
    ::posix_spawn_file_actions_init(&actions);
    if (input >= 0) ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (output >= 0) ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (errors >= 0) ::posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
    pid_t child = -1;
    const int problem = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (problem != 0) throw std::runtime_error(words[0] + " does not start; script/doubles installs the doubles");
    return child;
}

void reap(pid_t pid) {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
}

// Without the line break; empty at the end, or after `timeout_ms` (-1: none).
std::string read_line(int fd, int timeout_ms) {
    std::string line;
    for (char c = 0;;) {
        ::pollfd ready{fd, POLLIN, 0};
        if (::poll(&ready, 1, timeout_ms) != 1 || ::read(fd, &c, 1) != 1) return {};
        if (c == '\n') return line;
        line += c;
    }
}

// Of a member that holds text; what the server prints has nothing to unescape.
std::string member_of(const std::string& json, const std::string& name) {
    const std::string begin = "\"" + name + "\":";
    std::size_t at = json.find(begin);
    if (at == std::string::npos) return {};
    at = json.find('"', at + begin.size()) + 1;
    return json.substr(at, json.find('"', at) - at);
}

std::string from_hex(const std::string& hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    return bytes;
}

}  // namespace

MailServer::MailServer(MailServerOptions options) : options_(std::move(options)) {
    std::vector<std::string> words{WAYBILL_SOURCE_DIR "/build/tools/node",
                                   WAYBILL_SOURCE_DIR "/tests/doubles/smtp/smtpd.mjs", "--mode", options_.mode};
    if (options_.mode != "plain") {
        make_certificate();
        words.insert(words.end(), {"--cert", ca_file(), "--key", directory_.path() / "key.pem"});
    }
    if (!options_.user.empty()) words.insert(words.end(), {"--user", options_.user, "--password", options_.password});
    if (!options_.offers_login) words.push_back("--no-auth");
    if (!options_.greeting.empty()) words.insert(words.end(), {"--greet", options_.greeting});

    const auto [input_read, input_write] = make_pipe();
    const auto [output_read, output_write] = make_pipe();
    pid_ = spawn(words, input_read, output_write);
    input_ = input_write;
    output_ = output_read;
    ::close(input_read);
    ::close(output_write);
    const std::string line = read_line(output_, start_timeout_ms);
    port_ = line.substr(line.find(' ') + 1);
    reader_ = std::jthread([this] { read_events(); });
    if (!line.starts_with("listening ")) throw std::runtime_error("the mail server does not start");
}

MailServer::~MailServer() {
    ::close(input_);
    ::kill(pid_, SIGKILL);
    reap(pid_);
    reader_.join();  // its pipe has ended
    ::close(output_);
}

void MailServer::make_certificate() {
    const std::string key = directory_.path() / "key.pem";
    const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    reap(spawn({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                key, "-out", ca_file(), "-days", "2", "-subj", "/CN=waybill-test", "-batch", "-addext",
                "subjectAltName=" + options_.certificate_names},
               nowhere, nowhere, nowhere));
    ::close(nowhere);
    if (!std::filesystem::exists(ca_file())) throw std::runtime_error("no certificate for the test");
}

std::string MailServer::url(const std::string& credentials, const std::string& host) const {
    return (options_.mode == "tls" ? "smtps://" : "smtp://") + credentials + host + ":" + port_;
}

void MailServer::read_events() {
    for (;;) {
        const std::string line = read_line(output_, -1);
        if (line.empty()) return;
        note_event(line);
    }
}

void MailServer::note_event(const std::string& line) {
    const std::lock_guard lock(mutex_);
    if (member_of(line, "event") == "open") {
        ++connections_;
    } else {
        mails_.push_back({member_of(line, "from"), member_of(line, "to"), from_hex(member_of(line, "raw")),
                          line.find("\"tls\":true") != std::string::npos, member_of(line, "user"),
                          member_of(line, "connection")});
    }
    changed_.notify_all();
}

std::vector<MailServer::Taken> MailServer::mails() const {
    const std::lock_guard lock(mutex_);
    return mails_;
}

bool MailServer::wait_for_mails(std::size_t count, Milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, timeout, [&] { return mails_.size() >= count; });
}

std::size_t MailServer::connections() const {
    const std::lock_guard lock(mutex_);
    return connections_;
}

bool MailServer::wait_for_connections(std::size_t count, Milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, timeout, [&] { return connections_ >= count; });
}

// Returns when it stands still.
void MailServer::freeze() {
    ::kill(pid_, SIGSTOP);
    while (::waitpid(pid_, nullptr, WUNTRACED) < 0 && errno == EINTR) {
    }
}

void MailServer::thaw() { ::kill(pid_, SIGCONT); }

}  // namespace waybill::testing
