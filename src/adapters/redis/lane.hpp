// One connection and the thread that drives it: it connects in the background, sends together what has
// piled up, and hands the replies out in order.
//
// A connection on which a call timed out, that sent nonsense or was closed is dropped with all that is
// under way on it, and never used again. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/redis/breaker.hpp"
#include "adapters/redis/session.hpp"

namespace waybill::redis {

// Whether a reply that is no error can be the answer to a command: else the connection is out of step.
using Fits = bool (*)(const Reply&);

class Lane {
public:
    struct Limits {
        Milliseconds call_timeout{};
        Milliseconds connect_timeout{};
        Milliseconds pause{};
        std::size_t calls_max = 0;
        std::size_t calls_bytes_max = 0;
    };
    Lane(const Limits& limits, const Target& target, Breaker& breaker, Clock& clock);
    ~Lane();

    // Empty when there is no connection, too much waits for it, it fails, or `timeout` passes. An error
    // reply is a reply.
    [[nodiscard]] std::optional<Reply> call(std::string command, Fits fits, std::chrono::nanoseconds timeout);

    [[nodiscard]] bool is_ready() const { return ready_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool wait_until_ready(Milliseconds timeout);
    // Until it is ready, or has failed to connect once.
    void wait_until_tried(Milliseconds timeout);

private:
    enum class State : std::uint8_t { pending, answered, lost };
    // Under the lane's mutex; `command` is the thread's once it was taken.
    struct Call {
        std::string command;
        Fits fits;
        std::size_t bytes;
        State state = State::pending;
        Reply reply{};
        std::condition_variable changed{};
    };
    using Calls = std::deque<std::shared_ptr<Call>>;

    // What the thread holds of its connection.
    struct Traffic {
        Session session;
        std::string unsent{};
        std::size_t unsent_begin = 0;
        Calls sent{};
        bool has_served = false;
        bool is_counted = false;  // what ends it has been told to the breaker
    };

    void run(const std::stop_token& stop);
    void run_once(const std::stop_token& stop);
    [[nodiscard]] std::string serve(Traffic& traffic, const std::stop_token& stop);
    [[nodiscard]] bool collect(Traffic& traffic, const std::stop_token& stop);
    [[nodiscard]] bool send(Traffic& traffic);
    [[nodiscard]] bool receive(Traffic& traffic);
    [[nodiscard]] bool hand_out(Traffic& traffic);
    [[nodiscard]] std::size_t judge(Traffic& traffic, const std::vector<Reply>& replies);
    void set_ready();
    void set_tried();
    void drop(Traffic& traffic, const std::string& why, const std::stop_token& stop);

    const Limits limits_;
    const Target& target_;
    Breaker& breaker_;
    Clock& clock_;
    Wake wake_;
    Resolver resolver_;

    std::mutex mutex_;
    std::condition_variable ready_changed_;
    std::atomic<bool> ready_{false};  // written under the mutex
    bool tried_ = false;              // to connect, well or in vain
    bool overdue_ = false;            // a call timed out and was counted: this connection must go
    Calls waiting_;
    std::size_t calls_ = 0;  // waiting and sent
    std::size_t calls_bytes_ = 0;

    std::jthread thread_;
};

}  // namespace waybill::redis
