// One simulated shop: its processes, what they share, and the scheduler that decides what happens next.
// Of one thread; the same options give the same run.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "tests/simulation/customers.hpp"
#include "tests/simulation/fiber.hpp"
#include "tests/simulation/process.hpp"
#include "tests/simulation/stage.hpp"

namespace waybill::simulation {

struct Outcome {
    std::optional<Violation> violation;
    Plan plan;
    Counts counts{};
    std::uint64_t trace_hash = 0;
    std::uint64_t events = 0;
    std::vector<Trace::Line> lines;  // where they were asked for
};

[[nodiscard]] Outcome simulate(const Options& options, FiberCrew& crew);

// What keeps the data of a world; processes come and go.
class Warehouse {
public:
    Warehouse(const Options& options, Stage& stage);
    ~Warehouse();
    [[nodiscard]] Store& store() { return *store_; }

private:
    struct Folder;
    SimClock clock_;
    NoLog log_;
    std::unique_ptr<Folder> folder_;
    std::unique_ptr<Store> store_;
};

class World final : private Shop {
public:
    World(const Options& options, FiberCrew& crew);
    ~World() override;
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    [[nodiscard]] Outcome run();

private:
    struct Task {
        std::unique_ptr<Fiber> fiber;
        Process* process = nullptr;
    };

    // ---- Shop
    [[nodiscard]] Process* choose_server() override;
    [[nodiscard]] std::span<const std::unique_ptr<Process>> processes() override { return processes_; }
    void start(Process& process, Fiber::Body body) override;

    void stock_shelves();
    void step();
    void act();
    void disturb();
    void disturb_process(Process& process);
    void pass_time();
    void start_part();
    void run_part(Process& process, Part part);
    bool resume_task();
    bool end_call();
    void resume(std::size_t index);
    void kill(Process& process);
    void clear_dead();
    void start_process(std::size_t number);
    void look();
    void advance();

    void recover();
    [[nodiscard]] bool run_everything_once();
    [[nodiscard]] bool is_quiet();
    void read_everything();
    void conclude();
    [[nodiscard]] std::vector<Order> all_orders();
    [[nodiscard]] std::vector<StockLevel> all_stock();

    const Options options_;
    FiberCrew& crew_;
    Stage stage_;
    Warehouse warehouse_;
    CacheServer cache_;
    QueueServer queue_;
    Verdicts verdicts_;
    Customers customers_;
    Shared shared_;
    std::vector<std::unique_ptr<Process>> processes_;  // null while it is dead
    std::vector<Task> tasks_;
    SteadyTime queue_back_at_{};
    SteadyTime cache_back_at_{};
};

}  // namespace waybill::simulation
