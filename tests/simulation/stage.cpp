#include "tests/simulation/stage.hpp"

namespace waybill::simulation {

void Gate::enter(std::string_view call) {
    stage_.count(Count::calls);
    pass(call, "before");
}

void Gate::leave(std::string_view call) { pass(call, "after"); }

void Gate::pass(std::string_view call, std::string_view side) {
    if (!is_alive_) throw ProcessDied{};
    if (Fiber::is_on_one() && stage_.happens(stage_.plan.suspend)) {
        stage_.count(Count::suspensions);
        Fiber::yield();
        if (!is_alive_) throw ProcessDied{};
    }
    if (stage_.happens(stage_.plan.kill_at_call)) {
        stage_.trace.note("process ", process_, " dies ", side, " ", call);
        die();
        throw ProcessDied{};
    }
}

Gate::Fate Gate::draw(double rate) {
    if (!stage_.happens(rate)) return Fate::done;
    const bool is_lost = stage_.dice.chance(0.5);
    stage_.count(is_lost ? Count::answers_lost : Count::calls_not_done);
    return is_lost ? Fate::answer_lost : Fate::not_done;
}

}  // namespace waybill::simulation
