#include "tests/torture/round.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "tests/torture/checks.hpp"
#include "tests/torture/customers.hpp"
#include "tests/torture/final_state.hpp"
#include "tests/torture/injector.hpp"
#include "tests/torture/poison.hpp"

namespace waybill::torture {

namespace {

constexpr int status_timeout_ms = 300;

// Nothing for a process that has not become the program yet: until then it counts what is ours.
long memory_kib(pid_t pid) {
    std::error_code gone;
    const auto program = std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", gone);
    if (gone || program == std::filesystem::read_symlink("/proc/self/exe", gone)) return 0;
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) return std::atol(line.c_str() + 6);
    }
    return 0;
}

// One line a second until it goes.
class StatusLine {
public:
    StatusLine(World& world, const Ledger& ledger, const Injector& injector, int round)
        : world_(world),
          ledger_(ledger),
          injector_(injector),
          round_(round),
          thread_([this](const std::stop_token& stop) { run(stop); }) {}
    StatusLine(const StatusLine&) = delete;
    StatusLine& operator=(const StatusLine&) = delete;
    ~StatusLine() = default;

    void say(const std::string& phase) {
        const std::lock_guard lock(mutex_);
        phase_ = phase;
    }
    [[nodiscard]] long memory_max_kib() const { return memory_max_kib_; }

private:
    void run(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            pause_for(stop, 1'000);
            print();
        }
    }

    void print() {
        for (const system_test::ServerProcess* process : world_.processes()) {
            if (process->is_running()) memory_max_kib_ = std::max(memory_max_kib_.load(), memory_kib(process->pid()));
        }
        const Counts counts = ledger_.counts();
        const long waiting = backlog(world_, status_timeout_ms);
        const std::lock_guard lock(mutex_);
        std::printf(
            "round %d %4llds %-7s orders %ld unknown %ld kills %d faults %d 2xx %ld 4xx %ld 503 %ld 504 %ld backlog "
            "%s\n",
            round_, static_cast<long long>(ledger_.now() / 1'000'000), phase_.c_str(), counts.accepted, counts.unknown,
            injector_.kills.load(), injector_.faults.load(), counts.success, counts.refused, counts.unavailable,
            counts.outcome_unknown, waiting < 0 ? "?" : std::to_string(waiting).c_str());
        std::fflush(stdout);
    }

    World& world_;
    const Ledger& ledger_;
    const Injector& injector_;
    const int round_;
    std::mutex mutex_;
    std::string phase_ = "load";
    std::atomic<long> memory_max_kib_{0};
    std::jthread thread_;
};

std::uint64_t digest_of(const std::vector<Fault>& plan) {
    std::uint64_t digest = 14'695'981'039'346'656'037u;
    for (const Fault& fault : plan) {
        for (const char c : fault.name + std::to_string(fault.at_ms) + "/" + std::to_string(fault.target) + "/" +
                                std::to_string(fault.amount)) {
            digest = (digest ^ static_cast<unsigned char>(c)) * 1'099'511'628'211u;
        }
    }
    return digest;
}

void add(Totals& totals, const Ledger& ledger, const Injector& injector, const FinalState& state) {
    const Counts counts = ledger.counts();
    totals.accepted += counts.accepted;
    totals.unknown += counts.unknown + counts.outcome_unknown;
    totals.kills += injector.kills;
    totals.faults += injector.faults;
    totals.orders += static_cast<long>(state.orders.size());
    totals.slowest_start_ms = std::max(totals.slowest_start_ms, injector.slowest_start_ms());
}

}  // namespace

void run_round(const RoundOptions& options, Verdict& verdict, Totals& totals) {
    const std::vector<Fault> plan = plan_faults(options.seed, {options.set, options.seconds, !options.tmpfs.empty(),
                                                               options.clock_jumps, options.kills_min, options.faults});
    const bool grace = options.number % 2 == 0;
    std::printf("round %d: %zu faults, plan %016llx, refresh grace %d s%s%s\n", options.number, plan.size(),
                static_cast<unsigned long long>(digest_of(plan)), grace ? grace_s : 0,
                options.tmpfs.empty() ? "" : ", the disk gets full", options.clock_jumps ? ", the clock jumps" : "");
    Ledger ledger;
    World world({options.set, options.tmpfs, options.clock_jumps, grace, options.seconds / 8 + 1});
    Injector injector(world, ledger);
    Crowd crowd(world, ledger, options.seed);
    StatusLine status(world, ledger, injector, options.number);

    crowd.start();
    injector.carry_out(plan, options.seconds, [&] { crowd.note_clock_jump(); });
    status.say("quiet");
    crowd.stop();
    look_at_poison(world, ledger, options.seconds, verdict);
    world.end_poison();
    const bool certain = crowd.resolve_unknown();
    verdict.look_at(14, certain, "no certain answer although everything is whole again", {}, ledger);
    const bool ended = await_terminal(world, ledger, options.seconds);
    verdict.look_at(6, ended, "orders do not end: " + std::to_string(backlog(world, client_timeout_ms)) + " items wait",
                    {}, ledger);

    status.say("checks");
    const FinalState state = read_final_state(world);
    const auto calls = world.fulfilment_calls();
    const Evidence evidence{ledger, state, world.goods(), calls, world.is_production(), injector.mails_in_doubt()};
    check_all(evidence, verdict);
    injector.restart_all();
    check_restarted(evidence, read_orders(world), verdict);
    add(totals, ledger, injector, state);
    totals.memory_max_kib = std::max(totals.memory_max_kib, status.memory_max_kib());
}

}  // namespace waybill::torture
