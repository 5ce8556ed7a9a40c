#include "tests/support/redis_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace waybill::testing {

namespace {

// Another process may take a port between the moment it was seen free and the start.
constexpr int start_tries_max = 20;

struct Child {
    pid_t pid = -1;
    int output = -1;
};

Child spawn(const std::vector<std::string>& words) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe for the test");
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::dup2(pipe[1], STDOUT_FILENO);
        ::dup2(pipe[1], STDERR_FILENO);
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    ::close(pipe[1]);
    if (pid < 0) throw std::runtime_error("no process for the test");
    return {pid, pipe[0]};
}

// Until `mark` was written (true) or the output ended.
bool read_until(int output, const std::string& mark, std::string& text) {
    std::array<char, 4'096> chunk{};
    while (mark.empty() || text.find(mark) == std::string::npos) {
        const ssize_t got = ::read(output, chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        text.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return true;
}

void reap(pid_t pid) {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
}

std::string run(const std::vector<std::string>& words) {
    const Child child = spawn(words);
    std::string text;
    static_cast<void>(read_until(child.output, "", text));
    ::close(child.output);
    reap(child.pid);
    return text;
}

int find_free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    const bool found = ::bind(socket, generic, size) == 0 && ::getsockname(socket, generic, &size) == 0;
    ::close(socket);
    if (!found) throw std::runtime_error("no port for the test");
    return ntohs(address.sin_port);
}

}  // namespace

RedisServer::RedisServer(RedisServerOptions options) : options_(std::move(options)) {
    if (options_.tls) make_certificate();
    for (int i = 0; i < start_tries_max; ++i) {
        port_ = find_free_port();
        if (try_start()) return;
    }
    throw std::runtime_error("redis-server does not start; is the package redis-server installed?");
}

RedisServer::~RedisServer() { kill(); }

void RedisServer::start() {
    for (int i = 0; i < start_tries_max; ++i) {
        if (try_start()) return;
    }
    throw std::runtime_error("redis-server does not start again");
}

bool RedisServer::try_start() {
    const Child child = spawn(server_words());
    pid_ = child.pid;
    output_ = child.output;
    std::string text;
    if (read_until(output_, "Ready to accept connections", text)) return true;
    kill();
    return false;
}

void RedisServer::kill() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    reap(pid_);
    ::close(output_);
    pid_ = -1;
}

// Returns when it stands still.
void RedisServer::freeze() {
    ::kill(pid_, SIGSTOP);
    while (::waitpid(pid_, nullptr, WUNTRACED) < 0 && errno == EINTR) {
    }
}

void RedisServer::thaw() { ::kill(pid_, SIGCONT); }

std::vector<std::string> RedisServer::server_words() const {
    const std::string port = std::to_string(port_);
    std::vector<std::string> words{"redis-server",    "--bind",       "127.0.0.1", "--save",      "",  "--dir",
                                   directory_.path(), "--appendonly", "no",        "--daemonize", "no"};
    if (options_.tls) {
        const std::string certificate = ca_file();
        const std::string key = directory_.path() / "key.pem";
        words.insert(words.end(), {"--port", "0", "--tls-port", port, "--tls-cert-file", certificate, "--tls-key-file",
                                   key, "--tls-ca-cert-file", certificate, "--tls-auth-clients", "no"});
    } else {
        words.insert(words.end(), {"--port", port});
    }
    if (!options_.password.empty()) words.insert(words.end(), {"--requirepass", options_.password});
    return words;
}

void RedisServer::make_certificate() {
    const std::string key = directory_.path() / "key.pem";
    const std::string said = run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                                  "-nodes", "-keyout", key, "-out", ca_file(), "-days", "2", "-subj",
                                  "/CN=waybill-test", "-addext", "subjectAltName=" + options_.certificate_names});
    if (!std::filesystem::exists(ca_file())) throw std::runtime_error("no certificate for the test: " + said);
}

std::string RedisServer::command(const std::vector<std::string>& words) {
    std::vector<std::string> all{"redis-cli", "-h", "127.0.0.1", "-p", std::to_string(port_), "--no-auth-warning"};
    if (options_.tls) all.insert(all.end(), {"--tls", "--insecure"});
    if (!options_.password.empty()) all.insert(all.end(), {"-a", options_.password});
    all.insert(all.end(), words.begin(), words.end());
    std::string said = run(all);
    if (said.ends_with('\n')) said.pop_back();
    return said;
}

std::string RedisServer::url(const std::string& host, const std::string& credentials) const {
    return (options_.tls ? "rediss://" : "redis://") + credentials + host + ":" + std::to_string(port_);
}

std::string RedisServer::url(const std::string& host) const {
    return url(host, options_.password.empty() ? "" : ":" + options_.password + "@");
}

}  // namespace waybill::testing
