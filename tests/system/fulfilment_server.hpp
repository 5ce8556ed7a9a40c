// The shop's own service, as Waybill calls it: accepts, refuses, fails or holds, and remembers.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace waybill::system_test {

struct FulfilmentCall {
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
    [[nodiscard]] std::string order_id() const;
};

struct FulfilmentAnswer {
    int status = 200;
    std::string body = "{}";
};

inline const std::string fulfilment_secret = "a-secret-of-the-test-suite";

// Hex HMAC-SHA-256, made without the product's code.
[[nodiscard]] std::string hmac_hex(const std::string& secret, const std::string& message);

// One thread for each connection, until it is destroyed.
class FulfilmentServer {
public:
    using Decide = std::function<FulfilmentAnswer(const FulfilmentCall&)>;
    enum class Calls { kept, forgotten };
    explicit FulfilmentServer(
        Decide decide = [](const FulfilmentCall&) { return FulfilmentAnswer{}; }, Calls calls = Calls::kept);
    ~FulfilmentServer();
    FulfilmentServer(const FulfilmentServer&) = delete;
    FulfilmentServer& operator=(const FulfilmentServer&) = delete;

    // The flags that point a shop at this server.
    [[nodiscard]] std::vector<std::string> flags(std::vector<std::string> more = {}) const;

    [[nodiscard]] std::uint16_t port() const { return port_; }

    // Calls that arrive while it holds are answered after release().
    void hold();
    void release();

    [[nodiscard]] std::vector<FulfilmentCall> calls() const;

private:
    void accept_all();
    void serve(int socket);
    [[nodiscard]] FulfilmentAnswer answer(FulfilmentCall call);

    Decide decide_;
    Calls keeping_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool holding_ = false;
    bool ended_ = false;
    std::vector<FulfilmentCall> calls_;
    std::vector<int> sockets_;
    std::vector<std::jthread> threads_;
    std::jthread acceptor_;
};

}  // namespace waybill::system_test
