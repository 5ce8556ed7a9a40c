// A function on a stack of its own, which can stop in the middle and go on later: how one thread runs
// many requests and loops side by side, in an order that the seed decides.
//
// Not thread-safe: a crew and its fibers belong to the thread that made them. Nothing that runs on a
// fiber may wait for another (a lock, a condition): nobody would come.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace waybill::simulation {

class Fiber {
public:
    using Body = std::move_only_function<void()>;

    Fiber();
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    // Runs `body` until it yields or ends. It must not throw.
    void start(Body body);
    // Goes on after the yield.
    void resume();
    [[nodiscard]] bool has_ended() const;

    // Stops the fiber that calls it; resume() brings it back. Only on a fiber.
    static void yield();
    [[nodiscard]] static bool is_on_one();

private:
    class State;
    std::unique_ptr<State> state_;
};

// Fibers that have ended serve again: their stacks are dear.
class FiberCrew {
public:
    [[nodiscard]] std::unique_ptr<Fiber> take() {
        if (idle_.empty()) return std::make_unique<Fiber>();
        std::unique_ptr<Fiber> fiber = std::move(idle_.back());
        idle_.pop_back();
        return fiber;
    }
    void give_back(std::unique_ptr<Fiber> fiber) { idle_.push_back(std::move(fiber)); }

private:
    std::vector<std::unique_ptr<Fiber>> idle_;
};

}  // namespace waybill::simulation
