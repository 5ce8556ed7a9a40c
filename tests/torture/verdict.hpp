// How often each invariant was looked at and broken, over all rounds of a run. Not thread-safe.
#pragma once

#include <array>
#include <string>

#include "tests/torture/ledger.hpp"

namespace waybill::torture {

inline constexpr int invariants = 15;

class Verdict {
public:
    // The histories of `ledger` are shown for the first breaches of each invariant.
    void look_at(int invariant, bool held, const std::string& what, const Subject& about, const Ledger& ledger);

    [[nodiscard]] bool held() const;
    [[nodiscard]] long broken(int invariant) const { return rows_.at(static_cast<std::size_t>(invariant)).broken; }
    [[nodiscard]] long lost() const { return broken(3); }
    void print_table() const;

private:
    struct Row {
        long checks = 0;
        long broken = 0;
    };
    std::array<Row, invariants + 1> rows_;
};

}  // namespace waybill::torture
