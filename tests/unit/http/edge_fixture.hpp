// Everything that a router's routes may call, on doubles, and a limiter that a test can read.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "http/router.hpp"
#include "tests/support/fake_cache.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/recording_log.hpp"

namespace waybill::http {

// Whole tokens that never come back.
class CountingLimiter : public RateLimiter {
public:
    [[nodiscard]] Admission admit(std::string_view key, const RateLimit& limit, std::int64_t cost) override {
        const std::lock_guard lock(mutex_);
        std::int64_t& used = used_[std::string(key)];
        const bool admitted = used + cost <= limit.burst;
        if (admitted) used += cost;
        return {admitted, limit.burst - used, admitted ? Milliseconds{0} : Milliseconds{1'500}, Milliseconds{2'500}};
    }
    [[nodiscard]] std::map<std::string, std::int64_t> used() const {
        const std::lock_guard lock(mutex_);
        return used_;
    }

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::int64_t> used_;
};

struct EdgeFixture {
    testing::FakeClock clock;
    testing::RecordingLog log;
    testing::MemoryStore store{clock};
    testing::FakeCache cache;
    CountingLimiter limiter;
    Metrics metrics;
    WorkSignal signal;
    SessionGuard sessions{{}, store, clock};
    AccessTokens access{{.secret = std::string(32, 's')}, clock};
    RefreshTokens refresh{std::string(32, 'r')};
    ResetTokens reset{std::string(32, 'p')};
    Auth auth{{.password_cost = {8'192, 1}}, store, clock, log, access, refresh, reset, sessions};
    OrderIntake intake{{}, store, clock, log, metrics, signal};
    Ordering ordering{{}, intake, store, cache, clock, metrics, signal};
    Catalogue catalogue{{}, store, cache, clock, metrics};
    Operations operations{store, clock, metrics, signal};
    EdgeOptions edge;
    std::atomic<bool> draining = false;
    Services services{auth, ordering, catalogue, operations, limiter, clock, log, metrics, edge, draining};

    // An access token whose session the guard knows already.
    [[nodiscard]] std::string log_in(Role role = Role::customer) {
        const std::string email = role == Role::admin ? "admin@example.com" : "user@example.com";
        const Result<User> user = auth.create_user({email, "correct horse", "A", ""}, role);
        const Result<Login> login = auth.log_in(email, "correct horse", "test");
        user_id = user->id;
        sessions.read_revocations();
        static_cast<void>(auth.check_access(login->access_token));
        return login->access_token;
    }
    UserId user_id;
};

}  // namespace waybill::http
