#include <algorithm>
#include <utility>

#include "adapters/redis/bucket_script.hpp"
#include "adapters/redis/client.hpp"
#include "adapters/redis/keys.hpp"

namespace waybill::redis {

namespace {

constexpr std::int64_t burst_max = 1'000'000'000;
constexpr Milliseconds period_max = std::chrono::hours(24 * 31);
constexpr std::size_t answer_size = 4;

bool fits_bucket(const Reply& reply) {
    return reply.kind == Reply::Kind::array && reply.elements.size() == answer_size &&
           std::ranges::all_of(reply.elements, [](const Reply& part) {
               return part.kind == Reply::Kind::integer && part.integer >= 0;
           });
}

Admission to_admission(const Reply& reply) {
    const std::vector<Reply>& parts = reply.elements;
    return {parts[0].integer == 1, parts[1].integer, Milliseconds(parts[2].integer), Milliseconds(parts[3].integer)};
}

std::string bucket_name(std::string_view key, const RateLimit& limit) {
    return std::to_string(limit.burst) + "/" + std::to_string(limit.period.count()) + "/" + std::string(key);
}

class RedisLimiter final : public RateLimiter {
public:
    RedisLimiter(std::shared_ptr<Redis> redis, RateLimiter& local)
        : redis_(std::move(redis)), local_(local), sha1_(bucket_script_sha1()) {}

    Admission admit(std::string_view key, const RateLimit& limit, std::int64_t cost) override {
        if (!limit.enabled()) return {};
        if (key.size() > redis_->options().key_bytes_max) return local_.admit(key, limit, cost);
        const std::optional<Reply> reply = run(key, limit, cost);
        return reply ? to_admission(*reply) : local_.admit(key, limit, cost);
    }

private:
    // Both tries share one call's time: after a restart the server does not know the script.
    std::optional<Reply> run(std::string_view key, const RateLimit& limit, std::int64_t cost) {
        if (redis_->is_away()) return std::nullopt;
        const std::int64_t burst = std::min(limit.burst, burst_max);
        const std::chrono::nanoseconds period = std::clamp(limit.period, Milliseconds(1), period_max);
        const std::string name = bucket_key(redis_->options().key_prefix, bucket_name(key, limit));
        const std::string burst_text = std::to_string(burst);
        const std::string interval = std::to_string(std::max<std::int64_t>(period.count() / burst, 1));
        const std::string cost_text = std::to_string(std::clamp(cost, -burst, burst + 1));
        const SteadyTime deadline = redis_->deadline();
        std::optional<Reply> reply =
            redis_->call({"EVALSHA", sha1_, "1", name, burst_text, interval, cost_text}, fits_bucket, deadline);
        if (reply && reply->error_code() == "NOSCRIPT") {
            reply = redis_->call({"EVAL", bucket_script, "1", name, burst_text, interval, cost_text}, fits_bucket,
                                 deadline);
        }
        if (reply && reply->kind == Reply::Kind::error) return std::nullopt;
        return reply;
    }

    std::shared_ptr<Redis> redis_;
    RateLimiter& local_;
    const std::string sha1_;
};

}  // namespace

std::unique_ptr<RateLimiter> make_redis_limiter(std::shared_ptr<Redis> redis, RateLimiter& local) {
    return std::make_unique<RedisLimiter>(std::move(redis), local);
}

}  // namespace waybill::redis
