#include <atomic>
#include <latch>
#include <thread>

#include "tests/contract/store_contract.hpp"

namespace waybill::testing {

namespace {

WAYBILL_STORE_SUITE(StoreSettle);

TEST_P(StoreSettle, a_processed_order_keeps_its_stock) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 4}});
    const ClaimedWork work = claim_only();
    clock.advance(Milliseconds{700});
    must(settle(work, true));

    Order expected = work.order;
    expected.status = OrderStatus::processed;
    expected.finished_at = clock.now();
    EXPECT_EQ(order_of("o-1"), expected);
    EXPECT_EQ(stock_of("tea"), 6);
    EXPECT_EQ(depth(WorkKind::process_order), 0);
    EXPECT_EQ(depth(WorkKind::send_mail), 1);
}

// A clock is set back, or another process has read the primary's a little differently.
TEST_P(StoreSettle, no_state_is_older_than_the_one_before_it) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    must_place("o-2", {{"tea", 1}});
    const TimePoint placed_at = order_of("o-1").created_at;
    clock.jump_wall(Milliseconds{-70});
    const Order cancelled = must(store.cancel_order(OrderId{"o-2"}, ada));
    EXPECT_EQ(cancelled.finished_at, placed_at);
    EXPECT_EQ(order_of("o-2"), cancelled);
    clock.jump_wall(Milliseconds{70});
    const ClaimedWork work = claim_only();
    const TimePoint claimed_at = clock.now();
    clock.jump_wall(Milliseconds{-70});
    must(settle(work, true));
    EXPECT_EQ(order_of("o-1").processing_at, claimed_at);
    EXPECT_EQ(order_of("o-1").finished_at, claimed_at);
}

TEST_P(StoreSettle, a_failed_order_gives_its_stock_back_once) {
    add_product("tea", 100, 10);
    add_product("cup", 100, 10);
    must_place("o-1", {{"tea", 4}, {"cup", 1}});
    const ClaimedWork work = claim_only();
    must(settle(work, false, "The warehouse is closed."));

    EXPECT_EQ(order_of("o-1").status, OrderStatus::failed);
    EXPECT_EQ(order_of("o-1").reason, "The warehouse is closed.");
    EXPECT_EQ(order_of("o-1").finished_at, clock.now());
    EXPECT_EQ(stock_of("tea"), 10);
    EXPECT_EQ(stock_of("cup"), 10);
    const std::string before = world();
    EXPECT_EQ(code_of(settle(work, false, "again")), ErrorCode::lease_lost);
    EXPECT_EQ(code_of(settle(work, true)), ErrorCode::lease_lost);
    EXPECT_EQ(world(), before);
}

TEST_P(StoreSettle, stock_returns_to_the_location_it_came_from) {
    add_product("tea", 100, 10);
    set_stock("tea", "pune", 5);
    NewOrder order = new_order("o-1", {{"tea", 5}});
    order.location = "pune";
    (void)must(place(order));
    set_stock("tea", "pune", 3);
    must(settle(claim_only(), false, "refused"));
    EXPECT_EQ(stock_of("tea", "pune"), 8);
    EXPECT_EQ(stock_of("tea", bangalore), 10);
}

TEST_P(StoreSettle, an_old_epoch_writes_nothing) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 4}});
    const ClaimedWork old = claim_only();
    clock.advance(lease + Milliseconds{1});
    const ClaimedWork latest = claim_only();
    const std::string before = world();

    EXPECT_EQ(code_of(settle(old, true)), ErrorCode::lease_lost);
    EXPECT_EQ(code_of(settle(old, false, "late")), ErrorCode::lease_lost);
    EXPECT_EQ(code_of(settle(old, false, "late", true)), ErrorCode::lease_lost);
    EXPECT_EQ(world(), before);
    EXPECT_EQ(code_of(settle(latest, true)), no_error);
}

TEST_P(StoreSettle, an_epoch_that_never_was_writes_nothing) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 4}});
    ClaimedWork work = claim_only();
    ++work.lease.epoch;
    const std::string before = world();
    EXPECT_EQ(code_of(settle(work, true)), ErrorCode::lease_lost);
    work.lease.work_id = WorkId{"none"};
    EXPECT_EQ(code_of(settle(work, true)), ErrorCode::lease_lost);
    EXPECT_EQ(world(), before);
}

TEST_P(StoreSettle, elements_of_a_batch_stand_alone) {
    add_product("tea", 100, 10);
    for (const std::string id : {"o-1", "o-2", "o-3"}) {
        must_place(id, {{"tea", 1}});
        clock.advance(Milliseconds{1});
    }
    const auto work = claim();
    ASSERT_EQ(work.size(), 3u);
    const std::vector<OrderSettlement> batch{
        {work[0].lease, work[0].order.id, true, "", false, 0},
        {{work[1].lease.work_id, work[1].lease.epoch + 1}, work[1].order.id, true, "", false, 0},
        {work[2].lease, work[2].order.id, false, "refused", false, 0},
        {work[2].lease, work[2].order.id, false, "refused", false, 0},
    };
    const auto results = store.settle_orders(batch);
    ASSERT_EQ(results.size(), 4u);
    EXPECT_EQ(code_of(results[0]), no_error);
    EXPECT_EQ(code_of(results[1]), ErrorCode::lease_lost);
    EXPECT_EQ(code_of(results[2]), no_error);
    EXPECT_EQ(code_of(results[3]), ErrorCode::lease_lost);
    EXPECT_EQ(order_of("o-1").status, OrderStatus::processed);
    EXPECT_EQ(order_of("o-2").status, OrderStatus::processing);
    EXPECT_EQ(order_of("o-3").status, OrderStatus::failed);
    EXPECT_EQ(stock_of("tea"), 8);
    EXPECT_TRUE(store.settle_orders({}).empty());
}

TEST_P(StoreSettle, a_batch_may_be_large) {
    constexpr std::size_t many = 300;
    add_product("tea", 100, many);
    std::vector<NewOrder> batch;
    for (std::size_t i = 0; i < many; ++i) batch.push_back(new_order(id_of("o", i), {{"tea", 1}}));
    for (const auto& result : store.place_orders(batch)) (void)must(result);
    const auto work = claim();
    ASSERT_EQ(work.size(), many);
    std::vector<OrderSettlement> settlements;
    for (const ClaimedWork& item : work) settlements.push_back({item.lease, item.order.id, false, "no", false, 0});
    for (const auto& result : store.settle_orders(settlements)) EXPECT_EQ(code_of(result), no_error);
    EXPECT_EQ(stock_of("tea"), static_cast<std::int64_t>(many));
    EXPECT_EQ(depth(WorkKind::send_mail), static_cast<std::int64_t>(many));
}

TEST_P(StoreSettle, of_settlements_at_once_one_is_written) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 3}});
    const ClaimedWork work = claim_only();
    std::atomic<int> written = 0;
    std::latch start(4);
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                start.arrive_and_wait();
                if (settle(work, false, "refused")) ++written;
            });
        }
    }
    EXPECT_EQ(written, 1);
    EXPECT_EQ(stock_of("tea"), 10);
    EXPECT_EQ(depth(WorkKind::send_mail), 1);
}

TEST_P(StoreSettle, every_terminal_state_has_one_mail_with_its_snapshot) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    must(settle(claim_only(), true));
    must_place("o-2", {{"tea", 1}});
    must(settle(claim_only(), false, "refused"));
    (void)must(place(new_order("o-3", {{"tea", 1}}, bob)));
    clock.advance(Milliseconds{100});
    (void)must(store.cancel_order(OrderId{"o-3"}, bob));
    clock.advance(Milliseconds{100});

    const auto mails = claim(WorkKind::send_mail);
    ASSERT_EQ(mails.size(), 3u);
    for (const ClaimedWork& mail : mails) {
        SCOPED_TRACE(mail.order.id.text);
        const Order order = order_of(mail.order.id.text);
        EXPECT_EQ(mail.order, order);
        EXPECT_EQ(mail.lease.work_id, mail_work_id(order.id, order.status));
        EXPECT_EQ(mail.mail_to, order.user_id == bob ? "bob@example.com" : "ada@example.com");
        EXPECT_EQ(mail.tries, 1);
        EXPECT_EQ(mail.attempts, 0);
    }
}

TEST_P(StoreSettle, a_sent_mail_is_gone) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    must(settle(claim_only(), true));
    const ClaimedWork mail = claim_only(WorkKind::send_mail);
    EXPECT_EQ(code_of(settle_mail(mail)), no_error);
    EXPECT_EQ(depth(WorkKind::send_mail), 0);
    EXPECT_EQ(code_of(settle_mail(mail)), ErrorCode::lease_lost);
    clock.advance(10 * lease);
    EXPECT_TRUE(claim(WorkKind::send_mail).empty());
    EXPECT_TRUE(must(store.list_dead_letters(std::nullopt, plenty)).empty());
}

TEST_P(StoreSettle, a_mail_is_fenced_and_retried_like_an_order) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    must(settle(claim_only(), true));
    const ClaimedWork old = claim_only(WorkKind::send_mail);
    clock.advance(lease + Milliseconds{1});
    const ClaimedWork latest = claim_only(WorkKind::send_mail);
    EXPECT_EQ(latest.attempts, 1);
    EXPECT_EQ(latest.order, old.order);
    EXPECT_EQ(latest.mail_to, old.mail_to);
    EXPECT_EQ(code_of(settle_mail(old)), ErrorCode::lease_lost);
    EXPECT_EQ(code_of(settle_mail(old, true, "late")), ErrorCode::lease_lost);
    EXPECT_EQ(depth(WorkKind::send_mail), 1);

    must(retry(latest, Milliseconds{300}));
    EXPECT_TRUE(claim(WorkKind::send_mail).empty());
    clock.advance(Milliseconds{300});
    EXPECT_EQ(code_of(settle_mail(claim_only(WorkKind::send_mail))), no_error);
}

}  // namespace

}  // namespace waybill::testing
