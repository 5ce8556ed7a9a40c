// What the store makes of a server or a network that fails at the worst moment.
#include "tests/unit/adapters/mongo_fixture.hpp"

namespace waybill::testing {

namespace {

constexpr int write_conflict = 112;
constexpr int no_such_transaction = 251;
constexpr int primary_stepped_down = 189;
constexpr int not_primary = 10'107;
constexpr int unauthorized = 13;

class MongoFaults : public MongoTest {
protected:
    MongoFaults() : store(open()) {
        stock_shop(*store, {"tea"}, 100);
        server.reset_commands();
    }

    // The order stands, once, and its stock was taken once.
    void expect_placed_once() {
        EXPECT_EQ(count_orders(*store), 1u);
        EXPECT_EQ(stock_of(*store), 99);
        EXPECT_EQ(must(store->stats()).work[WorkKind::process_order].count, 1);
    }
    void expect_untouched() {
        EXPECT_EQ(count_orders(*store), 0u);
        EXPECT_EQ(stock_of(*store), 100);
        EXPECT_EQ(server.open_transactions(), 0u);
    }

    // The next commit happens, is not confirmed, and then nobody knows of it any more. (libmongoc asks
    // twice by itself.)
    void commit_and_forget() {
        next("commitTransaction", Action::error_after, 91, unknown_commit, 2);
        Fault forgotten;
        forgotten.command = "commitTransaction";
        forgotten.code = no_such_transaction;
        forgotten.labels = transient;
        forgotten.nth = 3;
        forgotten.aborts = false;
        server.arm(forgotten);
    }

    std::unique_ptr<Store> store;
};

TEST_F(MongoFaults, a_transient_error_is_repeated_from_the_start_after_a_backoff) {
    next("insert", Action::error, write_conflict, transient, 3);
    EXPECT_FALSE(must(place(*store, with_key(new_order("o-1"), "k"))).replayed);
    expect_placed_once();
    EXPECT_EQ(server.commands("find", "idempotency"), 4u);
    EXPECT_EQ(server.commands("commitTransaction"), 1u);
    EXPECT_GT(clock.slept(), Milliseconds{0});
}

TEST_F(MongoFaults, conflicts_that_never_end_are_unavailable_within_the_deadline) {
    next("update", Action::error, write_conflict, transient, 1'000'000);
    const SteadyTime start = clock.steady_now();
    EXPECT_EQ(code_of(place(*store, new_order("o-1"))), ErrorCode::unavailable);
    EXPECT_LE(clock.steady_now() - start, options().request_deadline);
    server.clear_faults();
    expect_untouched();
}

TEST_F(MongoFaults, an_unknown_commit_is_committed_again_on_the_same_transaction) {
    next("commitTransaction", Action::error_after, 91, unknown_commit, 3);
    EXPECT_FALSE(must(place(*store, with_key(new_order("o-1"), "k"))).replayed);
    expect_placed_once();
    const auto commits = server.seen("commitTransaction");
    ASSERT_GE(commits.size(), 4u);
    for (const auto& commit : commits) {
        EXPECT_EQ(commit.command.at("txnNumber"), commits[0].command.at("txnNumber"));
        EXPECT_EQ(commit.command.at("lsid"), commits[0].command.at("lsid"));
    }
    EXPECT_EQ(server.commands("insert", "orders"), 1u);
}

TEST_F(MongoFaults, a_commit_whose_reply_was_cut_off_is_found_to_have_happened) {
    next("commitTransaction", Action::cut_after);
    EXPECT_FALSE(must(place(*store, new_order("o-1"))).replayed);
    expect_placed_once();
}

TEST_F(MongoFaults, a_commit_that_was_cut_off_on_its_way_happens_after_all) {
    next("commitTransaction", Action::cut_before);
    EXPECT_FALSE(must(place(*store, new_order("o-1"))).replayed);
    expect_placed_once();
}

TEST_F(MongoFaults, after_an_unknown_commit_the_stored_record_decides) {
    commit_and_forget();
    const auto keyed = place(*store, with_key(new_order("o-1"), "k"));
    EXPECT_EQ(must(keyed).order.id, OrderId{"o-1"});
    expect_placed_once();
}

TEST_F(MongoFaults, after_an_unknown_commit_an_order_without_a_key_is_known_by_its_id) {
    commit_and_forget();
    EXPECT_EQ(must(place(*store, new_order("o-1"))).order.id, OrderId{"o-1"});
    expect_placed_once();
}

TEST_F(MongoFaults, an_unknown_commit_that_was_none_is_done_again) {
    next("commitTransaction", Action::error, 91, unknown_commit, 2);
    EXPECT_EQ(must(place(*store, new_order("o-1"))).order.id, OrderId{"o-1"});
    expect_placed_once();
}

TEST_F(MongoFaults, a_commit_that_stays_unknown_is_said_to_be_unknown) {
    auto quick = options();
    quick.request_deadline = Milliseconds{20};
    store = open(quick);
    next("commitTransaction", Action::error_after, 91, unknown_commit, 1'000'000);
    EXPECT_EQ(code_of(place(*store, new_order("o-1"))), ErrorCode::outcome_unknown);
    server.clear_faults();
    expect_placed_once();
    EXPECT_TRUE(must(place(*store, new_order("o-1"))).replayed);
}

TEST_F(MongoFaults, a_commit_that_a_majority_cannot_confirm_is_unknown) {
    next("commitTransaction", Action::write_concern_error, 100, {}, 1'000'000);
    EXPECT_EQ(code_of(place(*store, new_order("o-1"))), ErrorCode::outcome_unknown);
}

TEST_F(MongoFaults, a_settlement_of_our_own_unknown_commit_is_no_lost_lease) {
    must(place(*store, new_order("o-1")));
    const auto work = must(store->claim_work(WorkKind::process_order, 1, Milliseconds{15'000}));
    commit_and_forget();
    const OrderSettlement settlement{work.at(0).lease, OrderId{"o-1"}, false, "refused", false, 0};
    EXPECT_EQ(code_of(store->settle_orders(std::span(&settlement, 1)).at(0)), no_mongo_error);
    EXPECT_EQ(stock_of(*store), 100) << "given back once";
    EXPECT_EQ(code_of(store->settle_orders(std::span(&settlement, 1)).at(0)), ErrorCode::lease_lost);
}

TEST_F(MongoFaults, a_reset_of_our_own_unknown_commit_tells_the_sessions_that_it_ended) {
    const UserId ada{"ada"};
    for (const char* id : {"s-1", "s-2", "s-over"}) {
        must(store->create_session({.id = SessionId{id}, .user_id = ada}, "", Milliseconds{60'000}));
    }
    must(store->revoke_session(ada, SessionId{"s-over"}));
    must(store->open_password_reset(ResetId{"r-1"}, "ada@example.com", Milliseconds{60'000}));
    commit_and_forget();
    EXPECT_EQ(must(store->reset_password(ResetId{"r-1"}, "new")), (std::vector{SessionId{"s-1"}, SessionId{"s-2"}}));
}

TEST_F(MongoFaults, a_login_of_our_own_unknown_commit_tells_the_session_that_it_ended) {
    const auto log_in = [&](std::size_t number) {
        const SessionId id{"s-" + std::to_string(100 + number)};
        return must(store->create_session({.id = id, .user_id = UserId{"ada"}}, "", Milliseconds{60'000}));
    };
    for (std::size_t i = 0; i < sessions_live_max; ++i) (void)log_in(i);
    commit_and_forget();
    EXPECT_EQ(log_in(sessions_live_max).ended, std::vector{SessionId{"s-100"}});
    EXPECT_EQ(must(store->list_sessions(UserId{"ada"})).size(), sessions_live_max);
}

TEST_F(MongoFaults, a_new_password_of_our_own_unknown_commit_is_no_wrong_one) {
    const UserId ada{"ada"};
    must(store->create_session({.id = SessionId{"s-1"}, .user_id = ada}, "", Milliseconds{60'000}));
    commit_and_forget();
    EXPECT_EQ(must(store->change_password(ada, "", "new", std::nullopt)), std::vector{SessionId{"s-1"}});
}

TEST_F(MongoFaults, a_logout_of_our_own_unknown_commit_tells_the_sessions_that_it_ended) {
    must(store->create_session({.id = SessionId{"s-1"}, .user_id = UserId{"ada"}}, "", Milliseconds{60'000}));
    commit_and_forget();
    EXPECT_EQ(must(store->revoke_sessions(UserId{"ada"})), std::vector{SessionId{"s-1"}});
}

struct Cut {
    const char* command;
    const char* collection;
};

TEST_F(MongoFaults, a_connection_that_is_cut_anywhere_leaves_one_order) {
    const std::vector<Cut> cuts{{"find", "products"},    {"find", "idempotency"},   {"find", "inventory"},
                                {"update", "inventory"}, {"insert", "idempotency"}, {"insert", "orders"},
                                {"insert", "work"},      {"commitTransaction", ""}};
    int number = 0;
    for (const Cut& cut : cuts) {
        for (const Action action : {Action::cut_before, Action::cut_after}) {
            SCOPED_TRACE(std::string(cut.command) + " " + cut.collection);
            const std::string id = "o-" + std::to_string(++number);
            Fault fault;
            fault.command = cut.command;
            fault.collection = cut.collection;
            fault.action = action;
            server.arm(fault);
            EXPECT_EQ(must(place(*store, with_key(new_order(id), id))).order.id, OrderId{id});
            EXPECT_EQ(count_orders(*store), static_cast<std::size_t>(number));
            EXPECT_EQ(stock_of(*store), 100 - number);
        }
    }
}

TEST_F(MongoFaults, a_new_primary_is_waited_for) {
    next("update", Action::error, not_primary, {}, 2);
    must(place(*store, new_order("o-1")));
    next("find", Action::error, primary_stepped_down, {}, 2);
    EXPECT_TRUE(must(store->find_order(OrderId{"o-1"})).has_value());
    expect_placed_once();
}

TEST_F(MongoFaults, what_nobody_may_do_is_unavailable_at_once) {
    next("insert", Action::error, unauthorized);
    EXPECT_EQ(code_of(place(*store, new_order("o-1"))), ErrorCode::unavailable);
    EXPECT_EQ(clock.slept(), Milliseconds{0});
    expect_untouched();
    EXPECT_EQ(log.count("store-refused"), 1u);
}

TEST_F(MongoFaults, a_server_that_is_gone_is_unavailable_and_comes_back) {
    auto quick = options();
    quick.server_selection_timeout = Milliseconds{500};
    quick.request_deadline = Milliseconds{100};
    store = open(quick);
    server.stop();
    EXPECT_EQ(code_of(place(*store, new_order("o-1"))), ErrorCode::unavailable);
    EXPECT_EQ(code_of(store->find_order(OrderId{"o-1"})), ErrorCode::unavailable);
    EXPECT_EQ(code_of(store->ping()), ErrorCode::unavailable);
    server.start();
    store = open(options());
    must(place(*store, new_order("o-1")));
    expect_placed_once();
}

TEST_F(MongoFaults, a_server_that_does_not_answer_the_commit_leaves_it_unknown) {
    auto quick = options();
    quick.socket_timeout = Milliseconds{1'000};
    quick.request_deadline = Milliseconds{20};
    store = open(quick);
    next("commitTransaction", Action::freeze_before, 0, {}, 1'000);
    const auto result = place(*store, new_order("o-1"));
    EXPECT_EQ(code_of(result), ErrorCode::outcome_unknown);
    server.release();
    server.clear_faults();
}

TEST_F(MongoFaults, a_server_that_dies_in_the_commit_leaves_it_unknown) {
    auto quick = options();
    quick.server_selection_timeout = Milliseconds{500};
    quick.request_deadline = Milliseconds{20};
    store = open(quick);
    next("commitTransaction", Action::freeze_after);
    std::optional<ErrorCode> code;
    {
        const std::jthread customer([&] { code = code_of(place(*store, new_order("o-1"))); });
        ASSERT_TRUE(server.wait_for_frozen(1));
        server.stop();
    }
    EXPECT_EQ(code, ErrorCode::outcome_unknown);
}

TEST_F(MongoFaults, an_order_that_is_stored_already_is_met_as_a_duplicate_and_replayed) {
    must(place(*store, new_order("o-1")));
    server.reset_commands();
    EXPECT_TRUE(must(place(*store, new_order("o-1"))).replayed);
    EXPECT_EQ(server.commands("insert", "orders"), 1u);
    EXPECT_EQ(server.commands("find", "orders"), 1u);
    expect_placed_once();
}

TEST_F(MongoFaults, a_pool_without_a_free_connection_is_overloaded) {
    auto narrow = options();
    narrow.pool_size = 1;
    narrow.wait_queue_timeout = Milliseconds{20};
    const std::unique_ptr<Store> small = open(narrow);
    next("find", Action::freeze_before);
    std::jthread busy([&] { (void)small->find_order(OrderId{"o-1"}); });
    ASSERT_TRUE(server.wait_for_frozen(1));
    EXPECT_EQ(code_of(small->find_order(OrderId{"o-2"})), ErrorCode::overloaded);
    EXPECT_EQ(code_of(place(*small, new_order("o-1"))), ErrorCode::overloaded);
    server.release();
}

}  // namespace

}  // namespace waybill::testing
