#include "tests/support/aws_doubles.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdexcept>
#include <unistd.h>

extern "C" char** environ;

namespace waybill::testing {

namespace {

constexpr int start_timeout_ms = 60'000;

struct Pipe {
    int read = -1;
    int write = -1;
    Pipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe for the test");
        read = ends[0];
        write = ends[1];
    }
};

int spawn(const std::vector<std::string>& arguments, int input, int output) {
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    ::posix_spawn_file_actions_t actions{};
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    ::pid_t child = -1;
    const int problem = ::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (problem != 0) throw std::runtime_error("no " + arguments[0] + ": script/doubles makes it");
    return child;
}

std::string read_line(int fd) {
    std::string line;
    for (;;) {
        ::pollfd ready{fd, POLLIN, 0};
        char c = 0;
        if (::poll(&ready, 1, start_timeout_ms) != 1 || ::read(fd, &c, 1) != 1) {
            throw std::runtime_error("the doubles of AWS did not start; script/doubles installs them");
        }
        if (c == '\n') return line;
        line += c;
    }
}

int connect_to(const std::string& url) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
        ::close(fd);
        throw std::runtime_error("the doubles of AWS are gone");
    }
    return fd;
}

// One exchange over a connection of its own; the body of a 200.
std::string exchange(const std::string& url, const std::string& command, const std::string& json) {
    const int fd = connect_to(url);
    const std::string request =
        command + " HTTP/1.0\r\nHost: admin\r\nContent-Length: " + std::to_string(json.size()) + "\r\n\r\n" + json;
    static_cast<void>(::send(fd, request.data(), request.size(), MSG_NOSIGNAL));
    std::string answer;
    std::array<char, 4096> buffer{};
    for (ssize_t size = 0; (size = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0;) {
        answer.append(buffer.data(), static_cast<std::size_t>(size));
    }
    ::close(fd);
    const std::size_t head = answer.find("\r\n\r\n");
    if (head == std::string::npos || answer.find(" 200 ") > head) throw std::runtime_error(command + ": " + answer);
    return answer.substr(head + 4);
}

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

}  // namespace

AwsDoubles::AwsDoubles(const std::vector<std::string>& names) {
    std::vector<std::string> arguments = {WAYBILL_SOURCE_DIR "/build/tools/node",
                                          WAYBILL_SOURCE_DIR "/tests/doubles/aws/aws.mjs"};
    arguments.insert(arguments.end(), names.begin(), names.end());
    const Pipe input;
    const Pipe output;
    child_ = spawn(arguments, input.read, output.write);
    child_input_ = input.write;
    ::close(input.read);
    ::close(output.write);
    const std::string line = read_line(output.read);
    ::close(output.read);
    addresses_ = line.substr(line.find(' ') + 1) + " ";
}

AwsDoubles::~AwsDoubles() {
    ::close(child_input_);
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
}

std::string AwsDoubles::url(const std::string& name) const {
    const std::size_t at = (" " + addresses_).find(" " + name + "=");
    if (at == std::string::npos) throw std::runtime_error("no double " + name);
    const std::size_t begin = at + name.size() + 1;
    return addresses_.substr(begin, addresses_.find(' ', begin) - begin);
}

std::string AwsDoubles::admin(const std::string& command, const std::string& json) const {
    return exchange(url("admin"), command, json);
}

std::string AwsDoubles::make_queue(const std::string& service, const std::string& name,
                                   const std::string& attributes) const {
    const std::string answer = admin("POST /queues", "{\"service\":" + quoted(service) + ",\"name\":" + quoted(name) +
                                                         ",\"attributes\":{" + attributes + "}}");
    const std::size_t begin = answer.find("http");
    return answer.substr(begin, answer.find('"', begin) - begin);
}

void AwsDoubles::fault(const std::string& service, const std::string& kind, const std::string& more) const {
    admin("POST /faults",
          "{\"service\":" + quoted(service) + ",\"kind\":" + quoted(kind) + (more.empty() ? "" : ",") + more + "}");
}

}  // namespace waybill::testing
