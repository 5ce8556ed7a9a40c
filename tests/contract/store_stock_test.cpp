#include <atomic>
#include <latch>
#include <limits>
#include <thread>

#include "tests/contract/store_contract.hpp"

namespace waybill::testing {

namespace {

class StoreStock : public StoreContract {
protected:
    static StockChange change(const std::string& product_id, const std::string& location = bangalore) {
        StockChange made;
        made.user_id = bob;
        made.product_id = ProductId{product_id};
        made.location = location;
        made.reason = "delivery";
        return made;
    }
    static StockChange set_to(std::int64_t level, const std::string& location = bangalore) {
        StockChange made = change("tea", location);
        made.set = level;
        return made;
    }
    static StockChange by(std::int64_t delta, const std::string& location = bangalore) {
        StockChange made = change("tea", location);
        made.delta = delta;
        return made;
    }
    static StockChange keyed(StockChange made, const std::string& key, std::uint8_t hash = 1) {
        RequestHash request_hash{};
        request_hash.fill(hash);
        made.idempotency = IdempotencyKey{key, request_hash};
        return made;
    }
    std::vector<StockLevel> levels(const StockFilter& filter = {}) {
        return must(store.list_stock(filter, std::nullopt, plenty));
    }
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreStock, ::testing::ValuesIn(every_store()),
                         [](const auto& parameter) { return parameter.param.name; });

TEST_P(StoreStock, is_set_and_adjusted) {
    add_product("tea", 100, 10);
    EXPECT_EQ(must(store.change_stock(set_to(25))), (StockChanged{25, 10, false}));
    EXPECT_EQ(must(store.change_stock(by(-20))), (StockChanged{5, 25, false}));
    EXPECT_EQ(must(store.change_stock(by(7))), (StockChanged{12, 5, false}));
    EXPECT_EQ(must(store.change_stock(by(0))), (StockChanged{12, 12, false}));
    EXPECT_EQ(must(store.change_stock(set_to(0))), (StockChanged{0, 12, false}));
    EXPECT_EQ(must(store.change_stock(set_to(stock_max))), (StockChanged{stock_max, 0, false}));
    EXPECT_EQ(stock_of("tea"), stock_max);
}

TEST_P(StoreStock, stays_within_its_bounds) {
    add_product("tea", 100, 10);
    const std::string before = world();
    for (const StockChange& wrong :
         {by(-11), set_to(-1), set_to(stock_max + 1), by(stock_max), by(std::numeric_limits<std::int64_t>::max()),
          by(std::numeric_limits<std::int64_t>::min()), set_to(std::numeric_limits<std::int64_t>::max()),
          by(-1, "pune")}) {
        EXPECT_EQ(code_of(store.change_stock(wrong)), ErrorCode::validation_failed);
    }
    EXPECT_EQ(world(), before);
    EXPECT_EQ(code_of(store.change_stock(by(-10))), no_error);
}

TEST_P(StoreStock, of_an_unknown_product_is_not_kept) {
    const std::string before = world();
    StockChange unknown = change("none");
    unknown.set = 5;
    EXPECT_EQ(code_of(store.change_stock(unknown)), ErrorCode::unknown_product);
    EXPECT_EQ(world(), before);
    EXPECT_TRUE(levels().empty());
}

TEST_P(StoreStock, a_location_appears_with_its_first_stock) {
    add_product("tea", 100, 10);
    NewOrder order = new_order("o-1", {{"tea", 1}});
    order.location = "pune";
    EXPECT_EQ(code_of(place(order)), ErrorCode::unknown_location);
    EXPECT_EQ(must(store.change_stock(by(3, "pune"))), (StockChanged{3, 0, false}));
    EXPECT_EQ(code_of(place(order)), no_error);
    EXPECT_EQ(stock_of("tea", "pune"), 2);
}

TEST_P(StoreStock, an_emptied_location_is_still_one) {
    add_product("tea", 100, 10);
    (void)must(store.change_stock(set_to(0)));
    EXPECT_EQ(code_of(place(new_order("o-1", {{"tea", 1}}))), ErrorCode::insufficient_stock);
}

TEST_P(StoreStock, inactive_products_keep_their_stock) {
    add_product("tea", 100, 10);
    set_active("tea", false);
    EXPECT_EQ(must(store.change_stock(by(5))).available, 15);
}

TEST_P(StoreStock, the_same_request_is_replayed) {
    add_product("tea", 100, 10);
    EXPECT_EQ(must(store.change_stock(keyed(by(5), "key"))), (StockChanged{15, 10, false}));
    (void)must(store.change_stock(set_to(3)));
    EXPECT_EQ(must(store.change_stock(keyed(by(5), "key"))), (StockChanged{15, 10, true}));
    EXPECT_EQ(stock_of("tea"), 3);
}

TEST_P(StoreStock, another_request_with_the_key_is_refused) {
    add_product("tea", 100, 10);
    (void)must(store.change_stock(keyed(by(5), "key", 1)));
    EXPECT_EQ(code_of(store.change_stock(keyed(by(6), "key", 2))), ErrorCode::idempotency_key_reused);
    EXPECT_EQ(stock_of("tea"), 15);
}

TEST_P(StoreStock, the_key_of_a_refused_change_is_free) {
    add_product("tea", 100, 10);
    EXPECT_EQ(code_of(store.change_stock(keyed(by(-11), "key", 1))), ErrorCode::validation_failed);
    EXPECT_EQ(must(store.change_stock(keyed(by(-10), "key", 2))).available, 0);
}

TEST_P(StoreStock, keys_belong_to_their_user) {
    add_product("tea", 100, 10);
    (void)must(store.change_stock(keyed(by(5), "key")));
    StockChange of_ada = keyed(by(5), "key");
    of_ada.user_id = ada;
    EXPECT_FALSE(must(store.change_stock(of_ada)).replayed);
    EXPECT_EQ(stock_of("tea"), 20);
}

TEST_P(StoreStock, a_key_serves_one_request_of_either_kind) {
    add_product("tea", 100, 10);
    (void)must(place(with_key(new_order("o-1", {{"tea", 1}}, bob), "of-order", 1)));
    EXPECT_EQ(code_of(store.change_stock(keyed(by(1), "of-order", 2))), ErrorCode::idempotency_key_reused);
    (void)must(store.change_stock(keyed(by(1), "of-stock", 1)));
    EXPECT_EQ(code_of(place(with_key(new_order("o-2", {{"tea", 1}}, bob), "of-stock", 2))),
              ErrorCode::idempotency_key_reused);
    EXPECT_EQ(stock_of("tea"), 10);
}

TEST_P(StoreStock, adjustments_at_once_all_count) {
    add_product("tea", 100, 100);
    std::latch start(4);
    {
        std::vector<std::jthread> threads;
        for (std::int64_t i = 0; i < 4; ++i) {
            threads.emplace_back([&, i] {
                start.arrive_and_wait();
                for (int turn = 0; turn < 10; ++turn) (void)must(store.change_stock(by(i % 2 == 0 ? 3 : -2)));
            });
        }
    }
    EXPECT_EQ(stock_of("tea"), 100 + 2 * 10 * 3 - 2 * 10 * 2);
}

TEST_P(StoreStock, is_listed_by_product_and_location) {
    add_product("tea", 100, 1);
    add_product("cup", 100, 2);
    set_stock("tea", "agra", 3);
    set_stock("cup", "pune", 4);
    const StockLevel cup_here{ProductId{"cup"}, "bangalore", 2};
    const StockLevel cup_pune{ProductId{"cup"}, "pune", 4};
    const StockLevel tea_agra{ProductId{"tea"}, "agra", 3};
    const StockLevel tea_here{ProductId{"tea"}, "bangalore", 1};
    using Levels = std::vector<StockLevel>;

    EXPECT_EQ(levels(), (Levels{cup_here, cup_pune, tea_agra, tea_here}));
    EXPECT_EQ(levels({ProductId{"tea"}, std::nullopt}), (Levels{tea_agra, tea_here}));
    EXPECT_EQ(levels({std::nullopt, "bangalore"}), (Levels{cup_here, tea_here}));
    EXPECT_EQ(levels({ProductId{"cup"}, "pune"}), (Levels{cup_pune}));
    EXPECT_TRUE(levels({ProductId{"none"}, std::nullopt}).empty());
    EXPECT_EQ(must(store.list_stock({}, std::nullopt, 2)), (Levels{cup_here, cup_pune}));
    EXPECT_EQ(must(store.list_stock({}, cup_here, 2)), (Levels{cup_pune, tea_agra}));
    EXPECT_EQ(must(store.list_stock({}, cup_pune, 9)), (Levels{tea_agra, tea_here}));
    EXPECT_EQ(must(store.list_stock({std::nullopt, "bangalore"}, cup_here, 9)), (Levels{tea_here}));
    EXPECT_TRUE(must(store.list_stock({}, tea_here, 9)).empty());
}

}  // namespace

}  // namespace waybill::testing
