#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/unit/doubles/mongo_driver.hpp"
#include "tests/unit/doubles/raw_client.hpp"

namespace waybill::testing {

namespace {

class MongoDoubleSessions : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(is_ok(ask(insert_of("stock", {Object{{"_id", "a"}, {"n", 5}}})))); }

    Object ask(Object command, const std::string& database = "shop") {
        const auto reply = client.run(std::move(command), database);
        return reply ? *reply : Object{{"ok", 0.0}, {"errmsg", "cut"}};
    }
    Object commit(std::int64_t number, char session = 's') {
        return ask(in_transaction(Object{{"commitTransaction", 1}}, number, false, session), "admin");
    }
    // Asks until a command waits for a transaction; false when none does.
    bool somebody_waits() {
        for (int tries = 0; tries < 100'000 && server.waiting() == 0; ++tries) (void)ask(find_of("stock"));
        return server.waiting() > 0;
    }
    Object abort(std::int64_t number) {
        return ask(in_transaction(Object{{"abortTransaction", 1}}, number, false), "admin");
    }

    FakeClock clock;
    MongoDouble server{clock};
    RawClient client{server.port()};
};

Object with(Object command, std::vector<Field> fields) {
    for (Field& field : fields) command.set(field.name, std::move(field.value));
    return command;
}

TEST_F(MongoDoubleSessions, refuses_fields_that_do_not_belong_together) {
    const Object find = find_of("stock");
    const Value lsid = session_id('x');
    const Value number = std::int64_t{1};
    struct Case {
        const char* what;
        Object command;
        int code;
    };
    const Case cases[] = {
        {"txnNumber alone", with(find, {{"txnNumber", number}}), 72},
        {"autocommit alone", with(find, {{"lsid", lsid}, {"autocommit", false}}), 72},
        {"startTransaction alone", with(find, {{"lsid", lsid}, {"txnNumber", number}, {"startTransaction", true}}), 72},
        {"autocommit true", with(find, {{"lsid", lsid}, {"txnNumber", number}, {"autocommit", true}}), 72},
        {"a false start",
         with(find, {{"lsid", lsid}, {"txnNumber", number}, {"autocommit", false}, {"startTransaction", false}}), 72},
        {"txnNumber of 32 bits", with(find, {{"lsid", lsid}, {"txnNumber", 1}, {"autocommit", false}}), 14},
        {"a retryable read", with(find, {{"lsid", lsid}, {"txnNumber", number}}), 50768},
        {"a session without id", with(find, {{"lsid", Object{{"no", 1}}}}), 207},
    };
    for (const Case& one : cases) EXPECT_EQ(code_of(ask(one.command)), one.code) << one.what;
}

TEST_F(MongoDoubleSessions, wants_a_transaction_begun_once_and_with_rising_numbers) {
    const Object find = find_of("stock");
    EXPECT_EQ(code_of(ask(in_transaction(find, 5, false))), 251);
    EXPECT_TRUE(is_ok(ask(in_transaction(find, 5, true))));
    EXPECT_EQ(code_of(ask(in_transaction(find, 5, true))), 117);
    EXPECT_TRUE(is_ok(ask(in_transaction(find, 6, true))));
    EXPECT_EQ(code_of(ask(in_transaction(find, 5, true))), 225);
    EXPECT_EQ(code_of(ask(in_transaction(find, 5, false))), 225);
    EXPECT_TRUE(is_ok(ask(in_transaction(find, 6, false))));
}

TEST_F(MongoDoubleSessions, takes_read_concern_on_the_first_command_and_write_concern_on_the_last) {
    const Value concern = Object{{"level", "snapshot"}};
    const Value majority = Object{{"w", "majority"}, {"j", true}};
    const Object find = find_of("stock");
    EXPECT_TRUE(is_ok(ask(with(in_transaction(find, 1, true), {{"readConcern", concern}}))));
    EXPECT_EQ(code_of(ask(with(in_transaction(find, 1, false), {{"readConcern", concern}}))), 72);
    EXPECT_TRUE(is_ok(ask(in_transaction(find, 2, true))));
    const Object insert = insert_of("stock", {Object{{"_id", "c"}}});
    EXPECT_EQ(code_of(ask(with(in_transaction(insert, 2, false), {{"writeConcern", majority}}))), 72);
    EXPECT_TRUE(is_ok(ask(in_transaction(find, 3, true))));
    const Object end = in_transaction(Object{{"commitTransaction", 1}}, 3, false);
    EXPECT_TRUE(is_ok(ask(with(end, {{"writeConcern", majority}}), "admin")));
}

TEST_F(MongoDoubleSessions, ends_a_transaction_once_on_the_admin_database) {
    const Object insert = insert_of("stock", {Object{{"_id", "c"}}});
    EXPECT_EQ(code_of(commit(1)), 251);
    EXPECT_TRUE(has_label(commit(1), "TransientTransactionError"));
    EXPECT_TRUE(is_ok(ask(in_transaction(insert, 1, true))));
    EXPECT_EQ(code_of(ask(in_transaction(Object{{"commitTransaction", 1}}, 1, false))), 13);
    EXPECT_TRUE(is_ok(commit(1)));
    EXPECT_TRUE(is_ok(commit(1)));
    EXPECT_EQ(code_of(abort(1)), 256);
    EXPECT_EQ(code_of(ask(in_transaction(find_of("stock"), 1, false))), 256);

    EXPECT_TRUE(is_ok(ask(in_transaction(find_of("stock"), 2, true))));
    EXPECT_TRUE(is_ok(abort(2)));
    EXPECT_EQ(code_of(abort(2)), 251);
    EXPECT_EQ(code_of(commit(2)), 251);
    EXPECT_EQ(server.count("shop.stock"), 2U);
}

TEST_F(MongoDoubleSessions, gives_up_an_open_transaction_when_the_session_begins_another) {
    EXPECT_TRUE(is_ok(ask(in_transaction(insert_of("stock", {Object{{"_id", "c"}}}), 1, true))));
    EXPECT_TRUE(is_ok(ask(in_transaction(find_of("stock"), 2, true))));
    EXPECT_TRUE(is_ok(commit(2)));
    EXPECT_EQ(server.count("shop.stock"), 1U);
}

TEST_F(MongoDoubleSessions, executes_a_retryable_write_once) {
    Object insert =
        with(insert_of("stock", {Object{{"_id", "c"}}}), {{"lsid", session_id('x')}, {"txnNumber", std::int64_t{1}}});
    EXPECT_TRUE(is_ok(ask(insert)));
    const Object again = ask(insert);
    EXPECT_EQ(write_error_code(again), 0) << mongo::to_json(again);
    EXPECT_EQ(again.at("n"), Value(1));

    Object modify{{"findAndModify", "stock"},
                  {"query", Object{{"_id", "a"}}},
                  {"update", Object{{"$inc", Object{{"n", 1}}}}},
                  {"new", true},
                  {"lsid", session_id('x')},
                  {"txnNumber", std::int64_t{2}}};
    EXPECT_TRUE(is_ok(ask(modify)));
    EXPECT_EQ(ask(modify).at("value").as<Object>()->at("n"), Value(6));
    EXPECT_EQ(server.find("shop.stock", Object{{"_id", "a"}}).front().at("n"), Value(6));
}

TEST_F(MongoDoubleSessions, lets_a_writer_outside_transactions_wait_for_the_one_that_holds_the_document) {
    const Object change = update_of("stock", Object{{"_id", "a"}}, Object{{"$inc", Object{{"n", 1}}}});
    ASSERT_TRUE(is_ok(ask(in_transaction(change, 1, true))));
    RawClient waiting(server.port());
    waiting.send(change);
    // What another connection asks is answered meanwhile.
    ASSERT_TRUE(somebody_waits());
    ASSERT_TRUE(is_ok(commit(1)));

    const auto reply = waiting.receive();

    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->at("nModified"), Value(1)) << mongo::to_json(*reply);
    EXPECT_EQ(server.find("shop.stock").front().at("n"), Value(7));
}

TEST_F(MongoDoubleSessions, ends_a_wait_past_its_time_limit) {
    const Object change = update_of("stock", Object{{"_id", "a"}}, Object{{"$inc", Object{{"n", 1}}}});
    ASSERT_TRUE(is_ok(ask(in_transaction(change, 1, true))));
    RawClient waiting(server.port());
    waiting.send(with(change, {{"maxTimeMS", 1'000}}));
    ASSERT_TRUE(somebody_waits());
    clock.advance(Milliseconds{1'000});
    const auto reply = waiting.receive();
    ASSERT_TRUE(reply);
    EXPECT_EQ(code_of(*reply), 50) << mongo::to_json(*reply);
}

TEST_F(MongoDoubleSessions, shows_idle_transactions_and_kills_exactly_those_that_are_named) {
    const Object change = update_of("stock", Object{{"_id", "a"}}, Object{{"$inc", Object{{"n", 1}}}});
    ASSERT_TRUE(is_ok(ask(in_transaction(change, 7, true, 'd'))));
    clock.advance(Milliseconds{3'000});
    ASSERT_TRUE(is_ok(ask(in_transaction(find_of("stock"), 1, true, 'l'))));

    const Object listed = ask(
        Object{{"aggregate", 1},
               {"pipeline", Array{Value(Object{{"$currentOp", Object{{"allUsers", false}, {"idleSessions", true}}}}),
                                  Value(Object{{"$match", Object{{"active", false},
                                                                 {"transaction.timeInactiveMicros",
                                                                  Object{{"$gt", std::int64_t{2'000'000}}}}}}})}},
               {"cursor", Object{}}},
        "admin");
    ASSERT_TRUE(is_ok(listed)) << mongo::to_json(listed);
    ASSERT_EQ(first_batch(listed).size(), 1U) << mongo::to_json(listed);
    const Object idle = *first_batch(listed).front().as<Object>();
    const Object lsid = *idle.at("lsid").as<Object>();
    EXPECT_EQ(lsid.at("id"), session_id('d').at("id"));
    EXPECT_EQ(idle.at("transaction").as<Object>()->at("timeInactiveMicros"), Value(std::int64_t{3'000'000}));

    EXPECT_TRUE(is_ok(ask(Object{{"killSessions", Array{Value(Object{{"id", lsid.at("id")}})}}}, "admin")));

    EXPECT_TRUE(is_ok(ask(in_transaction(change, 2, true, 'n'))));
    const Object killed = ask(in_transaction(find_of("stock"), 7, false, 'd'));
    EXPECT_EQ(code_of(killed), 251);
    EXPECT_TRUE(has_label(killed, "TransientTransactionError"));
    EXPECT_TRUE(is_ok(ask(in_transaction(find_of("stock"), 1, false, 'l'))));
}

TEST_F(MongoDoubleSessions, leaves_an_ended_session_s_transaction_as_it_is) {
    ASSERT_TRUE(is_ok(ask(in_transaction(insert_of("stock", {Object{{"_id", "c"}}}), 1, true))));
    EXPECT_TRUE(is_ok(ask(Object{{"endSessions", Array{Value(session_id('s'))}}}, "admin")));
    EXPECT_EQ(server.open_transactions(), 1U);
}

TEST_F(MongoDoubleSessions, refuses_a_transaction_of_more_than_16_megabytes) {
    const std::string large(6UL * 1024 * 1024, 'x');
    ASSERT_TRUE(is_ok(ask(in_transaction(insert_of("stock", {Object{{"_id", 1}, {"t", large}}}), 1, true))));
    ASSERT_TRUE(is_ok(ask(in_transaction(insert_of("stock", {Object{{"_id", 2}, {"t", large}}}), 1, false))));
    EXPECT_EQ(code_of(ask(in_transaction(insert_of("stock", {Object{{"_id", 3}, {"t", large}}}), 1, false))), 257);
    EXPECT_EQ(code_of(commit(1)), 251);
    EXPECT_EQ(server.count("shop.stock"), 1U);
}

TEST(MongoDoubleLogin, is_wanted_before_anything_is_told) {
    FakeClock clock;
    MongoDouble server(clock, {.user = "shop", .password = "s3cret"});
    Driver stranger(server.uri());
    EXPECT_EQ(code_of(stranger.run(find_of("stock"))), 13);

    const std::string address = server.uri();
    const std::string behind = address.substr(address.find("//") + 2);
    Driver driver("mongodb://shop:s3cret@" + behind);
    EXPECT_TRUE(is_ok(driver.run(insert_of("stock", {Object{{"_id", 1}}}))));
    EXPECT_EQ(server.count("shop.stock"), 1U);
    for (const char* wrong : {"shop:S3cret", "else:s3cret"}) {
        Driver refused("mongodb://" + std::string(wrong) + "@" + behind);
        const Object reply = refused.run(find_of("stock"));
        EXPECT_FALSE(is_ok(reply)) << wrong;
        // The server's word, and not the driver's about the server's signature.
        EXPECT_EQ(reply.at("errmsg"), Value("Authentication failed.")) << wrong;
    }
    EXPECT_EQ(server.commands("find"), 1U);
}

TEST(MongoDoubleStandalone, refuses_transactions_in_one_sentence) {
    FakeClock clock;
    MongoDouble server(clock, {.topology = MongoDouble::Topology::standalone});
    RawClient client(server.port());
    const auto hello = client.run(Object{{"hello", 1}});
    ASSERT_TRUE(hello);
    EXPECT_FALSE(hello->has("setName"));
    EXPECT_FALSE(hello->has("$clusterTime"));
    const auto reply = client.run(in_transaction(find_of("stock"), 1, true));
    ASSERT_TRUE(reply);
    EXPECT_EQ(code_of(*reply), 20);
    EXPECT_EQ(reply->at("errmsg"), Value("Transaction numbers are only allowed on a replica set member or mongos"));
}

TEST(MongoDoubleSharded, is_a_mongos_whose_replies_carry_a_recovery_token) {
    FakeClock clock;
    MongoDouble server(clock, {.topology = MongoDouble::Topology::sharded});
    // Otherwise the driver takes a single address for a single server.
    Driver driver(server.uri() + "?directConnection=false");
    EXPECT_EQ(driver.run(Object{{"hello", 1}}).at("msg"), Value("isdbgrid"));
    ASSERT_TRUE(is_ok(driver.run(Object{{"create", "stock"}})));
    DriverSession session(driver.get());
    ASSERT_TRUE(session.start());
    EXPECT_TRUE(is_ok(driver.run(insert_of("stock", {Object{{"_id", 1}}}), &session)));
    EXPECT_TRUE(is_ok(session.commit()));
    EXPECT_EQ(server.count("shop.stock"), 1U);
    EXPECT_TRUE(server.seen("commitTransaction").front().command.has("recoveryToken"));
}

}  // namespace

}  // namespace waybill::testing
