#include "tests/torture/checks.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "tests/system/checks.hpp"

namespace waybill::torture {

namespace {

namespace json = boost::json;

// A call that was given up may still be done so much later: the longest stop and freeze of a plan.
constexpr Micros belated = 10'000'000;
// Until another process shows a product's change.
constexpr Micros spread = 2'000'000;

using ByKey = std::map<std::pair<std::string, std::string>, std::vector<const Attempt*>>;

bool is_of(const std::vector<Good>& goods, const std::string& product) {
    return std::ranges::any_of(goods, [&](const Good& good) { return good.id == product; });
}

bool holds(const json::value& order, const std::string& product) {
    return std::ranges::any_of(order.at("items").as_array(), [&](const json::value& item) {
        return system_test::text_of(item, "productId") == product;
    });
}

bool same_lines(const json::value& order, const std::vector<Line>& lines) {
    std::map<std::string, long> wanted;
    for (const Line& line : lines) wanted[line.product] += line.quantity;
    for (const json::value& item : order.at("items").as_array()) {
        wanted[system_test::text_of(item, "productId")] -= item.at("quantity").to_number<long>();
    }
    return std::ranges::all_of(wanted, [](const auto& entry) { return entry.second == 0; });
}

Subject about_order(const FinalOrder& order, const std::string& id) { return {order.user, {}, id, {}}; }
Subject about_attempt(const Attempt& attempt) { return {attempt.user, attempt.key, attempt.order, {}}; }

class Checks {
public:
    Checks(const Evidence& evidence, Verdict& verdict)
        : evidence_(evidence),
          verdict_(verdict),
          attempts_(evidence.ledger.attempts()),
          prices_(evidence.ledger.price_changes()) {
        for (const Attempt& attempt : attempts_) {
            if (!attempt.key.empty()) by_key_[{attempt.user, attempt.key}].push_back(&attempt);
        }
    }

    void run() {
        for (const Finding& finding : evidence_.ledger.findings())
            look(finding.invariant, finding.held, finding.what, finding.about);
        check_stock();
        check_attempts();
        check_keys();
        check_phantoms();
        check_reads();
        check_cancels();
        check_ends();
        check_mails();
        check_calls();
        check_prices();
        check_letters();
    }

private:
    void look(int invariant, bool held, const std::string& what, const Subject& about) {
        verdict_.look_at(invariant, held, what, about, evidence_.ledger);
    }
    const FinalOrder* final_order(const std::string& id) const {
        const auto found = evidence_.state.orders.find(id);
        return found == evidence_.state.orders.end() ? nullptr : &found->second;
    }

    // I1, I2, I7.
    void check_stock() {
        std::map<std::string, long> held;
        for (const auto& [id, order] : evidence_.state.orders) {
            if (order.status == "Failed" || order.status == "Cancelled") continue;
            for (const json::value& item : order.body.at("items").as_array()) {
                held[system_test::text_of(item, "productId")] += item.at("quantity").to_number<long>();
            }
        }
        std::map<std::string, long> restocked;
        for (const StockAdjustment& change : evidence_.ledger.adjustments()) restocked[change.product] += change.delta;
        for (const Good* good : evidence_.goods.all()) {
            const auto found = evidence_.state.available.find(good->id);
            const long available = found == evidence_.state.available.end() ? 0 : found->second;
            const long expected = good->stock + restocked[good->id];
            const std::string sum = good->id + ": " + std::to_string(good->stock) + " at first + " +
                                    std::to_string(restocked[good->id]) + " restocked, " + std::to_string(available) +
                                    " available + " + std::to_string(held[good->id]) + " in orders";
            look(1, available >= 0 && held[good->id] <= expected, sum, {{}, {}, {}, good->id});
            look(2, available + held[good->id] == expected, sum, {{}, {}, {}, good->id});
            look(7, available + held[good->id] <= expected, sum, {{}, {}, {}, good->id});
        }
        check_hot(held);
    }

    void check_hot(std::map<std::string, long>& held) {
        std::set<std::string> wanted_in_vain;
        for (const Attempt& attempt : attempts_) {
            if (attempt.code == "insufficient-stock") wanted_in_vain.insert(attempt.lines[0].product);
        }
        for (const Good& good : evidence_.goods.hot) {
            if (!wanted_in_vain.contains(good.id)) continue;
            look(1, held[good.id] == good.stock,
                 good.id + " sold " + std::to_string(held[good.id]) + " of " + std::to_string(good.stock),
                 {{}, {}, {}, good.id});
        }
    }

    // I3, I11, I14.
    void check_attempts() {
        for (const Attempt& attempt : attempts_) {
            const bool scarce = is_of(evidence_.goods.hot, attempt.lines[0].product) ||
                                attempt.lines[0].product == evidence_.goods.sold_out.id;
            const bool expected = attempt.status == 201 || attempt.status == 503 || is_unknown(attempt.status) ||
                                  attempt.code == "idempotency-in-progress" ||
                                  (attempt.code == "insufficient-stock" && scarce);
            look(14, expected, "an order was answered " + std::to_string(attempt.status) + " " + attempt.answer,
                 about_attempt(attempt));
            if (attempt.status != 201) continue;
            const FinalOrder* const order = final_order(attempt.order);
            look(3, order != nullptr, "LOST: acknowledged and not there: " + attempt.answer, about_attempt(attempt));
            if (order == nullptr) continue;
            const json::value placed = json::parse(attempt.answer);
            bool same = order->user == attempt.user && same_lines(placed, attempt.lines);
            for (const char* member : {"items", "totalAmount", "currency", "location", "createdAt"})
                same = same && order->body.at(member) == placed.at(member);
            look(3, same, "not as it was acknowledged: " + json::serialize(order->body) + " was " + attempt.answer,
                 about_attempt(attempt));
        }
        check_money();
    }

    // I5.
    void check_keys() {
        std::map<std::string, std::string> owner;
        for (const auto& [name, attempts] : by_key_) {
            std::set<std::string> answers;
            std::set<std::string> orders;
            for (const Attempt* attempt : attempts) {
                if (attempt->status != 201) continue;
                answers.insert(attempt->answer);
                orders.insert(attempt->order);
            }
            if (orders.empty()) continue;
            const Subject about{name.first, name.second, *orders.begin(), {}};
            look(5, orders.size() == 1, std::to_string(orders.size()) + " orders for one key", about);
            look(5, answers.size() == 1, "a replay is not the same bytes", about);
            const auto [found, is_new] = owner.emplace(*orders.begin(), name.first);
            look(5, is_new || found->second == name.first, "another user's key gave this order", about);
        }
    }

    // I4: every order is one that somebody asked for, and asked for once.
    void check_phantoms() {
        std::set<std::string> acknowledged;
        std::map<std::pair<std::string, long>, std::string> unkeyed;  // by user and quantity
        for (const Attempt& attempt : attempts_) {
            if (attempt.status == 201) acknowledged.insert(attempt.order);
            if (attempt.key.empty() && is_unknown(attempt.status)) unkeyed[{attempt.user, attempt.lines[0].quantity}];
        }
        for (const auto& [id, order] : evidence_.state.orders) {
            bool known = acknowledged.contains(id);
            if (!known && holds(order.body, evidence_.goods.bulk.id)) {
                const long quantity = order.body.at("items").at(0).at("quantity").to_number<long>();
                const auto found = unkeyed.find({order.user, quantity});
                known = found != unkeyed.end() && found->second.empty();
                if (known) found->second = id;
            }
            look(4, known, "an order that nobody asked for: " + json::serialize(order.body), about_order(order, id));
        }
    }

    static int rank(const std::string& status) { return status == "Pending" ? 0 : status == "Processing" ? 1 : 2; }

    // I6, I9: what was seen never goes back, and an end stays what it is.
    void check_reads() {
        std::vector<OrderRead> reads = evidence_.ledger.reads();
        for (const CancelCall& call : evidence_.ledger.cancels()) {
            if (call.status == 200) reads.push_back({call.order, call.begun, call.ended, "Cancelled", {}});
        }
        std::map<std::string, std::vector<const OrderRead*>> by_order;
        for (const OrderRead& read : reads) by_order[read.order].push_back(&read);
        for (auto& [id, list] : by_order) {
            check_order_reads(id, list);
            check_terminal_bodies(id, list);
        }
    }

    void check_order_reads(const std::string& id, const std::vector<const OrderRead*>& list) {
        std::vector<const OrderRead*> by_begin = list;
        std::vector<const OrderRead*> by_end = list;
        std::ranges::sort(by_begin, {}, &OrderRead::begun);
        std::ranges::sort(by_end, {}, &OrderRead::ended);
        std::size_t ended = 0;
        std::string furthest = "Pending";
        for (const OrderRead* read : by_begin) {
            for (; ended < by_end.size() && by_end[ended]->ended < read->begun; ++ended) {
                if (rank(by_end[ended]->status) > rank(furthest)) furthest = by_end[ended]->status;
            }
            const int step = rank(read->status) - rank(furthest);
            const bool forward = step > 0 || (step == 0 && (rank(furthest) < 2 || read->status == furthest));
            look(6, forward, "read " + read->status + " after " + furthest, {{}, {}, id, {}});
        }
        const FinalOrder* const order = final_order(id);
        if (order == nullptr) return;
        if (rank(furthest) == 2)
            look(6, order->status == furthest, "was " + furthest + ", is " + order->status, about_order(*order, id));
    }

    void check_terminal_bodies(const std::string& id, const std::vector<const OrderRead*>& list) {
        const FinalOrder* const order = final_order(id);
        for (const OrderRead* read : list) {
            if (read->terminal_body.empty() || order == nullptr) continue;
            look(9, json::parse(read->terminal_body) == order->body,
                 "an ended order was written again: " + read->terminal_body + " is " + json::serialize(order->body),
                 about_order(*order, id));
        }
    }

    void check_cancels() {
        for (const CancelCall& call : evidence_.ledger.cancels()) {
            const FinalOrder* const order = final_order(call.order);
            if (order == nullptr) continue;
            const Subject about = about_order(*order, call.order);
            if (call.status == 200)
                look(14, order->status == "Cancelled", "cancelled with 200, and is " + order->status, about);
            if (call.status == 409)
                look(14, order->status != "Cancelled", "too late to cancel, said 409, and is Cancelled", about);
            look(14, call.status == 200 || call.status == 409 || call.status == 503 || is_unknown(call.status),
                 "a cancellation was answered " + std::to_string(call.status), about);
        }
    }

    // I6, I15: one terminal state, the one that fulfilment decided.
    void check_ends() {
        std::set<std::string> dead;
        for (const Letter& letter : evidence_.state.letters) dead.insert(letter.order);
        for (const auto& [id, order] : evidence_.state.orders) {
            look(6, system_test::is_terminal(order.status), "is still " + order.status, about_order(order, id));
            const bool refused =
                holds(order.body, evidence_.goods.refused.id) || holds(order.body, evidence_.goods.poison.id);
            if (order.status == "Processed")
                look(6, !refused, "fulfilment refused it, and it is Processed", about_order(order, id));
            if (order.status == "Failed")
                look(6, refused || dead.contains(id), "Failed without a reason: " + json::serialize(order.body),
                     about_order(order, id));
        }
        using Path = std::vector<std::string>;
        const std::set<Path> ways{
            {"Pending", "Processing", "Processed"}, {"Pending", "Processing", "Failed"}, {"Pending", "Cancelled"}};
        for (const auto& [id, path] : evidence_.state.timelines) {
            std::string text;
            for (const std::string& status : path) text += " " + status;
            look(6, ways.contains(path), "its timeline is" + text, {{}, {}, id, {}});
        }
    }

    // I8.
    void check_mails() {
        std::map<std::string, const SeenMail*> first;
        long copies = 0;
        for (const SeenMail& mail : evidence_.state.mails) {
            const auto [found, is_new] = first.emplace(mail.identity, &mail);
            copies += is_new ? 0 : 1;
            look(8, found->second->bytes == mail.bytes, "copies of " + mail.identity + " differ",
                 {{}, {}, mail.identity.substr(0, mail.identity.rfind('-')), {}});
        }
        std::size_t expected = 0;
        for (const auto& [id, order] : evidence_.state.orders) {
            const bool there = first.contains(mail_of(id, order.status));
            expected += there ? 1 : 0;
            look(8, there, "no mail says that it is " + order.status, about_order(order, id));
        }
        if (first.size() != expected) {
            for (const auto& [identity, mail] : first) {
                const std::string id = identity.substr(0, identity.rfind('-'));
                const FinalOrder* const order = final_order(id);
                look(8, order != nullptr && mail_of(id, order->status) == identity,
                     "a mail of nothing that happened: " + identity, {{}, {}, id, {}});
            }
        }
        look(8, copies <= evidence_.mails_in_doubt,
             std::to_string(copies) + " extra copies, " + std::to_string(evidence_.mails_in_doubt) + " explained", {});
    }

    // I9: every call for an order is the same call.
    void check_calls() {
        for (const auto& [id, call] : evidence_.calls) {
            look(9, !call.differs, "two calls for one order differ", {{}, {}, id, {}});
            look(4, final_order(id) != nullptr, "fulfilment was called for an order that is not there",
                 {{}, {}, id, {}});
        }
    }

    // The lowest price that may be seen from `time` on: the newest that was answered `slack` before, or
    // what an unanswered change may still have set after it.
    std::int64_t price_floor(const Good& good, Micros time, Micros slack) const {
        const PriceChange* newest = nullptr;
        for (const PriceChange& change : prices_) {
            if (change.product == good.id && change.status == 200 && change.ended + slack < time) newest = &change;
        }
        std::int64_t floor = newest != nullptr ? newest->minor : good.minor;
        for (const PriceChange& change : prices_) {
            if (change.product != good.id || !is_unknown(change.status) || change.begun > time) continue;
            if (newest == nullptr || newest->begun < change.ended + belated) floor = std::min(floor, change.minor);
        }
        return floor;
    }

    std::int64_t price_ceiling(const Good& good, Micros time) const {
        std::int64_t ceiling = good.minor;
        for (const PriceChange& change : prices_) {
            if (change.product == good.id && change.begun < time) ceiling = std::max(ceiling, change.minor);
        }
        return ceiling;
    }

    const Good* good_of(const std::string& product) const {
        for (const Good* good : evidence_.goods.all()) {
            if (good->id == product) return good;
        }
        return nullptr;
    }

    // The ledger has attempts in the order of their answers, and any of them may have placed the order.
    Micros first_asked(const Attempt& attempt) const {
        Micros begun = attempt.begun;
        const auto found = by_key_.find({attempt.user, attempt.key});
        if (found == by_key_.end()) return begun;
        for (const Attempt* const same : found->second) begun = std::min(begun, same->begun);
        return begun;
    }

    // I11: priced from the store, between the request and its answer.
    void check_money() {
        std::set<std::string> seen;
        for (const Attempt& attempt : attempts_) {
            if (attempt.status != 201 || !seen.insert(attempt.order).second) continue;
            const Micros begun = first_asked(attempt);
            const json::value order = json::parse(attempt.answer);
            std::int64_t total = 0;
            for (const json::value& item : order.at("items").as_array()) {
                const std::int64_t unit = minor_of(item.at("unitPrice"));
                total += unit * item.at("quantity").to_number<std::int64_t>();
                const Good* const good = good_of(system_test::text_of(item, "productId"));
                if (good == nullptr) continue;
                const std::int64_t least = price_floor(*good, begun, 0);
                const std::int64_t most = price_ceiling(*good, attempt.ended);
                look(11, unit >= least && unit <= most,
                     "priced " + decimal(unit) + ", may be " + decimal(least) + " to " + decimal(most),
                     {attempt.user, attempt.key, attempt.order, good->id});
            }
            look(11, total == minor_of(order.at("totalAmount")), "the total is not the sum: " + attempt.answer,
                 about_attempt(attempt));
        }
    }

    // I10.
    void check_prices() {
        for (const PriceRead& read : evidence_.ledger.price_reads()) {
            const Good* const good = good_of(read.product);
            if (good == nullptr) continue;
            const std::int64_t least = price_floor(*good, read.begun, evidence_.production ? spread : 0);
            const std::int64_t most = price_ceiling(*good, read.ended);
            look(10, read.minor >= least && read.minor <= most,
                 "read at " + std::to_string(read.begun / 1'000) + " ms a price of " + decimal(read.minor) +
                     ", may be " + decimal(least) + " to " + decimal(most),
                 {{}, {}, {}, read.product});
        }
    }

    // I15.
    void check_letters() {
        std::map<std::string, int> letters;
        for (const Letter& letter : evidence_.state.letters) {
            if (letter.kind != "process_order") continue;
            const FinalOrder* const order = final_order(letter.order);
            look(15, order != nullptr && order->status == "Failed", "a dead letter, and its order has not failed",
                 {{}, {}, letter.order, {}});
            look(15, ++letters[letter.order] == 1, "two dead letters for one order", {{}, {}, letter.order, {}});
        }
        for (const auto& [id, order] : evidence_.state.orders) {
            if (holds(order.body, evidence_.goods.poison.id))
                look(15, order.status != "Processed", "poison was processed", about_order(order, id));
        }
    }

    const Evidence& evidence_;
    Verdict& verdict_;
    const std::vector<Attempt> attempts_;
    const std::vector<PriceChange> prices_;
    ByKey by_key_;
};

}  // namespace

void check_all(const Evidence& evidence, Verdict& verdict) { Checks(evidence, verdict).run(); }

void check_restarted(const Evidence& evidence, const std::map<std::string, FinalOrder>& again, Verdict& verdict) {
    for (const auto& [id, order] : evidence.state.orders) {
        const auto found = again.find(id);
        const bool same = found != again.end() && found->second.body == order.body;
        verdict.look_at(3, same, "a restart changed or lost it", about_order(order, id), evidence.ledger);
    }
    verdict.look_at(4, again.size() == evidence.state.orders.size(), "a restart brought orders", {}, evidence.ledger);
}

}  // namespace waybill::torture
