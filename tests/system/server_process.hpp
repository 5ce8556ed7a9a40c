// The binary as a process: run to its end, or served from until the test kills it.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace waybill::system_test {

struct ProcessResult {
    int exit_status = -1;  // 128 + signal when it was killed
    std::string out;
    std::string err;
};

// Another build of the binary instead of the suite's own, from now on.
void use_binary(std::filesystem::path path);

// Runs the binary to its end, or kills it after 30 s; `input` goes to its standard input.
// `environment`: NAME=VALUE. Variables that configure Waybill are not inherited.
ProcessResult run_waybill(const std::vector<std::string>& arguments, const std::string& input = {},
                          const std::vector<std::string>& environment = {});

// The same, sent a signal as soon as `condition` holds.
ProcessResult interrupt_waybill(const std::vector<std::string>& arguments, int signal_number,
                                const std::function<bool()>& condition);

// Until `condition` holds, looked at every few milliseconds; false after `timeout_ms`.
bool eventually(const std::function<bool()>& condition, int timeout_ms = 30'000);

[[nodiscard]] std::string read_file(const std::filesystem::path& path);

// A new folder that nobody else uses.
[[nodiscard]] std::filesystem::path make_folder();

// Serves until it is destroyed. What it says of itself when it is broken fails the test.
// Start it from a thread that lives as long as it shall: it goes with the thread.
class ServerProcess {
public:
    // Runs in `folder`; writes standard error to the file `name`.err there.
    ServerProcess(std::filesystem::path folder, std::string name, std::vector<std::string> arguments,
                  std::vector<std::string> environment = {});
    ~ServerProcess();
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;

    // Both halves of start(), so that several can start at once.
    void launch();
    void await_listening();  // throws std::runtime_error when it does not serve
    // Starts the binary and waits for its first line; the port may change.
    void start();

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] bool is_running() const { return pid_ > 0; }

    void kill();  // SIGKILL
    // From the next launch on.
    void set_environment(std::vector<std::string> environment) { environment_ = std::move(environment); }
    void signal(int number) const;
    void pause() const;  // SIGSTOP; every thread stands still when it returns
    void resume() const;

    // Waits for the end; 128 + signal when it was killed; empty after `timeout_ms`.
    std::optional<int> wait_for_exit(int timeout_ms = 15'000);
    int terminate();  // SIGTERM and wait

    // What it has written to standard error so far.
    [[nodiscard]] std::string log() const;

private:
    std::filesystem::path folder_;
    std::string name_;
    std::vector<std::string> arguments_;
    std::vector<std::string> environment_;
    int output_ = -1;
    std::atomic<std::uint16_t> port_ = 0;  // asked for by customers while it starts again
    pid_t pid_ = -1;
};

}  // namespace waybill::system_test
