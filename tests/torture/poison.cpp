#include "tests/torture/poison.hpp"

#include <algorithm>

#include "tests/system/checks.hpp"
#include "tests/torture/customers.hpp"
#include "tests/torture/final_state.hpp"

namespace waybill::torture {

namespace {

constexpr int pairs = 8;
constexpr int tries_max = 50;
constexpr int pause_ms = 200;

Attempt place_for_certain(World& world, Ledger& ledger, Caller& caller, const std::string& key, const Good& good) {
    Attempt wanted;
    wanted.key = key;
    wanted.lines = {{good.id, 1}};
    wanted.body = body_of(wanted.lines);
    Attempt done;
    for (int i = 0; i < tries_max && done.status != 201; ++i) {
        caller.use_door(static_cast<std::size_t>(i));
        if (i > 0) pause_for({}, pause_ms);
        done = place(caller, ledger, world.person(0), wanted);
    }
    return done;
}

}  // namespace

void look_at_poison(World& world, Ledger& ledger, int seconds_of_load, Verdict& verdict) {
    Caller caller(world, ledger, "poisoner");
    std::vector<Attempt> poisoned;
    bool placed = true;
    for (int i = 0; i < pairs; ++i) {
        const std::string number = std::to_string(i);
        poisoned.push_back(place_for_certain(world, ledger, caller, "poison-" + number, world.goods().poison));
        const Attempt other = place_for_certain(world, ledger, caller, "beside-" + number, world.goods().plain[0]);
        placed = placed && poisoned.back().status == 201 && other.status == 201;
    }
    verdict.look_at(14, placed, "no order is taken although everything is whole again", {}, ledger);
    if (!placed) return;

    const std::vector<std::string> late = await_others(world, ledger, seconds_of_load);
    verdict.look_at(15, late.empty(), "poison delays others: " + std::to_string(late.size()) + " of them wait",
                    {{}, {}, late.empty() ? std::string{} : late.front(), {}}, ledger);

    system_test::HttpClient http(world.port(0));
    const bool outlasts = std::ranges::any_of(poisoned, [&](const Attempt& one) {
        const Answer answer = http.get(api + "/orders/" + one.order, world.person(0).auth());
        return !system_test::is_terminal(answer.text("status"));
    });
    verdict.look_at(15, outlasts, "poisoned orders came to their end by themselves",
                    {{}, {}, poisoned.front().order, {}}, ledger);
}

}  // namespace waybill::torture
