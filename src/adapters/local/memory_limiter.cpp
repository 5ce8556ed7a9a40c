#include <algorithm>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/local/local.hpp"

namespace waybill::local {

namespace {

using Nanoseconds = std::chrono::nanoseconds;

constexpr std::size_t shards_max = 16;
constexpr std::size_t shard_buckets_min = 256;

// How many of the least recently used buckets are looked at to find one that may go.
constexpr std::size_t eviction_sample = 8;
constexpr std::int64_t burst_max = 1'000'000'000;
constexpr Milliseconds period_max = std::chrono::hours(24 * 31);

// A bucket is the time at which it will be full again: what it lacks is that time from now.
struct Bucket {
    std::string name;
    SteadyTime full_at;
};

// One token is `interval`; the whole bucket is `capacity`.
struct Measure {
    std::int64_t burst;
    Nanoseconds interval;
    Nanoseconds capacity;

    explicit Measure(const RateLimit& limit)
        : burst(std::min(limit.burst, burst_max)),
          interval(
              std::max(Nanoseconds(std::clamp(limit.period, Milliseconds(1), period_max)) / burst, Nanoseconds(1))),
          capacity(interval * burst) {}

    [[nodiscard]] std::int64_t tokens(Nanoseconds lack) const { return (capacity - lack) / interval; }
};

Milliseconds round_up(Nanoseconds duration) {
    return std::max(std::chrono::ceil<Milliseconds>(duration), Milliseconds::zero());
}

std::string bucket_name(std::string_view key, const RateLimit& limit) {
    std::string name = std::to_string(limit.burst);
    name += '/';
    name += std::to_string(limit.period.count());
    name += '/';
    name += key;
    return name;
}

class Shard {
public:
    explicit Shard(std::size_t buckets_max) : buckets_max_(std::max<std::size_t>(buckets_max, 1)) {}

    Admission admit(std::string name, const Measure& measure, std::int64_t cost, SteadyTime now) {
        const std::lock_guard lock(mutex_);
        const auto found = index_.find(name);
        const Nanoseconds lack = found == index_.end()
                                     ? Nanoseconds::zero()
                                     : std::clamp(found->second->full_at - now, Nanoseconds::zero(), measure.capacity);
        const std::int64_t wanted = std::max<std::int64_t>(cost, 1);
        Nanoseconds left_lack = lack;
        Admission answer;
        if (cost < 0) {
            const std::int64_t given_back = std::min(-std::max(cost, -measure.burst), measure.burst);
            left_lack = std::max(lack - measure.interval * given_back, Nanoseconds::zero());
        } else if (measure.tokens(lack) < wanted) {
            answer.admitted = false;
            const std::int64_t reachable = std::min(wanted, measure.burst);
            answer.retry_after = round_up(lack + measure.interval * reachable - measure.capacity);
        } else {
            left_lack = lack + measure.interval * cost;
        }
        answer.remaining = measure.tokens(left_lack);
        answer.full_after = round_up(left_lack);
        if (left_lack != lack) keep(std::move(name), now + left_lack, now);
        return answer;
    }

private:
    using Position = std::list<Bucket>::iterator;

    void keep(std::string name, SteadyTime full_at, SteadyTime now) {
        if (const auto found = index_.find(name); found != index_.end()) {
            found->second->full_at = full_at;
            buckets_.splice(buckets_.begin(), buckets_, found->second);
            return;
        }
        if (!buckets_.empty() && buckets_.back().full_at <= now) remove(std::prev(buckets_.end()));
        if (buckets_.size() >= buckets_max_) remove(least_missed());
        buckets_.push_front({std::move(name), full_at});
        index_.emplace(buckets_.front().name, buckets_.begin());
    }

    // Of the least recently used ones, the one that is full again first.
    Position least_missed() {
        Position best = std::prev(buckets_.end());
        Position it = best;
        for (std::size_t i = 1; i < eviction_sample && it != buckets_.begin(); ++i) {
            --it;
            if (it->full_at < best->full_at) best = it;
        }
        return best;
    }

    void remove(Position bucket) {
        index_.erase(bucket->name);
        buckets_.erase(bucket);
    }

    std::mutex mutex_;
    std::size_t buckets_max_;
    std::list<Bucket> buckets_;  // most recently changed first
    std::unordered_map<std::string_view, Position> index_;
};

class MemoryLimiter final : public RateLimiter {
public:
    MemoryLimiter(const MemoryLimiterOptions& options, Clock& clock) : clock_(clock) {
        const std::size_t count = std::clamp<std::size_t>(options.buckets_max / shard_buckets_min, 1, shards_max);
        shards_.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            shards_.push_back(std::make_unique<Shard>(options.buckets_max / count));
        }
    }

    Admission admit(std::string_view key, const RateLimit& limit, std::int64_t cost) override {
        if (!limit.enabled()) return {};
        std::string name = bucket_name(key, limit);
        Shard& shard = *shards_[std::hash<std::string_view>{}(name) % shards_.size()];
        return shard.admit(std::move(name), Measure(limit), cost, clock_.steady_now());
    }

private:
    Clock& clock_;
    std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace

std::unique_ptr<RateLimiter> make_memory_limiter(const MemoryLimiterOptions& options, Clock& clock) {
    return std::make_unique<MemoryLimiter>(options, clock);
}

}  // namespace waybill::local
