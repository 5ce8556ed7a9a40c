#include <gtest/gtest.h>

#include "tests/unit/adapters/sqlite_fixture.hpp"

namespace waybill::sqlite {
namespace {

using SqliteDamage = SqliteTest;

void damage(SqliteStore& store, const std::string& id) {
    ASSERT_TRUE(store.stats()) << "the tables have all orders now";
    ASSERT_TRUE(store.write([&](Transaction& transaction) -> Result<void> {
        transaction.db.run("UPDATE orders SET lines = x'ff' WHERE order_id = ?1", OrderId(id));
        return {};
    }));
}

TEST_F(SqliteDamage, of_one_order_does_not_hold_up_the_others) {
    const StorePtr store = open();
    stock_up(*store);
    ASSERT_TRUE(place(*store, "o1"));
    ASSERT_TRUE(place(*store, "o2"));
    damage(*store, "o1");

    const auto claimed = store->claim_work(WorkKind::process_order, 10, Milliseconds{15'000});
    ASSERT_TRUE(claimed);
    ASSERT_EQ(claimed->size(), 1u);
    EXPECT_EQ(claimed->front().order.id, OrderId("o2"));
}

TEST_F(SqliteDamage, of_an_order_is_a_dead_letter_once) {
    const StorePtr store = open();
    stock_up(*store);
    ASSERT_TRUE(place(*store, "o1"));
    damage(*store, "o1");
    for (int i = 0; i < 2; ++i) {
        const auto claimed = store->claim_work(WorkKind::process_order, 10, Milliseconds{15'000});
        ASSERT_TRUE(claimed);
        EXPECT_TRUE(claimed->empty());
    }
    const auto letters = store->list_dead_letters(std::nullopt, 10);
    ASSERT_TRUE(letters);
    ASSERT_EQ(letters->size(), 1u);
    EXPECT_EQ(letters->front().order_id, OrderId("o1"));
    EXPECT_EQ(store->stats()->work[WorkKind::process_order].count, 0);
}

}  // namespace
}  // namespace waybill::sqlite
