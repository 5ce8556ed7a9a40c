// The faults stop: everything must come to its end by itself.
#include <algorithm>
#include <stdexcept>

#include "tests/simulation/world.hpp"

namespace waybill::simulation {

namespace {

// After the last fault: a lease, a message sent again, and an order that uses up its attempts.
constexpr Milliseconds recovery_max{180'000};
constexpr Milliseconds recovery_step{1'000};
constexpr int rounds_at_once_max = 200;
constexpr std::size_t page = 100;

template <class T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().detail);
    return *std::move(result);
}

}  // namespace

std::vector<Order> World::all_orders() {
    std::vector<Order> orders;
    for (std::optional<PageKey> after;;) {
        const std::vector<Order> some = must(warehouse_.store().list_orders({}, after, page));
        orders.insert(orders.end(), some.begin(), some.end());
        if (some.size() < page) return orders;
        after = PageKey{some.back().created_at, some.back().id.text};
    }
}

std::vector<StockLevel> World::all_stock() { return must(warehouse_.store().list_stock({}, std::nullopt, page)); }

// True when something happened: another round may find more to do.
bool World::run_everything_once() {
    const std::uint64_t calls = stage_.trace.events();
    while (!tasks_.empty()) resume(0);
    for (const auto& process : processes_) {
        for (const Part part : process->parts) {
            run_part(*process, part);
        }
        while (process->mailer.pending() > 0) process->mailer.end_one(verdicts_);
        while (process->fulfilment.pending() > 0) process->fulfilment.end_one();
    }
    return stage_.trace.events() != calls;
}

bool World::is_quiet() {
    const StoreStats stats = must(warehouse_.store().stats());
    return std::ranges::all_of(stats.work, [](const auto& kind) { return kind.second.count == 0; });
}

void World::recover() {
    clear_dead();
    stage_.is_faulty = false;
    stage_.trace.note("the faults stop");
    queue_.is_away = cache_.is_away = false;
    for (std::size_t i = 0; i < processes_.size(); ++i) {
        if (!processes_[i]) start_process(i);
        processes_[i]->frozen_until = {};
    }
    for (Milliseconds passed{}; passed <= recovery_max; passed += recovery_step) {
        stage_.trace.set_time(stage_.time.passed_ms());
        int rounds = 0;
        while (run_everything_once() && !stage_.ledger.violation()) {
            if (++rounds > rounds_at_once_max) return stage_.ledger.violate("liveness", "it never comes to rest");
        }
        if (stage_.ledger.violation() || is_quiet()) return;
        stage_.time.pass(recovery_step);
    }
    look();
    for (const Order& order : all_orders()) {
        if (!is_terminal(order.status)) {
            return stage_.ledger.violate("liveness", "an order never ends", order.id);
        }
    }
    stage_.ledger.violate("liveness", "a mail is never settled");
}

// Through every process, by the owner and by somebody else.
void World::read_everything() {
    for (const auto& process : processes_) {
        if (!process->serves()) continue;
        for (int i = 0; i < stage_.plan.products; ++i) {
            customers_.read_product(*process, Customers::product(static_cast<std::size_t>(i)));
        }
        for (int i = 0; i < stage_.plan.customers; ++i) {
            const UserId reader = Customers::customer(static_cast<std::size_t>(i));
            customers_.list(*process, reader);
        }
        for (std::size_t i = 0; i < stage_.ledger.attempts().size(); ++i) {
            const Attempt& attempt = stage_.ledger.attempts()[i];
            if (attempt.state != Attempt::State::placed) continue;
            customers_.read(*process, attempt.user, attempt.order_id);
            customers_.read(*process, Customers::customer(0), attempt.order_id);
        }
    }
}

void World::conclude() {
    std::vector<DeadLetter> letters = must(warehouse_.store().list_dead_letters(std::nullopt, page));
    stage_.count(Count::dead_letters, letters.size());
    stage_.ledger.check_end(all_orders(), all_stock(), letters);
}

}  // namespace waybill::simulation
