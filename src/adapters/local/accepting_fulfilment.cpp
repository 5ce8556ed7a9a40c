#include "adapters/local/local.hpp"

namespace waybill::local {

namespace {

// Nothing is ever under way, since `done` is called at once; this only bounds one batch.
constexpr std::size_t accepting_in_flight_max = 1'024;

class AcceptingFulfilment final : public Fulfilment {
public:
    void fulfil(const Order& /*order*/, Done done) override { done({FulfilmentOutcome::accepted, {}}); }
    std::size_t in_flight_max() const override { return accepting_in_flight_max; }
};

}  // namespace

std::unique_ptr<Fulfilment> make_accepting_fulfilment() { return std::make_unique<AcceptingFulfilment>(); }

}  // namespace waybill::local
