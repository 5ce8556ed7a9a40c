#include <latch>
#include <map>
#include <mutex>
#include <thread>

#include "tests/contract/store_contract.hpp"

namespace waybill::testing {

namespace {

WAYBILL_STORE_SUITE(StoreClaim);

TEST_P(StoreClaim, moves_the_order_to_processing) {
    add_product("tea", 100, 10);
    const Order placed = must_place("o-1", {{"tea", 1}});
    clock.advance(Milliseconds{500});
    const ClaimedWork work = claim_only();

    EXPECT_EQ(work.kind, WorkKind::process_order);
    EXPECT_EQ(work.lease.work_id, process_work_id(placed.id));
    EXPECT_EQ(work.attempts, 0);
    EXPECT_EQ(work.tries, 1);
    EXPECT_EQ(work.since_first_try, Milliseconds{0});
    EXPECT_EQ(work.order.status, OrderStatus::processing);
    EXPECT_EQ(work.order.processing_at, clock.now());
    EXPECT_EQ(work.order.lines, placed.lines);
    EXPECT_EQ(order_of("o-1"), work.order);
    EXPECT_EQ(stock_of("tea"), 9);
}

TEST_P(StoreClaim, takes_the_longest_waiting_first_and_no_more_than_asked) {
    add_product("tea", 100, 10);
    for (const std::string id : {"o-c", "o-a", "o-b"}) {
        must_place(id, {{"tea", 1}});
        clock.advance(Milliseconds{10});
    }
    const auto first = claim(WorkKind::process_order, 2);
    ASSERT_EQ(first.size(), 2u);
    EXPECT_EQ(first[0].order.id, OrderId{"o-c"});
    EXPECT_EQ(first[1].order.id, OrderId{"o-a"});
    EXPECT_EQ(claim_only().order.id, OrderId{"o-b"});
    EXPECT_TRUE(claim(WorkKind::process_order, 0).empty());
}

TEST_P(StoreClaim, a_retry_waits_behind_what_was_due_before_it) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    const ClaimedWork early = claim_only();
    clock.advance(Milliseconds{10});
    must_place("o-2", {{"tea", 1}});
    clock.advance(Milliseconds{10});
    must(retry(early, Milliseconds{0}));
    const auto both = claim();
    ASSERT_EQ(both.size(), 2u);
    EXPECT_EQ(both[0].order.id, OrderId{"o-2"});
    EXPECT_EQ(both[1].order.id, OrderId{"o-1"});
}

TEST_P(StoreClaim, keeps_the_kinds_apart) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    EXPECT_TRUE(claim(WorkKind::send_mail).empty());
    must(settle(claim_only(), true));
    EXPECT_TRUE(claim(WorkKind::process_order).empty());
    EXPECT_EQ(claim_only(WorkKind::send_mail).kind, WorkKind::send_mail);
}

TEST_P(StoreClaim, a_live_lease_is_not_claimed_again) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    (void)claim_only();
    EXPECT_TRUE(claim().empty());
    clock.advance(lease - Milliseconds{1});
    EXPECT_TRUE(claim().empty());
}

TEST_P(StoreClaim, an_ended_lease_is_claimed_again_and_counts_an_attempt) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    const ClaimedWork first = claim_only();
    clock.advance(lease + Milliseconds{1});
    const ClaimedWork second = claim_only();

    EXPECT_GT(second.lease.epoch, first.lease.epoch);
    EXPECT_EQ(second.attempts, 1);
    EXPECT_EQ(second.tries, 2);
    EXPECT_EQ(second.since_first_try, lease + Milliseconds{1});
    EXPECT_EQ(second.order, first.order);
    clock.advance(lease + Milliseconds{1});
    EXPECT_EQ(claim_only().attempts, 2);
}

TEST_P(StoreClaim, a_retry_waits_for_its_time_and_counts_only_when_told) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    const ClaimedWork first = claim_only();
    must(retry(first, Milliseconds{400}));
    EXPECT_TRUE(claim().empty());
    clock.advance(Milliseconds{399});
    EXPECT_TRUE(claim().empty());
    clock.advance(Milliseconds{1});

    const ClaimedWork second = claim_only();
    EXPECT_EQ(second.attempts, 0);
    EXPECT_EQ(second.tries, 2);
    EXPECT_EQ(second.since_first_try, Milliseconds{400});
    EXPECT_EQ(second.order.processing_at, first.order.processing_at);
    must(retry(second, Milliseconds{0}, true));
    EXPECT_EQ(claim_only().attempts, 1);
}

TEST_P(StoreClaim, retry_and_extend_need_the_latest_epoch) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    const ClaimedWork old = claim_only();
    clock.advance(lease + Milliseconds{1});
    const ClaimedWork latest = claim_only();

    EXPECT_EQ(code_of(retry(old, Milliseconds{0}, true)), ErrorCode::lease_lost);
    EXPECT_TRUE(claim().empty());
    const std::vector<LeaseKey> keys{old.lease, latest.lease, {WorkId{"none"}, 1}};
    const auto results = store.extend(keys, lease);
    ASSERT_EQ(results.size(), 3u);
    EXPECT_EQ(code_of(results[0]), ErrorCode::lease_lost);
    EXPECT_EQ(code_of(results[1]), no_error);
    EXPECT_EQ(code_of(results[2]), ErrorCode::lease_lost);
}

TEST_P(StoreClaim, an_extended_lease_lives_on) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    const ClaimedWork work = claim_only();
    for (int beat = 0; beat < 3; ++beat) {
        clock.advance(Milliseconds{10'000});
        must(store.extend(std::span(&work.lease, 1), lease).at(0));
        EXPECT_TRUE(claim().empty());
    }
    EXPECT_EQ(code_of(settle(work, true)), no_error);
    EXPECT_EQ(code_of(store.extend(std::span(&work.lease, 1), lease).at(0)), ErrorCode::lease_lost);
}

TEST_P(StoreClaim, an_ended_lease_still_counts_until_somebody_takes_it) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    const ClaimedWork work = claim_only();
    clock.advance(10 * lease);
    EXPECT_EQ(code_of(settle(work, true)), no_error);
    EXPECT_EQ(order_of("o-1").status, OrderStatus::processed);
}

TEST_P(StoreClaim, a_lease_that_lies_too_far_ahead_counts_as_reached) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    const ClaimedWork first = claim_only();
    clock.jump_wall(-Milliseconds{3'600'000});
    const ClaimedWork second = claim_only();
    EXPECT_GT(second.lease.epoch, first.lease.epoch);
    EXPECT_GE(second.since_first_try, Milliseconds{0});
    EXPECT_EQ(code_of(settle(first, true)), ErrorCode::lease_lost);
    EXPECT_EQ(code_of(settle(second, true)), no_error);
}

TEST_P(StoreClaim, what_is_due_too_far_ahead_counts_as_reached) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    must(retry(claim_only(), Milliseconds{10'000}));
    must_place("o-2", {{"tea", 1}});
    clock.jump_wall(-Milliseconds{3'600'000});
    EXPECT_EQ(claim().size(), 2u);
}

TEST_P(StoreClaim, a_small_step_of_the_clock_ends_no_lease) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    (void)claim_only();
    clock.jump_wall(-Milliseconds{500});
    EXPECT_TRUE(claim().empty());
}

TEST_P(StoreClaim, workers_at_once_never_get_the_same_item) {
    add_product("tea", 100, 200);
    std::vector<NewOrder> batch;
    for (std::size_t i = 0; i < 200; ++i) batch.push_back(new_order(id_of("o", i), {{"tea", 1}}));
    for (const auto& result : store.place_orders(batch)) (void)must(result);

    std::mutex mutex;
    std::map<WorkId, int> claims;
    std::latch start(4);
    {
        std::vector<std::jthread> workers;
        for (int worker = 0; worker < 4; ++worker) {
            workers.emplace_back([&] {
                start.arrive_and_wait();
                for (;;) {
                    const auto claimed = store.claim_work(WorkKind::process_order, 7, lease);
                    if (!claimed || claimed->empty()) return;
                    const std::lock_guard lock(mutex);
                    for (const ClaimedWork& work : *claimed) ++claims[work.lease.work_id];
                }
            });
        }
    }
    EXPECT_EQ(claims.size(), 200u);
    for (const auto& [id, count] : claims) EXPECT_EQ(count, 1) << id.text;
}

}  // namespace

}  // namespace waybill::testing
