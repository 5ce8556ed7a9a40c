// The people of one round: customers, the operator, and somebody who only looks after a session. Each
// is one thread with dice of its own, so that the same seed asks for the same things.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/torture/dice.hpp"
#include "tests/torture/ledger.hpp"
#include "tests/torture/world.hpp"

namespace waybill::torture {

class Crowd {
public:
    Crowd(World& world, Ledger& ledger, std::uint64_t seed);
    ~Crowd();

    void start();
    void stop();  // after the calls under way

    // Clock jumps move the end of a grace; from then on a refusal of an old token proves nothing.
    void note_clock_jump() { clock_jumped_ = true; }

    // After the faults: what has no certain answer is asked again until it has one. False when an
    // answer does not come.
    [[nodiscard]] bool resolve_unknown();

private:
    World& world_;
    Ledger& ledger_;
    const std::uint64_t seed_;
    std::atomic<bool> clock_jumped_ = false;
    std::vector<std::jthread> threads_;
};

// Each returns when it is told to stop.
void be_customer(World& world, Ledger& ledger, std::uint64_t seed, std::size_t index, const std::stop_token& stop);
void be_operator(World& world, Ledger& ledger, std::uint64_t seed, const std::stop_token& stop);
void keep_session(World& world, Ledger& ledger, std::uint64_t seed, const std::atomic<bool>& clock_jumped,
                  const std::stop_token& stop);

// POST /orders, written down.
Attempt place(Caller& caller, Ledger& ledger, const Customer& person, Attempt attempt);
[[nodiscard]] std::string body_of(const std::vector<Line>& lines);
void pause_for(const std::stop_token& stop, int ms);

}  // namespace waybill::torture
