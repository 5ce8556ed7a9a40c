// What was promised and what was seen, and whether both fit: the invariants of the shop.
//
// It hears the answers that customers got, the writes that the store did (whoever heard of them), and what
// left for the world (mails, calls). The first thing that does not fit is kept as the violation; nothing
// throws, since the product would catch it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ports/clock.hpp"
#include "ports/mailer.hpp"
#include "ports/queue.hpp"
#include "ports/store.hpp"
#include "tests/simulation/trace.hpp"

namespace waybill::simulation {

// A point in the order of events. Later events have greater ones.
using Moment = std::uint64_t;

struct Violation {
    std::string invariant;  // "I1" to "I15", or "liveness"
    std::string text;
    OrderId about;
};

// One POST of an order.
struct Attempt {
    enum class State : std::uint8_t { waiting, placed, not_done, unknown };
    UserId user;
    std::optional<std::string> key{};
    std::uint8_t body = 0;  // equal bodies have equal numbers; the hash is made of it
    std::vector<RequestedLine> lines{};
    std::optional<MinorUnits> expected_total{};
    int process = 0;
    OrderId order_id{};  // the id that it was given
    Moment began = 0;
    State state = State::waiting;
};

class Ledger {
public:
    explicit Ledger(Trace& trace) : trace_(trace) {}

    [[nodiscard]] const std::optional<Violation>& violation() const { return violation_; }
    void violate(std::string_view invariant, std::string text, const OrderId& about = {});
    [[nodiscard]] Moment next_moment() { return ++moment_; }

    // ---- orders, as their customers see them

    [[nodiscard]] std::size_t begin(Attempt attempt);
    void set_order_id(std::size_t attempt, const OrderId& id);
    void answer(std::size_t attempt, const Result<PlacedOrder>& result);
    // The process died before it answered.
    void lose(std::size_t attempt);
    void lose_all_of(int process);
    [[nodiscard]] const std::vector<Attempt>& attempts() const { return attempts_; }

    void read(const UserId& reader, bool is_admin, const OrderId& id, const Result<Order>& result, Moment began);
    void list(const UserId& reader, const Result<std::vector<Order>>& result, Moment began);
    void cancel(const OrderId& id, const Result<Order>& result);
    // What answers nobody's question, of any request.
    void check_error(const Error& error, std::string_view request);

    // ---- products

    void price_written(const ProductId& id, MinorUnits price);
    void price_answered(const ProductId& id, MinorUnits price, int process, SteadyTime at);
    void product_read(const ProductId& id, MinorUnits price, int process, SteadyTime began_at, Moment began);
    void stock_written(const ProductId& id, const std::string& location, std::int64_t difference);

    // ---- what the store did

    void placed(const NewOrder& asked, const Order& order);
    // In the order of the decisions: each refusal for want of stock must be true when it is made.
    void not_placed(const NewOrder& asked, const Error& error);
    void released(const OrderId& id);  // its order failed or was cancelled
    void claimed(int process, const ClaimedWork& work, SteadyTime now);
    // A write that needed the lease. `ends_it`: nobody may write with it again.
    void lease_used(int process, const LeaseKey& lease, bool ends_it, std::string_view call, SteadyTime now);
    void marked_sent(const WorkId& id);

    // ---- the world outside

    void message_received(const ReceivedMessage& message);
    // A claim by id found nothing to do: the messages that were received until now may go.
    void message_done(const WorkId& id);
    void message_deleted(int process, const ReceivedMessage& message);
    void mail_accepted(const Mail& mail);
    // Its answer was lost: it will be sent again.
    void mail_answer_lost() { ++copies_allowed_; }

    // Something happened that may cost a process its leases.
    void disturbed(int process, SteadyTime now) { health_[process].disturbed_at = now; }
    void mails_driven(int process, SteadyTime now);
    void fulfilment_accepted(const OrderId& id) { accepted_.insert(id); }
    void fulfilment_refused(const OrderId& id) { refused_.insert(id); }
    void discarded(const DeadLetter& letter) { discarded_.push_back(letter); }

    // ---- the whole store

    void check_state(std::span<const Order> orders, std::span<const StockLevel> stock);
    void check_end(std::span<const Order> orders, std::span<const StockLevel> stock,
                   std::span<const DeadLetter> letters);
    [[nodiscard]] std::uint64_t mail_copies() const;
    [[nodiscard]] std::size_t mails() const { return mails_.size(); }

private:
    struct Seen {
        Moment answered = 0;
        int rank = 0;
    };
    struct KnownOrder {
        std::size_t attempt = 0;
        Order as_placed;
        std::optional<Moment> acknowledged{};  // first answer that names it
        std::vector<Seen> seen{};              // ranks rise
        std::optional<OrderStatus> end_seen{};
        OrderStatus stored = OrderStatus::pending;
    };
    struct Holder {
        std::uint64_t epoch = 0;
        int process = 0;
        bool may_write = false;
        SteadyTime since{};  // the lease was written
    };
    struct Health {
        SteadyTime driven_at{};  // its loop of mails
        SteadyTime disturbed_at{};
    };
    struct PriceAnswer {
        std::size_t index = 0;
        int process = 0;
        SteadyTime at;
        Moment moment = 0;
    };
    struct Prices {
        std::map<MinorUnits, std::size_t> index;  // each price is used once
        std::vector<PriceAnswer> answers;
        MinorUnits present = 0;
    };
    struct Delivery {
        std::string identity;
        std::string raw;
        std::uint64_t count = 0;
    };
    using RequestKey = std::pair<UserId, std::string>;
    using StockKey = std::pair<ProductId, std::string>;

    void answer_placed(Attempt& attempt, const PlacedOrder& placed);
    void answer_refused(Attempt& attempt, const Error& error);
    void check_request(const Attempt& attempt, const Order& order);
    void note_seen(KnownOrder& known, const Order& order, Moment began);
    void check_lost_lease(const Holder& holder, const OrderId& id, SteadyTime now);
    [[nodiscard]] bool is_same_order(const Order& placed, const Order& later) const;
    void check_transition(KnownOrder& known, OrderStatus status);
    void check_attempts(std::span<const Order> orders);
    void check_keys(std::span<const Order> orders);
    void check_order_end(const Order& order, const std::set<OrderId>& buried);
    void check_mail_end(const Order& order, const std::set<OrderId>& undelivered);

    Trace& trace_;
    std::optional<Violation> violation_;
    Moment moment_ = 0;
    std::vector<Attempt> attempts_;
    std::map<OrderId, std::size_t> attempt_by_id_;
    std::map<OrderId, KnownOrder> orders_;
    std::map<RequestKey, OrderId> by_key_;
    std::map<ProductId, Prices> prices_;
    std::map<StockKey, std::int64_t> units_;
    std::map<StockKey, std::int64_t> available_;  // after what was seen of placing, failing and cancelling
    std::set<OrderId> released_;
    std::map<WorkId, Holder> holders_;
    std::map<int, Health> health_;
    std::map<WorkId, std::map<std::string, std::uint64_t>> epoch_at_receive_;  // by receipt
    std::map<std::pair<OrderId, std::string>, Delivery> mails_;
    std::uint64_t copies_allowed_ = 0;
    std::set<OrderId> accepted_;
    std::set<OrderId> refused_;
    std::vector<DeadLetter> discarded_;
};

}  // namespace waybill::simulation
