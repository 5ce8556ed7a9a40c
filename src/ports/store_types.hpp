// What goes into the store and comes out of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "domain/order.hpp"
#include "domain/order_plan.hpp"
#include "domain/product.hpp"
#include "domain/session.hpp"
#include "domain/user.hpp"
#include "domain/work.hpp"

namespace waybill {

struct PlacedOrder {
    Order order;  // as placed, whatever came after
    bool replayed = false;
};

// Lists sort by (created_at, id); the key names the last element that was seen.
struct PageKey {
    TimePoint created_at{};
    std::string id;
    bool operator==(const PageKey&) const = default;
};

struct OrderFilter {
    std::optional<UserId> user_id;
    std::optional<OrderStatus> status;
};

struct StockFilter {
    std::optional<ProductId> product_id;
    std::optional<std::string> location;
};

// Exactly one of `set` and `delta`.
struct StockChange {
    UserId user_id;  // who changes, and the scope of the key
    ProductId product_id;
    std::string location;
    std::optional<std::int64_t> set;
    std::optional<std::int64_t> delta;
    std::string reason;
    std::optional<IdempotencyKey> idempotency;
};

struct StockChanged {
    std::int64_t available = 0;
    std::int64_t previous = 0;
    bool replayed = false;
    bool operator==(const StockChanged&) const = default;
};

struct CatalogueWrite {
    Product product;
    std::uint64_t catalogue_version = 0;  // after this write
};

// Whoever holds the latest epoch holds the item.
struct LeaseKey {
    WorkId work_id;
    std::uint64_t epoch = 0;
    bool operator==(const LeaseKey&) const = default;
};

struct ClaimedWork {
    LeaseKey lease;
    WorkKind kind = WorkKind::process_order;
    Order order;          // process_order: now Processing; send_mail: terminal
    std::string mail_to;  // send_mail: the address when the state was reached
    int attempts = 0;     // crashes, and leases that ended without settle or retry
    int tries = 0;        // this claim included
    Milliseconds since_first_try{};
};

// The answer to a claim by id (a message of a queue).
struct ClaimById {
    enum class Outcome : std::uint8_t {
        claimed,
        nothing_to_do,  // no item, or a terminal order: acknowledge the message
        leased,         // somebody works on it: hide the message until that lease ends
    };
    Outcome outcome = Outcome::nothing_to_do;
    std::optional<ClaimedWork> work;
    Milliseconds leased_for{};
};

struct OrderSettlement {
    LeaseKey lease;
    OrderId order_id;
    bool processed = true;     // else failed: the stock returns
    std::string reason;        // why it failed
    bool dead_letter = false;  // keep the item for the operator
    int attempts = 0;          // for the dead letter
};

struct MailSettlement {
    LeaseKey lease;
    bool dead_letter = false;  // refused for good, or out of attempts or time
    std::string reason;
    int attempts = 0;
};

struct Retry {
    LeaseKey lease;
    Milliseconds delay{};
    std::string reason;
    bool counts_as_attempt = false;
};

// A sent item that is not settled within its resend time is due again.
struct SentWork {
    WorkId work_id;
    OrderId order_id;
    std::uint32_t send_number = 0;
    TraceContext trace{};  // the order's
};

struct DeadLetter {
    WorkId id;
    WorkKind kind = WorkKind::process_order;
    OrderId order_id;
    std::string reason;
    int attempts = 0;
    TimePoint created_at{};  // when it became one
};

struct WorkDepth {
    std::int64_t count = 0;  // not yet settled
    Milliseconds oldest_age{};
};

struct StoreStats {
    std::map<WorkKind, WorkDepth> work;
    std::int64_t dead_letters = 0;
};

struct Retention {
    Milliseconds idempotency_keep{86'400'000};
    Milliseconds dead_letter_keep{2'592'000'000};
};

struct SweepCounts {
    std::int64_t idempotency_records = 0;
    std::int64_t sessions = 0;
    std::int64_t dead_letters = 0;
    std::int64_t password_resets = 0;
    [[nodiscard]] std::int64_t total() const { return idempotency_records + sessions + dead_letters + password_resets; }
};

struct OpenedSession {
    Session session;
    std::vector<SessionId> ended;  // to make room for it
};

struct RotatedSession {
    Session session;  // session.generation names the refresh token to hand out
    User user;
};

// `look` answers what `write` would, and writes nothing.
enum class ImportMode : std::uint8_t { write, look };

struct SeedProduct {
    Product product;
    std::vector<StockLevel> stock;
};

}  // namespace waybill
