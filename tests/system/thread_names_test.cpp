// What an operator reads in top -H: every thread of ours says what it does.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <set>
#include <string>

#include "tests/system/fulfilment_server.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

// Of all threads but the first, whose name is the process's own.
std::multiset<std::string> thread_names(pid_t pid) {
    std::multiset<std::string> names;
    std::error_code gone;  // a thread, or the process
    const std::string first = std::to_string(pid);
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + first + "/task", gone)) {
        if (task.path().filename() == first) continue;
        std::string name = read_file(task.path() / "comm");
        if (!name.empty()) names.insert(name.substr(0, name.find('\n')));
    }
    return names;
}

std::string as_text(const std::multiset<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += name + '\n';
    return text;
}

// All of `expected`, and no more than so many that are called as the process is.
void expect_names(pid_t pid, const std::set<std::string>& expected, std::size_t unnamed_max) {
    EXPECT_TRUE(eventually([&] {
        const std::multiset<std::string> names = thread_names(pid);
        return std::ranges::includes(names, expected) && names.count("waybill") <= unnamed_max;
    })) << as_text(thread_names(pid));
}

// ThreadSanitizer has a thread of its own.
#ifdef __SANITIZE_THREAD__
constexpr std::size_t foreign_max = 1;
#else
constexpr std::size_t foreign_max = 0;
#endif

// libmongoc watches a server with a thread or two, which have the name of who asked first.
constexpr std::size_t foreign_of_mongoc_max = foreign_max + 2;

TEST(ThreadNames, no_thread_of_the_embedded_parts_is_called_as_the_process_is) {
    FulfilmentServer service([](const FulfilmentCall&) { return FulfilmentAnswer{200, "{}"}; });
    Shop shop(Parts::embedded, service.flags({"--shutdown-delay", "30s"}));
    expect_names(
        shop.pid(),
        {"http-io", "http-store", "http-hashing", "order-commit", "order-expiry", "sqlite-absorber", "work-orders",
         "work-mails", "fulfilment", "mail-folder", "freshness", "store-figures", "janitor", "reset-mails"},
        foreign_max);
    shop.signal(SIGTERM);
    expect_names(shop.pid(), {"second-signal"}, foreign_max);
    shop.kill();
}

TEST(ThreadNames, the_threads_of_the_production_parts_say_what_they_do) {
    const Shop shop(ProductionOptions{.apis = 1, .workers = 1});
    expect_names(shop.pid(),
                 {"http-io", "http-store", "http-hashing", "order-commit", "order-expiry", "redis-lane", "work-relay",
                  "freshness", "store-figures", "janitor"},
                 foreign_of_mongoc_max);
    expect_names(shop.set().worker().pid(),
                 {"http-io", "redis-lane", "work-relay", "work-orders", "work-mails", "queue-receiver",
                  "queue-answerer", "mail-ses", "reset-mails"},
                 foreign_of_mongoc_max);
}

}  // namespace
}  // namespace waybill::system_test
