#include <atomic>
#include <latch>
#include <thread>

#include "tests/contract/store_contract.hpp"

namespace waybill::testing {

namespace {

WAYBILL_STORE_SUITE(StoreIdempotency);

TEST_P(StoreIdempotency, the_same_request_is_replayed) {
    add_product("tea", 100, 10);
    const Order first = must(place(with_key(new_order("o-1", {{"tea", 1}}), "key"))).order;
    clock.advance(Milliseconds{60'000});
    const PlacedOrder second = must(place(with_key(new_order("o-2", {{"tea", 1}}), "key")));

    EXPECT_TRUE(second.replayed);
    EXPECT_EQ(second.order, first);
    EXPECT_EQ(stock_of("tea"), 9);
    EXPECT_EQ(all_orders().size(), 1u);
    EXPECT_EQ(depth(WorkKind::process_order), 1);
}

TEST_P(StoreIdempotency, a_replay_shows_the_order_as_it_was_placed) {
    add_product("tea", 100, 10);
    const Order cancelled = must(place(with_key(new_order("o-1", {{"tea", 1}}), "key-1"))).order;
    clock.advance(Milliseconds{1'000});
    (void)must(store.cancel_order(OrderId{"o-1"}, ada));
    const Order processed = must(place(with_key(new_order("o-2", {{"tea", 1}}), "key-2"))).order;
    must(settle(claim_only(), true));
    const Order failed = must(place(with_key(new_order("o-3", {{"tea", 1}}), "key-3"))).order;
    must(settle(claim_only(), false, "refused"));
    const std::string before = world();

    EXPECT_EQ(must(place(with_key(new_order("x-1", {{"tea", 1}}), "key-1"))).order, cancelled);
    EXPECT_EQ(must(place(with_key(new_order("x-2", {{"tea", 1}}), "key-2"))).order, processed);
    EXPECT_EQ(must(place(with_key(new_order("x-3", {{"tea", 1}}), "key-3"))).order, failed);
    EXPECT_EQ(world(), before);
}

TEST_P(StoreIdempotency, a_replay_asks_neither_stock_nor_prices) {
    add_product("tea", 100, 1);
    NewOrder order = with_key(new_order("o-1", {{"tea", 1}}), "key");
    order.expected_total = 100;
    (void)must(place(order));
    set_price("tea", 300);
    set_active("tea", false);
    EXPECT_EQ(must(place(order)).order.total, 100);
}

TEST_P(StoreIdempotency, another_request_with_the_key_is_refused) {
    add_product("tea", 100, 10);
    (void)must(place(with_key(new_order("o-1", {{"tea", 1}}), "key", 1)));
    const std::string before = world();
    EXPECT_EQ(code_of(place(with_key(new_order("o-2", {{"tea", 2}}), "key", 2))), ErrorCode::idempotency_key_reused);
    EXPECT_EQ(world(), before);
}

TEST_P(StoreIdempotency, holds_within_one_batch) {
    add_product("tea", 100, 10);
    const std::vector<NewOrder> batch{
        with_key(new_order("o-1", {{"tea", 1}}), "key", 1),
        with_key(new_order("o-2", {{"tea", 1}}), "key", 1),
        with_key(new_order("o-3", {{"tea", 1}}), "key", 2),
        new_order("o-4", {{"tea", 1}}),
    };
    const auto results = store.place_orders(batch);
    ASSERT_EQ(results.size(), 4u);
    EXPECT_FALSE(must(results[0]).replayed);
    EXPECT_TRUE(must(results[1]).replayed);
    EXPECT_EQ(must(results[1]).order, must(results[0]).order);
    EXPECT_EQ(code_of(results[2]), ErrorCode::idempotency_key_reused);
    EXPECT_EQ(code_of(results[3]), no_error);
    EXPECT_EQ(stock_of("tea"), 8);
}

TEST_P(StoreIdempotency, the_key_of_a_refused_request_is_free) {
    add_product("tea", 100, 1);
    EXPECT_EQ(code_of(place(with_key(new_order("o-1", {{"tea", 2}}), "key", 1))), ErrorCode::insufficient_stock);
    EXPECT_FALSE(must(place(with_key(new_order("o-2", {{"tea", 1}}), "key", 2))).replayed);
}

TEST_P(StoreIdempotency, the_key_of_a_refused_twin_is_free_within_the_batch) {
    add_product("tea", 100, 1);
    const std::vector<NewOrder> batch{with_key(new_order("o-1", {{"tea", 2}}), "key", 1),
                                      with_key(new_order("o-2", {{"tea", 1}}), "key", 2)};
    const auto results = store.place_orders(batch);
    ASSERT_EQ(results.size(), 2u);
    EXPECT_EQ(code_of(results[0]), ErrorCode::insufficient_stock);
    EXPECT_EQ(must(results[1]).order.id, OrderId{"o-2"});
}

TEST_P(StoreIdempotency, keys_belong_to_their_user) {
    add_product("tea", 100, 10);
    const Order of_ada = must(place(with_key(new_order("o-1", {{"tea", 1}}, ada), "key"))).order;
    const PlacedOrder of_bob = must(place(with_key(new_order("o-2", {{"tea", 1}}, bob), "key")));
    EXPECT_FALSE(of_bob.replayed);
    EXPECT_EQ(of_bob.order.user_id, bob);
    EXPECT_EQ(must(place(with_key(new_order("o-3", {{"tea", 1}}, ada), "key"))).order, of_ada);
    EXPECT_EQ(stock_of("tea"), 8);
}

TEST_P(StoreIdempotency, keys_are_compared_octet_by_octet) {
    add_product("tea", 100, 10);
    const std::string longest(255, '~');
    std::size_t made = 0;
    for (const std::string& key : {std::string("key"), std::string("KEY"), std::string("key%"), std::string("$key"),
                                   std::string("'key'"), longest}) {
        EXPECT_FALSE(must(place(with_key(new_order(id_of("o", ++made), {{"tea", 1}}), key))).replayed) << key;
    }
    EXPECT_TRUE(must(place(with_key(new_order("x", {{"tea", 1}}), longest))).replayed);
}

TEST_P(StoreIdempotency, an_order_id_is_recognised_without_a_key) {
    add_product("tea", 100, 10);
    const Order first = must_place("o-1", {{"tea", 1}});
    must(settle(claim_only(), true));
    clock.advance(Milliseconds{1'000});
    const PlacedOrder second = must(place(new_order("o-1", {{"tea", 1}})));
    EXPECT_TRUE(second.replayed);
    EXPECT_EQ(second.order, first);
    EXPECT_EQ(stock_of("tea"), 9);
    EXPECT_EQ(depth(WorkKind::process_order), 0);
}

TEST_P(StoreIdempotency, an_order_id_is_recognised_within_one_batch) {
    add_product("tea", 100, 10);
    const std::vector<NewOrder> batch{new_order("o-1", {{"tea", 1}}), new_order("o-1", {{"tea", 1}})};
    const auto results = store.place_orders(batch);
    ASSERT_EQ(results.size(), 2u);
    EXPECT_FALSE(must(results[0]).replayed);
    EXPECT_TRUE(must(results[1]).replayed);
    EXPECT_EQ(stock_of("tea"), 9);
}

TEST_P(StoreIdempotency, a_burst_of_twins_makes_one_order) {
    add_product("tea", 100, 100);
    constexpr std::size_t twins = 16;
    std::atomic<int> made = 0;
    std::vector<std::optional<Order>> answers(twins);
    std::latch start(twins);
    {
        std::vector<std::jthread> threads;
        for (std::size_t twin = 0; twin < twins; ++twin) {
            threads.emplace_back([&, twin] {
                start.arrive_and_wait();
                const auto placed = place(with_key(new_order(id_of("o", twin), {{"tea", 1}}), "key"));
                if (!placed) return;
                if (!placed->replayed) ++made;
                answers[twin] = placed->order;
            });
        }
    }
    EXPECT_EQ(made, 1);
    const auto orders = all_orders();
    ASSERT_EQ(orders.size(), 1u);
    for (const auto& answer : answers) EXPECT_EQ(answer, orders.front());
    EXPECT_EQ(stock_of("tea"), 99);
}

}  // namespace

}  // namespace waybill::testing
