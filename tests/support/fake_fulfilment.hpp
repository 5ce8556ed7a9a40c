// A fulfilment that keeps what it is given. Accepts unless told otherwise.
// Thread-safe.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "ports/fulfilment.hpp"
#include "tests/support/scripted_answers.hpp"

namespace waybill::testing {

class FakeFulfilment : public Fulfilment {
public:
    using Answers = ScriptedAnswers<Order, FulfilmentResult>;

    explicit FakeFulfilment(std::size_t in_flight_max = 16) : in_flight_max_(in_flight_max) {}

    void fulfil(const Order& order, Done done) override { answers_.take(order, std::move(done)); }
    [[nodiscard]] std::size_t in_flight_max() const override { return in_flight_max_; }

    // Scripted answers come first, one for each call; then `rule` decides.
    void answer_next(FulfilmentResult result) { answers_.next(std::move(result)); }
    void answer_by(Answers::Rule rule) { answers_.always(std::move(rule)); }

    // From now on calls wait for release_one() or release_all().
    void hold() { answers_.hold(); }
    void hold_those(Answers::Choice which) { answers_.hold(std::move(which)); }
    bool release_one() { return answers_.release_one(); }
    void release_all() { answers_.release_all(); }

    // Every order that was handed over, copies too, in order.
    [[nodiscard]] std::vector<Order> orders() const { return answers_.calls(); }
    [[nodiscard]] std::size_t held() const { return answers_.held(); }
    [[nodiscard]] bool wait_for_orders(std::size_t count) { return answers_.wait_for_calls(count); }

private:
    std::size_t in_flight_max_;
    Answers answers_{[](const Order&) { return FulfilmentResult{FulfilmentOutcome::accepted, ""}; }};
};

}  // namespace waybill::testing
