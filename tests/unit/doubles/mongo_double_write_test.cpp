#include <gtest/gtest.h>

#include <thread>

#include "tests/support/fake_clock.hpp"
#include "tests/unit/doubles/mongo_driver.hpp"
#include "tests/unit/doubles/raw_client.hpp"

namespace waybill::testing {

namespace {

class MongoDoubleWrites : public ::testing::Test {
protected:
    Object put(std::vector<Object> documents) { return driver.run(insert_of("shop", std::move(documents))); }
    Object change(Object query, Value how, bool multi = false) {
        return driver.run(update_of("shop", std::move(query), std::move(how), multi));
    }
    Object index(Object keys, std::vector<Field> more = {}) {
        Object spec{{"key", std::move(keys)}, {"name", "by_test"}};
        for (Field& field : more) spec.set(field.name, std::move(field.value));
        return driver.run(Object{{"createIndexes", "shop"}, {"indexes", Array{Value(spec)}}});
    }
    Object only() {
        const std::vector<Object> all = server.find("shop.shop");
        return all.size() == 1 ? all.front() : Object{};
    }

    FakeClock clock;
    MongoDouble server{clock};
    Driver driver{server.uri()};
};

TEST_F(MongoDoubleWrites, changes_a_document_by_each_operator) {
    struct Case {
        const char* what;
        Object change;
        Object expected;
    };
    const Object start{{"_id", 1}, {"n", 5}, {"t", "x"}, {"in", Object{{"a", 1}}}};
    const Case cases[] = {
        {"set", Object{{"$set", Object{{"t", "y"}, {"in.b", 2}}}},
         Object{{"_id", 1}, {"n", 5}, {"t", "y"}, {"in", Object{{"a", 1}, {"b", 2}}}}},
        {"unset", Object{{"$unset", Object{{"t", ""}, {"in.a", ""}}}}, Object{{"_id", 1}, {"n", 5}, {"in", Object{}}}},
        {"inc", Object{{"$inc", Object{{"n", -7}, {"m", std::int64_t{2}}}}},
         Object{{"_id", 1}, {"n", -2}, {"t", "x"}, {"in", Object{{"a", 1}}}, {"m", std::int64_t{2}}}},
        {"max and min", Object{{"$max", Object{{"n", 9}}}, {"$min", Object{{"in.a", 0}}}},
         Object{{"_id", 1}, {"n", 9}, {"t", "x"}, {"in", Object{{"a", 0}}}}},
        {"push", Object{{"$push", Object{{"list", 3}}}},
         Object{{"_id", 1}, {"n", 5}, {"t", "x"}, {"in", Object{{"a", 1}}}, {"list", Array{Value(3)}}}},
        {"replacement", Object{{"z", 1}}, Object{{"_id", 1}, {"z", 1}}},
    };
    for (const Case& one : cases) {
        (void)driver.run(delete_of("shop", Object{}));
        ASSERT_TRUE(is_ok(put({start})));
        const Object reply = change(Object{{"_id", 1}}, one.change);
        EXPECT_EQ(reply.at("nModified"), Value(1)) << one.what << mongo::to_json(reply);
        EXPECT_EQ(mongo::to_json(only()), mongo::to_json(one.expected)) << one.what;
    }
}

TEST_F(MongoDoubleWrites, changes_a_document_by_a_pipeline) {
    ASSERT_TRUE(is_ok(put({Object{{"_id", 1}, {"n", 5}}})));
    const Value add = Object{{"$set", Object{{"m", Object{{"$add", Array{Value("$n"), Value(2)}}}}}}};
    EXPECT_EQ(change(Object{{"_id", 1}}, Array{add}).at("nModified"), Value(1));
    EXPECT_EQ(only().at("m"), Value(7));
}

TEST(MongoDoubleOfOldAge, knows_no_hello_and_no_pipelines) {
    FakeClock clock;
    MongoDouble server(clock, {.wire_version_max = 7});
    Driver driver(server.uri());
    EXPECT_EQ(code_of(driver.run(Object{{"hello", 1}})), 59);
    EXPECT_TRUE(is_ok(driver.run(Object{{"isMaster", 1}})));
    const Value add = Object{{"$set", Object{{"m", 1}}}};
    EXPECT_EQ(write_error_code(driver.run(update_of("shop", Object{}, Array{add}))), 14);
}

TEST_F(MongoDoubleWrites, tells_a_match_from_a_modification) {
    ASSERT_TRUE(is_ok(put({Object{{"_id", 1}, {"n", 5}}, Object{{"_id", 2}, {"n", 6}}})));
    const Object reply = change(Object{}, Object{{"$set", Object{{"n", 5}}}}, true);
    EXPECT_EQ(reply.at("n"), Value(2));
    EXPECT_EQ(reply.at("nModified"), Value(1));
}

TEST_F(MongoDoubleWrites, refuses_what_it_does_not_know) {
    ASSERT_TRUE(is_ok(put({Object{{"_id", 1}, {"n", 5}}})));
    const Object nothing{{"_id", "no such"}};
    EXPECT_EQ(write_error_code(change(nothing, Object{{"$bit", Object{{"n", 1}}}})), 9);
    EXPECT_EQ(write_error_code(change(Object{{"n", Object{{"$mod", Array{}}}}}, Object{{"$set", Object{{"n", 1}}}})),
              2);
    EXPECT_EQ(write_error_code(change(nothing, Object{{"$set", Object{{"n", 1}}}, {"$inc", Object{{"n", 1}}}})), 40);
    EXPECT_EQ(write_error_code(change(Object{{"_id", 1}}, Object{{"$set", Object{{"_id", 2}}}})), 66);
    EXPECT_EQ(write_error_code(change(Object{{"_id", 1}}, Object{{"$set", Object{{"n.a", 2}}}})), 28);
    EXPECT_EQ(write_error_code(change(Object{{"_id", 1}}, Object{{"$inc", Object{{"n", "x"}}}})), 14);
    EXPECT_EQ(code_of(driver.run(Object{{"mapReduce", "shop"}})), 59);
    EXPECT_EQ(code_of(driver.run(Object{{"find", "shop"}, {"hint", "by_test"}})), 40415);
    Object hinted = update_of("shop", nothing, Object{{"$set", Object{{"n", 1}}}});
    hinted.set("let", Object{});
    EXPECT_EQ(code_of(driver.run(hinted)), 40415);
    EXPECT_EQ(only().at("n"), Value(5));
}

TEST_F(MongoDoubleWrites, upserts_from_query_and_update) {
    Object upsert{
        {"update", "shop"},
        {"updates", Array{Value(Object{{"q", Object{{"_id", "k"}, {"n", Object{{"$gt", 3}}}}},
                                       {"u", Object{{"$setOnInsert", Object{{"made", 1}}}, {"$inc", Object{{"c", 1}}}}},
                                       {"upsert", true}})}}};
    const Object reply = driver.run(upsert);
    EXPECT_EQ(reply.at("n"), Value(1));
    EXPECT_EQ(reply.at("nModified"), Value(0));
    EXPECT_EQ(mongo::to_json(reply.at("upserted")), R"([ { "index" : 0, "_id" : "k" } ])");
    EXPECT_EQ(only(), Value(Object{{"_id", "k"}, {"made", 1}, {"c", 1}}));
}

TEST_F(MongoDoubleWrites, goes_on_after_an_error_only_without_order) {
    ASSERT_TRUE(is_ok(put({Object{{"_id", 2}}})));
    Object batch = insert_of("shop", {Object{{"_id", 1}}, Object{{"_id", 2}}, Object{{"_id", 3}}});
    const Object ordered = driver.run(batch);
    EXPECT_EQ(ordered.at("n"), Value(1));
    EXPECT_EQ(server.count("shop.shop"), 2U);
    batch.set("ordered", false);
    const Object unordered = driver.run(batch);
    EXPECT_EQ(unordered.at("n"), Value(1));
    EXPECT_EQ(unordered.at("writeErrors").as<Array>()->size(), 2U);
    EXPECT_EQ(server.count("shop.shop"), 3U);
}

TEST_F(MongoDoubleWrites, keeps_an_index_unique) {
    ASSERT_TRUE(is_ok(index(Object{{"mail", 1}}, {{"unique", true}})));
    EXPECT_EQ(write_error_code(put({Object{{"_id", 1}, {"mail", "a"}}, Object{{"_id", 2}, {"mail", "b"}}})), 0);
    const Object refused = put({Object{{"_id", 3}, {"mail", "a"}}});
    EXPECT_EQ(write_error_code(refused), 11000);
    const Object error = *refused.at("writeErrors").as<Array>()->front().as<Object>();
    EXPECT_EQ(error.at("keyPattern"), Value(Object{{"mail", 1}}));
    EXPECT_EQ(write_error_code(change(Object{{"_id", 2}}, Object{{"$set", Object{{"mail", "a"}}}})), 11000);
    EXPECT_EQ(write_error_code(change(Object{{"_id", 1}}, Object{{"$set", Object{{"mail", "c"}}}})), 0);
    EXPECT_EQ(write_error_code(put({Object{{"_id", 3}, {"mail", "a"}}})), 0);
}

TEST_F(MongoDoubleWrites, keeps_a_partial_index_unique_where_its_filter_holds) {
    ASSERT_TRUE(
        is_ok(index(Object{{"key", 1}},
                    {{"unique", true}, {"partialFilterExpression", Object{{"key", Object{{"$exists", true}}}}}})));
    EXPECT_EQ(write_error_code(put({Object{{"_id", 1}}, Object{{"_id", 2}}, Object{{"_id", 3}, {"key", "k"}}})), 0);
    EXPECT_EQ(write_error_code(put({Object{{"_id", 4}, {"key", "k"}}})), 11000);
    EXPECT_TRUE(is_ok(driver.run(delete_of("shop", Object{{"_id", 3}}))));
    EXPECT_EQ(write_error_code(put({Object{{"_id", 4}, {"key", "k"}}})), 0);
}

TEST_F(MongoDoubleWrites, meets_a_conflict_where_another_transaction_holds_the_unique_key) {
    ASSERT_TRUE(is_ok(index(Object{{"mail", 1}}, {{"unique", true}})));
    RawClient client(server.port());
    const auto first = client.run(in_transaction(insert_of("shop", {Object{{"_id", 1}, {"mail", "a"}}}), 1, true, '1'));
    ASSERT_TRUE(is_ok(*first));
    const auto second =
        client.run(in_transaction(insert_of("shop", {Object{{"_id", 2}, {"mail", "a"}}}), 1, true, '2'));
    EXPECT_EQ(code_of(*second), 112) << mongo::to_json(*second);
}

TEST_F(MongoDoubleWrites, refuses_an_index_that_differs_from_the_one_there_is) {
    ASSERT_TRUE(is_ok(index(Object{{"a", 1}})));
    EXPECT_TRUE(is_ok(index(Object{{"a", 1}})));
    EXPECT_EQ(code_of(index(Object{{"b", 1}})), 86);
    EXPECT_EQ(code_of(index(Object{{"a", 1}}, {{"unique", true}})), 85);
    ASSERT_TRUE(is_ok(put({Object{{"_id", 1}, {"c", 1}}, Object{{"_id", 2}, {"c", 1}}})));
    EXPECT_EQ(code_of(index(Object{{"c", 1}}, {{"unique", true}, {"name", "other"}})), 11000);
    EXPECT_EQ(code_of(index(Object{{"c", 1}}, {{"name", "other"}, {"collation", Object{}}})), 197);
}

TEST_F(MongoDoubleWrites, makes_an_index_when_no_transaction_uses_the_collection) {
    RawClient holder(server.port());
    ASSERT_TRUE(is_ok(put({Object{{"_id", 1}, {"a", 1}}})));
    ASSERT_TRUE(is_ok(*holder.run(in_transaction(find_of("shop"), 1, true))));
    RawClient maker(server.port());
    const Value spec = Object{{"key", Object{{"a", 1}}}, {"name", "a_1"}};
    maker.send(Object{{"createIndexes", "shop"}, {"indexes", Array{spec}}});
    for (int tries = 0; tries < 100'000 && server.waiting() == 0; ++tries) (void)driver.run(Object{{"ping", 1}});
    EXPECT_EQ(server.waiting(), 1U);
    ASSERT_TRUE(is_ok(*holder.run(in_transaction(Object{{"commitTransaction", 1}}, 1, false), "admin")));
    EXPECT_TRUE(is_ok(*maker.receive()));
}

TEST_F(MongoDoubleWrites, deletes_by_a_ttl_index_when_it_is_told_to) {
    ASSERT_TRUE(is_ok(index(Object{{"at", 1}}, {{"expireAfterSeconds", 60}})));
    const mongo::DateTime now{to_unix_ms(clock.now())};
    ASSERT_TRUE(is_ok(put({Object{{"_id", 1}, {"at", now}}, Object{{"_id", 2}, {"at", "never"}}, Object{{"_id", 3}}})));
    clock.advance(Milliseconds{59'999});
    EXPECT_EQ(server.expire_documents(), 0U);
    clock.advance(Milliseconds{1});
    EXPECT_EQ(server.expire_documents(), 1U);
    EXPECT_EQ(server.count("shop.shop"), 2U);
}

TEST_F(MongoDoubleWrites, finds_and_modifies_one_document) {
    ASSERT_TRUE(is_ok(put({Object{{"_id", 1}, {"n", 5}}, Object{{"_id", 2}, {"n", 6}}})));
    Object modify{{"findAndModify", "shop"},
                  {"query", Object{{"n", Object{{"$gte", 5}}}}},
                  {"sort", Object{{"n", -1}}},
                  {"update", Object{{"$inc", Object{{"n", 10}}}}}};
    EXPECT_EQ(driver.run(modify).at("value"), Value(Object{{"_id", 2}, {"n", 6}}));
    modify.set("new", true);
    modify.set("fields", Object{{"n", 1}, {"_id", 0}});
    EXPECT_EQ(driver.run(modify).at("value"), Value(Object{{"n", 26}}));
    Object miss{{"findAndModify", "shop"}, {"query", Object{{"_id", 9}}}, {"remove", true}};
    const Object reply = driver.run(miss);
    EXPECT_TRUE(reply.at("value").is_null());
    EXPECT_EQ(reply.at("lastErrorObject").as<Object>()->at("n"), Value(0));
}

TEST_F(MongoDoubleWrites, refuses_a_document_of_more_than_16_megabytes) {
    RawClient client(server.port());
    const auto reply = client.run(insert_of("shop", {Object{{"_id", 1}, {"t", std::string(16UL * 1024 * 1024, 'x')}}}));
    ASSERT_TRUE(reply);
    EXPECT_EQ(write_error_code(*reply), 10334);
    EXPECT_EQ(server.count("shop.shop"), 0U);
}

TEST_F(MongoDoubleWrites, lets_exactly_as_many_win_as_there_is_stock) {
    static constexpr int stock = 50;
    ASSERT_TRUE(is_ok(put({Object{{"_id", "p"}, {"n", stock}}})));
    std::atomic<int> won{0};
    {
        std::vector<std::jthread> buyers;
        for (int i = 0; i < 8; ++i) {
            buyers.emplace_back([&] {
                Driver own(server.uri());
                for (int tries = 0; tries < 25; ++tries) {
                    const Object reply = own.run(update_of("shop", Object{{"_id", "p"}, {"n", Object{{"$gte", 1}}}},
                                                           Object{{"$inc", Object{{"n", -1}}}}));
                    won += static_cast<int>(reply.at("nModified").to_int64());
                }
            });
        }
    }
    EXPECT_EQ(won, stock);
    EXPECT_EQ(only().at("n"), Value(0));
}

}  // namespace

}  // namespace waybill::testing
