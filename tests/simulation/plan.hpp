// What a seed decides before the first step: who takes part, what may go wrong and how often.
//
// Each seed leaves some kinds of faults out and makes others frequent, so that a few of them meet each
// other often instead of all of them seldom.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

namespace waybill::simulation {

enum class Fault : std::uint8_t {
    kill,        // a process ends, at a call of a port or between two
    freeze,      // a process stands still, perhaps for longer than its lease
    jump,        // the wall clock goes an hour at most, either way
    store,       // a call is not done, or its answer is lost; a process cannot reach the store for a while
    cache,       // flushed, or away
    queue,       // loses, repeats, delays, reorders, refuses, is away or emptied
    mail,        // no answer, before or after the mail was accepted
    fulfilment,  // no answer
    poison,      // orders whose processing throws
    interleave,  // no fault: calls of other requests and processes come between two of one
};
inline constexpr std::array every_fault{Fault::kill,   Fault::freeze,    Fault::jump, Fault::store,
                                        Fault::cache,  Fault::queue,     Fault::mail, Fault::fulfilment,
                                        Fault::poison, Fault::interleave};
[[nodiscard]] std::string_view to_text(Fault fault);
[[nodiscard]] std::optional<Fault> parse_fault(std::string_view text);

enum class StoreChoice : std::uint8_t { memory, sqlite };

struct Options {
    std::uint64_t seed = 1;
    StoreChoice store = StoreChoice::memory;
    bool keeps_lines = false;
    // What a shorter history leaves out.
    std::set<Fault> without{};
    std::optional<int> steps_max{};
    std::optional<int> customers_max{};
};

enum class Duty : std::uint8_t { all, api, worker };

struct Plan {
    std::vector<Duty> processes;
    bool has_queue = false;
    bool shares_cache = false;
    int steps = 0;
    int customers = 0;
    int products = 0;
    int locations = 0;
    std::int64_t stock_of_first = 0;  // the hot product

    // Limits, small ones too, so that they are reached.
    std::size_t waiting_max = 0;
    std::size_t batch_orders_max = 0;
    std::size_t work_batch_max = 0;
    std::size_t relay_window = 0;

    // Chances; 0 where the fault does not happen.
    double suspend = 0;        // at a call
    double kill_at_call = 0;   // at a call
    double kill = 0;           // at a step
    double freeze = 0;         // at a step
    double jump = 0;           // at a step
    double store_call = 0;     // at a call
    double store_outage = 0;   // at a step
    double cache = 0;          // at a step
    double queue_message = 0;  // for a message
    double queue_call = 0;     // at a call
    double queue_outage = 0;   // at a step
    double mail = 0;           // for a mail
    double fulfilment = 0;     // for a call
    double poison = 0;         // for an order
    double refused_order = 0;  // for an order
    double refused_mail = 0;   // for an order
    double time = 0;           // that time passes, at a step
};

[[nodiscard]] Plan make_plan(const Options& options);

}  // namespace waybill::simulation
