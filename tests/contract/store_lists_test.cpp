#include <algorithm>
#include <set>
#include <tuple>

#include "tests/contract/store_contract.hpp"

namespace waybill::testing {

namespace {

class StoreLists : public StoreContract {
protected:
    // Groups of three orders share a time; users alternate; every state is there.
    void fill() {
        add_product("tea", 100, plenty);
        for (std::size_t i = 0; i < 30; ++i) {
            (void)must(place(new_order(id_of("o", (i * 7) % 30), {{"tea", 1}}, i % 2 == 0 ? ada : bob)));
            if (i % 3 == 2) clock.advance(Milliseconds{10});
        }
        const auto work = claim(WorkKind::process_order, 12);
        for (std::size_t i = 0; i < 8; ++i) must(settle(work.at(i), i < 5, i < 5 ? "" : "refused"));
        std::size_t cancelled = 0;
        for (const Order& order : all_orders()) {
            if (order.status != OrderStatus::pending || cancelled == 4) continue;
            (void)must(store.cancel_order(order.id, std::nullopt));
            ++cancelled;
        }
    }

    std::vector<Order> read_all(const OrderFilter& filter, std::size_t limit) {
        std::vector<Order> seen;
        std::optional<PageKey> after;
        for (;;) {
            const auto page = must(store.list_orders(filter, after, limit));
            EXPECT_LE(page.size(), limit);
            if (page.empty() || seen.size() > plenty) return seen;  // more than there can be: it never ends
            seen.insert(seen.end(), page.begin(), page.end());
            after = PageKey{page.back().created_at, page.back().id.text};
        }
    }
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreLists, ::testing::ValuesIn(every_store()),
                         [](const auto& parameter) { return parameter.param.name; });

TEST_P(StoreLists, pages_show_every_order_exactly_once_newest_first) {
    fill();
    for (const std::size_t limit : {1u, 2u, 7u, 30u, 100u}) {
        SCOPED_TRACE(limit);
        const auto seen = read_all({}, limit);
        ASSERT_EQ(seen.size(), 30u);
        for (std::size_t i = 1; i < seen.size(); ++i) {
            EXPECT_GT(std::tie(seen[i - 1].created_at, seen[i - 1].id), std::tie(seen[i].created_at, seen[i].id));
        }
        for (const Order& order : seen) EXPECT_EQ(order, order_of(order.id.text));
    }
}

TEST_P(StoreLists, filters_show_what_fits_and_all_of_it) {
    fill();
    const auto everything = all_orders();
    std::set<OrderStatus> states;
    for (const auto& user : {std::optional<UserId>{}, std::optional{ada}, std::optional{bob}}) {
        for (const auto& status : {std::optional<OrderStatus>{}, std::optional{OrderStatus::pending},
                                   std::optional{OrderStatus::processing}, std::optional{OrderStatus::processed},
                                   std::optional{OrderStatus::failed}, std::optional{OrderStatus::cancelled}}) {
            std::vector<Order> expected = everything;
            std::erase_if(expected, [&](const Order& order) {
                return (user && order.user_id != *user) || (status && order.status != *status);
            });
            EXPECT_FALSE(expected.empty());
            EXPECT_EQ(read_all({user, status}, 2), expected);
        }
    }
}

TEST_P(StoreLists, a_user_without_orders_has_an_empty_list) {
    fill();
    EXPECT_TRUE(read_all({UserId{"none"}, std::nullopt}, 10).empty());
}

TEST_P(StoreLists, a_new_order_does_not_move_the_pages_behind_it) {
    fill();
    const auto first = must(store.list_orders({}, std::nullopt, 10));
    const auto expected = must(store.list_orders({}, PageKey{first.back().created_at, first.back().id.text}, 10));
    clock.advance(Milliseconds{10});
    must_place("o-new", {{"tea", 1}});
    EXPECT_EQ(must(store.list_orders({}, PageKey{first.back().created_at, first.back().id.text}, 10)), expected);
    EXPECT_EQ(must(store.list_orders({}, std::nullopt, 1)).at(0).id, OrderId{"o-new"});
}

TEST_P(StoreLists, a_key_need_not_name_a_row) {
    add_product("tea", 100, 10);
    must_place("o-b", {{"tea", 1}});
    EXPECT_EQ(must(store.list_orders({}, PageKey{clock.now(), "o-c"}, 10)).size(), 1u);
    EXPECT_TRUE(must(store.list_orders({}, PageKey{clock.now(), "o-b"}, 10)).empty());
    EXPECT_TRUE(must(store.list_orders({}, PageKey{clock.now(), "o-a"}, 10)).empty());
    EXPECT_TRUE(must(store.list_orders({}, PageKey{clock.now() - Milliseconds{1}, "o-z"}, 10)).empty());
    EXPECT_EQ(must(store.list_orders({}, PageKey{clock.now() + Milliseconds{1}, ""}, 10)).size(), 1u);
}

}  // namespace

}  // namespace waybill::testing
