#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/unit/doubles/mongo_driver.hpp"
#include "tests/unit/doubles/raw_client.hpp"

namespace waybill::testing {

namespace {

using Action = MongoDouble::Action;

class MongoDoubleFaults : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(is_ok(*client.run(insert_of("stock", {Object{{"_id", "a"}}})))); }

    static Object insert(const char* id) { return insert_of("stock", {Object{{"_id", id}}}); }
    static Object commit(std::int64_t number) {
        return in_transaction(Object{{"commitTransaction", 1}}, number, false);
    }

    FakeClock clock;
    MongoDouble server{clock};
    RawClient client{server.port()};
};

TEST_F(MongoDoubleFaults, strike_the_nth_command_of_a_name_and_collection_so_many_times) {
    server.arm({.command = "insert",
                .code = 91,
                .labels = {"RetryableWriteError"},
                .collection = "stock",
                .nth = 2,
                .times = 2});
    EXPECT_TRUE(is_ok(*client.run(insert("b"))));
    EXPECT_TRUE(is_ok(*client.run(insert_of("other", {Object{{"_id", 1}}}))));
    for (int i = 0; i < 2; ++i) {
        const Object reply = *client.run(insert("c"));
        EXPECT_EQ(code_of(reply), 91);
        EXPECT_TRUE(has_label(reply, "RetryableWriteError"));
    }
    EXPECT_TRUE(is_ok(*client.run(insert("d"))));
    EXPECT_EQ(server.count("shop.stock"), 3U);
}

TEST_F(MongoDoubleFaults, end_the_transaction_that_they_strike) {
    ASSERT_TRUE(is_ok(*client.run(in_transaction(insert("b"), 1, true))));
    server.arm({.command = "find", .code = 24});
    EXPECT_EQ(code_of(*client.run(in_transaction(find_of("stock"), 1, false))), 24);
    EXPECT_EQ(code_of(*client.run(in_transaction(find_of("stock"), 1, false))), 251);
}

TEST_F(MongoDoubleFaults, cut_the_connection_before_or_after_the_command) {
    server.arm({.command = "insert", .action = Action::cut_before});
    EXPECT_FALSE(client.run(insert("b")));
    EXPECT_EQ(server.count("shop.stock"), 1U);

    RawClient next(server.port());
    server.arm({.command = "insert", .action = Action::cut_after});
    EXPECT_FALSE(next.run(insert("b")));
    EXPECT_EQ(server.count("shop.stock"), 2U);
}

TEST_F(MongoDoubleFaults, leave_the_result_of_a_commit_unknown) {
    const std::vector<std::string> unknown{"UnknownTransactionCommitResult"};
    // It was done, it was not done and never will be, it was not done yet.
    ASSERT_TRUE(is_ok(*client.run(in_transaction(insert("b"), 1, true))));
    server.arm({.command = "commitTransaction", .action = Action::error_after, .code = 50, .labels = unknown});
    EXPECT_TRUE(has_label(*client.run(commit(1), "admin"), unknown.front()));
    EXPECT_EQ(server.count("shop.stock"), 2U);
    EXPECT_TRUE(is_ok(*client.run(commit(1), "admin")));

    ASSERT_TRUE(is_ok(*client.run(in_transaction(insert("c"), 2, true))));
    server.arm({.command = "commitTransaction", .code = 91, .labels = unknown});
    EXPECT_EQ(code_of(*client.run(commit(2), "admin")), 91);
    EXPECT_EQ(code_of(*client.run(commit(2), "admin")), 251);
    EXPECT_EQ(server.count("shop.stock"), 2U);

    ASSERT_TRUE(is_ok(*client.run(in_transaction(insert("d"), 3, true))));
    server.arm({.command = "commitTransaction", .code = 91, .labels = unknown, .aborts = false});
    EXPECT_EQ(code_of(*client.run(commit(3), "admin")), 91);
    EXPECT_EQ(server.count("shop.stock"), 2U);
    EXPECT_TRUE(is_ok(*client.run(commit(3), "admin")));
    EXPECT_EQ(server.count("shop.stock"), 3U);
}

TEST_F(MongoDoubleFaults, show_themselves_to_a_driver_that_commits) {
    Driver driver(server.uri());
    DriverSession session(driver.get());
    ASSERT_TRUE(session.start());
    ASSERT_TRUE(is_ok(driver.run(insert("b"), &session)));
    // The driver repeats a commit once by itself.
    server.arm({.command = "commitTransaction", .action = Action::cut_after, .times = 2});
    EXPECT_TRUE(has_label(session.commit(), "UnknownTransactionCommitResult"));
    EXPECT_EQ(server.commands("commitTransaction"), 2U);
    EXPECT_EQ(server.count("shop.stock"), 2U);
}

TEST_F(MongoDoubleFaults, report_a_write_concern_that_failed_after_the_write) {
    server.arm({.command = "insert", .action = Action::write_concern_error, .code = 64});
    const Object reply = *client.run(insert("b"));
    EXPECT_TRUE(is_ok(reply));
    EXPECT_EQ(code_of(*reply.at("writeConcernError").as<Object>()), 64);
    EXPECT_EQ(server.count("shop.stock"), 2U);
}

TEST_F(MongoDoubleFaults, hold_a_command_before_and_a_reply_after_until_they_are_released) {
    struct Case {
        Action action;
        const char* id;
        std::size_t meanwhile;
    };
    for (const Case& one : {Case{Action::freeze_before, "b", 1}, Case{Action::freeze_after, "c", 3}}) {
        server.arm({.command = "insert", .action = one.action});
        client.send(insert(one.id));
        ASSERT_TRUE(server.wait_for_frozen(1));
        EXPECT_EQ(server.count("shop.stock"), one.meanwhile);
        server.release();
        EXPECT_TRUE(is_ok(*client.receive()));
    }
}

TEST_F(MongoDoubleFaults, freeze_everything_until_it_is_released) {
    server.freeze();
    client.send(Object{{"hello", 1}});
    ASSERT_TRUE(server.wait_for_frozen(1));
    server.release();
    EXPECT_TRUE(is_ok(*client.receive()));
}

TEST_F(MongoDoubleFaults, step_the_primary_down_for_a_while) {
    ASSERT_TRUE(is_ok(*client.run(in_transaction(insert("b"), 1, true))));
    server.arm({.command = "find", .action = Action::step_down, .step_down_for = Milliseconds{2'000}});

    const Object struck = *client.run(in_transaction(find_of("stock"), 1, false));
    EXPECT_EQ(code_of(struck), 10107);
    EXPECT_TRUE(has_label(struck, "TransientTransactionError"));
    EXPECT_EQ(code_of(*client.run(insert("c"))), 10107);
    EXPECT_EQ(code_of(*client.run(find_of("stock"))), 13435);
    EXPECT_EQ(client.run(Object{{"hello", 1}})->at("isWritablePrimary"), Value(false));

    clock.advance(Milliseconds{2'000});
    EXPECT_EQ(client.run(Object{{"hello", 1}})->at("isWritablePrimary"), Value(true));
    EXPECT_EQ(code_of(*client.run(commit(1), "admin")), 251);
    EXPECT_TRUE(is_ok(*client.run(insert("c"))));
    EXPECT_EQ(server.count("shop.stock"), 2U);
}

TEST_F(MongoDoubleFaults, lose_open_transactions_and_nothing_else_with_the_process) {
    ASSERT_TRUE(is_ok(*client.run(in_transaction(insert("b"), 1, true))));
    ASSERT_TRUE(is_ok(*client.run(commit(1), "admin")));
    ASSERT_TRUE(is_ok(*client.run(in_transaction(insert("c"), 1, true, 'o'))));
    const std::uint16_t port = server.port();

    server.stop();
    EXPECT_FALSE(client.receive());
    EXPECT_THROW((void)RawClient(port), std::runtime_error);
    server.start();

    RawClient again(port);
    EXPECT_TRUE(is_ok(*again.run(commit(1), "admin"))) << "a commit is remembered";
    EXPECT_EQ(code_of(*again.run(in_transaction(Object{{"commitTransaction", 1}}, 1, false, 'o'), "admin")), 251);
    EXPECT_EQ(server.count("shop.stock"), 2U);
}

TEST_F(MongoDoubleFaults, stop_with_commands_that_wait) {
    const Object change = update_of("stock", Object{{"_id", "a"}}, Object{{"$set", Object{{"n", 1}}}});
    ASSERT_TRUE(is_ok(*client.run(in_transaction(change, 1, true))));
    RawClient waiting(server.port());
    waiting.send(change);
    RawClient frozen(server.port());
    server.arm({.command = "find", .action = Action::freeze_before});
    frozen.send(find_of("stock"));
    ASSERT_TRUE(server.wait_for_frozen(1));
    server.stop();
    server.start();
    EXPECT_EQ(server.open_transactions(), 0U);
}

TEST_F(MongoDoubleFaults, come_over_the_wire_too) {
    const Object order{{"waybillFault", Object{{"command", "insert"}, {"action", "error"}, {"code", 189}, {"nth", 1}}}};
    EXPECT_TRUE(is_ok(*client.run(order, "admin")));
    EXPECT_EQ(code_of(*client.run(insert("b"))), 189);
    EXPECT_TRUE(is_ok(*client.run(order, "admin")));
    EXPECT_TRUE(is_ok(*client.run(Object{{"waybillFault", "clear"}}, "admin")));
    EXPECT_TRUE(is_ok(*client.run(insert("b"))));
    EXPECT_FALSE(is_ok(*client.run(Object{{"waybillFault", Object{{"command", "insert"}, {"when", 1}}}}, "admin")));
    EXPECT_FALSE(is_ok(*client.run(Object{{"waybillFault", "dance"}}, "admin")));
    const Object counters = *client.run(Object{{"waybillFault", "counters"}}, "admin");
    EXPECT_EQ(counters.at("commands").as<Object>()->at("insert"), Value(3));
}

TEST_F(MongoDoubleFaults, are_told_from_what_was_asked) {
    (void)client.run(find_of("stock"));
    (void)client.run(find_of("other"));
    (void)client.run(Object{{"ping", 1}});
    EXPECT_EQ(server.commands("find"), 2U);
    EXPECT_EQ(server.commands("find", "stock"), 1U);
    EXPECT_EQ(server.commands(), 3U);
    EXPECT_EQ(server.seen("find").back().collection, "other");
    EXPECT_TRUE(server.seen("find").front().command.has("filter"));
    server.reset_commands();
    EXPECT_EQ(server.commands(), 0U);
    EXPECT_TRUE(server.seen().empty());
}

}  // namespace

}  // namespace waybill::testing
