// The whole production set on free ports of 127.0.0.1: MongoDB's double, redis-server, the doubles of
// SQS and SES behind the gate that verifies signatures, and processes of --role=api and --role=worker
// that are told of them by the names of existing deployments alone. All of it goes with the object.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/local/local.hpp"
#include "tests/doubles/mongo/mongo_double.hpp"
#include "tests/support/aws_doubles.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/tcp_proxy.hpp"
#include "tests/system/http_client.hpp"
#include "tests/system/server_process.hpp"

namespace waybill::system_test {

struct ProductionOptions {
    std::vector<std::string> flags{};  // of every process
    std::size_t apis = 2;
    std::size_t workers = 2;
    bool seeded = true;    // with the demo products
    bool fifo = false;     // the queue
    bool lasting = false;  // every process keeps its port, and a TcpProxy stands before each part
};

struct SentMail {
    std::string identity;  // X-Waybill-Mail-Id
    std::string to;
    std::string raw;
};

inline const std::string sender = "shop@example.com";

class ProductionSet {
public:
    // Returns when every process serves. Throws std::runtime_error.
    explicit ProductionSet(const ProductionOptions& options = {});

    [[nodiscard]] ServerProcess& api(std::size_t index = 0) { return *apis_.at(index); }
    [[nodiscard]] ServerProcess& worker(std::size_t index = 0) { return *workers_.at(index); }
    [[nodiscard]] std::vector<ServerProcess*> processes() const;
    [[nodiscard]] HttpClient client(std::size_t index = 0) { return HttpClient(api(index).port()); }

    // A part that is stopped refuses connections; what it had kept is there when it starts again.
    [[nodiscard]] testing::MongoDouble& mongo() { return mongo_; }
    [[nodiscard]] testing::RedisServer& redis() { return redis_; }
    [[nodiscard]] testing::AwsDoubles& aws() { return aws_; }
    void stop_aws(const std::string& service) { aws_.admin("POST /stop", R"({"service":")" + service + "\"}"); }
    void start_aws(const std::string& service) { aws_.admin("POST /start", R"({"service":")" + service + "\"}"); }

    // Before a part of a lasting set.
    struct Ways {
        testing::TcpProxy mongo{};
        testing::TcpProxy redis{};
        testing::TcpProxy sqs{};
        testing::TcpProxy ses{};
    };
    [[nodiscard]] Ways& ways() { return *ways_; }

    // One call of the queue's own interface, as an operator or another producer would make it.
    std::string call_queue(const std::string& action, const std::string& members = "");

    // In the order of their arrival, copies too.
    [[nodiscard]] std::vector<SentMail> mails() const;

    // NAME=VALUE of everything that a process is told.
    [[nodiscard]] std::vector<std::string> environment() const;
    // A command on this set.
    ProcessResult run(const std::vector<std::string>& arguments, const std::string& input = {}) const;

private:
    struct Folder {
        std::filesystem::path path = make_folder();
        Folder() = default;
        Folder(const Folder&) = delete;
        Folder& operator=(const Folder&) = delete;
        ~Folder();
    };

    Folder folder_;
    std::unique_ptr<Clock> clock_ = local::make_system_clock();
    std::unique_ptr<Ways> ways_;
    testing::MongoDouble mongo_;
    testing::RedisServer redis_{{.password = "the-password-of-redis"}};
    testing::AwsDoubles aws_{{"sqs", "ses"}};
    std::string queue_url_;
    std::vector<std::unique_ptr<ServerProcess>> apis_;
    std::vector<std::unique_ptr<ServerProcess>> workers_;
};

}  // namespace waybill::system_test
