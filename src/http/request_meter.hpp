// Counts answers by route, method and status, and problems by their code; times answers by route.
//
// Label children are fetched once for each status that a route has answered, and kept.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace waybill::http {

class RequestMeter {
public:
    explicit RequestMeter(prometheus::Registry& registry);

    // Before anything is counted. Returns the route's number; 0 is what no route answered.
    std::size_t add_route(std::string_view pattern, std::string_view method);

    // Thread-safe and lock-free but for the first answer with a status.
    void count(std::size_t route, int status, double seconds);
    void count_problem(std::string_view code);

private:
    static constexpr int status_min = 100;
    static constexpr int status_max = 599;
    struct Slot {
        std::string route;
        std::string method;
        prometheus::Histogram* seconds = nullptr;
        std::array<std::atomic<prometheus::Counter*>, status_max - status_min + 1> by_status{};
    };
    prometheus::Family<prometheus::Counter>& requests_;
    prometheus::Family<prometheus::Histogram>& seconds_;
    std::deque<Slot> slots_;
    std::map<std::string_view, prometheus::Counter*> problems_;  // of every code there is
};

}  // namespace waybill::http
