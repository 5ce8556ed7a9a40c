#include "tests/torture/fault_plan.hpp"

#include <algorithm>
#include <iterator>

#include "tests/torture/dice.hpp"

namespace waybill::torture {

namespace {

constexpr int first_fault_ms = 1'000;
constexpr int stop_ms = 4'500;  // beyond the lease of three seconds

struct Kind {
    const char* name;
    int weight;
    int least_ms;  // how long it lasts; 0: at once
    int most_ms;
};

const std::vector<Kind> of_processes{{"kill", 12, 20, 800}, {"term", 2, 20, 300}, {"stop", 1, stop_ms, stop_ms + 500}};
const std::vector<Kind> of_embedded{{"fulfilment-refuse", 2, 300, 2'500},
                                    {"fulfilment-freeze", 2, 300, 3'000},
                                    {"fulfilment-reset", 3, 0, 0},
                                    {"fulfilment-slow", 2, 500, 2'000}};
const std::vector<Kind> of_production{
    {"mongo-refuse", 2, 200, 1'500}, {"mongo-freeze", 2, 300, 2'500},  {"mongo-reset", 3, 0, 0},
    {"mongo-slow", 2, 500, 2'000},   {"mongo-step-down", 1, 0, 0},     {"mongo-restart", 1, 100, 800},
    {"mongo-transient", 2, 0, 0},    {"mongo-commit-cut", 3, 0, 0},    {"redis-refuse", 1, 300, 2'000},
    {"redis-freeze", 1, 300, 3'000}, {"redis-reset", 2, 0, 0},         {"redis-slow", 1, 500, 2'000},
    {"redis-flush", 2, 0, 0},        {"redis-restart", 1, 100, 1'500}, {"sqs-refuse", 1, 300, 2'500},
    {"sqs-freeze", 1, 300, 3'000},   {"sqs-reset", 2, 0, 0},           {"sqs-slow", 1, 500, 2'000},
    {"sqs-purge", 2, 0, 0},          {"sqs-restart", 1, 100, 1'500},   {"sqs-throttle", 1, 0, 0},
    {"sqs-cut-after", 2, 0, 0},      {"ses-refuse", 1, 300, 2'500},    {"ses-freeze", 1, 300, 3'000},
    {"ses-reset", 1, 0, 0},          {"ses-slow", 1, 500, 2'000},      {"ses-restart", 1, 100, 1'500},
    {"ses-throttle", 1, 0, 0},       {"ses-cut-after", 2, 0, 0}};
const Kind disk_full{"disk-full", 8, 300, 2'000};
const Kind clock_jump{"clock-jump", 4, 0, 0};

bool is_wanted(const std::string& name, const std::vector<std::string>& wanted) {
    return wanted.empty() ||
           std::ranges::any_of(wanted, [&](const std::string& word) { return name.starts_with(word); });
}

std::vector<Kind> wanted_of(std::vector<Kind> kinds, const std::vector<std::string>& wanted) {
    std::erase_if(kinds, [&](const Kind& kind) { return !is_wanted(kind.name, wanted); });
    return kinds;
}

const Kind& draw(const std::vector<Kind>& kinds, Dice& dice) {
    int sum = 0;
    for (const Kind& kind : kinds) sum += kind.weight;
    int left = dice.between(1, sum);
    for (const Kind& kind : kinds) {
        left -= kind.weight;
        if (left <= 0) return kind;
    }
    return kinds.back();
}

int amount_of(const std::string& name, Dice& dice) {
    if (name == "clock-jump") return dice.between(-3'600, 3'600);
    if (name == "kill") return dice.chance(40) ? dice.between(1, 2) : 0;  // again while it recovers
    if (name.ends_with("-slow")) return dice.between(5, 120);
    return 0;
}

// One after the other, with a breath between them.
std::vector<Fault> make_lane(const std::vector<Kind>& kinds, Dice dice, int least_gap_ms, int most_gap_ms,
                             const PlanOptions& options) {
    std::vector<Fault> lane;
    if (kinds.empty()) return lane;
    const std::size_t processes = options.set == Options::Set::production ? 4 : 1;
    const int end_ms = options.seconds * 1'000;
    int at_ms = first_fault_ms;
    for (;;) {
        at_ms += dice.between(least_gap_ms, most_gap_ms);
        const Kind& kind = draw(kinds, dice);
        const int length_ms = kind.most_ms == 0 ? 0 : dice.between(kind.least_ms, kind.most_ms);
        const std::size_t target = static_cast<std::size_t>(dice.next() % processes);
        const int amount = amount_of(kind.name, dice);
        if (at_ms + length_ms > end_ms) return lane;
        lane.push_back({at_ms, kind.name, target, amount, length_ms > 0, false});
        if (length_ms > 0) lane.push_back({at_ms + length_ms, kind.name, target, amount, true, true});
        at_ms += length_ms;
    }
}

}  // namespace

std::vector<Fault> plan_faults(std::uint64_t seed, const PlanOptions& options) {
    std::vector<Kind> parts = options.set == Options::Set::production ? of_production : of_embedded;
    if (options.set == Options::Set::production) parts.insert(parts.end(), of_embedded.begin(), of_embedded.end());
    if (options.disk) parts.push_back(disk_full);
    if (options.clock) parts.push_back(clock_jump);
    // Kills so close together that there are as many as were asked for.
    const int gap_ms = options.kills_min > 0 ? std::min(2'000, options.seconds * 500 / options.kills_min) : 2'000;
    const std::vector<Fault> to_processes =
        make_lane(wanted_of(of_processes, options.wanted), Dice(seed, 3'000), gap_ms / 4, gap_ms, options);
    const std::vector<Fault> to_parts =
        make_lane(wanted_of(parts, options.wanted), Dice(seed, 3'001), 200, 1'500, options);
    std::vector<Fault> plan;
    std::ranges::merge(to_processes, to_parts, std::back_inserter(plan), {}, &Fault::at_ms, &Fault::at_ms);
    return plan;
}

}  // namespace waybill::torture
