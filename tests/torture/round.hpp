// One round: a fresh shop, load and faults, quiet, and the invariants.
#pragma once

#include <cstdint>
#include <filesystem>

#include "tests/torture/options.hpp"
#include "tests/torture/verdict.hpp"

namespace waybill::torture {

struct RoundOptions {
    Options::Set set = Options::Set::embedded;
    std::uint64_t seed = 0;
    int number = 0;
    int seconds = 60;
    int kills_min = 0;
    std::vector<std::string> faults{};
    std::filesystem::path tmpfs{};  // empty: no full disks
    bool clock_jumps = false;
};

struct Totals {
    long accepted = 0;
    long unknown = 0;
    long kills = 0;
    long faults = 0;
    long orders = 0;
    long extra_mails = 0;
    int slowest_start_ms = 0;
    long memory_max_kib = 0;  // of one process
};

// Prints a line a second. Throws std::runtime_error when it cannot go on.
void run_round(const RoundOptions& options, Verdict& verdict, Totals& totals);

}  // namespace waybill::torture
