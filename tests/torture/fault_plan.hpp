// The faults of one round, decided before it begins. Pure: the same seed, the same plan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/torture/options.hpp"

namespace waybill::torture {

struct Fault {
    int at_ms = 0;
    std::string name;        // "kill", "redis-freeze" ...
    std::size_t target = 0;  // which process
    int amount = 0;          // what the fault counts in: milliseconds, seconds, kills
    bool lasts = false;
    bool ends = false;  // of one that lasts
};

struct PlanOptions {
    Options::Set set = Options::Set::embedded;
    int seconds = 60;
    bool disk = false;
    bool clock = false;
    int kills_min = 0;
    std::vector<std::string> wanted{};  // names or their beginnings; empty: all
};

// In the order of time.
[[nodiscard]] std::vector<Fault> plan_faults(std::uint64_t seed, const PlanOptions& options);

}  // namespace waybill::torture
