#include "tests/torture/injector.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>

namespace waybill::torture {

namespace {

using Action = testing::MongoDouble::Action;
using Steady = std::chrono::steady_clock;

constexpr long mails_under_way_max = 16;  // --mail-carrier-in-flight-max
constexpr long workers = 2;
constexpr int start_tries_max = 3;
constexpr int drain_ms_max = 15'000;

std::string part_of(const std::string& name) { return name.substr(0, name.find('-')); }
std::string manner_of(const std::string& name) { return name.substr(name.find('-') + 1); }

}  // namespace

void Injector::carry_out(const std::vector<Fault>& plan, int seconds, const std::function<void()>& on_clock_jump) {
    const auto begun = Steady::now();
    for (const Fault& fault : plan) {
        std::this_thread::sleep_until(begun + std::chrono::milliseconds(fault.at_ms));
        look_for_the_dead();
        fault.ends ? end(fault) : begin(fault, on_clock_jump);
    }
    std::this_thread::sleep_until(begun + std::chrono::seconds(seconds));
    look_for_the_dead();
    while (!lasting_.empty()) mend(*lasting_.begin());
    for (const std::size_t target : std::set<std::size_t>(down_)) start(target, 0);
}

void Injector::begin(const Fault& fault, const std::function<void()>& on_clock_jump) {
    ++faults;
    const std::string about = fault.name + " " + std::to_string(fault.amount) + " @" + std::to_string(fault.target);
    ledger_.note("fault", about);
    if (fault.name == "kill" || fault.name == "term" || fault.name == "stop") return begin_at_process(fault);
    if (fault.name.starts_with("ses-")) mails_in_doubt_ += mails_under_way_max * workers;
    if (fault.name == "clock-jump") {
        on_clock_jump();
        return world_.set_clock(fault.amount);
    }
    const std::string how = manner_of(fault.name);
    if (fault.lasts) lasting_.insert(fault.name);
    if (fault.name == "disk-full") return world_.fill_disk();
    if (how == "refuse" || how == "freeze" || how == "reset" || how == "slow") {
        strike_way(part_of(fault.name), how, fault.amount);
    } else {
        strike_part(fault.name);
    }
}

void Injector::begin_at_process(const Fault& fault) {
    if (down_.contains(fault.target)) return;
    system_test::ServerProcess& process = *world_.processes()[fault.target];
    mails_in_doubt_ += mails_under_way_max;
    down_.insert(fault.target);
    if (fault.name == "stop") return process.pause();
    if (fault.name == "kill") {
        ++kills;
        return process.kill();
    }
    process.signal(SIGTERM);
    const std::optional<int> status = process.wait_for_exit(drain_ms_max);
    const bool well = status == 0 || (status && !lasting_.empty());
    ledger_.find(13, well,
                 "SIGTERM ended with " + (status ? std::to_string(*status) : "nothing") + "\n" + world_.log());
    if (!status) process.kill();
}

testing::TcpProxy& Injector::way_to(const std::string& part) {
    if (part == "fulfilment") return world_.way_to_fulfilment();
    auto& ways = world_.set().ways();
    if (part == "mongo") return ways.mongo;
    if (part == "redis") return ways.redis;
    return part == "sqs" ? ways.sqs : ways.ses;
}

void Injector::strike_way(const std::string& part, const std::string& how, int amount) {
    testing::TcpProxy& way = way_to(part);
    if (how == "refuse") way.refuse();
    if (how == "freeze") way.freeze();
    if (how == "reset") way.reset();
    if (how == "slow") way.slow(Milliseconds{amount});
}

void Injector::strike_part(const std::string& name) {
    system_test::ProductionSet& set = world_.set();
    const std::string transient = "TransientTransactionError";
    if (name == "mongo-step-down") set.mongo().step_down(Milliseconds{800});
    if (name == "mongo-restart") set.mongo().stop();
    if (name == "mongo-transient")
        set.mongo().arm({.command = "update", .action = Action::error, .code = 112, .labels = {transient}, .times = 3});
    if (name == "mongo-commit-cut")
        set.mongo().arm({.command = "commitTransaction", .action = Action::cut_after, .times = 2});
    if (name == "redis-flush") set.redis().flush();
    if (name == "redis-restart") set.redis().kill();
    if (name == "sqs-purge") set.call_queue("PurgeQueue");
    if (name == "sqs-restart") set.stop_aws("sqs");
    if (name == "sqs-throttle") set.aws().fault("sqs", "throttled", R"("times":3)");
    if (name == "sqs-cut-after") set.aws().fault("sqs", "cut_after", R"("times":3)");
    if (name == "ses-restart") set.stop_aws("ses");
    if (name == "ses-throttle") set.aws().fault("ses", "throttled", R"("times":5)");
    if (name == "ses-cut-after") set.aws().fault("ses", "cut_after", R"("times":3)");
}

void Injector::end(const Fault& fault) {
    if (fault.name != "kill" && fault.name != "term" && fault.name != "stop") return mend(fault.name);
    if (!down_.contains(fault.target)) return;
    if (fault.name != "stop") return start(fault.target, fault.amount);
    ledger_.note("fault", "goes on @" + std::to_string(fault.target));
    world_.processes()[fault.target]->resume();
    down_.erase(fault.target);
}

void Injector::mend(std::string name) {
    if (lasting_.erase(name) == 0) return;
    ledger_.note("fault", name + " is over");
    if (name == "disk-full") return world_.clear_disk();
    const std::string how = manner_of(name);
    if (how == "refuse" || how == "freeze" || how == "slow") return way_to(part_of(name)).heal();
    if (name == "mongo-restart") world_.set().mongo().start();
    if (name == "redis-restart") world_.set().redis().start();
    if (name == "sqs-restart" || name == "ses-restart") world_.set().start_aws(part_of(name));
    if (name == "mongo-step-down") world_.set().mongo().step_up();
}

// A process that cannot reach its store when it starts says so and ends, and is started again by
// whoever watches over it.
void Injector::mend_what_a_start_needs() {
    const std::set<std::string> lasting = lasting_;
    for (const std::string& name : lasting) {
        if (name.starts_with("mongo") || name == "disk-full") mend(name);
    }
}

void Injector::start(std::size_t target, int kills_meanwhile) {
    system_test::ServerProcess& process = *world_.processes()[target];
    if (process.is_running()) {  // it was stopped
        process.resume();
        down_.erase(target);
        return;
    }
    mend_what_a_start_needs();
    for (int i = 0; i < kills_meanwhile; ++i) {
        ledger_.note("fault", "kill while it starts @" + std::to_string(target));
        process.launch();
        std::this_thread::sleep_for(std::chrono::milliseconds((i * 37 + kills * 13) % 120));
        process.kill();
        ++kills;
    }
    std::string problem;
    for (int i = 0; i < start_tries_max; ++i) {
        const auto begun = Steady::now();
        try {
            process.start();
            const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - begun).count();
            slowest_start_ms_ = std::max(slowest_start_ms_, static_cast<int>(took));
            ledger_.note("fault", "serves again @" + std::to_string(target) + " after " + std::to_string(took) + " ms");
            ledger_.find(13, true, {});
            down_.erase(target);
            return;
        } catch (const std::runtime_error& error) {
            problem = error.what();
            (void)process.wait_for_exit();
        }
    }
    ledger_.find(13, false, "it does not start again: " + problem);
    throw std::runtime_error("a process does not start again: " + problem);
}

void Injector::look_for_the_dead() {
    for (std::size_t i = 0; i < world_.processes().size(); ++i) {
        system_test::ServerProcess& process = *world_.processes()[i];
        if (down_.contains(i) || !process.is_running()) continue;
        const std::optional<int> status = process.wait_for_exit(0);
        if (!status) continue;
        ledger_.note("fault", "process " + std::to_string(i) + " ended by itself with " + std::to_string(*status));
        ledger_.find(13, false, "a process ended by itself with " + std::to_string(*status) + "\n" + world_.log());
        down_.insert(i);
        start(i, 0);
    }
}

void Injector::restart_all() {
    for (std::size_t i = 0; i < world_.processes().size(); ++i) {
        begin_at_process({0, "term", i, 0, true, false});
        start(i, 0);
    }
}

}  // namespace waybill::torture
