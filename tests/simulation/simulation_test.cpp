// The simulation itself: the same seed gives the same run, and seeds that anybody can have pass.
#include <gtest/gtest.h>

#include "tests/simulation/report.hpp"
#include "tests/simulation/world.hpp"

namespace waybill::simulation {

namespace {

Options seed(std::uint64_t number) {
    Options options;
    options.seed = number;
    return options;
}

TEST(Simulation, the_same_seed_gives_the_same_trace) {
    FiberCrew crew;
    for (std::uint64_t i = 1; i <= 20; ++i) {
        const Outcome first = simulate(seed(i), crew);
        const Outcome second = simulate(seed(i), crew);
        EXPECT_EQ(first.trace_hash, second.trace_hash) << "seed " << i;
        EXPECT_EQ(first.events, second.events) << "seed " << i;
    }
}

TEST(Simulation, keeping_the_history_changes_nothing) {
    FiberCrew crew;
    Options told = seed(3);
    told.keeps_lines = true;
    const Outcome outcome = simulate(told, crew);
    EXPECT_EQ(outcome.trace_hash, simulate(seed(3), crew).trace_hash);
    EXPECT_EQ(outcome.lines.size(), outcome.events);
}

TEST(Simulation, other_seeds_give_other_traces) {
    FiberCrew crew;
    EXPECT_NE(simulate(seed(1), crew).trace_hash, simulate(seed(2), crew).trace_hash);
}

TEST(Simulation, a_fault_that_is_left_out_does_not_happen) {
    FiberCrew crew;
    Counts with{};
    Counts without{};
    for (std::uint64_t i = 1; i <= 40; ++i) {
        Options options = seed(i);
        with.at(static_cast<std::size_t>(Count::kills)) +=
            simulate(options, crew).counts.at(static_cast<std::size_t>(Count::kills));
        options.without = {Fault::kill};
        without.at(static_cast<std::size_t>(Count::kills)) +=
            simulate(options, crew).counts.at(static_cast<std::size_t>(Count::kills));
    }
    EXPECT_GT(with.at(static_cast<std::size_t>(Count::kills)), 0U);
    EXPECT_EQ(without.at(static_cast<std::size_t>(Count::kills)), 0U);
}

TEST(Simulation, a_replay_command_names_all_that_was_left_out) {
    Options options = seed(42);
    options.store = StoreChoice::sqlite;
    options.steps_max = 17;
    options.customers_max = 2;
    options.without = {Fault::kill, Fault::queue};
    EXPECT_EQ(replay_command(options),
              "script/simulate --seed 42 --store sqlite --steps 17 --customers 2 --without kill,queue");
}

}  // namespace

}  // namespace waybill::simulation
