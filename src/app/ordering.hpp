// Orders, as their customers see them: place, find, list, cancel.
//
// Thread-safe. `place` never blocks; the others block on the store.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "app/id_maker.hpp"
#include "app/order_intake.hpp"
#include "app/page.hpp"
#include "domain/order.hpp"
#include "domain/user.hpp"
#include "ports/cache.hpp"

namespace waybill {

struct OrderRequest {
    std::optional<std::string> location{};
    std::vector<RequestedLine> lines{};
    std::optional<MinorUnits> expected_total{};
    std::optional<IdempotencyKey> idempotency{};
    std::size_t size = 0;  // of the request, in bytes
    TraceContext trace{};
};

struct FoundOrder {
    Order order;
    bool from_cache = false;
};

class Ordering {
public:
    struct Options {
        std::optional<std::string> default_location;
        Milliseconds cache_ttl{600'000};
    };
    Ordering(Options options, OrderIntake& intake, Store& store, Cache& cache, Clock& clock, Metrics& metrics,
             WorkSignal& signal);

    // Errors, through `done`: validation_failed, unknown_location, unknown_product, total_mismatch,
    // insufficient_stock, idempotency_key_reused, idempotency_in_progress, overloaded, unavailable,
    // outcome_unknown.
    void place(const Caller& caller, OrderRequest request, OrderIntake::Done done);

    // Somebody else's order is not_found, except for an admin. Terminal orders come from the cache.
    [[nodiscard]] Result<FoundOrder> find(const Caller& caller, const OrderId& id);

    // Own orders; an admin's `filter.user_id` is used as it is. Newest first.
    [[nodiscard]] Result<Page<Order>> list(const Caller& caller, OrderFilter filter,
                                           const std::optional<PageKey>& after, std::size_t limit);

    // Errors: not_found, invalid_transition.
    [[nodiscard]] Result<Order> cancel(const Caller& caller, const OrderId& id);

private:
    Options options_;
    OrderIntake& intake_;
    Store& store_;
    Cache& cache_;
    Metrics& metrics_;
    WorkSignal& signal_;
    IdMaker ids_;
};

}  // namespace waybill
