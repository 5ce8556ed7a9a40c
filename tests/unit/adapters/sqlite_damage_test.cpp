#include <gmock/gmock.h>

#include "tests/unit/adapters/sqlite_fixture.hpp"

namespace waybill::sqlite {
namespace {

using ::testing::HasSubstr;

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

// ---- of the file

class SqliteFileDamage : public SqliteTest {
protected:
    // A shop whose process has ended, with noise in the pages of its orders.
    SqliteFileDamage() {
        {
            const StorePtr store = open();
            stock_up(*store);
            for (int i = 0; i < 300; ++i) (void)place(*store, "o" + std::to_string(i));
        }
        std::fstream file(database_file(data_dir()), std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(0, std::ios::end);
        const std::streamoff size = file.tellg();
        file.seekp(size * 3 / 4);
        file << std::string(static_cast<std::size_t>(size / 4), 'x');
    }
};

TEST_F(SqliteFileDamage, of_pages_is_told_as_damage_and_once_a_minute) {
    const StorePtr store = open(Access::command);
    EXPECT_TRUE(store->is_well());
    for (int i = 0; i < 5; ++i) {
        const auto orders = store->list_orders({}, std::nullopt, 100);
        ASSERT_FALSE(orders);
        EXPECT_EQ(orders.error().detail, "The database of the store is damaged; restore it from a backup.");
    }
    EXPECT_EQ(log_.count("store-read-failed"), 0u);
    ASSERT_EQ(log_.count("store-damaged"), 1u);
    EXPECT_EQ(log_.events_named("store-damaged").front().level, LogLevel::error);
    EXPECT_THAT(log_.events_named("store-damaged").front().fields.at("advice"), HasSubstr("waybill restore"));
    clock_.advance(Milliseconds{60'000});
    EXPECT_FALSE(store->list_orders({}, std::nullopt, 100));
    EXPECT_EQ(log_.count("store-damaged"), 2u);
    EXPECT_FALSE(store->is_well());
    EXPECT_EQ(store->ping().error().detail, "The database of the store is damaged; restore it from a backup.");
}

TEST_F(SqliteFileDamage, that_a_write_meets_is_told_alike) {
    const StorePtr store = open(Access::command);
    const Result<void> written = store->write([](Transaction& transaction) -> Result<void> {
        transaction.db.run("UPDATE orders SET reason = 'x'");
        return {};
    });
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().detail, "The database of the store is damaged; restore it from a backup.");
    EXPECT_EQ(log_.count("store-write-failed"), 0u);
    EXPECT_EQ(log_.count("store-damaged"), 1u);
    EXPECT_FALSE(store->ping());
}

}  // namespace
}  // namespace waybill::sqlite
