#include "tests/contract/store_contract.hpp"

namespace waybill::testing {

namespace {

constexpr Milliseconds day{86'400'000};
constexpr Milliseconds lifetime = 7 * day;

class StoreUpkeep : public StoreContract {
protected:
    void log_in(const std::string& id) {
        Session session;
        session.id = SessionId{id};
        session.user_id = ada;
        (void)must(store.create_session(session, "hash-of-ada", lifetime));
    }
    // Five idempotency records, five sessions and five dead letters.
    void fill() {
        add_product("tea", 100, plenty);
        for (std::size_t i = 0; i < 5; ++i) {
            (void)must(place(with_key(new_order(id_of("o", i), {{"tea", 1}}), id_of("key", i))));
            must(settle(claim_only(), true));
            must(settle_mail(claim_only(WorkKind::send_mail), true, "no such mailbox"));
            log_in(id_of("s", i));
        }
    }
    SweepCounts sweep(std::size_t max = plenty) { return must(store.sweep(Retention{}, max)); }
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreUpkeep, ::testing::ValuesIn(every_store()),
                         [](const auto& parameter) { return parameter.param.name; });

TEST_P(StoreUpkeep, an_open_store_answers) { EXPECT_EQ(code_of(store.ping()), no_error); }

TEST_P(StoreUpkeep, deletes_nothing_before_its_time) {
    fill();
    clock.advance(day - Milliseconds{1'000});
    EXPECT_EQ(sweep().total(), 0);
    EXPECT_TRUE(must(place(with_key(new_order("x", {{"tea", 1}}), id_of("key", 0)))).replayed);
}

TEST_P(StoreUpkeep, deletes_each_kind_after_its_own_time) {
    fill();
    clock.advance(day + Milliseconds{1'000});
    EXPECT_EQ(sweep().idempotency_records, 5);
    EXPECT_FALSE(must(place(with_key(new_order("x", {{"tea", 1}}), id_of("key", 0), 9))).replayed);
    EXPECT_TRUE(must(place(new_order(id_of("o", 0), {{"tea", 1}}))).replayed) << "the order itself stays";
    // A store may still be putting away an order that it has acknowledged; a list shows all of them.
    (void)must(store.list_orders({}, std::nullopt, plenty));

    clock.advance(6 * day + Milliseconds{1'000});
    const SweepCounts sessions = sweep();
    EXPECT_EQ(sessions.idempotency_records, 1);
    EXPECT_EQ(sessions.sessions, 5);
    EXPECT_EQ(sessions.dead_letters, 0);
    EXPECT_FALSE(must(store.find_session(SessionId{id_of("s", 0)})).has_value());

    clock.advance(23 * day + Milliseconds{1'000});
    EXPECT_EQ(sweep().dead_letters, 5);
    EXPECT_TRUE(must(store.list_dead_letters(std::nullopt, plenty)).empty());
    EXPECT_EQ(must(store.stats()).dead_letters, 0);
    EXPECT_EQ(sweep().total(), 0);
}

TEST_P(StoreUpkeep, deletes_no_more_than_asked_of_each_kind) {
    fill();
    clock.advance(31 * day);
    for (const std::int64_t expected : {2, 2, 1, 0}) {
        const SweepCounts counts = sweep(2);
        EXPECT_EQ(counts.idempotency_records, expected);
        EXPECT_EQ(counts.sessions, expected);
        EXPECT_EQ(counts.dead_letters, expected);
    }
}

TEST_P(StoreUpkeep, follows_the_retention_it_is_given) {
    fill();
    clock.advance(Milliseconds{5'000});
    EXPECT_EQ(must(store.sweep({Milliseconds{6'000}, Milliseconds{6'000}}, plenty)).total(), 0);
    const SweepCounts counts = must(store.sweep({Milliseconds{4'000}, Milliseconds{4'000}}, plenty));
    EXPECT_EQ(counts.idempotency_records, 5);
    EXPECT_EQ(counts.dead_letters, 5);
    EXPECT_EQ(counts.sessions, 0);
}

TEST_P(StoreUpkeep, a_session_that_was_used_lives_on) {
    log_in("s-1");
    clock.advance(5 * day);
    (void)must(store.rotate_session(SessionId{"s-1"}, 1, Milliseconds{0}, lifetime));
    clock.advance(5 * day);
    EXPECT_EQ(sweep().sessions, 0);
    clock.advance(3 * day);
    EXPECT_EQ(sweep().sessions, 1);
}

TEST_P(StoreUpkeep, live_work_is_never_deleted_by_age) {
    add_product("tea", 100, plenty);
    must_place("o-processed", {{"tea", 1}});
    must(settle(claim_only(), true));  // its mail is due
    must_place("o-claimed", {{"tea", 1}});
    (void)claim_only();
    must_place("o-sent", {{"tea", 1}});
    ASSERT_EQ(mark_sent().size(), 1u);
    must_place("o-due", {{"tea", 1}});

    clock.advance(400 * day);
    EXPECT_EQ(sweep().total(), 0);
    EXPECT_EQ(depth(WorkKind::process_order), 3);
    EXPECT_EQ(depth(WorkKind::send_mail), 1);
    EXPECT_EQ(claim().size(), 3u);
    EXPECT_EQ(claim(WorkKind::send_mail).size(), 1u);
}

TEST_P(StoreUpkeep, stats_show_depth_and_age_of_the_work) {
    const auto depth_of = [&](WorkKind kind) {
        auto stats = must(store.stats());
        return stats.work[kind];
    };
    EXPECT_EQ(depth_of(WorkKind::process_order).count, 0);
    EXPECT_EQ(depth_of(WorkKind::process_order).oldest_age, Milliseconds{0});
    add_product("tea", 100, plenty);
    must_place("o-1", {{"tea", 1}});
    clock.advance(Milliseconds{4'000});
    must_place("o-2", {{"tea", 1}});
    clock.advance(Milliseconds{1'000});
    EXPECT_EQ(depth_of(WorkKind::process_order).count, 2);
    EXPECT_EQ(depth_of(WorkKind::process_order).oldest_age, Milliseconds{5'000});
    EXPECT_EQ(depth_of(WorkKind::send_mail).count, 0);

    const auto work = claim(WorkKind::process_order, 1);
    EXPECT_EQ(depth_of(WorkKind::process_order).count, 2) << "claimed work is not settled yet";
    must(settle(work.at(0), true));
    EXPECT_EQ(depth_of(WorkKind::process_order).count, 1);
    EXPECT_EQ(depth_of(WorkKind::process_order).oldest_age, Milliseconds{1'000});
    EXPECT_EQ(depth_of(WorkKind::send_mail).count, 1);
    EXPECT_EQ(must(store.stats()).dead_letters, 0);
    must(settle_mail(claim_only(WorkKind::send_mail), true, "refused"));
    EXPECT_EQ(must(store.stats()).dead_letters, 1);
    EXPECT_EQ(depth_of(WorkKind::send_mail).count, 0);
}

TEST_P(StoreUpkeep, no_order_that_the_stats_count_is_left_in_a_journal) {
    add_product("tea", 100, plenty);
    for (const char* id : {"o-1", "o-2", "o-3"}) must_place(id, {{"tea", 1}});
    EXPECT_EQ(must(store.stats()).work[WorkKind::process_order].count, 3);
    EXPECT_EQ(store.orders_in_journal().value_or(0), 0u);
}

}  // namespace

}  // namespace waybill::testing
