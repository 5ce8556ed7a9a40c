// The whole shop behind the routes, over a store in memory, with handlers called as the router calls
// them once its own checks have passed.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "http/route_table.hpp"
#include "http/routes.hpp"
#include "tests/support/fake_cache.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/recording_log.hpp"
#include "tests/unit/http/requests.hpp"

namespace waybill::http {

// Buckets that never refill by themselves.
class NeverRefillingLimiter : public RateLimiter {
public:
    [[nodiscard]] Admission admit(std::string_view key, const RateLimit& limit, std::int64_t cost) override {
        std::int64_t& taken = taken_[std::string(key)];
        Admission admission;
        admission.admitted = cost <= 0 || taken + cost <= limit.burst;
        if (admission.admitted) taken = std::max<std::int64_t>(taken + cost, 0);
        if (!admission.admitted) admission.retry_after = Milliseconds{1'001};
        admission.remaining = limit.burst - taken;
        return admission;
    }
    [[nodiscard]] std::int64_t taken(const std::string& key) { return taken_[key]; }

private:
    std::map<std::string, std::int64_t> taken_;
};

// A store whose reads for logins and probes fail while it is away.
class LeavingStore : public waybill::testing::MemoryStore {
public:
    using MemoryStore::MemoryStore;
    bool away = false;

    [[nodiscard]] Result<void> ping() override {
        if (away) return fail(ErrorCode::unavailable, "driver text");
        return MemoryStore::ping();
    }
    [[nodiscard]] Result<std::optional<User>> find_user_by_email(const std::string& email) override {
        if (away) return fail(ErrorCode::unavailable, "The store is away.");
        return MemoryStore::find_user_by_email(email);
    }
};

struct Shop {
    static constexpr std::string_view demo_body =
        R"({"location":"bangalore","totalAmount":4324,"items":[{"productId":"67c8830b7ef1b848ac52ebec","quantity":1},)"
        R"({"productId":"67c8830b7ef1b848ac52ebee","quantity":2}]})";

    waybill::testing::FakeClock clock;
    waybill::testing::RecordingLog log;
    waybill::testing::FakeCache cache;
    LeavingStore store{clock};
    Metrics metrics;
    WorkSignal signal;
    NeverRefillingLimiter limiter;
    AccessTokens access{{.secret = std::string(32, 's')}, clock};
    RefreshTokens refresh_tokens{std::string(32, 's')};
    ResetTokens reset_tokens{std::string(32, 's')};
    SessionGuard sessions{{}, store, clock};
    Auth auth{{.password_cost = {.memory_kib = 8, .iterations = 1}},
              store,
              clock,
              log,
              access,
              refresh_tokens,
              reset_tokens,
              sessions};
    OrderIntake intake{{}, store, clock, log, metrics, signal};
    Ordering ordering{{}, intake, store, cache, clock, metrics, signal};
    Catalogue catalogue{{}, store, cache, clock, metrics};
    Operations operations{store, clock, metrics, signal};
    EdgeOptions edge;
    std::atomic<bool> draining = false;
    Services services{auth, ordering, catalogue, operations, limiter, clock, log, metrics, edge, draining};

    Caller customer{UserId("u1"), SessionId("s1"), Role::customer};
    Caller other{UserId("u2"), SessionId("s2"), Role::customer};
    Caller admin{UserId("a1"), SessionId("s3"), Role::admin};
    std::string client_address = "127.0.0.1";

    Shop() {
        const std::vector<SeedProduct> products = demo_catalogue(clock.now());
        static_cast<void>(store.seed(products));
        for (const Caller& caller : {customer, other, admin}) {
            User user;
            user.id = caller.user_id;
            user.email = caller.user_id.text + "@example.com";
            user.role = caller.role;
            static_cast<void>(store.create_user(user, std::nullopt));
        }
    }

    Response call(Method method, std::string_view target, std::string_view body = {}, HeaderTexts headers = {},
                  const Caller& caller = {}) {
        headers.emplace_back("Host", "localhost");
        OwnedRequest owned(method, target, body, std::move(headers));
        owned.get().client_address = client_address;
        const PathMatch match = table_.find(owned.get().path);
        const Row* row = match.endpoint == nullptr ? nullptr : match.endpoint->find(method);
        EXPECT_NE(row, nullptr) << target;
        if (row == nullptr) return {};
        const Exchange exchange{owned.get(), match.params, caller};
        if (row->route.handler != nullptr) return row->route.handler(services, exchange);

        std::optional<Response> response;
        row->route.completing(services, exchange, [&](MakeResponse make) { response = make(); });
        while (intake.commit_batch()) {
        }
        return response.value();
    }

    Response get(std::string_view target, const Caller& caller = {}) {
        return call(Method::get, target, {}, {}, caller);
    }
    Response post(std::string_view target, std::string_view body, const Caller& caller = {}, HeaderTexts headers = {}) {
        return call(Method::post, target, body, std::move(headers), caller);
    }

    // The id of a new order of `caller`.
    std::string place(const Caller& caller) { return text_of(post("/api/v1/orders", demo_body, caller), "orderId"); }

    // Claims and settles every order that waits; fails them with `reason` unless it is empty.
    void process_all(const std::string& reason = "", bool dead_letter = false) {
        const auto claimed = store.claim_work(WorkKind::process_order, 100, Milliseconds{15'000}).value();
        for (const ClaimedWork& work : claimed) {
            OrderSettlement settlement;
            settlement.lease = work.lease;
            settlement.order_id = work.order.id;
            settlement.processed = reason.empty();
            settlement.reason = reason;
            settlement.dead_letter = dead_letter;
            static_cast<void>(store.settle_orders(std::array{settlement}));
        }
    }

private:
    RouteTable table_{api_routes(), root_routes(), [](const Route&) { return std::size_t{0}; }};
};

}  // namespace waybill::http
