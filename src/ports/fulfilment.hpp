// What "processing" an order means for this shop: the decision of a warehouse, a payment, a partner.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "domain/order.hpp"

namespace waybill {

enum class FulfilmentOutcome { accepted, refused, no_answer };

struct FulfilmentResult {
    FulfilmentOutcome outcome = FulfilmentOutcome::no_answer;
    std::string reason;  // one sentence when not accepted
};

// Thread-safe. The same order may come again (at least once): the receiver tells copies apart by
// the order id.
class Fulfilment {
public:
    using Done = std::move_only_function<void(FulfilmentResult)>;
    virtual ~Fulfilment() = default;

    // Calls `done` exactly once, from any thread, perhaps before it returns, and before the lease
    // of a claim can end. Never throws.
    virtual void fulfil(const Order& order, Done done) = 0;

    // How many orders may be under way at once.
    [[nodiscard]] virtual std::size_t in_flight_max() const = 0;
};

}  // namespace waybill
