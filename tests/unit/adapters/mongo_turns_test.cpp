// Turns between processes, and what is done about those who died inside a transaction.
#include <mongoc/mongoc.h>

#include <functional>

#include "tests/unit/adapters/mongo_fixture.hpp"

namespace waybill::testing {

namespace {

using waybill::mongo::Connection;
using waybill::mongo::ConnectionPool;
using waybill::mongo::Lane;
using waybill::mongo::turn_stale_after;
using waybill::mongo::turn_wait_max;
using waybill::mongo::Turns;

class MongoTurns : public MongoTest {
protected:
    MongoTurns()
        : store(open()),
          with(options()),
          pool(must(ConnectionPool::make(with))),
          connection(must(pool->take())),
          mine(clock),
          theirs(clock) {
        stock_shop(*store, {"tea"}, 100);
    }

    std::unique_ptr<Store> store;
    const waybill::mongo::MongoOptions with;
    std::unique_ptr<ConnectionPool> pool;
    Connection connection;
    Turns mine;
    Turns theirs;
};

TEST_F(MongoTurns, a_free_turn_costs_one_command_to_take_and_one_to_give_back) {
    server.reset_commands();
    const auto turn = mine.take(connection);
    ASSERT_TRUE(turn.has_value());
    mine.give_back(connection, *turn);
    EXPECT_EQ(server.commands(), 2u);
    EXPECT_TRUE(theirs.take(connection).has_value());
}

TEST_F(MongoTurns, nobody_waits_long_for_a_turn) {
    ASSERT_TRUE(theirs.take(connection).has_value());
    const SteadyTime start = clock.steady_now();
    EXPECT_FALSE(mine.take(connection).has_value());
    EXPECT_LE(clock.steady_now() - start, turn_wait_max);
}

TEST_F(MongoTurns, a_turn_that_stood_still_is_taken_over) {
    const auto lost = theirs.take(connection);
    EXPECT_FALSE(mine.take(connection).has_value());
    clock.advance(turn_stale_after);
    const auto turn = mine.take(connection);
    ASSERT_TRUE(turn.has_value());
    theirs.give_back(connection, *lost);
    EXPECT_FALSE(theirs.take(connection).has_value()) << "the late holder gave back what is no longer its own";
}

TEST_F(MongoTurns, a_turn_that_moves_on_is_not_taken_over) {
    for (int round = 0; round < 5; ++round) {
        const auto turn = theirs.take(connection);
        ASSERT_TRUE(turn.has_value());
        EXPECT_FALSE(mine.take(connection).has_value());
        clock.advance(turn_stale_after - turn_wait_max);
        theirs.give_back(connection, *turn);
    }
}

// Does something else while somebody sleeps for the first time.
class InterruptedClock : public FakeClock {
public:
    std::function<void()> meanwhile;
    void sleep_for(Milliseconds duration) override {
        FakeClock::sleep_for(duration);
        if (auto once = std::exchange(meanwhile, nullptr)) once();
    }
};

TEST_F(MongoTurns, a_waiter_is_next_before_a_busy_holder) {
    InterruptedClock slow;
    Turns waiter(slow);
    const auto held = theirs.take(connection);
    slow.meanwhile = [&] {
        theirs.give_back(connection, *held);
        EXPECT_FALSE(theirs.take(connection).has_value());
    };
    EXPECT_TRUE(waiter.take(connection).has_value());
}

TEST_F(MongoTurns, who_goes_on_without_a_turn_is_next_no_longer) {
    const auto held = theirs.take(connection);
    EXPECT_FALSE(mine.take(connection).has_value());
    theirs.give_back(connection, *held);
    EXPECT_TRUE(theirs.take(connection).has_value());
}

TEST_F(MongoTurns, a_waiter_that_died_holds_nobody_up_for_long) {
    Turns dead(clock);
    const auto held = theirs.take(connection);
    Fault lost;
    lost.command = "update";
    lost.collection = "meta";
    lost.nth = 2;
    lost.code = 13;
    server.arm(lost);
    EXPECT_FALSE(dead.take(connection).has_value()) << "and could not say that it went on";
    theirs.give_back(connection, *held);
    EXPECT_FALSE(mine.take(connection).has_value());
    clock.advance(turn_stale_after);
    EXPECT_TRUE(mine.take(connection).has_value());
}

TEST_F(MongoTurns, a_process_that_is_alone_takes_none) {
    server.reset_commands();
    must(place(*store, new_order("o-1")));
    EXPECT_EQ(server.commands("findAndModify"), 0u);
}

TEST_F(MongoTurns, after_a_conflict_each_batch_takes_one_until_that_is_forgotten) {
    next("update", Action::error, 112, transient);
    must(place(*store, new_order("o-1")));
    server.reset_commands();
    must(place(*store, with_key(new_order("o-2"), "k")));
    EXPECT_EQ(server.commands(), 10u);
    EXPECT_EQ(server.commands("findAndModify", "meta"), 1u);
    EXPECT_EQ(server.commands("update", "meta"), 1u);
    clock.advance(waybill::mongo::contention_memory);
    server.reset_commands();
    must(place(*store, new_order("o-3")));
    EXPECT_EQ(server.commands("findAndModify"), 0u);
}

TEST_F(MongoTurns, without_a_turn_an_order_is_placed_all_the_same) {
    ASSERT_TRUE(theirs.take(connection).has_value());
    next("update", Action::error, 112, transient);
    must(place(*store, new_order("o-1")));
    EXPECT_EQ(stock_of(*store), 99);
    EXPECT_FALSE(mine.take(connection).has_value()) << "it is still theirs";
}

TEST_F(MongoTurns, two_processes_sell_every_piece_once) {
    const std::unique_ptr<Store> other = open();
    const auto buy = [&](Store& from, const std::string& prefix) {
        for (int i = 0; i < 60; ++i) (void)place(from, new_order(prefix + std::to_string(i)));
    };
    {
        const std::jthread first([&] { buy(*store, "a"); });
        const std::jthread second([&] { buy(*other, "b"); });
    }
    EXPECT_EQ(stock_of(*store), 0);
    EXPECT_EQ(count_orders(*store), 100u);
}

// ---- the dead

// A client of the same user that died inside a transaction, holding the stock of tea.
class DeadProcess {
public:
    explicit DeadProcess(const std::string& uri) : client_(mongoc_client_new(uri.c_str())) {
        bson_error_t error{};
        mongoc_client_set_error_api(client_, MONGOC_ERROR_API_VERSION_2);
        session_ = mongoc_client_start_session(client_, nullptr, &error);
        (void)mongoc_client_session_start_transaction(session_, nullptr, &error);
        mongoc_collection_t* inventory = mongoc_client_get_collection(client_, "waybill", "inventory");
        waybill::mongo::Document in_session;
        (void)mongoc_client_session_append(session_, in_session.get(), &error);
        using waybill::mongo::doc;
        took_ =
            mongoc_collection_update_one(inventory, doc("_id", "tea/bangalore").get(),
                                         doc("$inc", doc("available", -1)).get(), in_session.get(), nullptr, &error);
        mongoc_collection_destroy(inventory);
    }
    DeadProcess(const DeadProcess&) = delete;
    DeadProcess& operator=(const DeadProcess&) = delete;
    ~DeadProcess() {
        mongoc_client_session_destroy(session_);
        mongoc_client_destroy(client_);
    }
    [[nodiscard]] bool took() const { return took_; }

private:
    mongoc_client_t* client_;
    mongoc_client_session_t* session_ = nullptr;
    bool took_ = false;
};

TEST_F(MongoTurns, the_locks_of_a_dead_process_are_freed) {
    const DeadProcess dead(server.uri());
    ASSERT_TRUE(dead.took());
    ASSERT_EQ(server.open_transactions(), 1u);
    const SteadyTime start = clock.steady_now();
    must(place(*store, new_order("o-1")));
    EXPECT_LT(clock.steady_now() - start, Milliseconds{5'000}) << "long before the server ends it by itself";
    EXPECT_EQ(stock_of(*store), 99);
    EXPECT_EQ(log.count("store-stale-sessions-ended"), 1u);
    const auto kills = server.seen("killSessions");
    ASSERT_EQ(kills.size(), 1u);
    const auto* ids = mongo::value_at(kills[0].command, "killSessions").as<mongo::Array>();
    ASSERT_NE(ids, nullptr);
    EXPECT_EQ(ids->size(), 1u) << "exactly the one that is stale";
}

TEST_F(MongoTurns, without_a_stale_transaction_nobody_is_killed) {
    next("update", Action::error, 112, transient, 1'000'000);
    EXPECT_EQ(code_of(place(*store, new_order("o-1"))), ErrorCode::unavailable);
    EXPECT_GT(server.commands("aggregate"), server.commands("aggregate", "products")) << "it has looked";
    EXPECT_EQ(server.commands("killSessions"), 0u);
}

TEST_F(MongoTurns, short_conflicts_are_not_looked_into) {
    next("update", Action::error, 112, transient, 3);
    server.reset_commands();
    must(place(*store, new_order("o-1")));
    EXPECT_EQ(server.commands("aggregate"), server.commands("aggregate", "products"));
}

}  // namespace

}  // namespace waybill::testing
