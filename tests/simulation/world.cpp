// What happens next, until the faults stop.
#include "tests/simulation/world.hpp"

#include <algorithm>
#include <exception>
#include <stdexcept>

namespace waybill::simulation {

namespace {

constexpr MinorUnits price_first = 1'000;
constexpr std::int64_t stock_plenty = 120;
constexpr Milliseconds hour{3'600'000};
constexpr std::size_t tasks_max = 48;

// How often the whole store is looked at.
constexpr int look_every_memory = 16;
constexpr int look_every_sqlite = 64;

}  // namespace

World::World(const Options& options, FiberCrew& crew)
    : options_(options),
      crew_(crew),
      stage_(options, make_plan(options)),
      warehouse_(options, stage_),
      queue_(stage_),
      verdicts_(stage_),
      customers_(stage_, *this),
      shared_{warehouse_.store(), cache_, queue_, verdicts_} {
    stock_shelves();
    processes_.resize(stage_.plan.processes.size());
    for (std::size_t i = 0; i < processes_.size(); ++i) start_process(i);
}

World::~World() {
    for (const auto& process : processes_) {
        if (process) process->gate.die();
    }
    clear_dead();
}

void World::stock_shelves() {
    Store& store = warehouse_.store();
    for (int i = 0; i < stage_.plan.customers; ++i) {
        const UserId id = Customers::customer(static_cast<std::size_t>(i));
        const User user{id, id.text + "@example.org", id.text, "hash", Role::customer, {}};
        if (!store.create_user(user, std::nullopt)) throw std::logic_error("no user");
    }
    std::vector<SeedProduct> products;
    for (int i = 0; i < stage_.plan.products; ++i) {
        const ProductId id = Customers::product(static_cast<std::size_t>(i));
        SeedProduct seed{{id, "A lamp", "", price_first + i, true, {}, {}}, {}};
        for (int j = 0; j < stage_.plan.locations; ++j) {
            const std::int64_t units = i == 0 ? stage_.plan.stock_of_first : stock_plenty;
            seed.stock.push_back({id, Customers::location(static_cast<std::size_t>(j)), units});
            stage_.ledger.stock_written(id, seed.stock.back().location, units);
        }
        stage_.ledger.price_written(id, seed.product.price);
        products.push_back(std::move(seed));
    }
    if (!store.seed(products)) throw std::logic_error("no products");
}

// ---- one step

void World::step() {
    stage_.trace.set_time(stage_.time.passed_ms());
    clear_dead();
    disturb();
    if (stage_.dice.chance(stage_.plan.time)) pass_time();
    const std::size_t choice = stage_.dice.below(100);
    if (choice < 40 && resume_task()) return;
    if (choice < 55 && end_call()) return;
    if (choice < 78) return start_part();
    customers_.act();
}

void World::pass_time() {
    const std::size_t choice = stage_.dice.below(100);
    const std::int64_t longest = choice < 70 ? 50 : choice < 90 ? 1'500 : choice < 97 ? 6'000 : 20'000;
    stage_.time.pass(Milliseconds{stage_.dice.between(0, longest)});
}

bool World::resume_task() {
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
        if (tasks_[i].process->is_up(stage_.time.steady())) ready.push_back(i);
    }
    if (ready.empty()) return false;
    resume(ready[stage_.dice.below(ready.size())]);
    return true;
}

void World::resume(std::size_t index) {
    Task task = std::move(tasks_[index]);
    tasks_.erase(tasks_.begin() + static_cast<std::ptrdiff_t>(index));
    task.fiber->resume();
    if (task.fiber->has_ended()) {
        crew_.give_back(std::move(task.fiber));
    } else {
        tasks_.push_back(std::move(task));
    }
}

void World::start(Process& process, Fiber::Body body) {
    if (!process.gate.is_alive() || tasks_.size() >= tasks_max) return;
    std::unique_ptr<Fiber> fiber = crew_.take();
    fiber->start([this, body = std::move(body)]() mutable {
        try {
            body();
        } catch (const ProcessDied&) {
        } catch (const std::exception& problem) {
            stage_.ledger.violate("I14", std::string("a step threw: ") + problem.what());
        }
        body = nullptr;
    });
    if (fiber->has_ended()) {
        crew_.give_back(std::move(fiber));
    } else {
        tasks_.push_back({std::move(fiber), &process});
    }
}

void World::run_part(Process& process, Part part) {
    bool& is_busy = process.is_busy.at(static_cast<std::size_t>(part));
    if (is_busy || tasks_.size() >= tasks_max) return;
    is_busy = true;
    if (stage_.is_faulty)
        stage_.trace.note(Trace::routine, "process ", process.gate.process(), " runs ", to_text(part));
    start(process, [this, &process, part, &is_busy] {
        // One that is not driven in time loses its leases, as that of a stopped process does.
        const bool is_of_mails = part == Part::mails;
        if (is_of_mails) stage_.ledger.mails_driven(process.gate.process(), stage_.time.steady());
        process.run(part);
        if (is_of_mails) stage_.ledger.mails_driven(process.gate.process(), stage_.time.steady());
        is_busy = false;
    });
}

void World::start_part() {
    const std::unique_ptr<Process>& process = stage_.dice.pick(processes_);
    if (!process || !process->is_up(stage_.time.steady())) return;
    run_part(*process, stage_.dice.pick(process->parts));
}

// A mail or a call of fulfilment comes to its end.
bool World::end_call() {
    std::vector<Process*> waiting;
    for (const auto& process : processes_) {
        if (!process || !process->is_up(stage_.time.steady())) continue;
        if (process->mailer.pending() + process->fulfilment.pending() > 0) waiting.push_back(process.get());
    }
    if (waiting.empty()) return false;
    Process& process = *stage_.dice.pick(waiting);
    const bool is_mail = process.fulfilment.pending() == 0 || (process.mailer.pending() > 0 && stage_.dice.chance(0.5));
    if (is_mail) {
        process.mailer.end_one(verdicts_);
    } else {
        process.fulfilment.end_one();
    }
    return true;
}

Process* World::choose_server() {
    std::vector<Process*> servers;
    for (const auto& process : processes_) {
        if (process && process->serves() && process->is_up(stage_.time.steady())) servers.push_back(process.get());
    }
    return servers.empty() ? nullptr : stage_.dice.pick(servers);
}

// ---- faults

void World::disturb() {
    const Plan& plan = stage_.plan;
    if (stage_.happens(plan.jump)) {
        const Milliseconds by{stage_.dice.between(-hour.count(), hour.count())};
        stage_.trace.note("the wall clock jumps by ", by.count(), " ms");
        stage_.count(Count::jumps);
        stage_.time.jump(by);
        for (std::size_t i = 0; i < processes_.size(); ++i) {
            stage_.ledger.disturbed(static_cast<int>(i), stage_.time.steady());
        }
    }
    const SteadyTime now = stage_.time.steady();
    if (stage_.happens(plan.queue_outage)) {
        queue_back_at_ = now + Milliseconds{stage_.dice.between(100, 20'000)};
        stage_.count(Count::queue_faults);
        stage_.trace.note("the queue goes away");
        if (stage_.dice.chance(0.2)) queue_.empty();
    }
    queue_.is_away = stage_.is_faulty && now < queue_back_at_;
    if (stage_.happens(plan.cache)) {
        stage_.count(Count::cache_faults);
        stage_.trace.note("the cache is flushed");
        cache_.entries.clear();
        if (stage_.dice.chance(0.5)) cache_back_at_ = now + Milliseconds{stage_.dice.between(100, 5'000)};
    }
    cache_.is_away = stage_.is_faulty && now < cache_back_at_;
    const std::size_t number = stage_.dice.below(processes_.size());
    if (processes_[number]) return disturb_process(*processes_[number]);
    if (stage_.dice.chance(0.2)) start_process(number);
}

void World::disturb_process(Process& process) {
    const SteadyTime now = stage_.time.steady();
    if (stage_.happens(stage_.plan.kill)) {
        stage_.trace.note("process ", process.gate.process(), " is killed");
        return process.gate.die();
    }
    if (stage_.happens(stage_.plan.freeze)) {
        process.frozen_until = now + Milliseconds{stage_.dice.between(100, 40'000)};
        stage_.trace.note("process ", process.gate.process(), " is stopped");
        stage_.count(Count::freezes);
    }
    if (stage_.happens(stage_.plan.store_outage)) {
        process.store.cut_off_until(now + Milliseconds{stage_.dice.between(100, 20'000)});
        stage_.trace.note("process ", process.gate.process(), " does not reach the store");
    }
}

// What a dead process was doing ends at once, at the call where it waited.
void World::clear_dead() {
    for (std::unique_ptr<Process>& process : processes_) {
        if (!process || process->gate.is_alive()) continue;
        for (std::size_t i = tasks_.size(); i-- > 0;) {
            if (tasks_[i].process == process.get()) resume(i);
        }
        stage_.count(Count::kills);
        stage_.ledger.disturbed(process->gate.process(), stage_.time.steady());
        stage_.ledger.lose_all_of(process->gate.process());
        process->mailer.end_with_process();
        process.reset();
    }
}

void World::start_process(std::size_t number) {
    stage_.trace.note("process ", number, " starts");
    processes_[number] = std::make_unique<Process>(stage_, shared_, static_cast<int>(number),
                                                   stage_.plan.processes[number], stage_.dice.next());
    stage_.ledger.mails_driven(static_cast<int>(number), stage_.time.steady());
}

// ---- the whole

void World::look() { stage_.ledger.check_state(all_orders(), all_stock()); }

void World::advance() {
    const int look_every = options_.store == StoreChoice::memory ? look_every_memory : look_every_sqlite;
    for (int i = 1; i <= stage_.plan.steps && !stage_.ledger.violation(); ++i) {
        step();
        if (i % look_every == 0) look();
    }
    if (!stage_.ledger.violation()) recover();
    if (!stage_.ledger.violation()) read_everything();
    if (!stage_.ledger.violation()) conclude();
}

Outcome World::run() {
    try {
        advance();
    } catch (const std::runtime_error& problem) {
        stage_.ledger.violate("I14", std::string("the store, asked directly, answers: ") + problem.what());
    }
    stage_.count(Count::mails, stage_.ledger.mails());
    stage_.count(Count::mail_copies, stage_.ledger.mail_copies());
    Outcome outcome;
    outcome.violation = stage_.ledger.violation();
    outcome.plan = stage_.plan;
    outcome.counts = stage_.counts;
    outcome.trace_hash = stage_.trace.hash();
    outcome.events = stage_.trace.events();
    outcome.lines = stage_.trace.lines();
    return outcome;
}

Outcome simulate(const Options& options, FiberCrew& crew) { return World(options, crew).run(); }

}  // namespace waybill::simulation
