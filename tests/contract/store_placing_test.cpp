#include <atomic>
#include <latch>
#include <thread>

#include "tests/contract/store_contract.hpp"

namespace waybill::testing {

namespace {

WAYBILL_STORE_SUITE(StorePlacing);

TEST_P(StorePlacing, takes_prices_from_the_store_and_the_stock_with_them) {
    add_product("tea", 1'250, 10);
    add_product("cup", 99, 7);
    const PlacedOrder placed = must(place(new_order("o-1", {{"tea", 3}, {"cup", 2}})));

    EXPECT_FALSE(placed.replayed);
    EXPECT_EQ(placed.order.id, OrderId{"o-1"});
    EXPECT_EQ(placed.order.user_id, ada);
    EXPECT_EQ(placed.order.location, bangalore);
    EXPECT_EQ(placed.order.status, OrderStatus::pending);
    EXPECT_EQ(placed.order.created_at, clock.now());
    EXPECT_EQ(placed.order.total, 3 * 1'250 + 2 * 99);
    const std::vector<OrderLine> lines{{ProductId{"tea"}, "The tea", 3, 1'250}, {ProductId{"cup"}, "The cup", 2, 99}};
    EXPECT_EQ(placed.order.lines, lines);
    EXPECT_EQ(order_of("o-1"), placed.order);
    EXPECT_EQ(stock_of("tea"), 7);
    EXPECT_EQ(stock_of("cup"), 5);
    EXPECT_EQ(depth(WorkKind::process_order), 1);
}

TEST_P(StorePlacing, a_new_price_prices_the_orders_after_it_only) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 2}});
    rename("tea", "Tea");
    set_price("tea", 130);
    must_place("o-2", {{"tea", 2}});

    EXPECT_EQ(order_of("o-1").total, 200);
    EXPECT_EQ(order_of("o-1").lines.at(0).name, "The tea");
    EXPECT_EQ(order_of("o-2").total, 260);
    EXPECT_EQ(order_of("o-2").lines.at(0).name, "Tea");
}

TEST_P(StorePlacing, totals_are_exact_up_to_the_largest_order) {
    NewOrder order = new_order("o-1", {});
    for (std::size_t i = 0; i < order_lines_max; ++i) {
        const std::string id = id_of("gold", i);
        add_product(id, unit_price_max, line_quantity_max);
        order.lines.push_back({ProductId{id}, line_quantity_max});
    }
    const Order placed = must(place(order)).order;
    EXPECT_EQ(placed.total, unit_price_max * line_quantity_max * static_cast<MinorUnits>(order_lines_max));
    EXPECT_EQ(order_of("o-1"), placed);
    EXPECT_EQ(stock_of(id_of("gold", 99)), 0);
}

TEST_P(StorePlacing, keeps_ids_and_texts_as_they_are) {
    const std::string id(id_length_max, 'z');
    const std::string name = "Tee \"süß\"; DROP TABLE orders; -- ' $gt \\ \xF0\x9F\x8D\xB5";
    add_product("t_e-A", 100, 10);
    rename("t_e-A", name);
    must_place(id, {{"t_e-A", 1}});
    EXPECT_EQ(order_of(id).lines.at(0).name, name);
    EXPECT_EQ(claim_only().order.lines.at(0).name, name);
}

TEST_P(StorePlacing, the_trace_of_an_order_stays_with_it_to_its_mail) {
    add_product("tea", 100, 10);
    NewOrder order = with_key(new_order("o-1", {{"tea", 1}}), "key");
    order.trace = *parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    EXPECT_EQ(must(place(order)).order.trace, order.trace);
    EXPECT_EQ(order_of("o-1").trace, order.trace);

    NewOrder repeat = order;
    repeat.trace.id[0] = 9;
    EXPECT_EQ(must(place(repeat)).order.trace, order.trace) << "it is the first one's order";

    const ClaimedWork work = claim_only();
    EXPECT_EQ(work.order.trace, order.trace);
    must(settle(work, true));
    EXPECT_EQ(claim_only(WorkKind::send_mail).order.trace, order.trace);
}

TEST_P(StorePlacing, an_order_may_come_without_a_trace) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    EXPECT_FALSE(order_of("o-1").trace.is_set());
    EXPECT_FALSE(claim_only().order.trace.is_set());
}

struct Refusal {
    std::string why;
    std::function<void(NewOrder&)> spoil;
    ErrorCode expected;
};

TEST_P(StorePlacing, a_refused_order_leaves_no_trace) {
    add_product("tea", 100, 10);
    add_product("old", 100, 10);
    add_product("far", 100, 0);
    set_active("old", false);
    set_stock("far", "pune", 5);
    const std::vector<Refusal> refusals{
        {"unknown product",
         [](NewOrder& o) {
             o.lines.push_back({ProductId{"none"}, 1});
         },
         ErrorCode::unknown_product},
        {"inactive product",
         [](NewOrder& o) {
             o.lines.push_back({ProductId{"old"}, 1});
         },
         ErrorCode::unknown_product},
        {"unknown location", [](NewOrder& o) { o.location = "mars"; }, ErrorCode::unknown_location},
        {"two locations", [](NewOrder& o) { o.location.reset(); }, ErrorCode::unknown_location},
        {"more than there is", [](NewOrder& o) { o.lines.at(0).quantity = 11; }, ErrorCode::insufficient_stock},
        {"stock elsewhere",
         [](NewOrder& o) {
             o.lines.push_back({ProductId{"far"}, 1});
         },
         ErrorCode::insufficient_stock},
        {"no stock row there", [](NewOrder& o) { o.location = "pune"; }, ErrorCode::insufficient_stock},
        {"another total", [](NewOrder& o) { o.expected_total = 99; }, ErrorCode::total_mismatch},
    };
    for (const Refusal& refusal : refusals) {
        SCOPED_TRACE(refusal.why);
        NewOrder order = with_key(new_order("o-1", {{"tea", 1}}), "key");
        refusal.spoil(order);
        const std::string before = world();
        EXPECT_EQ(code_of(place(order)), refusal.expected);
        EXPECT_EQ(world(), before);
        EXPECT_FALSE(must(store.find_order(OrderId{"o-1"})).has_value());
        EXPECT_TRUE(claim().empty());
    }
    EXPECT_FALSE(must(place(with_key(new_order("o-1", {{"tea", 10}}), "key"))).replayed);
}

TEST_P(StorePlacing, lists_every_shortage) {
    add_product("tea", 100, 2);
    add_product("cup", 100, 5);
    add_product("pot", 100, 0);
    const auto refused = place(new_order("o-1", {{"tea", 3}, {"cup", 5}, {"pot", 1}}));
    ASSERT_EQ(code_of(refused), ErrorCode::insufficient_stock);
    const std::vector<Shortage> expected{{ProductId{"tea"}, 3, 2}, {ProductId{"pot"}, 1, 0}};
    EXPECT_EQ(refused.error().shortages, expected);
}

TEST_P(StorePlacing, a_total_that_differs_is_answered_with_ours) {
    add_product("tea", 1'050, 10);
    NewOrder order = new_order("o-1", {{"tea", 2}});
    order.expected_total = 2'101;
    const auto refused = place(order);
    ASSERT_EQ(code_of(refused), ErrorCode::total_mismatch);
    EXPECT_EQ(refused.error().expected_total_minor, 2'100);
    order.expected_total = 2'100;
    EXPECT_EQ(code_of(place(order)), no_error);
}

TEST_P(StorePlacing, without_a_location_the_only_one_is_taken) {
    NewOrder order = new_order("o-1", {{"tea", 1}});
    order.location.reset();
    add_product("tea", 100, 10);
    EXPECT_EQ(must(place(order)).order.location, bangalore);
    EXPECT_EQ(stock_of("tea"), 9);

    set_stock("tea", "pune", 0);
    order.order_id = OrderId{"o-2"};
    EXPECT_EQ(code_of(place(order)), ErrorCode::unknown_location);
}

TEST_P(StorePlacing, a_shop_without_locations_takes_no_order) {
    Product product;
    product.id = ProductId{"tea"};
    product.price = 100;
    (void)must(store.create_product(product));
    NewOrder order = new_order("o-1", {{"tea", 1}});
    EXPECT_EQ(code_of(place(order)), ErrorCode::unknown_location);
    order.location.reset();
    EXPECT_EQ(code_of(place(order)), ErrorCode::unknown_location);
}

TEST_P(StorePlacing, stock_is_taken_where_the_order_says) {
    add_product("tea", 100, 10);
    set_stock("tea", "pune", 5);
    NewOrder order = new_order("o-1", {{"tea", 4}});
    order.location = "pune";
    EXPECT_EQ(must(place(order)).order.location, "pune");
    EXPECT_EQ(stock_of("tea", "pune"), 1);
    EXPECT_EQ(stock_of("tea", bangalore), 10);
}

TEST_P(StorePlacing, a_refusal_does_not_disturb_its_neighbours) {
    add_product("tea", 100, 10);
    add_product("cup", 100, 1);
    const std::vector<NewOrder> batch{
        new_order("o-1", {{"tea", 2}}), new_order("o-2", {{"none", 1}}),     new_order("o-3", {{"tea", 8}, {"cup", 2}}),
        new_order("o-4", {{"tea", 8}}), new_order("o-5", {{"cup", 1}}, bob),
    };
    const auto results = store.place_orders(batch);
    ASSERT_EQ(results.size(), batch.size());
    EXPECT_EQ(must(results[0]).order.id, OrderId{"o-1"});
    EXPECT_EQ(code_of(results[1]), ErrorCode::unknown_product);
    EXPECT_EQ(code_of(results[2]), ErrorCode::insufficient_stock);
    EXPECT_EQ(must(results[3]).order.id, OrderId{"o-4"});
    EXPECT_EQ(must(results[4]).order.user_id, bob);
    EXPECT_EQ(stock_of("tea"), 0);
    EXPECT_EQ(stock_of("cup"), 0);
    EXPECT_EQ(all_orders().size(), 3u);
    EXPECT_EQ(depth(WorkKind::process_order), 3);
}

TEST_P(StorePlacing, two_orders_of_a_batch_compete_for_the_last_piece) {
    add_product("tea", 100, 1);
    const std::vector<NewOrder> batch{new_order("o-1", {{"tea", 1}}), new_order("o-2", {{"tea", 1}})};
    const auto results = store.place_orders(batch);
    ASSERT_EQ(results.size(), 2u);
    EXPECT_EQ(code_of(results[0]), no_error);
    ASSERT_EQ(code_of(results[1]), ErrorCode::insufficient_stock);
    EXPECT_EQ(results[1].error().shortages.at(0).available, 0);
    EXPECT_EQ(stock_of("tea"), 0);
}

TEST_P(StorePlacing, a_batch_may_be_empty_or_large) {
    EXPECT_TRUE(store.place_orders({}).empty());
    add_product("tea", 100, 500);
    std::vector<NewOrder> batch;
    for (std::size_t i = 0; i < 512; ++i) batch.push_back(new_order(id_of("o", i), {{"tea", 1}}));
    const auto results = store.place_orders(batch);
    ASSERT_EQ(results.size(), batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
        EXPECT_EQ(code_of(results[i]), i < 500 ? no_error : ErrorCode::insufficient_stock) << i;
    }
    EXPECT_EQ(stock_of("tea"), 0);
}

TEST_P(StorePlacing, eight_buyers_get_exactly_the_last_fifty_pieces) {
    add_product("tea", 100, 50);
    add_product("cup", 100, 1'000);
    constexpr std::size_t buyers = 8;
    constexpr std::size_t orders_each = 12;
    std::atomic<int> sold = 0;
    std::atomic<int> refused = 0;
    std::latch start(buyers);
    {
        std::vector<std::jthread> threads;
        for (std::size_t buyer = 0; buyer < buyers; ++buyer) {
            threads.emplace_back([&, buyer] {
                start.arrive_and_wait();
                for (std::size_t i = 0; i < orders_each; i += 2) {
                    const std::vector<NewOrder> pair{
                        new_order(id_of("o", buyer * orders_each + i), {{"tea", 1}}),
                        new_order(id_of("o", buyer * orders_each + i + 1), {{"cup", 1}, {"tea", 1}})};
                    for (const auto& result : store.place_orders(pair)) {
                        if (result) ++sold;
                        if (code_of(result) == ErrorCode::insufficient_stock) ++refused;
                    }
                }
            });
        }
    }
    EXPECT_EQ(sold, 50);
    EXPECT_EQ(refused, static_cast<int>(buyers * orders_each) - 50);
    EXPECT_EQ(stock_of("tea"), 0);
    const auto orders = all_orders();
    EXPECT_EQ(orders.size(), 50u);
    std::int64_t cups = 0;
    for (const Order& order : orders) cups += order.lines.size() == 2 ? 1 : 0;
    EXPECT_EQ(stock_of("cup"), 1'000 - cups);
}

}  // namespace

}  // namespace waybill::testing
