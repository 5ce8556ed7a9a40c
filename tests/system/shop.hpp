// A real server process on a free port with a data directory of its own, and its customers.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/system/http_client.hpp"

namespace waybill::system_test {

struct ProcessResult {
    int exit_status = -1;  // 128 + signal when it was killed
    std::string out;
    std::string err;
};

// Runs the binary to its end, or kills it after 30 s; `input` goes to its standard input.
ProcessResult run_waybill(const std::vector<std::string>& arguments, const std::string& input = {},
                          const std::vector<std::string>& environment = {});

// Until `condition` holds, looked at every few milliseconds; false after `timeout_ms`.
bool eventually(const std::function<bool()>& condition, int timeout_ms = 30'000);

struct Customer {
    std::string email;
    std::string token;
    std::string cookie;  // "refreshToken=..."
    [[nodiscard]] Headers auth() const { return {{"Authorization", "Bearer " + token}}; }
};

inline const std::string demo_order =
    R"({"location":"bangalore","totalAmount":4324,"items":[{"productId":"67c8830b7ef1b848ac52ebec","quantity":1},{"productId":"67c8830b7ef1b848ac52ebee","quantity":2}]})";

// Serves until it is destroyed. Limits are off unless `flags` set them.
class Shop {
public:
    explicit Shop(std::vector<std::string> flags = {});
    ~Shop();
    Shop(const Shop&) = delete;
    Shop& operator=(const Shop&) = delete;

    [[nodiscard]] HttpClient client() const { return HttpClient(port_); }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] const std::filesystem::path& data_dir() const { return data_dir_; }

    Customer register_customer(const std::string& email = "");
    Customer make_admin();

    // Product ids; stock in "bangalore".
    std::string add_product(const Customer& admin, const std::string& name, const std::string& price, long stock);
    [[nodiscard]] long available(const Customer& admin, const std::string& product_id);

    // The .eml files of all days whose names begin with `prefix`.
    [[nodiscard]] std::vector<std::filesystem::path> mails(const std::string& prefix = "") const;

    // Starts the binary and waits for its first line; the port may change.
    void start();
    void kill();  // SIGKILL
    void signal(int number) const;
    void pause() const;  // SIGSTOP; every thread stands still when it returns

    // Waits for the end; 128 + signal when it was killed; empty after `timeout_ms`.
    std::optional<int> wait_for_exit(int timeout_ms = 15'000);
    int terminate();  // SIGTERM and wait

    // What it has written to standard error so far.
    [[nodiscard]] std::string log() const;

private:
    std::vector<std::string> flags_;
    std::filesystem::path root_;
    std::filesystem::path data_dir_;
    std::uint16_t port_ = 0;
    pid_t pid_ = -1;
    int customers_ = 0;
};

[[nodiscard]] std::string read_file(const std::filesystem::path& path);

}  // namespace waybill::system_test
