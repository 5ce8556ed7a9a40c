// What a person reads of a simulation: a failing seed made as small as it can be, and its history.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/simulation/world.hpp"

namespace waybill::simulation {

// The same violation with fewer steps, kinds of faults and customers.
[[nodiscard]] Options shrink(const Options& failing, FiberCrew& crew);

[[nodiscard]] std::string violation_text(const Violation& violation);

// The lines about the order that the violation names (all orders where it names none), and those about
// none; every line, rounds that did nothing too, when it is verbose.
[[nodiscard]] std::string history_text(const Outcome& outcome, bool is_verbose);

// The violation, its history, and the command that runs it again.
[[nodiscard]] std::string report_failure(const Options& failing, FiberCrew& crew, bool is_verbose);
[[nodiscard]] std::string replay_command(const Options& options);

[[nodiscard]] std::string totals_text(const Counts& counts, std::uint64_t seeds, std::uint64_t events, double seconds);

}  // namespace waybill::simulation
