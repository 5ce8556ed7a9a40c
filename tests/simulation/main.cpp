// The simulation as a program: many seeds, or one seed with its history. script/simulate starts it.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/simulation/report.hpp"
#include "tests/simulation/world.hpp"

namespace waybill::simulation {

namespace {

struct Request {
    std::uint64_t first_seed = 1;
    std::uint64_t seeds = 1;
    unsigned jobs = 1;
    bool is_verbose = false;
    bool prints_hashes = false;
    bool expects_violation = false;
    Options options;
};

struct Totals {
    std::mutex mutex;
    std::uint64_t seeds = 0;
    std::uint64_t events = 0;
    Counts counts{};
    std::optional<Options> failed;
};

void run_seeds(const Request& request, std::atomic<std::uint64_t>& next, Totals& totals) {
    FiberCrew crew;
    for (;;) {
        const std::uint64_t index = next++;
        if (index >= request.seeds) return;
        Options options = request.options;
        options.seed = request.first_seed + index;
        const Outcome outcome = simulate(options, crew);
        const std::lock_guard lock(totals.mutex);
        ++totals.seeds;
        totals.events += outcome.events;
        for (std::size_t i = 0; i < totals.counts.size(); ++i) totals.counts.at(i) += outcome.counts.at(i);
        if (request.prints_hashes) std::cout << options.seed << ' ' << outcome.trace_hash << '\n';
        if (!outcome.violation) continue;
        next = request.seeds;
        // Seeds end in any order; the smallest is the one to tell.
        if (!totals.failed || options.seed < totals.failed->seed) totals.failed = options;
    }
}

int run(const Request& request) {
    const auto began = std::chrono::steady_clock::now();
    Totals totals;
    std::atomic<std::uint64_t> next = 0;
    {
        std::vector<std::jthread> threads;
        for (unsigned i = 0; i < request.jobs; ++i) {
            threads.emplace_back([&] { run_seeds(request, next, totals); });
        }
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::cout << totals_text(totals.counts, totals.seeds, totals.events, took.count());
    if (!totals.failed) {
        std::cout << "no violation\n";
        return request.expects_violation ? 1 : 0;
    }
    FiberCrew crew;
    std::cout << report_failure(*totals.failed, crew, request.is_verbose);
    return request.expects_violation ? 0 : 1;
}

int show(const Request& request) {
    Options options = request.options;
    options.seed = request.first_seed;
    options.keeps_lines = true;
    FiberCrew crew;
    const Outcome outcome = simulate(options, crew);
    std::cout << history_text(outcome, request.is_verbose);
    std::cout << "trace " << outcome.trace_hash << '\n';
    std::cout << (outcome.violation ? violation_text(*outcome.violation) : "no violation\n");
    return outcome.violation ? 1 : 0;
}

int parse_and_run(int argc, char** argv) {
    Request request;
    CLI::App app("Runs the shop on simulated ports, with faults that a seed chooses, and checks its promises.");
    std::uint64_t seed = 0;
    std::vector<std::string> without;
    std::string store = "memory";
    int steps = 0;
    int customers = 0;
    auto* const seed_option = app.add_option("--seed", seed, "run one seed and show its history");
    app.add_option("--seeds", request.seeds, "how many seeds to run")->check(CLI::PositiveNumber);
    app.add_option("--first-seed", request.first_seed, "where to begin");
    app.add_option("--jobs", request.jobs, "seeds at a time")->check(CLI::Range(1, 256));
    app.add_flag("--verbose", request.is_verbose, "show every event, not only those of one order");
    app.add_flag("--expect-violation", request.expects_violation, "fail when there is none: for broken code");
    app.add_flag("--hashes", request.prints_hashes, "print each seed and the hash of its trace");
    app.add_option("--store", store, "memory, or sqlite: the real one, in a temporary folder")
        ->check(CLI::IsMember({"memory", "sqlite"}));
    app.add_option("--without", without, "faults to leave out")->delimiter(',');
    auto* const steps_option = app.add_option("--steps", steps, "no more steps than these")->check(CLI::PositiveNumber);
    auto* const customers_option =
        app.add_option("--customers", customers, "no more customers than these")->check(CLI::PositiveNumber);
    CLI11_PARSE(app, argc, argv);

    if (store == "sqlite") request.options.store = StoreChoice::sqlite;
    for (const std::string& word : without) {
        const auto fault = parse_fault(word);
        if (!fault) {
            std::cerr << "--without: there is no fault called " << word << '\n';
            return 2;
        }
        request.options.without.insert(*fault);
    }
    if (*steps_option) request.options.steps_max = steps;
    if (*customers_option) request.options.customers_max = customers;
    if (!*seed_option) return run(request);
    request.first_seed = seed;
    return show(request);
}

}  // namespace

}  // namespace waybill::simulation

int main(int argc, char** argv) {
    try {
        return waybill::simulation::parse_and_run(argc, argv);
    } catch (const std::exception& problem) {
        std::cerr << "simulation: " << problem.what() << '\n';
        return 1;
    }
}
