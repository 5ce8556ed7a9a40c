#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/unit/doubles/mongo_driver.hpp"

namespace waybill::testing {

namespace {

class MongoDoubleTransactions : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(is_ok(driver.run(Object{{"create", "stock"}})));
        ASSERT_TRUE(
            is_ok(driver.run(insert_of("stock", {Object{{"_id", "a"}, {"n", 5}}, Object{{"_id", "b"}, {"n", 7}}}))));
    }

    // The number of the document, as the session (or everybody) sees it; -1 without it.
    std::int64_t n_of(const char* id, const DriverSession* session = nullptr, Driver* through = nullptr) {
        const Object reply = (through ? *through : driver).run(find_of("stock", Object{{"_id", id}}), session);
        EXPECT_TRUE(is_ok(reply)) << mongo::to_json(reply);
        if (!is_ok(reply) || first_batch(reply).empty()) return -1;
        return first_batch(reply).front().as<Object>()->at("n").to_int64();
    }
    static Object set_n(const char* id, int n) {
        return update_of("stock", Object{{"_id", id}}, Object{{"$set", Object{{"n", n}}}});
    }

    FakeClock clock;
    MongoDouble server{clock};
    Driver driver{server.uri()};
    Driver other{server.uri()};
};

TEST_F(MongoDoubleTransactions, shows_its_writes_to_itself_at_once_and_to_others_after_the_commit) {
    DriverSession session(driver.get());
    ASSERT_TRUE(session.start());
    ASSERT_TRUE(is_ok(driver.run(set_n("a", 1), &session)));

    EXPECT_EQ(n_of("a", &session), 1);
    EXPECT_EQ(n_of("a", nullptr, &other), 5);
    EXPECT_TRUE(is_ok(session.commit()));
    EXPECT_EQ(n_of("a", nullptr, &other), 1);
}

TEST_F(MongoDoubleTransactions, reads_what_was_committed_when_it_began) {
    DriverSession session(driver.get());
    ASSERT_TRUE(session.start());
    EXPECT_EQ(n_of("b", &session), 7);

    ASSERT_TRUE(is_ok(other.run(set_n("a", 9))));
    ASSERT_TRUE(is_ok(other.run(insert_of("stock", {Object{{"_id", "c"}, {"n", 1}}}))));

    EXPECT_EQ(n_of("a", &session), 5);
    EXPECT_EQ(n_of("c", &session), -1);
}

TEST_F(MongoDoubleTransactions, leaves_nothing_when_it_aborts) {
    DriverSession session(driver.get());
    ASSERT_TRUE(session.start());
    ASSERT_TRUE(is_ok(driver.run(set_n("a", 1), &session)));
    ASSERT_TRUE(is_ok(driver.run(insert_of("stock", {Object{{"_id", "c"}, {"n", 1}}}), &session)));
    ASSERT_TRUE(is_ok(driver.run(delete_of("stock", Object{{"_id", "b"}}), &session)));
    session.abort();

    EXPECT_EQ(n_of("a"), 5);
    EXPECT_EQ(n_of("b"), 7);
    EXPECT_EQ(server.count("shop.stock"), 2U);
    EXPECT_EQ(server.open_transactions(), 0U);
}

TEST_F(MongoDoubleTransactions, meets_a_conflict_at_once_where_another_transaction_has_written) {
    DriverSession first(driver.get());
    DriverSession second(other.get());
    ASSERT_TRUE(first.start());
    ASSERT_TRUE(second.start());
    ASSERT_TRUE(is_ok(driver.run(set_n("a", 1), &first)));

    const Object reply = other.run(set_n("a", 2), &second);

    EXPECT_EQ(code_of(reply), 112) << mongo::to_json(reply);
    EXPECT_TRUE(has_label(reply, "TransientTransactionError"));
    EXPECT_TRUE(is_ok(first.commit()));
    EXPECT_EQ(n_of("a"), 1);
}

TEST_F(MongoDoubleTransactions, meets_a_conflict_where_the_document_changed_since_it_began) {
    DriverSession session(driver.get());
    ASSERT_TRUE(session.start());
    EXPECT_EQ(n_of("b", &session), 7);
    ASSERT_TRUE(is_ok(other.run(set_n("a", 9))));

    const Object reply = driver.run(set_n("a", 1), &session);

    EXPECT_EQ(code_of(reply), 112) << mongo::to_json(reply);
    EXPECT_TRUE(has_label(reply, "TransientTransactionError"));
    EXPECT_EQ(n_of("a"), 9);
}

TEST_F(MongoDoubleTransactions, is_over_after_any_error) {
    DriverSession session(driver.get());
    ASSERT_TRUE(session.start());
    ASSERT_TRUE(is_ok(driver.run(set_n("a", 1), &session)));
    Object twice = insert_of("stock", {Object{{"_id", "b"}}, Object{{"_id", "d"}}});
    twice.set("ordered", false);
    const Object duplicate = driver.run(twice, &session);
    EXPECT_EQ(write_error_code(duplicate), 11000) << mongo::to_json(duplicate);

    const Object next = driver.run(find_of("stock"), &session);

    EXPECT_EQ(code_of(next), 251) << mongo::to_json(next);
    EXPECT_TRUE(has_label(next, "TransientTransactionError"));
    EXPECT_EQ(n_of("a"), 5);
    EXPECT_EQ(server.count("shop.stock"), 2U);
}

TEST_F(MongoDoubleTransactions, makes_no_collections_and_counts_nothing) {
    const std::vector<Object> refused{insert_of("nowhere", {Object{{"_id", 1}}}), Object{{"count", "stock"}},
                                      Object{{"create", "nowhere"}}};
    for (const Object& command : refused) {
        DriverSession session(driver.get());
        ASSERT_TRUE(session.start());
        const Object reply = driver.run(command, &session);
        EXPECT_EQ(code_of(reply), 263) << mongo::to_json(reply);
        EXPECT_FALSE(has_label(reply, "TransientTransactionError"));
        session.abort();
    }
}

TEST_F(MongoDoubleTransactions, may_be_committed_again_after_it_was_committed) {
    DriverSession session(driver.get());
    ASSERT_TRUE(session.start());
    ASSERT_TRUE(is_ok(driver.run(set_n("a", 1), &session)));
    EXPECT_TRUE(is_ok(session.commit()));
    ASSERT_TRUE(is_ok(other.run(set_n("a", 2))));

    EXPECT_TRUE(is_ok(session.commit()));

    EXPECT_EQ(n_of("a"), 2);
}

TEST_F(MongoDoubleTransactions, keeps_the_locks_of_a_client_that_is_gone_until_its_lifetime_ends) {
    Driver silent(server.uri());
    DriverSession held(silent.get());
    ASSERT_TRUE(held.start());
    ASSERT_TRUE(is_ok(silent.run(set_n("a", 1), &held)));
    clock.advance(Milliseconds{59'999});
    DriverSession session(driver.get());
    ASSERT_TRUE(session.start());
    EXPECT_EQ(code_of(driver.run(set_n("a", 2), &session)), 112);

    session.abort();
    clock.advance(Milliseconds{1});

    ASSERT_TRUE(session.start());
    EXPECT_TRUE(is_ok(driver.run(set_n("a", 3), &session)));
    EXPECT_TRUE(is_ok(session.commit()));
    EXPECT_EQ(n_of("a"), 3);
}

}  // namespace

}  // namespace waybill::testing
