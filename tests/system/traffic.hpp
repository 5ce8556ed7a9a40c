// Customers who order over every API process while parts fail, and what must be true in the end.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/shop.hpp"

namespace waybill::system_test {

// Places orders, each with a key of its own, until it is told to stop. Any answer but 201, 503 with
// Retry-After, 504 and (where processes are killed) none at all fails the test.
class Traffic {
public:
    // `shop` is on the production set and seeded; it outlives this.
    explicit Traffic(Shop& shop);
    ~Traffic();
    Traffic(const Traffic&) = delete;
    Traffic& operator=(const Traffic&) = delete;

    void start();
    void stop();

    struct Counts {
        int asked = 0;     // answered, or given up
        int accepted = 0;  // 201
    };
    [[nodiscard]] Counts counts() const;
    // Until so many more were accepted; fails the test when they are not.
    void await_accepted(int more);

    // Stops; asks again for what had no 201; then every order is Processed with exactly one mail
    // identity and equal copies, stock is conserved, and there is no dead letter.
    void expect_settled();

    // Copies of mails beyond the first, after expect_settled().
    [[nodiscard]] std::size_t extra_mails() const { return extra_mails_; }

private:
    struct Attempt {
        std::string body;
        std::string answer;  // of the 201; empty while there is none
    };

    void place_until_stopped(std::size_t client, const std::stop_token& stop);
    void place(HttpClient& http, const std::string& key, const std::string& body);
    [[nodiscard]] std::map<std::string, Attempt> attempts() const;
    void repeat_unknown();
    void expect_orders_and_stock();
    void expect_mails();

    Shop& shop_;
    Customer customer_;
    Customer admin_;
    std::vector<std::string> products_;
    mutable std::mutex mutex_;
    std::condition_variable_any stopped_;
    std::map<std::string, Attempt> attempts_;
    std::atomic<int> asked_{0};
    std::atomic<int> accepted_{0};
    int round_ = 0;
    std::size_t extra_mails_ = 0;
    std::vector<std::jthread> threads_;
};

}  // namespace waybill::system_test
