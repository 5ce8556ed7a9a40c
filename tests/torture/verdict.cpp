#include "tests/torture/verdict.hpp"

#include <algorithm>
#include <cstdio>

namespace waybill::torture {

namespace {

constexpr long breaches_shown_max = 3;

constexpr std::array<const char*, invariants + 1> names{
    "",     "no oversell", "conservation", "durability", "no phantoms", "idempotency", "one way",       "release once",
    "mail", "fencing",     "cache",        "money",      "sessions",    "restart",     "honest errors", "poison"};

}  // namespace

void Verdict::look_at(int invariant, bool held, const std::string& what, const Subject& about, const Ledger& ledger) {
    Row& row = rows_.at(static_cast<std::size_t>(invariant));
    ++row.checks;
    if (held || ++row.broken > breaches_shown_max) return;
    std::printf("\nVIOLATED I%d %s: %s\n%s\n", invariant, names.at(static_cast<std::size_t>(invariant)), what.c_str(),
                ledger.history_of(about).c_str());
}

bool Verdict::held() const {
    return std::ranges::none_of(rows_, [](const Row& row) { return row.broken > 0; });
}

void Verdict::print_table() const {
    std::printf("\n%-4s %-14s %-9s %10s %9s\n", "", "invariant", "verdict", "checks", "broken");
    for (int i = 1; i <= invariants; ++i) {
        const Row& row = rows_.at(static_cast<std::size_t>(i));
        const char* word = row.broken > 0 ? "VIOLATED" : row.checks > 0 ? "held" : "not seen";
        std::printf("I%-3d %-14s %-9s %10ld %9ld\n", i, names.at(static_cast<std::size_t>(i)), word, row.checks,
                    row.broken);
    }
    std::fflush(stdout);
}

}  // namespace waybill::torture
