// A cache in a map. Nothing leaves it by itself, and a test may look into it and plant entries.
// Thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "ports/cache.hpp"

namespace waybill::testing {

class FakeCache : public Cache {
public:
    [[nodiscard]] std::optional<std::string> find(std::string_view key) override {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(key);
        if (found == entries_.end()) return {};
        return found->second;
    }

    void put(std::string_view key, std::string_view bytes, Milliseconds) override {
        const std::lock_guard lock(mutex_);
        entries_.insert_or_assign(std::string(key), std::string(bytes));
    }

    void erase(std::string_view key) override {
        const std::lock_guard lock(mutex_);
        entries_.erase(std::string(key));
    }

    void clear() {
        const std::lock_guard lock(mutex_);
        entries_.clear();
    }

    [[nodiscard]] std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return entries_.size();
    }

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::string, std::less<>> entries_;
};

}  // namespace waybill::testing
