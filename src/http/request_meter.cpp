#include "http/request_meter.hpp"

#include <algorithm>

#include "http/problem.hpp"

namespace waybill::http {

namespace {

const prometheus::Histogram::BucketBoundaries seconds_buckets{
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

}  // namespace

RequestMeter::RequestMeter(prometheus::Registry& registry)
    : requests_(
          prometheus::BuildCounter().Name("waybill_http_requests_total").Help("Requests answered.").Register(registry)),
      seconds_(prometheus::BuildHistogram()
                   .Name("waybill_http_request_seconds")
                   .Help("Time from a request's last byte to its answer.")
                   .Register(registry)) {
    add_route("none", "none");
    auto& problems = prometheus::BuildCounter()
                         .Name("waybill_http_problems_total")
                         .Help("Problem documents answered, by their code.")
                         .Register(registry);
    for (const std::string_view code : problem_codes()) {
        problems_.emplace(code, &problems.Add({{"code", std::string(code)}}));
    }
}

std::size_t RequestMeter::add_route(std::string_view pattern, std::string_view method) {
    Slot& slot = slots_.emplace_back();
    slot.route = pattern;
    slot.method = method;
    slot.seconds = &seconds_.Add({{"route", slot.route}}, seconds_buckets);
    return slots_.size() - 1;
}

void RequestMeter::count(std::size_t route, int status, double seconds) {
    Slot& slot = slots_[route];
    const int shown = std::clamp(status, status_min, status_max);
    std::atomic<prometheus::Counter*>& place = slot.by_status[static_cast<std::size_t>(shown - status_min)];
    prometheus::Counter* counter = place.load(std::memory_order_acquire);
    if (counter == nullptr) {
        // The family gives the same child for the same labels, so a race fetches it twice.
        counter = &requests_.Add({{"route", slot.route}, {"method", slot.method}, {"status", std::to_string(shown)}});
        place.store(counter, std::memory_order_release);
    }
    counter->Increment();
    slot.seconds->Observe(seconds);
}

void RequestMeter::count_problem(std::string_view code) {
    const auto found = problems_.find(code);
    if (found != problems_.end()) found->second->Increment();
}

}  // namespace waybill::http
