// One thread fetches what several want at the same moment; the others wait for it and get a copy. Spares
// the store a crowd when an entry of a cache has just gone.
//
// Thread-safe. Holds no more than what is being fetched now.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace waybill {

// The key must say everything that makes two fetches interchangeable, the version of what is read too:
// a fetch that began earlier may answer one that begins now.
template <class Value>
class SingleFlight {
public:
    // `fetch()` must not ask for the same key again. When it throws, those who wait fetch for themselves.
    template <class Fetch>
    [[nodiscard]] Value run(const std::string& key, Fetch&& fetch) {
        std::unique_lock lock(mutex_);
        const auto [place, is_first] = flights_.try_emplace(key);
        if (is_first) {
            place->second = std::make_shared<Flight>();
            lock.unlock();
            return lead(key, fetch);
        }
        const std::shared_ptr<Flight> flight = place->second;
        ++waiting_;
        flight->landed.wait(lock, [&] { return flight->is_over; });
        --waiting_;
        if (flight->value) return *flight->value;
        lock.unlock();
        return fetch();
    }

    // How many wait at present for what another thread fetches.
    [[nodiscard]] std::size_t waiting() const {
        const std::lock_guard lock(mutex_);
        return waiting_;
    }

private:
    struct Flight {
        std::condition_variable landed;
        bool is_over = false;
        std::optional<Value> value;
    };

    template <class Fetch>
    Value lead(const std::string& key, Fetch&& fetch) {
        try {
            Value value = fetch();
            land(key, value);
            return value;
        } catch (...) {
            land(key, std::nullopt);
            throw;
        }
    }

    void land(const std::string& key, const std::optional<Value>& value) {
        const std::lock_guard lock(mutex_);
        const auto found = flights_.find(key);
        if (found == flights_.end()) return;
        found->second->is_over = true;
        found->second->value = value;
        found->second->landed.notify_all();
        flights_.erase(found);
    }

    mutable std::mutex mutex_;
    std::unordered_map<std::string, std::shared_ptr<Flight>> flights_;
    std::size_t waiting_ = 0;
};

}  // namespace waybill
