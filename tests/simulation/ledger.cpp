// What the store did, and what left for the world.
#include "tests/simulation/ledger.hpp"

#include <algorithm>

namespace waybill::simulation {

namespace {

// Ours are UUIDs; the identity of a mail goes on with the state.
constexpr std::size_t order_id_length = 36;

// A loop that takes a round as often as this keeps its leases (15 s, extended every 5 s), although each
// of two calls may take as long again.
constexpr Milliseconds driven_every_max{3'000};

std::string number(std::integral auto value) { return std::to_string(value); }

std::string words(std::string_view first, const auto&... rest) {
    std::string text(first);
    ((text += rest), ...);
    return text;
}

}  // namespace

void Ledger::violate(std::string_view invariant, std::string text, const OrderId& about) {
    trace_.note(about, "VIOLATION ", invariant, ": ", text);
    if (!violation_) violation_ = Violation{std::string(invariant), std::move(text), about};
}

// ---- products and stock

void Ledger::price_written(const ProductId& id, MinorUnits price) {
    Prices& prices = prices_[id];
    prices.index.emplace(price, prices.index.size());
    prices.present = price;
}

void Ledger::price_answered(const ProductId& id, MinorUnits price, int process, SteadyTime at) {
    Prices& prices = prices_[id];
    const auto found = prices.index.find(price);
    if (found == prices.index.end()) return violate("I14", "a price was answered that was never written");
    prices.answers.push_back({found->second, process, at, next_moment()});
}

void Ledger::product_read(const ProductId& id, MinorUnits price, int process, SteadyTime began_at, Moment began) {
    constexpr Milliseconds elsewhere{2'000};
    const Prices& prices = prices_[id];
    const auto found = prices.index.find(price);
    if (found == prices.index.end()) return violate("I10", "a product was read with a price that it never had");
    for (const PriceAnswer& answer : prices.answers) {
        const bool must_show = (answer.process == process && answer.moment < began) || answer.at + elsewhere < began_at;
        if (must_show && answer.index > found->second) {
            return violate("I10", words("process ", number(process), " read ", id.text, " with price ", number(price),
                                        " after a later change was answered by process ", number(answer.process)));
        }
    }
}

void Ledger::stock_written(const ProductId& id, const std::string& location, std::int64_t difference) {
    units_[{id, location}] += difference;
    available_[{id, location}] += difference;
}

// ---- what the store did

void Ledger::placed(const NewOrder& asked, const Order& order) {
    const auto attempt = attempt_by_id_.find(asked.order_id);
    if (attempt == attempt_by_id_.end()) return violate("I4", "an order was placed that nobody asked for", order.id);
    if (orders_.contains(order.id)) return violate("I5", "an order was placed twice", order.id);
    if (asked.idempotency) {
        const auto [first, is_new] = by_key_.emplace(RequestKey{asked.user_id, asked.idempotency->key}, order.id);
        if (!is_new) violate("I5", words("key ", asked.idempotency->key, " made a second order"), order.id);
    }
    KnownOrder known;
    known.attempt = attempt->second;
    known.as_placed = order;
    check_request(attempts_[attempt->second], order);
    for (const OrderLine& line : order.lines) {
        if (line.unit_price != prices_[line.product_id].present) {
            violate("I11", words(line.product_id.text, " was sold at another price than the catalogue's"), order.id);
        }
        std::int64_t& available = available_[{line.product_id, order.location}];
        available -= line.quantity;
        if (available < 0) violate("I1", words(line.product_id.text, " was sold beyond its stock"), order.id);
    }
    orders_.emplace(order.id, std::move(known));
}

void Ledger::not_placed(const NewOrder& asked, const Error& error) {
    if (error.code != ErrorCode::insufficient_stock || !asked.location) return;
    for (const Shortage& shortage : error.shortages) {
        const std::int64_t available = available_[{shortage.product_id, *asked.location}];
        if (shortage.available == available) continue;
        violate("I2",
                words("an order was refused since ", number(shortage.available), " of ", shortage.product_id.text,
                      " were left, when ", number(available), " were"),
                asked.order_id);
    }
}

void Ledger::released(const OrderId& id) {
    const auto known = orders_.find(id);
    if (known == orders_.end() || !released_.insert(id).second) return;
    const Order& order = known->second.as_placed;
    for (const OrderLine& line : order.lines) available_[{line.product_id, order.location}] += line.quantity;
}

void Ledger::check_request(const Attempt& attempt, const Order& order) {
    MinorUnits total = 0;
    bool fits = order.user_id == attempt.user && order.lines.size() == attempt.lines.size();
    for (std::size_t i = 0; fits && i < order.lines.size(); ++i) {
        fits = order.lines[i].product_id == attempt.lines[i].product_id &&
               order.lines[i].quantity == attempt.lines[i].quantity;
        total += order.lines[i].unit_price * order.lines[i].quantity;
    }
    if (!fits) return violate("I3", "an order is not what was asked for", order.id);
    if (order.total != total) violate("I11", "a total is not the sum of its lines", order.id);
    if (attempt.expected_total && *attempt.expected_total != order.total) {
        violate("I11", "a customer pays a total that he did not see", order.id);
    }
}

void Ledger::claimed(int process, const ClaimedWork& work, SteadyTime now) {
    Holder& holder = holders_[work.lease.work_id];
    if (work.lease.epoch <= holder.epoch) violate("I9", "a claim did not raise the epoch of its item", work.order.id);
    if (holder.may_write && work.kind == WorkKind::send_mail) check_lost_lease(holder, work.order.id, now);
    holder = {work.lease.epoch, process, true, now};
}

// A lease that ends without settle or retry may have sent its mail.
void Ledger::check_lost_lease(const Holder& holder, const OrderId& id, SteadyTime now) {
    const Health& health = health_[holder.process];
    const bool was_late = now - health.driven_at > driven_every_max;
    if (health.disturbed_at < holder.since && !was_late) {
        violate("I8", words("process ", number(holder.process), " lost the lease of a mail and nothing disturbed it"),
                id);
    }
    ++copies_allowed_;
}

void Ledger::mails_driven(int process, SteadyTime now) {
    Health& health = health_[process];
    if (now - health.driven_at > driven_every_max) health.disturbed_at = now;
    health.driven_at = now;
}

void Ledger::lease_used(int process, const LeaseKey& lease, bool ends_it, std::string_view call, SteadyTime now) {
    const auto found = holders_.find(lease.work_id);
    const bool may_write = found != holders_.end() && found->second.may_write && found->second.epoch == lease.epoch &&
                           found->second.process == process;
    if (!may_write) {
        return violate("I9",
                       words("process ", number(process), " wrote ", call, " of ", lease.work_id.text,
                             " with a lease that was not its own any more"),
                       order_of(lease.work_id));
    }
    found->second.since = now;
    if (ends_it) found->second.may_write = false;
}

void Ledger::marked_sent(const WorkId& id) {
    const auto found = holders_.find(id);
    if (found != holders_.end()) found->second.may_write = false;
}

// ---- the world outside

void Ledger::message_received(const ReceivedMessage& message) {
    const auto found = holders_.find(message.work_id);
    epoch_at_receive_[message.work_id][message.receipt] = found == holders_.end() ? 0 : found->second.epoch;
}

void Ledger::message_done(const WorkId& id) { epoch_at_receive_.erase(id); }

// The claim that the message led to is the first after it was received.
void Ledger::message_deleted(int process, const ReceivedMessage& message) {
    const auto found = holders_.find(message.work_id);
    if (found == holders_.end()) return;
    const Holder& holder = found->second;
    const auto& receives = epoch_at_receive_[message.work_id];
    const auto receive = receives.find(message.receipt);
    const bool is_its_claim =
        receive != receives.end() && holder.process == process && holder.epoch == receive->second + 1;
    if (!is_its_claim || !holder.may_write) return;
    violate("I3", words("the message of ", message.work_id.text, " was deleted before what became of it was written"),
            order_of(message.work_id));
}

void Ledger::mail_accepted(const Mail& mail) {
    const OrderId id(mail.identity.substr(0, std::min(order_id_length, mail.identity.size())));
    const std::string rest = mail.identity.substr(id.text.size());
    const std::string state = rest.substr(0, rest.find('-', 1));
    const auto order = orders_.find(id);
    if (order == orders_.end()) return violate("I8", "a mail was sent about an order that nobody placed", id);
    Delivery& delivery = mails_[{id, state}];
    if (delivery.count++ == 0) {
        delivery.identity = mail.identity;
        delivery.raw = mail.raw;
        return;
    }
    if (delivery.identity != mail.identity) violate("I8", "two mails of one state have two identities", id);
    if (delivery.raw != mail.raw) violate("I8", "two copies of a mail differ", id);
}

std::uint64_t Ledger::mail_copies() const {
    std::uint64_t copies = 0;
    for (const auto& [key, delivery] : mails_) copies += delivery.count - 1;
    return copies;
}

// ---- the whole store

void Ledger::check_transition(KnownOrder& known, OrderStatus status) {
    if (known.stored == status) return;
    // Between two looks an order may have been claimed and settled.
    const bool is_allowed = may_become(known.stored, status) ||
                            (known.stored == OrderStatus::pending && may_become(OrderStatus::processing, status));
    if (!is_allowed) {
        violate("I6", words("an order went from ", to_text(known.stored), " to ", to_text(status)), known.as_placed.id);
    }
    known.stored = status;
}

void Ledger::check_state(std::span<const Order> orders, std::span<const StockLevel> stock) {
    auto units = units_;
    for (const Order& order : orders) {
        const auto known = orders_.find(order.id);
        if (known == orders_.end()) return violate("I4", "there is an order that nobody placed", order.id);
        check_transition(known->second, order.status);
        if (order.status == OrderStatus::failed || order.status == OrderStatus::cancelled) continue;
        for (const OrderLine& line : order.lines) units[{line.product_id, order.location}] -= line.quantity;
    }
    for (const StockLevel& level : stock) {
        const std::int64_t expected = units[{level.product_id, level.location}];
        if (level.available < 0) violate("I1", words(level.product_id.text, " was sold beyond its stock"));
        if (level.available == expected) continue;
        violate("I2", words("of ", level.product_id.text, " in ", level.location, " ", number(level.available),
                            " are available and ", number(expected), " should be"));
    }
}

void Ledger::check_end(std::span<const Order> orders, std::span<const StockLevel> stock,
                       std::span<const DeadLetter> letters) {
    check_state(orders, stock);
    check_attempts(orders);
    check_keys(orders);
    std::set<OrderId> buried;
    std::set<OrderId> undelivered;
    for (const DeadLetter& letter : letters) {
        auto& of_kind = letter.kind == WorkKind::process_order ? buried : undelivered;
        if (!of_kind.insert(letter.order_id).second) violate("I15", "an item became two dead letters", letter.order_id);
    }
    for (const DeadLetter& letter : discarded_) {
        (letter.kind == WorkKind::process_order ? buried : undelivered).insert(letter.order_id);
    }
    for (const Order& order : orders) {
        check_order_end(order, buried);
        check_mail_end(order, undelivered);
    }
    if (const std::uint64_t copies = mail_copies(); copies > copies_allowed_) {
        violate("I8", words(number(copies), " copies of mails where faults explain ", number(copies_allowed_)));
    }
}

void Ledger::check_attempts(std::span<const Order> orders) {
    std::map<OrderId, const Order*> stored;
    for (const Order& order : orders) stored.emplace(order.id, &order);
    for (const auto& [id, known] : orders_) {
        const auto found = stored.find(id);
        if (found == stored.end()) {
            if (known.acknowledged) violate("I3", "an order that was answered 201 is lost", id);
            continue;
        }
        if (!is_same_order(known.as_placed, *found->second)) violate("I3", "an order is not as it was placed", id);
    }
    for (const Attempt& attempt : attempts_) {
        if (attempt.state == Attempt::State::waiting)
            violate("liveness", "a request was never answered", attempt.order_id);
        if (attempt.state == Attempt::State::not_done && stored.contains(attempt.order_id)) {
            violate("I14", "an order is there whose customer was told that nothing was done", attempt.order_id);
        }
    }
}

void Ledger::check_keys(std::span<const Order> orders) {
    std::set<RequestKey> used;
    for (const Order& order : orders) {
        const auto found = attempt_by_id_.find(order.id);
        if (found == attempt_by_id_.end()) return violate("I4", "there is an order that nobody asked for", order.id);
        const Attempt& attempt = attempts_[found->second];
        if (attempt.key && !used.emplace(attempt.user, *attempt.key).second) {
            violate("I5", words("there are two orders of key ", *attempt.key), order.id);
        }
    }
}

void Ledger::check_order_end(const Order& order, const std::set<OrderId>& buried) {
    if (!is_terminal(order.status)) {
        return violate("liveness", words("an order is still ", to_text(order.status)), order.id);
    }
    if (order.status == OrderStatus::processed && !accepted_.contains(order.id)) {
        violate("I6", "an order is Processed that fulfilment did not accept", order.id);
    }
    const bool was_refused = order.status == OrderStatus::failed && refused_.contains(order.id);
    if (order.status == OrderStatus::failed && !was_refused && !buried.contains(order.id)) {
        violate("I15", "an order Failed without a refusal or a dead letter", order.id);
    }
    if (order.status != OrderStatus::failed && buried.contains(order.id)) {
        violate("I15", "an order has a dead letter and did not fail", order.id);
    }
}

void Ledger::check_mail_end(const Order& order, const std::set<OrderId>& undelivered) {
    std::string state = words("-", to_text(order.status));
    std::ranges::transform(state, state.begin(), [](char c) { return static_cast<char>(c | 0x20); });
    state.front() = '-';
    bool is_delivered = false;
    for (auto mail = mails_.lower_bound({order.id, {}}); mail != mails_.end() && mail->first.first == order.id;
         ++mail) {
        if (mail->first.second == state) {
            is_delivered = true;
        } else {
            violate("I8", words("a mail says ", mail->first.second, " of an order that is ", to_text(order.status)),
                    order.id);
        }
    }
    if (!is_delivered && !undelivered.contains(order.id)) violate("I8", "a mail was never delivered", order.id);
}

}  // namespace waybill::simulation
