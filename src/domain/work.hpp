// Work items: what is still to do for an order, kept in the store beside it.
//
//   due --(mark_sent)--> sent --claim--> claimed --settle--> gone        due --claim--> claimed
//
// A claim sets a lease and raises the epoch; whoever writes later must still hold that epoch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "domain/ids.hpp"
#include "domain/order.hpp"
#include "domain/time.hpp"

namespace waybill {

enum class WorkKind : std::uint8_t { process_order, send_mail };
[[nodiscard]] std::string_view to_text(WorkKind kind);

enum class WorkState : std::uint8_t { due, sent, claimed };

// Work ids are up to 80 characters [A-Za-z0-9_-]: an order id (64 when it was imported), the kind of
// item and, for a mail, the state. Those of our own order ids are valid ids too.
inline constexpr std::size_t work_id_length_max = 80;
[[nodiscard]] bool is_valid_work_id(std::string_view text);

// An order has one item of each kind that can exist, so its id follows from the order: a repeat is
// recognised, and a mail for one state cannot be queued twice.
[[nodiscard]] WorkId process_work_id(const OrderId& order_id);
[[nodiscard]] WorkId mail_work_id(const OrderId& order_id, OrderStatus state);

struct WorkPolicy {
    Milliseconds lease{15'000};
    Milliseconds heartbeat{5'000};
    Milliseconds backoff_min{200};
    Milliseconds backoff_max{10'000};
    Milliseconds process_deadline{86'400'000};
    Milliseconds mail_deadline{86'400'000};
    int attempts_max = 6;

    // The furthest that a lease or a retry may lie ahead; what lies further (a clock that was set
    // back) counts as reached.
    [[nodiscard]] Milliseconds ahead_max() const;
};

// What became of one try.
enum class TryOutcome : std::uint8_t {
    done,       // accepted, or sent
    refused,    // a usable refusal: trying again cannot help
    no_answer,  // refused connection, timeout, 5xx and their like: try again until the deadline
    crashed,    // our own code threw: counts as an attempt
};

struct SettleDone {};
struct SettleFailed {
    std::string reason;
    bool dead_letter = false;
};
struct TryAgain {
    Milliseconds delay{};
    std::string reason;
    bool counts_as_attempt = false;
};
using NextStep = std::variant<SettleDone, SettleFailed, TryAgain>;

// `attempts` counts crashes and leases that ended without settle or retry, before this try;
// `tries` counts all tries so far, this one included, and sets the backoff. `dice` is 0 to 1 and
// places the retry (full jitter). A process_order that ran out of attempts, and a send_mail that
// was refused or ran out of attempts or time, end as dead letters.
[[nodiscard]] NextStep next_step(WorkKind kind, TryOutcome outcome, std::string reason, int attempts, int tries,
                                 Milliseconds since_first_try, double dice, const WorkPolicy& policy);

// Capped exponential backoff with full jitter: backoff_min at least, backoff_max at most.
[[nodiscard]] Milliseconds backoff_delay(int tries, double dice, const WorkPolicy& policy);

}  // namespace waybill
