#include <algorithm>
#include <chrono>
#include <utility>

#include "adapters/redis/client.hpp"
#include "adapters/redis/keys.hpp"

namespace waybill::redis {

namespace {

constexpr Milliseconds ttl_max = std::chrono::hours(24 * 365);

bool fits_get(const Reply& reply) { return reply.kind == Reply::Kind::bytes || reply.kind == Reply::Kind::nil; }
bool fits_set(const Reply& reply) { return reply.is_status("OK"); }
bool fits_del(const Reply& reply) { return reply.kind == Reply::Kind::integer; }

class RedisCache final : public Cache {
public:
    explicit RedisCache(std::shared_ptr<Redis> redis) : redis_(std::move(redis)), options_(redis_->options()) {}

    std::optional<std::string> find(std::string_view key) override {
        if (key.size() > options_.key_bytes_max) return std::nullopt;
        std::optional<Reply> reply =
            redis_->call({"GET", cache_key(options_.key_prefix, key)}, fits_get, redis_->deadline());
        if (!reply || reply->kind != Reply::Kind::bytes) return std::nullopt;
        return std::move(reply->text);
    }

    // What is too large leaves nothing behind: the old value must not outlive the new one.
    void put(std::string_view key, std::string_view bytes, Milliseconds ttl) override {
        if (ttl <= Milliseconds::zero() || bytes.size() > options_.value_bytes_max) return erase(key);
        if (key.size() > options_.key_bytes_max) return;
        const std::string name = cache_key(options_.key_prefix, key);
        const std::string lifetime = std::to_string(std::min(ttl, ttl_max).count());
        static_cast<void>(redis_->call({"SET", name, bytes, "PX", lifetime}, fits_set, redis_->deadline()));
    }

    void erase(std::string_view key) override {
        if (key.size() > options_.key_bytes_max) return;
        const std::string name = cache_key(options_.key_prefix, key);
        static_cast<void>(redis_->call({"DEL", name}, fits_del, redis_->deadline()));
    }

private:
    std::shared_ptr<Redis> redis_;
    const RedisOptions& options_;
};

}  // namespace

std::unique_ptr<Cache> make_redis_cache(std::shared_ptr<Redis> redis) {
    return std::make_unique<RedisCache>(std::move(redis));
}

}  // namespace waybill::redis
