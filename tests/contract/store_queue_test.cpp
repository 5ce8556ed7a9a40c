#include <algorithm>

#include "tests/contract/store_contract.hpp"

namespace waybill::testing {

namespace {

using Outcome = ClaimById::Outcome;

WAYBILL_STORE_SUITE(StoreQueue);

TEST_P(StoreQueue, a_claim_by_id_takes_what_is_due) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    const ClaimById claimed = claim_by_id("o-1");
    ASSERT_EQ(claimed.outcome, Outcome::claimed);
    ASSERT_TRUE(claimed.work.has_value());
    EXPECT_EQ(claimed.work->order.status, OrderStatus::processing);
    EXPECT_EQ(claimed.work->order, order_of("o-1"));
    EXPECT_EQ(claimed.work->tries, 1);
    EXPECT_EQ(code_of(settle(*claimed.work, true)), no_error);
}

TEST_P(StoreQueue, what_is_sent_names_the_trace_of_its_order) {
    add_product("tea", 100, 10);
    NewOrder traced = new_order("o-1", {{"tea", 1}});
    traced.trace = *parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    must(place(traced));
    clock.advance(Milliseconds{1});
    must_place("o-2", {{"tea", 1}});
    const std::vector<SentWork> sent = mark_sent();
    ASSERT_EQ(sent.size(), 2u);
    EXPECT_EQ(sent[0].trace, traced.trace);
    EXPECT_FALSE(sent[1].trace.is_set());
    clock.advance(resend_after);
    EXPECT_EQ(mark_sent().at(0).trace, traced.trace) << "sent again";
}

TEST_P(StoreQueue, a_claim_by_id_of_finished_or_unknown_work_has_nothing_to_do) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    must(settle(claim_only(), true));
    must_place("o-2", {{"tea", 1}});
    (void)must(store.cancel_order(OrderId{"o-2"}, ada));
    const std::string before = world();
    for (const std::string id : {"o-1", "o-2", "none"}) {
        const ClaimById answer = claim_by_id(id);
        EXPECT_EQ(answer.outcome, Outcome::nothing_to_do) << id;
        EXPECT_FALSE(answer.work.has_value()) << id;
    }
    EXPECT_EQ(world(), before);
}

TEST_P(StoreQueue, a_claim_by_id_that_meets_a_live_lease_says_how_long) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    const ClaimedWork holder = claim_only();
    clock.advance(Milliseconds{5'000});
    const ClaimById answer = claim_by_id("o-1");
    EXPECT_EQ(answer.outcome, Outcome::leased);
    EXPECT_EQ(answer.leased_for, lease - Milliseconds{5'000});
    EXPECT_FALSE(answer.work.has_value());
    EXPECT_EQ(code_of(settle(holder, true)), no_error);
}

TEST_P(StoreQueue, a_claim_by_id_takes_an_ended_lease_and_counts_an_attempt) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    const ClaimedWork old = claim_only();
    clock.advance(lease + Milliseconds{1});
    const ClaimById answer = claim_by_id("o-1");
    ASSERT_EQ(answer.outcome, Outcome::claimed);
    EXPECT_EQ(answer.work->attempts, 1);
    EXPECT_GT(answer.work->lease.epoch, old.lease.epoch);
}

TEST_P(StoreQueue, a_claim_by_id_leaves_a_retry_to_its_time) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    must(retry(claim_only(), Milliseconds{2'000}));
    EXPECT_NE(claim_by_id("o-1").outcome, Outcome::claimed);
    clock.advance(Milliseconds{2'000});
    EXPECT_EQ(claim_by_id("o-1").outcome, Outcome::claimed);
}

TEST_P(StoreQueue, copies_of_a_message_in_one_claim_are_claimed_once) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    const WorkId id = process_work_id(OrderId{"o-1"});
    const std::vector<WorkId> ids{id, WorkId{"none"}, id};
    const auto results = store.claim_work(ids, lease);
    ASSERT_EQ(results.size(), 3u);
    EXPECT_EQ(must(results[0]).outcome, Outcome::claimed);
    EXPECT_EQ(must(results[1]).outcome, Outcome::nothing_to_do);
    EXPECT_EQ(must(results[2]).outcome, Outcome::leased);
    EXPECT_EQ(code_of(settle(*must(results[0]).work, true)), no_error);
}

TEST_P(StoreQueue, mark_sent_wins_what_is_due_longest_waiting_first) {
    add_product("tea", 100, 10);
    for (const std::string id : {"o-c", "o-a", "o-b"}) {
        must_place(id, {{"tea", 1}});
        clock.advance(Milliseconds{10});
    }
    const auto sent = mark_sent(2);
    ASSERT_EQ(sent.size(), 2u);
    EXPECT_EQ(sent[0].order_id, OrderId{"o-c"});
    EXPECT_EQ(sent[0].work_id, process_work_id(OrderId{"o-c"}));
    EXPECT_EQ(sent[0].send_number, 1u);
    EXPECT_EQ(sent[1].order_id, OrderId{"o-a"});
    const auto rest = mark_sent();
    ASSERT_EQ(rest.size(), 1u);
    EXPECT_EQ(rest[0].order_id, OrderId{"o-b"});
    EXPECT_TRUE(mark_sent().empty());
    EXPECT_EQ(order_of("o-c").status, OrderStatus::pending);
    EXPECT_EQ(depth(WorkKind::process_order), 3);
}

TEST_P(StoreQueue, mark_sent_leaves_mails_leases_and_later_retries) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    must(settle(claim_only(), true));
    must_place("o-2", {{"tea", 1}});
    must(retry(claim_only(), Milliseconds{9'000}));
    must_place("o-3", {{"tea", 1}});
    (void)claim_only();
    EXPECT_TRUE(mark_sent().empty());
    clock.advance(Milliseconds{9'000});
    const auto sent = mark_sent();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].order_id, OrderId{"o-2"});
}

TEST_P(StoreQueue, what_was_not_settled_in_time_is_sent_again_under_a_new_number) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    ASSERT_EQ(mark_sent().size(), 1u);
    clock.advance(resend_after - Milliseconds{1});
    EXPECT_TRUE(mark_sent().empty());
    clock.advance(Milliseconds{1});
    const auto again = mark_sent();
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0].send_number, 2u);
    EXPECT_TRUE(mark_sent().empty());
}

TEST_P(StoreQueue, the_window_bounds_what_is_sent) {
    add_product("tea", 100, 10);
    for (std::size_t i = 0; i < 5; ++i) must_place(id_of("o", i), {{"tea", 1}});
    EXPECT_EQ(mark_sent(plenty, 3).size(), 3u);
    EXPECT_TRUE(mark_sent(plenty, 3).empty());
    clock.advance(resend_after);
    EXPECT_EQ(mark_sent(plenty, 3).size(), 3u);
    EXPECT_TRUE(mark_sent(plenty, 3).empty());
}

TEST_P(StoreQueue, what_is_settled_leaves_the_window) {
    add_product("tea", 100, 10);
    for (std::size_t i = 0; i < 3; ++i) {
        must_place(id_of("o", i), {{"tea", 1}});
        clock.advance(Milliseconds{1});
    }
    const auto sent = mark_sent(plenty, 1);
    ASSERT_EQ(sent.size(), 1u);
    const ClaimById claimed = claim_by_id(sent[0].order_id.text);
    ASSERT_EQ(claimed.outcome, Outcome::claimed);
    must(settle(*claimed.work, true));
    const auto next = mark_sent(plenty, 1);
    ASSERT_EQ(next.size(), 1u);
    EXPECT_EQ(next[0].order_id, OrderId{id_of("o", 1)});

    (void)must(store.cancel_order(next[0].order_id, ada));
    EXPECT_EQ(mark_sent(plenty, 1).size(), 1u);
}

TEST_P(StoreQueue, a_sent_item_is_claimed_by_its_message_only_until_it_is_due_again) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    must_place("o-2", {{"tea", 1}});
    ASSERT_EQ(mark_sent().size(), 2u);
    EXPECT_TRUE(claim().empty());
    EXPECT_EQ(claim_by_id("o-1").outcome, Outcome::claimed);
    clock.advance(resend_after + Milliseconds{1});
    std::vector<OrderId> claimed;
    for (const ClaimedWork& work : claim()) claimed.push_back(work.order.id);
    EXPECT_EQ(std::ranges::count(claimed, OrderId{"o-2"}), 1) << "the queue lost it, or there is none any more";
}

TEST_P(StoreQueue, a_message_that_was_lost_under_a_dead_worker_is_sent_again) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    ASSERT_EQ(mark_sent().size(), 1u);
    const ClaimById lost = claim_by_id("o-1");
    ASSERT_EQ(lost.outcome, Outcome::claimed);
    clock.advance(resend_after + lease);
    const auto again = mark_sent();
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0].send_number, 2u);
    const ClaimById claimed = claim_by_id("o-1");
    ASSERT_EQ(claimed.outcome, Outcome::claimed);
    EXPECT_EQ(claimed.work->attempts, 1);
    EXPECT_EQ(code_of(settle(*lost.work, true)), ErrorCode::lease_lost);
    EXPECT_EQ(code_of(settle(*claimed.work, true)), no_error);
}

TEST_P(StoreQueue, a_retried_item_is_sent_again_at_its_time) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    ASSERT_EQ(mark_sent().size(), 1u);
    must(retry(*claim_by_id("o-1").work, Milliseconds{1'000}));
    EXPECT_TRUE(mark_sent().empty());
    clock.advance(Milliseconds{1'000});
    const auto again = mark_sent();
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0].send_number, 2u);
    EXPECT_EQ(claim_by_id("o-1").work->attempts, 0);
}

TEST_P(StoreQueue, what_the_queue_refused_is_due_again) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    must_place("o-2", {{"tea", 1}});
    auto sent = mark_sent();
    ASSERT_EQ(sent.size(), 2u);
    sent.pop_back();
    must(store.return_unsent(sent));
    const auto again = mark_sent();
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0].work_id, sent[0].work_id);
    EXPECT_EQ(again[0].send_number, 2u);
}

TEST_P(StoreQueue, a_stale_send_number_returns_nothing) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    const auto first = mark_sent();
    clock.advance(resend_after);
    const auto second = mark_sent();
    ASSERT_EQ(second.size(), 1u);
    must(store.return_unsent(first));
    EXPECT_TRUE(mark_sent().empty());
    EXPECT_TRUE(claim().empty());
    must(store.return_unsent(second));
    EXPECT_EQ(claim_only().order.id, OrderId{"o-1"});
}

TEST_P(StoreQueue, what_is_claimed_or_gone_is_not_returned) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    must_place("o-2", {{"tea", 1}});
    const auto sent = mark_sent();
    ASSERT_EQ(sent.size(), 2u);
    const ClaimById claimed = claim_by_id("o-1");
    (void)must(store.cancel_order(OrderId{"o-2"}, ada));
    must(store.return_unsent(sent));
    EXPECT_TRUE(claim().empty());
    EXPECT_EQ(code_of(settle(*claimed.work, true)), no_error);
}

TEST_P(StoreQueue, a_clock_that_was_set_back_holds_no_message_back) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    ASSERT_EQ(mark_sent().size(), 1u);
    clock.jump_wall(-Milliseconds{3'600'000});
    EXPECT_EQ(mark_sent().size(), 1u);
}

}  // namespace

}  // namespace waybill::testing
