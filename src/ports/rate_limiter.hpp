// Token buckets. A limiter that is away admits by local buckets, so there are no errors.
#pragma once

#include <cstdint>
#include <string_view>

#include "domain/time.hpp"

namespace waybill {

// `burst` tokens that refill evenly over `period`. A burst of 0 means no limit.
struct RateLimit {
    std::int64_t burst = 0;
    Milliseconds period{60'000};
    [[nodiscard]] bool enabled() const { return burst > 0; }
    bool operator==(const RateLimit&) const = default;
};

struct Admission {
    bool admitted = true;
    std::int64_t remaining = 0;
    Milliseconds retry_after{};  // until one token is there; 0 when admitted
    Milliseconds full_after{};   // until the bucket is full again
};

// Thread-safe.
class RateLimiter {
public:
    virtual ~RateLimiter() = default;

    // Takes `cost` tokens when they are there. A negative cost gives tokens back (never above
    // `burst`); cost 0 only looks.
    [[nodiscard]] virtual Admission admit(std::string_view key, const RateLimit& limit, std::int64_t cost) = 0;
};

}  // namespace waybill
