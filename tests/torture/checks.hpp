// The invariants I1 to I15, from the history and the final state. Pure but for what they tell `verdict`.
#pragma once

#include "tests/torture/final_state.hpp"
#include "tests/torture/ledger.hpp"
#include "tests/torture/verdict.hpp"
#include "tests/torture/world.hpp"

namespace waybill::torture {

struct Evidence {
    const Ledger& ledger;
    const FinalState& state;
    const Goods& goods;
    const std::map<std::string, World::Call>& calls;
    bool production = false;
    long mails_in_doubt = 0;
};

void check_all(const Evidence& evidence, Verdict& verdict);

// The same orders, to the byte, after a restart.
void check_restarted(const Evidence& evidence, const std::map<std::string, FinalOrder>& again, Verdict& verdict);

}  // namespace waybill::torture
