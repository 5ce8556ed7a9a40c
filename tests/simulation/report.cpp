#include "tests/simulation/report.hpp"

#include <iomanip>
#include <sstream>

namespace waybill::simulation {

namespace {

// Of a history that somebody shall read.
constexpr std::size_t lines_shown_max = 400;

bool fails_alike(const Options& options, const std::string& invariant, FiberCrew& crew) {
    const Outcome outcome = simulate(options, crew);
    return outcome.violation && outcome.violation->invariant == invariant;
}

int steps_of(const Options& options) { return make_plan(options).steps; }

// Fewer steps keep the beginning as it was, so this can be searched for.
void shrink_steps(Options& options, const std::string& invariant, FiberCrew& crew) {
    int too_few = 0;
    int enough = steps_of(options);
    while (enough - too_few > 1) {
        Options fewer = options;
        fewer.steps_max = too_few + (enough - too_few) / 2;
        if (fails_alike(fewer, invariant, crew)) {
            enough = *fewer.steps_max;
        } else {
            too_few = *fewer.steps_max;
        }
    }
    options.steps_max = enough;
}

std::string seconds_text(std::int64_t milliseconds) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(3) << std::setw(9) << static_cast<double>(milliseconds) / 1'000 << " s";
    return text.str();
}

}  // namespace

Options shrink(const Options& failing, FiberCrew& crew) {
    const std::string invariant = simulate(failing, crew).violation.value().invariant;
    Options smallest = failing;
    const auto try_instead = [&](const Options& other) {
        if (fails_alike(other, invariant, crew)) smallest = other;
    };
    for (const Fault fault : every_fault) {
        Options other = smallest;
        other.without.insert(fault);
        try_instead(other);
    }
    for (int customers = 1; customers < 3; ++customers) {
        Options other = smallest;
        other.customers_max = customers;
        if (make_plan(other).customers < make_plan(smallest).customers) try_instead(other);
    }
    shrink_steps(smallest, invariant, crew);
    return smallest;
}

std::string violation_text(const Violation& violation) {
    std::string text = "VIOLATION of " + violation.invariant + ": " + violation.text;
    if (!violation.about.text.empty()) text += " (order " + violation.about.text + ")";
    return text + "\n";
}

std::string history_text(const Outcome& outcome, bool is_verbose) {
    const std::string about = outcome.violation && !is_verbose ? outcome.violation->about.text : "";
    std::vector<const Trace::Line*> shown;
    for (const Trace::Line& line : outcome.lines) {
        const bool is_routine = line.about == Trace::routine.text;
        const bool is_elsewhere = !about.empty() && !line.about.empty() && line.about != about;
        if (is_verbose || (!is_routine && !is_elsewhere)) shown.push_back(&line);
    }
    std::ostringstream text;
    const std::size_t left_out = is_verbose || shown.size() < lines_shown_max ? 0 : shown.size() - lines_shown_max;
    if (left_out > 0) text << "(" << left_out << " earlier events are left out: --verbose shows them)\n";
    for (std::size_t i = left_out; i < shown.size(); ++i) {
        const Trace::Line& line = *shown[i];
        text << seconds_text(line.at_ms) << "  ";
        if (about.empty() && line.about.size() > 1) text << line.about << "  ";
        text << line.text << '\n';
    }
    return text.str();
}

std::string replay_command(const Options& options) {
    std::string text = "script/simulate --seed " + std::to_string(options.seed);
    if (options.store == StoreChoice::sqlite) text += " --store sqlite";
    if (options.steps_max) text += " --steps " + std::to_string(*options.steps_max);
    if (options.customers_max) text += " --customers " + std::to_string(*options.customers_max);
    std::string separator = " --without ";
    for (const Fault fault : options.without) {
        text += separator;
        text += to_text(fault);
        separator = ",";
    }
    return text;
}

std::string report_failure(const Options& failing, FiberCrew& crew, bool is_verbose) {
    const Outcome again = simulate(failing, crew);
    if (!again.violation) {
        return "seed " + std::to_string(failing.seed) +
               " failed and does not fail again: the run is not deterministic\n";
    }
    Options smallest = shrink(failing, crew);
    smallest.keeps_lines = true;
    const Outcome outcome = simulate(smallest, crew);
    std::string text = history_text(outcome, is_verbose);
    text += "seed " + std::to_string(failing.seed) + ": " + violation_text(*again.violation);
    text += "the history above: " + replay_command(smallest) + "\n";
    return text + "the whole seed:    " + replay_command(failing) + "\n";
}

std::string totals_text(const Counts& counts, std::uint64_t seeds, std::uint64_t events, double seconds) {
    std::ostringstream text;
    text << seeds << " seeds in " << std::fixed << std::setprecision(1) << seconds << " s ("
         << static_cast<std::uint64_t>(static_cast<double>(seeds) * 60 / seconds) << " a minute), " << events
         << " events\n";
    for (std::size_t i = 0; i < counts.size(); ++i) {
        text << (i == 0 ? "" : ", ") << counts.at(i) << ' ' << count_words.at(i);
    }
    text << '\n';
    return text.str();
}

}  // namespace waybill::simulation
