// A shop of real server processes on free ports, with a store of its own, and its customers.
#pragma once

#include <gtest/gtest.h>

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/system/http_client.hpp"
#include "tests/system/production_set.hpp"
#include "tests/system/server_process.hpp"

namespace waybill::system_test {

struct Customer {
    std::string email;
    std::string token;
    std::string cookie;  // "refreshToken=..."
    [[nodiscard]] Headers auth() const { return {{"Authorization", "Bearer " + token}}; }
};

inline const std::string demo_order =
    R"({"location":"bangalore","totalAmount":4324,"items":[{"productId":"67c8830b7ef1b848ac52ebec","quantity":1},{"productId":"67c8830b7ef1b848ac52ebee","quantity":2}]})";

// Which parts a shop is made of. With WAYBILL_TEST_SET=production in the environment of the tests, a
// shop that does not say is on the production set.
enum class Parts { embedded, production };
[[nodiscard]] Parts parts_of_tests();

// First in a test that only the embedded parts can pass.
#define WAYBILL_EMBEDDED_ONLY(reason) \
    if (::waybill::system_test::parts_of_tests() == ::waybill::system_test::Parts::production) GTEST_SKIP() << (reason)

// Serves until it is destroyed. Limits are off unless `flags` set them. On the production set its
// process is the first one of --role=api; `flags` are told to all.
class Shop {
public:
    explicit Shop(std::vector<std::string> flags = {}) : Shop(parts_of_tests(), std::move(flags)) {}
    Shop(Parts parts, std::vector<std::string> flags);
    explicit Shop(ProductionOptions options);
    ~Shop();
    Shop(const Shop&) = delete;
    Shop& operator=(const Shop&) = delete;

    [[nodiscard]] HttpClient client() const { return HttpClient(port()); }
    [[nodiscard]] std::uint16_t port() const { return process().port(); }
    [[nodiscard]] pid_t pid() const { return process().pid(); }
    // Of the embedded store; throws std::logic_error on the production set.
    [[nodiscard]] const std::filesystem::path& data_dir() const;
    // Throws std::logic_error when the shop is embedded.
    [[nodiscard]] ProductionSet& set() const;

    // A command on what the shop keeps.
    ProcessResult run(std::vector<std::string> arguments, const std::string& input = {}) const;

    Customer register_customer(const std::string& email = "");
    Customer make_admin();

    // Product ids; stock in "bangalore".
    std::string add_product(const Customer& admin, const std::string& name, const std::string& price, long stock);
    [[nodiscard]] long available(const Customer& admin, const std::string& product_id);

    // The .eml files of all days whose names begin with `prefix`. On the production set, what SES has
    // taken, one file for each identity.
    [[nodiscard]] std::vector<std::filesystem::path> mails(const std::string& prefix = "") const;

    // Starts the binary and waits for its first line; the port may change.
    void start() { process().start(); }
    void kill() { process().kill(); }
    void signal(int number) const { process().signal(number); }
    void pause() const { process().pause(); }
    std::optional<int> wait_for_exit(int timeout_ms = 15'000) { return process().wait_for_exit(timeout_ms); }
    int terminate() { return process().terminate(); }
    [[nodiscard]] std::string log() const { return process().log(); }

private:
    [[nodiscard]] ServerProcess& process() const { return set_ ? set_->api(0) : *embedded_; }

    std::filesystem::path root_;
    std::filesystem::path data_dir_;
    std::unique_ptr<ProductionSet> set_;
    std::unique_ptr<ServerProcess> embedded_;
    int customers_ = 0;
};

}  // namespace waybill::system_test
