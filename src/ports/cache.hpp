// Bytes with a time to live. Loss is always allowed, so there are no errors: a cache that is away
// behaves like an empty one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "domain/time.hpp"

namespace waybill {

// Thread-safe.
class Cache {
public:
    virtual ~Cache() = default;
    [[nodiscard]] virtual std::optional<std::string> find(std::string_view key) = 0;
    virtual void put(std::string_view key, std::string_view bytes, Milliseconds ttl) = 0;
    virtual void erase(std::string_view key) = 0;
};

}  // namespace waybill
