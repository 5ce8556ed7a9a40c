// A redis-server of a test's own on a free port of 127.0.0.1: it can be stopped, frozen, flushed and
// started again, and goes with the object.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.hpp"

namespace waybill::testing {

struct RedisServerOptions {
    bool tls = false;
    std::string certificate_names = "DNS:localhost,IP:127.0.0.1";
    std::string password{};
};

class RedisServer {
public:
    explicit RedisServer(RedisServerOptions options = {});  // throws std::runtime_error
    ~RedisServer();
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    // The same port again, with empty memory.
    void start();
    void kill();
    void freeze();
    void thaw();
    void flush() { command({"FLUSHALL"}); }

    // What redis-cli prints for it.
    std::string command(const std::vector<std::string>& words);

    [[nodiscard]] int port() const { return port_; }
    // With the password, by 127.0.0.1.
    [[nodiscard]] std::string url() const { return url("127.0.0.1"); }
    [[nodiscard]] std::string url(const std::string& host, const std::string& credentials) const;
    [[nodiscard]] std::string url(const std::string& host) const;
    // Its own certificate, which is its own authority.
    [[nodiscard]] std::filesystem::path ca_file() const { return directory_.path() / "certificate.pem"; }

private:
    [[nodiscard]] bool try_start();
    [[nodiscard]] std::vector<std::string> server_words() const;
    void make_certificate();

    RedisServerOptions options_;
    TemporaryDirectory directory_;
    int port_ = 0;
    pid_t pid_ = -1;
    int output_ = -1;
};

}  // namespace waybill::testing
