// I15, "others undelayed": orders that fulfilment never answers usably, and the others beside them.
#pragma once

#include "tests/torture/ledger.hpp"
#include "tests/torture/verdict.hpp"
#include "tests/torture/world.hpp"

namespace waybill::torture {

// After the faults, and while poison still goes round: places poisoned orders and plain ones behind them.
// All orders but the poisoned must come to their end within the time that I6 gives them all, and the
// poisoned must outlast them.
void look_at_poison(World& world, Ledger& ledger, int seconds_of_load, Verdict& verdict);

}  // namespace waybill::torture
