// Carries out the plan of a round. The processes that it starts go with the thread that calls it.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tests/torture/fault_plan.hpp"
#include "tests/torture/world.hpp"

namespace waybill::torture {

class Injector {
public:
    Injector(World& world, Ledger& ledger) : world_(world), ledger_(ledger) {}

    // Returns when the round's time is over, everything is whole and every process serves.
    void carry_out(const std::vector<Fault>& plan, int seconds, const std::function<void()>& on_clock_jump);

    // Every process ends as it should and serves again.
    void restart_all();

    std::atomic<int> kills{0};
    std::atomic<int> faults{0};
    // So many mails may have been handed over whose answer was lost.
    [[nodiscard]] long mails_in_doubt() const { return mails_in_doubt_; }
    [[nodiscard]] int slowest_start_ms() const { return slowest_start_ms_; }

private:
    void begin(const Fault& fault, const std::function<void()>& on_clock_jump);
    void end(const Fault& fault);
    void begin_at_process(const Fault& fault);
    void strike_way(const std::string& part, const std::string& how, int amount);
    void strike_part(const std::string& name);
    void mend(std::string name);
    void mend_what_a_start_needs();
    void start(std::size_t target, int kills_meanwhile);
    void look_for_the_dead();
    [[nodiscard]] testing::TcpProxy& way_to(const std::string& part);

    World& world_;
    Ledger& ledger_;
    std::set<std::string> lasting_;
    std::set<std::size_t> down_;
    long mails_in_doubt_ = 0;
    int slowest_start_ms_ = 0;
};

}  // namespace waybill::torture
