// Where nobody has to be asked, orders reach the tables processed.
#include <gmock/gmock.h>

#include <atomic>

#include "tests/unit/adapters/sqlite_fixture.hpp"

namespace waybill::sqlite {
namespace {

constexpr Milliseconds lease{15'000};

class SqliteProcessed : public SqliteTest {
protected:
    SqliteProcessed() {
        options_.process_at_once = true;
        options_.on_processed = [this](std::size_t orders) { processed_ += orders; };
    }

    [[nodiscard]] static std::vector<ClaimedWork> claim_mails(SqliteStore& store) {
        return store.claim_work(WorkKind::send_mail, 10, lease).value();
    }

    // Returns how many orders there are.
    static std::size_t wait_for_tables(SqliteStore& store) { return store.list_orders({}, std::nullopt, 10)->size(); }

    // By hand, as the worker does it.
    static void process_all(SqliteStore& store) {
        std::vector<OrderSettlement> settlements;
        const std::vector<ClaimedWork> claimed = store.claim_work(WorkKind::process_order, 10, lease).value();
        for (const ClaimedWork& work : claimed) {
            settlements.push_back(
                {.lease = work.lease, .order_id = work.order.id, .processed = true, .reason = {}, .attempts = 0});
        }
        for (const Result<void>& settled : store.settle_orders(settlements)) ASSERT_TRUE(settled);
    }

    std::atomic<std::size_t> processed_ = 0;
};

// Who listens must not change what is stored.
TEST_F(SqliteProcessed, is_decided_by_its_option_and_not_by_who_listens) {
    for (const bool at_once : {false, true}) {
        std::filesystem::remove_all(data_dir());
        options_.process_at_once = at_once;
        options_.on_processed =
            at_once ? std::function<void(std::size_t)>{} : [this](std::size_t orders) { processed_ += orders; };
        const StorePtr store = open();
        stock_up(*store);
        ASSERT_TRUE(place(*store, "o1"));
        ASSERT_EQ(wait_for_tables(*store), 1u);
        EXPECT_EQ(store->find_order(OrderId("o1"))->value().status,
                  at_once ? OrderStatus::processed : OrderStatus::pending);
    }
    EXPECT_EQ(processed_, 0u);
}

TEST_F(SqliteProcessed, leaves_what_claim_and_settle_would_have_left) {
    const StorePtr store = open();
    stock_up(*store);
    ASSERT_TRUE(place(*store, "o1"));
    ASSERT_TRUE(place(*store, "o2"));
    ASSERT_EQ(wait_for_tables(*store), 2u);

    waybill::testing::TemporaryDirectory other;
    SqliteOptions options;
    options.data_dir = other.path() / "data";
    Result<StorePtr> opened = SqliteStore::open(options, clock_, log_);
    ASSERT_TRUE(opened);
    const StorePtr asking = *std::move(opened);
    stock_up(*asking);
    ASSERT_TRUE(place(*asking, "o1"));
    ASSERT_TRUE(place(*asking, "o2"));
    process_all(*asking);

    for (const char* id : {"o1", "o2"}) {
        EXPECT_EQ(store->find_order(OrderId(id))->value(), asking->find_order(OrderId(id))->value());
    }
    const std::vector<ClaimedWork> mails = claim_mails(*store);
    const std::vector<ClaimedWork> expected = claim_mails(*asking);
    ASSERT_EQ(mails.size(), 2u);
    ASSERT_EQ(expected.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(mails[i].lease.work_id, expected[i].lease.work_id);
        EXPECT_EQ(mails[i].mail_to, expected[i].mail_to);
        EXPECT_EQ(mails[i].order, expected[i].order);
        EXPECT_EQ(mails[i].attempts, expected[i].attempts);
    }
    EXPECT_EQ(store->list_stock({}, std::nullopt, 1).value(), asking->list_stock({}, std::nullopt, 1).value());
}

TEST_F(SqliteProcessed, tells_how_many_and_leaves_no_item_to_process) {
    const StorePtr store = open();
    stock_up(*store);
    ASSERT_TRUE(store->write([&](Transaction&) -> Result<void> {
        for (const char* id : {"o1", "o2", "o3"}) EXPECT_TRUE(place(*store, id)) << "the tables wait for this write";
        return {};
    }));
    ASSERT_EQ(wait_for_tables(*store), 3u);

    EXPECT_EQ(processed_, 3u);
    EXPECT_TRUE(store->claim_work(WorkKind::process_order, 10, lease)->empty());
}

TEST_F(SqliteProcessed, an_order_does_not_end_before_it_began) {
    const StorePtr store = open();
    stock_up(*store);
    const TimePoint placed_at = clock_.now();
    ASSERT_TRUE(store->write([&](Transaction&) -> Result<void> {
        const NewOrder wanted = order("o1");
        EXPECT_TRUE(store->place_orders(std::span(&wanted, 1)).front());
        clock_.jump_wall(Milliseconds{-60'000});
        return {};
    }));
    ASSERT_EQ(wait_for_tables(*store), 1u);

    const Order ended = store->find_order(OrderId("o1"))->value();
    EXPECT_EQ(ended.created_at, placed_at);
    EXPECT_EQ(ended.processing_at, placed_at);
    EXPECT_EQ(ended.finished_at, placed_at);
}

TEST_F(SqliteProcessed, an_order_without_an_account_gets_no_mail) {
    const StorePtr store = open();
    stock_up(*store);
    NewOrder wanted = order("o1");
    wanted.user_id = UserId("gone");
    ASSERT_TRUE(store->place_orders(std::span(&wanted, 1)).front());

    ASSERT_EQ(wait_for_tables(*store), 1u);
    EXPECT_TRUE(claim_mails(*store).empty());
}

}  // namespace
}  // namespace waybill::sqlite
