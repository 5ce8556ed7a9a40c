#include "adapters/redis/client.hpp"

#include <algorithm>
#include <utility>

namespace waybill::redis {

namespace {

constexpr std::size_t connections_max = 64;

// The frame around one value.
constexpr std::size_t reply_overhead_bytes = 64;

}  // namespace

Result<Target> make_target(const RedisOptions& options) {
    if (std::min({options.call_timeout, options.connect_timeout, options.pause}) < Milliseconds(1)) {
        return fail(ErrorCode::validation_failed, "The times for Redis are 1 ms or more.");
    }
    Result<RedisAddress> address = parse_redis_url(options.url);
    if (!address) return fail(std::move(address.error()));
    Target target{std::move(*address), nullptr, options.value_bytes_max + reply_overhead_bytes};
    if (!target.address.tls) {
        if (options.ca_file.empty()) return target;
        return fail(ErrorCode::validation_failed, "A file of authorities for Redis needs a rediss:// URL.");
    }
    Result<TlsContext> tls = make_tls_context(options.ca_file);
    if (!tls) return fail(std::move(tls.error()));
    target.tls = std::move(*tls);
    return target;
}

Redis::Redis(const RedisOptions& options, Target target, Clock& clock, Log& log)
    : options_(options),
      target_(std::move(target)),
      clock_(clock),
      breaker_(options.failures_max, options.pause, target_.address.place(), log) {
    const Lane::Limits limits{options.call_timeout, options.connect_timeout, options.pause, options.calls_max,
                              options.calls_bytes_max};
    const std::size_t count = std::clamp<std::size_t>(options.connections, 1, connections_max);
    for (std::size_t i = 0; i < count; ++i) {
        lanes_.push_back(std::make_unique<Lane>(limits, target_, breaker_, clock));
    }
}

// A connection that is being made is passed over; none is waited for.
std::optional<Reply> Redis::call(const std::vector<std::string_view>& words, Fits fits, SteadyTime deadline) {
    if (!breaker_.allows()) return std::nullopt;
    const std::size_t first = next_.fetch_add(1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        Lane& lane = *lanes_[(first + i) % lanes_.size()];
        if (!lane.is_ready()) continue;
        std::string command = format_command(words);
        const auto left = deadline - clock_.steady_now();
        if (left <= left.zero()) return std::nullopt;
        return lane.call(std::move(command), fits, left);
    }
    return std::nullopt;
}

bool Redis::wait_until_connected(Milliseconds timeout) {
    const SteadyTime deadline = clock_.steady_now() + timeout;
    return std::ranges::all_of(lanes_, [&](const std::unique_ptr<Lane>& lane) {
        const auto left = std::chrono::ceil<Milliseconds>(deadline - clock_.steady_now());
        return lane->wait_until_ready(std::max(left, Milliseconds::zero()));
    });
}

Result<std::shared_ptr<Redis>> open_redis(const RedisOptions& options, Clock& clock, Log& log) {
    Result<Target> target = make_target(options);
    if (!target) return fail(std::move(target.error()));
    return std::make_shared<Redis>(options, std::move(*target), clock, log);
}

// A try ends by itself within this time; all began together.
void Redis::wait_until_tried() {
    const SteadyTime deadline = clock_.steady_now() + options_.connect_timeout;
    for (const std::unique_ptr<Lane>& lane : lanes_) {
        const auto left = std::chrono::ceil<Milliseconds>(deadline - clock_.steady_now());
        lane->wait_until_tried(std::max(left, Milliseconds::zero()));
    }
}

bool wait_until_connected(Redis& redis, Milliseconds timeout) { return redis.wait_until_connected(timeout); }

void wait_until_tried(Redis& redis) { redis.wait_until_tried(); }

bool is_away(const Redis& redis) { return redis.is_away(); }

}  // namespace waybill::redis
