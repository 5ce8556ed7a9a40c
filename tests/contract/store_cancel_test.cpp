#include <atomic>
#include <latch>
#include <thread>

#include "tests/contract/store_contract.hpp"

namespace waybill::testing {

namespace {

WAYBILL_STORE_SUITE(StoreCancel);

TEST_P(StoreCancel, a_pending_order_gives_its_stock_back) {
    add_product("tea", 100, 10);
    add_product("cup", 100, 10);
    const Order placed = must_place("o-1", {{"tea", 4}, {"cup", 2}});
    clock.advance(Milliseconds{250});
    const Order cancelled = must(store.cancel_order(OrderId{"o-1"}, ada));

    EXPECT_EQ(cancelled.status, OrderStatus::cancelled);
    EXPECT_EQ(cancelled.finished_at, clock.now());
    EXPECT_EQ(cancelled.processing_at, std::nullopt);
    EXPECT_EQ(cancelled.lines, placed.lines);
    EXPECT_EQ(order_of("o-1"), cancelled);
    EXPECT_EQ(stock_of("tea"), 10);
    EXPECT_EQ(stock_of("cup"), 10);
    EXPECT_EQ(depth(WorkKind::process_order), 0);
    EXPECT_TRUE(claim().empty());
    EXPECT_EQ(claim_only(WorkKind::send_mail).order, cancelled);
}

TEST_P(StoreCancel, cancelling_again_changes_nothing) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 4}});
    const Order first = must(store.cancel_order(OrderId{"o-1"}, ada));
    clock.advance(Milliseconds{1'000});
    const std::string before = world();
    EXPECT_EQ(must(store.cancel_order(OrderId{"o-1"}, ada)), first);
    EXPECT_EQ(world(), before);

    must(settle_mail(claim_only(WorkKind::send_mail)));
    EXPECT_EQ(must(store.cancel_order(OrderId{"o-1"}, std::nullopt)), first);
    EXPECT_EQ(depth(WorkKind::send_mail), 0);
}

TEST_P(StoreCancel, is_too_late_once_the_order_is_claimed) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 4}});
    const ClaimedWork work = claim_only();
    std::string before = world();
    EXPECT_EQ(code_of(store.cancel_order(OrderId{"o-1"}, ada)), ErrorCode::invalid_transition);
    EXPECT_EQ(world(), before);

    must(retry(work, Milliseconds{0}));
    EXPECT_EQ(code_of(store.cancel_order(OrderId{"o-1"}, ada)), ErrorCode::invalid_transition);
    must(settle(claim_only(), true));
    before = world();
    EXPECT_EQ(code_of(store.cancel_order(OrderId{"o-1"}, ada)), ErrorCode::invalid_transition);
    EXPECT_EQ(world(), before);

    must_place("o-2", {{"tea", 4}});
    must(settle(claim_only(), false, "refused"));
    EXPECT_EQ(code_of(store.cancel_order(OrderId{"o-2"}, ada)), ErrorCode::invalid_transition);
    EXPECT_EQ(stock_of("tea"), 6);
}

TEST_P(StoreCancel, somebody_elses_order_is_not_found) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 4}});
    const std::string before = world();
    EXPECT_EQ(code_of(store.cancel_order(OrderId{"o-1"}, bob)), ErrorCode::not_found);
    EXPECT_EQ(code_of(store.cancel_order(OrderId{"none"}, ada)), ErrorCode::not_found);
    EXPECT_EQ(code_of(store.cancel_order(OrderId{"none"}, std::nullopt)), ErrorCode::not_found);
    EXPECT_EQ(world(), before);
    EXPECT_EQ(must(store.cancel_order(OrderId{"o-1"}, std::nullopt)).status, OrderStatus::cancelled);
    EXPECT_EQ(code_of(store.cancel_order(OrderId{"o-1"}, bob)), ErrorCode::not_found);
}

TEST_P(StoreCancel, cancels_at_once_return_the_stock_once) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 4}});
    std::atomic<int> answered = 0;
    std::latch start(6);
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 6; ++i) {
            threads.emplace_back([&] {
                start.arrive_and_wait();
                if (store.cancel_order(OrderId{"o-1"}, ada)) ++answered;
            });
        }
    }
    EXPECT_EQ(answered, 6);
    EXPECT_EQ(stock_of("tea"), 10);
    EXPECT_EQ(depth(WorkKind::send_mail), 1);
}

TEST_P(StoreCancel, of_cancel_and_claim_exactly_one_wins) {
    constexpr std::size_t orders = 40;
    add_product("tea", 100, orders);
    std::vector<NewOrder> batch;
    for (std::size_t i = 0; i < orders; ++i) batch.push_back(new_order(id_of("o", i), {{"tea", 1}}));
    for (const auto& result : store.place_orders(batch)) (void)must(result);

    std::vector<char> cancelled(orders);
    std::vector<char> claimed(orders);
    std::latch start(2);
    {
        const std::jthread customer([&] {
            start.arrive_and_wait();
            for (std::size_t i = 0; i < orders; ++i) {
                cancelled[i] = store.cancel_order(OrderId{id_of("o", i)}, ada).has_value();
            }
        });
        const std::jthread worker([&] {
            start.arrive_and_wait();
            // From the other end, so that the two meet whichever is faster.
            for (std::size_t i = orders; i-- > 0;) {
                const WorkId id = process_work_id(OrderId{id_of("o", i)});
                const auto answer = store.claim_work(std::span(&id, 1), lease).at(0);
                claimed[i] = answer && answer->outcome == ClaimById::Outcome::claimed;
            }
        });
    }
    std::int64_t returned = 0;
    for (std::size_t i = 0; i < orders; ++i) {
        EXPECT_NE(cancelled[i], claimed[i]) << i;
        const OrderStatus expected = cancelled[i] ? OrderStatus::cancelled : OrderStatus::processing;
        EXPECT_EQ(order_of(id_of("o", i)).status, expected) << i;
        returned += cancelled[i];
    }
    EXPECT_EQ(stock_of("tea"), returned);
    EXPECT_EQ(depth(WorkKind::send_mail), returned);
    EXPECT_EQ(depth(WorkKind::process_order), static_cast<std::int64_t>(orders) - returned);
}

}  // namespace

}  // namespace waybill::testing
