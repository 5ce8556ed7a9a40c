#include "tests/simulation/plan.hpp"

#include <algorithm>

#include "tests/simulation/dice.hpp"

namespace waybill::simulation {

namespace {

constexpr std::array fault_words{"kill",  "freeze", "jump",       "store",  "cache",
                                 "queue", "mail",   "fulfilment", "poison", "interleave"};

// Half of the seeds do without a fault; the others meet it seldom or often.
double rate(Dice& dice, double rate_max) {
    const bool is_on = dice.chance(0.5);
    const double share = dice.fraction();
    return is_on ? rate_max * share * share : 0;
}

void choose_processes(Plan& plan, Dice& dice) {
    // The embedded set is one process; the others share a store.
    if (dice.chance(0.3)) {
        plan.processes = {Duty::all};
        return;
    }
    plan.processes = {Duty::api, Duty::worker};
    const int more = static_cast<int>(dice.below(3));
    for (int i = 0; i < more; ++i) plan.processes.push_back(static_cast<Duty>(dice.below(3)));
    plan.has_queue = dice.chance(0.6);
    plan.shares_cache = dice.chance(0.6);
}

void choose_faults(Plan& plan, Dice& dice) {
    plan.suspend = dice.chance(0.85) ? 0.1 + 0.8 * dice.fraction() : 0;
    plan.kill_at_call = rate(dice, 0.03);
    plan.kill = rate(dice, 0.02);
    plan.freeze = rate(dice, 0.02);
    plan.jump = rate(dice, 0.01);
    plan.store_call = rate(dice, 0.2);
    plan.store_outage = rate(dice, 0.02);
    plan.cache = rate(dice, 0.1);
    plan.queue_message = rate(dice, 0.8);
    plan.queue_call = rate(dice, 0.3);
    plan.queue_outage = rate(dice, 0.02);
    plan.mail = rate(dice, 0.9);
    plan.fulfilment = rate(dice, 0.9);
    plan.poison = rate(dice, 0.3);
    plan.refused_order = rate(dice, 0.5);
    plan.refused_mail = rate(dice, 0.3);
    plan.time = 0.1 + 0.3 * dice.fraction();
}

void leave_out(Plan& plan, Fault fault) {
    switch (fault) {
        case Fault::kill:
            plan.kill_at_call = plan.kill = 0;
            return;
        case Fault::freeze:
            plan.freeze = 0;
            return;
        case Fault::jump:
            plan.jump = 0;
            return;
        case Fault::store:
            plan.store_call = plan.store_outage = 0;
            return;
        case Fault::cache:
            plan.cache = 0;
            return;
        case Fault::queue:
            plan.queue_message = plan.queue_call = plan.queue_outage = 0;
            return;
        case Fault::mail:
            plan.mail = plan.refused_mail = 0;
            return;
        case Fault::fulfilment:
            plan.fulfilment = plan.refused_order = 0;
            return;
        case Fault::poison:
            plan.poison = 0;
            return;
        case Fault::interleave:
            plan.suspend = 0;
            return;
    }
}

}  // namespace

std::string_view to_text(Fault fault) { return fault_words.at(static_cast<std::size_t>(fault)); }

std::optional<Fault> parse_fault(std::string_view text) {
    const auto found = std::ranges::find(every_fault, text, [](Fault fault) { return to_text(fault); });
    return found == every_fault.end() ? std::nullopt : std::optional(*found);
}

Plan make_plan(const Options& options) {
    Dice dice(options.seed);
    Plan plan;
    choose_processes(plan, dice);
    plan.steps = static_cast<int>(dice.between(60, 400));
    plan.customers = static_cast<int>(dice.between(1, 4));
    plan.products = static_cast<int>(dice.between(1, 4));
    plan.locations = dice.chance(0.7) ? 1 : 2;
    plan.stock_of_first = dice.between(0, 30);
    plan.waiting_max = dice.chance(0.2) ? 4 : 4'096;
    plan.batch_orders_max = dice.chance(0.3) ? 1 + dice.below(4) : 256;
    plan.work_batch_max = dice.chance(0.3) ? 1 + dice.below(4) : 256;
    plan.relay_window = dice.chance(0.3) ? 1 + dice.below(6) : 1'000;
    choose_faults(plan, dice);
    for (const Fault fault : options.without) leave_out(plan, fault);
    plan.steps = std::min(plan.steps, options.steps_max.value_or(plan.steps));
    plan.customers = std::min(plan.customers, options.customers_max.value_or(plan.customers));
    return plan;
}

}  // namespace waybill::simulation
