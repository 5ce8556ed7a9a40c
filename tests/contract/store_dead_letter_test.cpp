#include "tests/contract/store_contract.hpp"

namespace waybill::testing {

namespace {

class StoreDeadLetter : public StoreContract {
protected:
    // Each leaves behind a dead letter of its kind.
    WorkId bury_order(const std::string& id) {
        must_place(id, {{"tea", 1}});
        const ClaimedWork work = claim_only();
        must(settle(work, false, "it keeps failing", true));
        return work.lease.work_id;
    }
    ClaimedWork bury_mail(const std::string& id) {
        must_place(id, {{"tea", 1}});
        must(settle(claim_only(), true));
        ClaimedWork mail = claim_only(WorkKind::send_mail);
        must(settle_mail(mail, true, "no such mailbox"));
        return mail;
    }
    std::vector<DeadLetter> dead_letters() { return must(store.list_dead_letters(std::nullopt, plenty)); }
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreDeadLetter, ::testing::ValuesIn(every_store()),
                         [](const auto& parameter) { return parameter.param.name; });

TEST_P(StoreDeadLetter, an_order_that_keeps_failing_is_failed_and_kept) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 4}});
    (void)claim_only();
    clock.advance(lease + Milliseconds{1});
    const ClaimedWork work = claim_only();
    must(settle(work, false, "it keeps failing", true));

    EXPECT_EQ(order_of("o-1").status, OrderStatus::failed);
    EXPECT_EQ(stock_of("tea"), 10);
    EXPECT_EQ(depth(WorkKind::process_order), 0);
    EXPECT_EQ(depth(WorkKind::send_mail), 1);
    EXPECT_EQ(must(store.stats()).dead_letters, 1);
    const auto letters = dead_letters();
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_EQ(letters[0].id, process_work_id(OrderId{"o-1"}));
    EXPECT_EQ(letters[0].kind, WorkKind::process_order);
    EXPECT_EQ(letters[0].order_id, OrderId{"o-1"});
    EXPECT_EQ(letters[0].reason, "it keeps failing");
    EXPECT_EQ(letters[0].attempts, 1);
    EXPECT_EQ(letters[0].created_at, clock.now());
    clock.advance(10 * lease);
    EXPECT_TRUE(claim().empty());
    EXPECT_EQ(claim_by_id("o-1").outcome, ClaimById::Outcome::nothing_to_do);
}

TEST_P(StoreDeadLetter, an_orders_can_only_be_discarded) {
    add_product("tea", 100, 10);
    const WorkId id = bury_order("o-1");
    const std::string before = world();
    EXPECT_EQ(code_of(store.requeue_dead_letter(id)), ErrorCode::invalid_transition);
    EXPECT_EQ(world(), before);

    const Order order = order_of("o-1");
    EXPECT_EQ(must(store.discard_dead_letter(id)).order_id, OrderId{"o-1"});
    EXPECT_TRUE(dead_letters().empty());
    EXPECT_EQ(order_of("o-1"), order);
    EXPECT_EQ(stock_of("tea"), 10);
    EXPECT_EQ(code_of(store.discard_dead_letter(id)), ErrorCode::not_found);
}

TEST_P(StoreDeadLetter, a_mails_is_requeued_with_fresh_attempts_and_deadline) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    must(settle(claim_only(), true));
    const ClaimedWork first = claim_only(WorkKind::send_mail);
    clock.advance(lease + Milliseconds{1});
    const ClaimedWork second = claim_only(WorkKind::send_mail);
    EXPECT_EQ(second.attempts, 1);
    must(settle_mail(second, true, "no such mailbox"));
    clock.advance(Milliseconds{3'600'000});

    const auto letters = dead_letters();
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_EQ(letters[0].kind, WorkKind::send_mail);
    EXPECT_EQ(must(store.requeue_dead_letter(letters[0].id)).id, second.lease.work_id);
    EXPECT_TRUE(dead_letters().empty());
    const ClaimedWork third = claim_only(WorkKind::send_mail);
    EXPECT_EQ(third.lease.work_id, second.lease.work_id);
    EXPECT_GT(third.lease.epoch, second.lease.epoch);
    EXPECT_EQ(third.attempts, 0);
    EXPECT_EQ(third.tries, 1);
    EXPECT_EQ(third.since_first_try, Milliseconds{0});
    EXPECT_EQ(third.order, first.order);
    EXPECT_EQ(third.mail_to, "ada@example.com");
    EXPECT_EQ(code_of(settle_mail(second)), ErrorCode::lease_lost);
    EXPECT_EQ(code_of(settle_mail(third)), no_error);
}

TEST_P(StoreDeadLetter, a_mail_can_die_again) {
    add_product("tea", 100, 10);
    const ClaimedWork mail = bury_mail("o-1");
    (void)must(store.requeue_dead_letter(mail.lease.work_id));
    clock.advance(Milliseconds{1'000});
    must(settle_mail(claim_only(WorkKind::send_mail), true, "still no mailbox"));
    const auto letters = dead_letters();
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_EQ(letters[0].reason, "still no mailbox");
    EXPECT_EQ(letters[0].created_at, clock.now());
}

TEST_P(StoreDeadLetter, a_discarded_mail_touches_no_order) {
    add_product("tea", 100, 10);
    const ClaimedWork mail = bury_mail("o-1");
    const Order order = order_of("o-1");
    EXPECT_EQ(must(store.discard_dead_letter(mail.lease.work_id)).reason, "no such mailbox");
    EXPECT_EQ(order_of("o-1"), order);
    EXPECT_EQ(stock_of("tea"), 9);
    EXPECT_EQ(depth(WorkKind::send_mail), 0);
    EXPECT_EQ(code_of(store.requeue_dead_letter(mail.lease.work_id)), ErrorCode::not_found);
}

TEST_P(StoreDeadLetter, live_work_and_unknown_ids_are_not_found) {
    add_product("tea", 100, 10);
    must_place("o-1", {{"tea", 1}});
    const WorkId live = process_work_id(OrderId{"o-1"});
    const std::string before = world();
    EXPECT_EQ(code_of(store.requeue_dead_letter(live)), ErrorCode::not_found);
    EXPECT_EQ(code_of(store.discard_dead_letter(live)), ErrorCode::not_found);
    EXPECT_EQ(code_of(store.requeue_dead_letter(WorkId{"none"})), ErrorCode::not_found);
    EXPECT_EQ(code_of(store.discard_dead_letter(WorkId{"none"})), ErrorCode::not_found);
    EXPECT_EQ(world(), before);
}

TEST_P(StoreDeadLetter, pages_show_each_once_newest_first) {
    add_product("tea", 100, 10);
    for (std::size_t i = 0; i < 5; ++i) {
        (void)bury_order(id_of("o", i));
        if (i % 2 == 1) clock.advance(Milliseconds{10});
    }
    std::vector<DeadLetter> seen;
    std::optional<PageKey> after;
    for (;;) {
        const auto page = must(store.list_dead_letters(after, 2));
        if (page.empty()) break;
        ASSERT_LE(page.size(), 2u);
        ASSERT_LE(seen.size(), plenty) << "the pages never end";
        seen.insert(seen.end(), page.begin(), page.end());
        after = PageKey{seen.back().created_at, seen.back().id.text};
    }
    ASSERT_EQ(seen.size(), 5u);
    for (std::size_t i = 1; i < seen.size(); ++i) {
        EXPECT_GT(std::tie(seen[i - 1].created_at, seen[i - 1].id.text), std::tie(seen[i].created_at, seen[i].id.text));
    }
}

}  // namespace

}  // namespace waybill::testing
