#include <algorithm>
#include <list>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "adapters/local/local.hpp"

namespace waybill::local {

namespace {

constexpr std::size_t shards_max = 16;
// Below these a shard would be too small to hold one large entry, or to be least recently used.
constexpr std::size_t shard_entries_min = 256;
constexpr std::size_t shard_bytes_min = 1u << 20;

// Nodes and pointers that an entry costs beside its bytes.
constexpr std::size_t entry_overhead_bytes = 128;
constexpr Milliseconds ttl_max = std::chrono::hours(24 * 365);

struct Entry {
    std::string key;
    std::string bytes;
    SteadyTime expires_at;
    [[nodiscard]] std::size_t cost() const { return key.size() + bytes.size() + entry_overhead_bytes; }
};

class Shard {
public:
    Shard(std::size_t entries_max, std::size_t bytes_max) : entries_max_(entries_max), bytes_max_(bytes_max) {}

    std::optional<std::string> find(std::string_view key, SteadyTime now) {
        const std::lock_guard lock(mutex_);
        const auto found = index_.find(key);
        if (found == index_.end()) return std::nullopt;
        if (found->second->expires_at <= now) {
            remove(found->second);
            return std::nullopt;
        }
        entries_.splice(entries_.begin(), entries_, found->second);
        return found->second->bytes;
    }

    void put(Entry entry) {
        const std::lock_guard lock(mutex_);
        if (const auto found = index_.find(entry.key); found != index_.end()) remove(found->second);
        if (entry.cost() > bytes_max_ || entries_max_ == 0) return;
        while (entries_.size() >= entries_max_ || bytes_ + entry.cost() > bytes_max_) remove(std::prev(entries_.end()));
        bytes_ += entry.cost();
        entries_.push_front(std::move(entry));
        index_.emplace(entries_.front().key, entries_.begin());
    }

    void erase(std::string_view key) {
        const std::lock_guard lock(mutex_);
        if (const auto found = index_.find(key); found != index_.end()) remove(found->second);
    }

private:
    using Position = std::list<Entry>::iterator;

    void remove(Position entry) {
        bytes_ -= entry->cost();
        index_.erase(entry->key);
        entries_.erase(entry);
    }

    std::mutex mutex_;
    std::size_t entries_max_;
    std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::list<Entry> entries_;  // most recently used first
    std::unordered_map<std::string_view, Position> index_;
};

class MemoryCache final : public Cache {
public:
    MemoryCache(const MemoryCacheOptions& options, Clock& clock) : clock_(clock) {
        const std::size_t count = std::clamp<std::size_t>(
            std::min(options.entries_max / shard_entries_min, options.bytes_max / shard_bytes_min), 1, shards_max);
        shards_.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            shards_.push_back(std::make_unique<Shard>(options.entries_max / count, options.bytes_max / count));
        }
    }

    std::optional<std::string> find(std::string_view key) override { return shard(key).find(key, clock_.steady_now()); }

    void put(std::string_view key, std::string_view bytes, Milliseconds ttl) override {
        if (ttl <= Milliseconds::zero()) return erase(key);
        shard(key).put({std::string(key), std::string(bytes), clock_.steady_now() + std::min(ttl, ttl_max)});
    }

    void erase(std::string_view key) override { shard(key).erase(key); }

private:
    Shard& shard(std::string_view key) { return *shards_[std::hash<std::string_view>{}(key) % shards_.size()]; }

    Clock& clock_;
    std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace

std::unique_ptr<Cache> make_memory_cache(const MemoryCacheOptions& options, Clock& clock) {
    return std::make_unique<MemoryCache>(options, clock);
}

}  // namespace waybill::local
