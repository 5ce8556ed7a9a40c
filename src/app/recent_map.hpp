// Text keys to values, the most recently used ones: bounded, and forgetting costs no bookkeeping.
//
// Entries live in two halves. A full recent half becomes the older one, whose entries are dropped
// unless they were used meanwhile. Not thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace waybill {

template <class Value>
class RecentMap {
public:
    // Never holds more than `size_max`; below 2 it holds nothing.
    explicit RecentMap(std::size_t size_max) : half_max_(size_max / 2) {}

    // Valid until the next call. Null: not here.
    [[nodiscard]] const Value* find(std::string_view key) {
        if (const auto found = recent_.find(key); found != recent_.end()) return &found->second;
        const auto found = older_.find(key);
        if (found == older_.end()) return nullptr;
        auto node = older_.extract(found);
        make_room();
        return &recent_.insert(std::move(node)).position->second;
    }

    void put(std::string_view key, Value value) {
        if (half_max_ == 0) return;
        erase(key);
        make_room();
        recent_.emplace(key, std::move(value));
    }

    void erase(std::string_view key) {
        if (const auto found = recent_.find(key); found != recent_.end()) recent_.erase(found);
        if (const auto found = older_.find(key); found != older_.end()) older_.erase(found);
    }

    void clear() {
        recent_.clear();
        older_.clear();
    }

    [[nodiscard]] std::size_t size() const { return recent_.size() + older_.size(); }

private:
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };
    using Half = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

    void make_room() {
        if (recent_.size() < half_max_) return;
        older_ = std::move(recent_);
        recent_ = {};
    }

    std::size_t half_max_;
    Half recent_;
    Half older_;
};

}  // namespace waybill
