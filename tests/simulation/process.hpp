// One server process: the program's own use cases and loops, wired as the command line wires them, on the
// simulated ports. Nothing in it runs by itself; the scheduler drives one step after the other.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "app/catalogue.hpp"
#include "app/mail_renderer.hpp"
#include "app/operations.hpp"
#include "app/ordering.hpp"
#include "app/processing.hpp"
#include "tests/simulation/sim_parts.hpp"
#include "tests/simulation/sim_store.hpp"
#include "worker/janitor.hpp"
#include "worker/queue_consumer.hpp"
#include "worker/relay.hpp"
#include "worker/work_loop.hpp"

namespace waybill::simulation {

// What all processes of a world use.
struct Shared {
    Store& store;
    CacheServer& cache;
    QueueServer& queue;
    const Verdicts& verdicts;
};

// A thread of the program: one round at a time.
enum class Part : std::uint8_t { commit, expire, freshness, relay, orders, receive, answer, mails, janitor };
inline constexpr std::size_t part_count = 9;
[[nodiscard]] std::string_view to_text(Part part);

struct Process {
    // `number` stays the same when it starts again; `seed` does not.
    Process(Stage& stage, const Shared& shared, int number, Duty duty, std::uint64_t seed);

    [[nodiscard]] bool serves() const { return duty != Duty::worker; }
    [[nodiscard]] bool is_up(SteadyTime now) const { return gate.is_alive() && frozen_until <= now; }
    void run(Part part);

    const Duty duty;
    Gate gate;
    SimClock clock;
    SimStore store;
    CacheServer own_cache;
    SimCache cache;
    std::optional<SimQueue> queue;
    NoLog log;
    Metrics metrics;
    WorkSignal signal;
    SimMailer mailer;
    SimFulfilment fulfilment;

    OrderIntake intake;
    Ordering ordering;
    Catalogue catalogue;
    Operations operations;
    Processing processing;
    std::optional<worker::WorkLoop> orders;
    std::unique_ptr<worker::Relay> relay;
    std::unique_ptr<worker::QueueConsumer> consumer;
    std::optional<worker::WorkLoop> mails;

    std::vector<Part> parts;
    std::array<bool, part_count> is_busy{};
    bool reads_products = false;  // two that want the same product wait for each other
    SteadyTime frozen_until{};
};

}  // namespace waybill::simulation
