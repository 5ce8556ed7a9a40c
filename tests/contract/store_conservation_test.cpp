// A random life of a shop: whatever is done in whatever order, no piece of stock is lost or sold
// twice, and every order ends once, with one mail. The seed names the run.
#include <algorithm>
#include <map>
#include <random>

#include "tests/contract/store_contract.hpp"

namespace waybill::testing {

namespace {

constexpr std::size_t steps = 150;
const std::vector<std::string> product_ids{"tea", "cup", "pot"};

class StoreConservation : public StoreContract {
protected:
    using Dice = std::mt19937_64;

    std::size_t below(std::size_t bound) { return dice_() % bound; }
    bool one_in(std::size_t bound) { return below(bound) == 0; }

    template <class Element>
    std::optional<Element> any_of(const std::vector<Element>& elements) {
        if (elements.empty()) return std::nullopt;
        return elements[below(elements.size())];
    }

    void open_shop(std::uint64_t seed) {
        dice_.seed(seed);
        for (const std::string& id : product_ids) {
            add_product(id, 100, 40);
            goods_[id] = 40;
        }
    }

    void place_some() {
        std::vector<NewOrder> batch(1 + below(4));
        for (NewOrder& order : batch) {
            const std::size_t number = one_in(8) ? below(orders_made_ + 1) : ++orders_made_;
            order = new_order(id_of("o", number), {}, number % 3 == 0 ? bob : ada);
            for (const std::string& id : product_ids) {
                if (one_in(2)) order.lines.push_back({ProductId{id}, static_cast<std::int64_t>(1 + below(5))});
            }
            if (order.lines.empty()) order.lines.push_back({ProductId{one_in(4) ? "none" : "tea"}, 1});
            if (one_in(3)) order = with_key(order, id_of("key", below(12)), static_cast<std::uint8_t>(below(2)));
        }
        ASSERT_EQ(store.place_orders(batch).size(), batch.size());
    }

    void cancel_some() {
        const OrderId id{id_of("o", 1 + below(orders_made_ + 1))};
        (void)store.cancel_order(id, one_in(2) ? std::optional<UserId>{} : std::optional{ada});
    }

    void restock() {
        const std::string id = product_ids[below(product_ids.size())];
        StockChange change;
        change.user_id = bob;
        change.product_id = ProductId{id};
        change.location = bangalore;
        change.delta = static_cast<std::int64_t>(below(12)) - 4;
        if (store.change_stock(change)) goods_[id] += *change.delta;
    }

    void claim_some() {
        for (ClaimedWork& work : claim(WorkKind::process_order, 1 + below(4))) held_.push_back(std::move(work));
    }

    void claim_by_message() {
        for (const SentWork& sent : mark_sent(1 + below(4), 6)) messages_.push_back(sent);
        if (one_in(4) && !messages_.empty()) must(store.return_unsent(std::span(&messages_.back(), 1)));
        for (int copy = 0; copy < 2; ++copy) {
            const auto message = any_of(messages_);
            if (!message) return;
            auto answer = claim_by_id(message->order_id.text);
            if (answer.work) held_.push_back(*std::move(answer.work));
        }
    }

    // Of leases old and new: a worker that slept knows no better.
    void settle_some() {
        std::vector<OrderSettlement> batch;
        for (std::size_t i = 0; i < 1 + below(3); ++i) {
            const auto work = any_of(held_);
            if (!work) return;
            const bool processed = one_in(2);
            batch.push_back({work->lease, work->order.id, processed, processed ? "" : "refused",
                             !processed && one_in(3), work->attempts});
        }
        (void)store.settle_orders(batch);
    }

    void retry_some() {
        const auto work = any_of(held_);
        if (work) (void)retry(*work, Milliseconds{static_cast<std::int64_t>(below(10'000))}, one_in(2));
    }

    void extend_some() {
        const auto work = any_of(held_);
        if (work) (void)store.extend(std::span(&work->lease, 1), lease);
    }

    void send_some_mail() {
        for (const ClaimedWork& mail : claim(WorkKind::send_mail, 1 + below(3))) {
            if (one_in(4)) continue;  // the sender dies
            if (one_in(4)) {
                must(retry(mail, Milliseconds{200}));
            } else {
                count_mail(mail);
            }
        }
    }

    void count_mail(const ClaimedWork& mail) {
        must(settle_mail(mail));
        ++mails_[mail.order.id];
        EXPECT_EQ(mail.order, order_of(mail.order.id.text));
    }

    void let_time_pass() {
        clock.advance(Milliseconds{static_cast<std::int64_t>(below(20'000))});
        if (one_in(12)) clock.jump_wall(-Milliseconds{3'600'000});
        if (one_in(12)) clock.jump_wall(Milliseconds{3'600'000});
    }

    void take_a_step() {
        switch (below(10)) {
            case 0:
            case 1:
                return place_some();
            case 2:
                return cancel_some();
            case 3:
                return claim_some();
            case 4:
                return claim_by_message();
            case 5:
                return settle_some();
            case 6:
                return retry_some();
            case 7:
                return send_some_mail();
            case 8:
                return one_in(2) ? extend_some() : restock();
            default:
                return let_time_pass();
        }
    }

    void check_stock(const std::vector<Order>& orders) {
        std::map<std::string, std::int64_t> accounted;
        for (const StockLevel& level : must(store.list_stock({}, std::nullopt, plenty))) {
            EXPECT_GE(level.available, 0);
            accounted[level.product_id.text] += level.available;
        }
        for (const Order& order : orders) {
            if (order.status == OrderStatus::failed || order.status == OrderStatus::cancelled) continue;
            for (const OrderLine& line : order.lines) accounted[line.product_id.text] += line.quantity;
        }
        EXPECT_EQ(accounted, goods_);
    }

    // One step makes one transition at most.
    void check_ways(const std::vector<Order>& orders) {
        for (const Order& order : orders) {
            const auto [seen, is_new] = seen_.try_emplace(order.id, order);
            if (is_new) continue;
            if (is_terminal(seen->second.status)) {
                EXPECT_EQ(order, seen->second) << order.id.text;
            } else if (order.status != seen->second.status) {
                EXPECT_TRUE(may_become(seen->second.status, order.status)) << order.id.text;
            }
            seen->second = order;
        }
        EXPECT_EQ(orders.size(), seen_.size()) << "an order went away";
    }

    void check() {
        const auto orders = all_orders();
        check_stock(orders);
        check_ways(orders);
    }

    // What a relay and a consumer would get, and what the messages of the relay lead to.
    std::vector<ClaimedWork> claim_everything() {
        std::vector<ClaimedWork> claimed = claim();
        for (const SentWork& sent : mark_sent()) {
            auto answer = claim_by_id(sent.order_id.text);
            if (answer.work) claimed.push_back(*std::move(answer.work));
        }
        return claimed;
    }

    void finish_everything() {
        for (int round = 0; round < 10 && depth(WorkKind::process_order) + depth(WorkKind::send_mail) > 0; ++round) {
            clock.advance(resend_after + lease);
            const auto claimed = claim_everything();
            check();
            for (const ClaimedWork& work : claimed) EXPECT_EQ(code_of(settle(work, !one_in(3), "refused")), no_error);
            check();
            for (const ClaimedWork& mail : claim(WorkKind::send_mail)) count_mail(mail);
        }
        EXPECT_EQ(depth(WorkKind::process_order), 0);
        EXPECT_EQ(depth(WorkKind::send_mail), 0);
    }

    void check_the_end() {
        const auto orders = all_orders();
        EXPECT_EQ(mails_.size(), orders.size());
        for (const Order& order : orders) {
            EXPECT_TRUE(is_terminal(order.status)) << order.id.text;
            EXPECT_EQ(mails_[order.id], 1) << order.id.text;
        }
    }

    void live(std::uint64_t seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        open_shop(seed);
        for (std::size_t step = 0; step < steps && !HasFailure(); ++step) {
            SCOPED_TRACE("step " + std::to_string(step));
            take_a_step();
            check();
        }
        finish_everything();
        check();
        check_the_end();
    }

private:
    Dice dice_;
    std::size_t orders_made_ = 0;
    std::map<std::string, std::int64_t> goods_;
    std::map<OrderId, Order> seen_;
    std::vector<ClaimedWork> held_;
    std::vector<SentWork> messages_;
    std::map<OrderId, int> mails_;
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreConservation, ::testing::ValuesIn(every_store()),
                         [](const auto& parameter) { return parameter.param.name; });

TEST_P(StoreConservation, holds_in_a_random_life_1) { live(1); }
TEST_P(StoreConservation, holds_in_a_random_life_2) { live(2); }
TEST_P(StoreConservation, holds_in_a_random_life_3) { live(3); }
TEST_P(StoreConservation, holds_in_a_random_life_4) { live(4); }
TEST_P(StoreConservation, holds_in_a_random_life_5) { live(5); }
TEST_P(StoreConservation, holds_in_a_random_life_6) { live(6); }
TEST_P(StoreConservation, holds_in_a_random_life_7) { live(7); }
TEST_P(StoreConservation, holds_in_a_random_life_8) { live(8); }

}  // namespace

}  // namespace waybill::testing
