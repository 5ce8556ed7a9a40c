#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"
#include "tests/unit/doubles/mongo_driver.hpp"

namespace waybill::testing {

namespace {

class MongoDoubleReads : public ::testing::Test {
protected:
    // The ids that a filter finds, as text.
    std::string ids(const Object& filter) {
        const Object reply = driver.run(find_of("things", filter));
        if (!is_ok(reply)) return "error " + std::to_string(code_of(reply));
        std::string text;
        for (const Value& one : first_batch(reply)) text += *one.as<Object>()->at("_id").as<std::string>();
        return text;
    }
    Object aggregate(std::vector<Object> stages) {
        Array pipeline;
        for (Object& stage : stages) pipeline.emplace_back(std::move(stage));
        return driver.run(Object{{"aggregate", "things"}, {"pipeline", std::move(pipeline)}, {"cursor", Object{}}});
    }

    FakeClock clock;
    MongoDouble server{clock};
    Driver driver{server.uri()};
};

TEST_F(MongoDoubleReads, matches_as_mongodb_does) {
    ASSERT_TRUE(is_ok(driver.run(
        insert_of("things", {Object{{"_id", "a"}, {"n", 1}, {"in", Object{{"x", 1}}}},
                             Object{{"_id", "b"}, {"n", std::int64_t{2}}, {"s", "t"}},
                             Object{{"_id", "c"}, {"n", 3.0}, {"list", Array{Value(1), Value(2)}}},
                             Object{{"_id", "d"}, {"n", mongo::Null{}}},
                             Object{{"_id", "e"}, {"n", "text"}, {"rows", Array{Value(Object{{"k", 7}})}}}}))));
    struct Case {
        const char* what;
        Object filter;
        const char* found;
    };
    const Case cases[] = {
        {"everything", Object{}, "abcde"},
        {"numbers of any type", Object{{"n", 2}}, "b"},
        {"a double for an int", Object{{"n", 1.0}}, "a"},
        {"null is missing too", Object{{"s", mongo::Null{}}}, "acde"},
        {"null itself", Object{{"n", mongo::Null{}}}, "d"},
        {"only the same kind of type is greater", Object{{"n", Object{{"$gt", 1}}}}, "bc"},
        {"a range", Object{{"n", Object{{"$gte", 1}, {"$lt", 3}}}}, "ab"},
        {"less or equal", Object{{"n", Object{{"$lte", 2}}}}, "ab"},
        {"not equal counts the missing", Object{{"s", Object{{"$ne", "t"}}}}, "acde"},
        {"in", Object{{"n", Object{{"$in", Array{Value(3), Value("text")}}}}}, "ce"},
        {"not in", Object{{"n", Object{{"$nin", Array{Value(3), Value("text")}}}}}, "abd"},
        {"exists", Object{{"s", Object{{"$exists", true}}}}, "b"},
        {"exists not", Object{{"n", Object{{"$exists", false}}}}, ""},
        {"a dotted path", Object{{"in.x", 1}}, "a"},
        {"an embedded document as a whole", Object{{"in", Object{{"x", 1}}}}, "a"},
        {"an element", Object{{"list", 2}}, "c"},
        {"an array as a whole", Object{{"list", Array{Value(1), Value(2)}}}, "c"},
        {"a path through an array", Object{{"rows.k", 7}}, "e"},
        {"an index into an array", Object{{"list.0", 1}}, "c"},
        {"or", Object{{"$or", Array{Value(Object{{"n", 1}}), Value(Object{{"s", "t"}})}}}, "ab"},
        {"and", Object{{"$and", Array{Value(Object{{"n", 2}}), Value(Object{{"s", "t"}})}}}, "b"},
        {"not", Object{{"n", Object{{"$not", Object{{"$gt", 1}}}}}}, "ade"},
        {"expr", Object{{"$expr", Object{{"$eq", Array{Value("$s"), Value("t")}}}}}, "b"},
        {"by id", Object{{"_id", Object{{"$in", Array{Value("e"), Value("a"), Value("e")}}}}}, "ae"},
        {"an operator that is not known", Object{{"n", Object{{"$near", 1}}}}, "error 2"},
        {"a top level operator that is not known", Object{{"$where", "1"}}, "error 2"},
    };
    for (const Case& one : cases) EXPECT_EQ(ids(one.filter), one.found) << one.what;
    // Indexes change the way, not the answer.
    ASSERT_TRUE(is_ok(driver.run(
        Object{{"createIndexes", "things"},
               {"indexes", Array{Value(Object{{"key", Object{{"n", 1}}}, {"name", "n_1"}}),
                                 Value(Object{{"key", Object{{"s", 1}}}, {"name", "s_1"}, {"sparse", true}})}}})))
        << "arrays are in a field without an index";
    for (const Case& one : cases) EXPECT_EQ(ids(one.filter), one.found) << one.what << ", with indexes";
}

TEST_F(MongoDoubleReads, checks_a_filter_without_a_collection_too) {
    EXPECT_EQ(ids(Object{{"n", Object{{"$near", 1}}}}), "error 2");
    EXPECT_EQ(code_of(aggregate({Object{{"$facet", Object{}}}})), 40324);
}

TEST_F(MongoDoubleReads, sorts_values_of_every_type_in_one_order) {
    const mongo::Object documents[] = {{{"_id", "6"}, {"v", Object{{"a", 1}}}},
                                       {{"_id", "3"}, {"v", 10}},
                                       {{"_id", "8"}, {"v", true}},
                                       {{"_id", "4"}, {"v", "A"}},
                                       {{"_id", "2"}, {"v", 9.5}},
                                       {{"_id", "1"}},
                                       {{"_id", "5"}, {"v", "a"}},
                                       {{"_id", "9"}, {"v", mongo::DateTime{0}}},
                                       {{"_id", "7"}, {"v", mongo::Binary{0, "x"}}}};
    for (const Object& document : documents) ASSERT_TRUE(is_ok(driver.run(insert_of("things", {document}))));
    for (const int direction : {1, -1}) {
        Object find = find_of("things");
        find.set("sort", Object{{"v", direction}});
        std::string text;
        for (const Value& one : first_batch(driver.run(find))) text += *one.as<Object>()->at("_id").as<std::string>();
        EXPECT_EQ(text, direction > 0 ? "123456789" : "987654321");
    }
}

TEST_F(MongoDoubleReads, cuts_sorts_and_projects) {
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(is_ok(
            driver.run(insert_of("things", {Object{{"_id", i}, {"n", i % 2}, {"in", Object{{"a", i}, {"b", 0}}}}}))));
    }
    Object find = find_of("things");
    find.set("sort", Object{{"n", -1}, {"_id", -1}});
    find.set("skip", 1);
    find.set("limit", 2);
    find.set("projection", Object{{"_id", 0}, {"in.a", 1}});
    EXPECT_EQ(mongo::to_json(first_batch(driver.run(find))), R"([ { "in" : { "a" : 1 } }, { "in" : { "a" : 4 } } ])");
    find.set("projection", Object{{"in", 0}, {"n", 1}});
    EXPECT_EQ(code_of(driver.run(find)), 31253);
}

TEST_F(MongoDoubleReads, finds_the_same_in_the_order_of_an_index) {
    ASSERT_TRUE(is_ok(driver.run(Object{
        {"createIndexes", "indexed"},
        {"indexes", Array{Value(Object{{"key", Object{{"kind", 1}, {"at", 1}, {"_id", 1}}}, {"name", "by_at"}})}}})));
    DriverSession old(driver.get());
    for (const char* name : {"things", "indexed"}) {
        std::vector<Object> documents;
        for (int i = 0; i < 30; ++i) documents.push_back(Object{{"_id", i}, {"kind", i % 3}, {"at", (i * 7) % 10}});
        ASSERT_TRUE(is_ok(driver.run(insert_of(name, documents))));
    }
    ASSERT_TRUE(old.start());
    ASSERT_TRUE(is_ok(driver.run(find_of("things", Object{{"_id", 0}}), &old)));
    // The old session still sees what was before these.
    for (const char* name : {"things", "indexed"}) {
        const Object later{{"$inc", Object{{"at", 5}}}};
        ASSERT_TRUE(is_ok(driver.run(update_of(name, Object{{"at", Object{{"$lt", 4}}}}, later, true))));
        ASSERT_TRUE(is_ok(driver.run(delete_of(name, Object{{"_id", Object{{"$gt", 25}}}}))));
    }
    const Object filters[] = {
        {{"kind", 1}},
        {{"kind", 1}, {"at", Object{{"$gte", 3}}}},
        {{"$or", Array{Value(Object{{"kind", 2}, {"at", 4}}), Value(Object{{"kind", 2}, {"at", Object{{"$gt", 6}}}})}}},
        {{"kind", Object{{"$in", Array{Value(0), Value(1)}}}}},
        {{"kind", 7}}};
    for (const Object& filter : filters) {
        for (const int direction : {1, -1}) {
            for (const int limit : {0, 4}) {
                for (const DriverSession* session : {static_cast<const DriverSession*>(nullptr), &std::as_const(old)}) {
                    Object by_scan = find_of("things", filter);
                    by_scan.set("sort", Object{{"at", direction}, {"_id", direction}});
                    by_scan.set("limit", limit);
                    Object by_index = by_scan;
                    by_index.set("find", "indexed");
                    const Object expected = driver.run(by_scan, session);
                    const Object found = driver.run(by_index, session);
                    ASSERT_TRUE(is_ok(expected) && is_ok(found));
                    EXPECT_EQ(mongo::to_json(first_batch(found)), mongo::to_json(first_batch(expected)))
                        << mongo::to_json(by_index);
                }
            }
        }
    }
}

TEST_F(MongoDoubleReads, hands_out_a_cursor_in_batches) {
    std::vector<Object> documents;
    for (int i = 0; i < 250; ++i) documents.push_back(Object{{"_id", i}});
    ASSERT_TRUE(is_ok(driver.run(insert_of("things", documents))));
    mongoc_collection_t* collection = mongoc_client_get_collection(driver.get(), "shop", "things");
    const Bson filter(Object{});
    mongoc_cursor_t* cursor = mongoc_collection_find_with_opts(collection, filter.get(), nullptr, nullptr);
    std::int64_t seen = 0;
    const bson_t* document = nullptr;
    while (mongoc_cursor_next(cursor, &document)) EXPECT_EQ(to_object(*document).at("_id").to_int64(), seen++);
    EXPECT_EQ(seen, 250);
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(collection);
    EXPECT_EQ(server.commands("getMore", "things"), 1U);
    EXPECT_EQ(code_of(driver.run(Object{{"getMore", std::int64_t{7}}, {"collection", "things"}})), 43);
}

TEST_F(MongoDoubleReads, groups_and_counts) {
    for (int i = 0; i < 6; ++i) {
        ASSERT_TRUE(is_ok(driver.run(insert_of("things", {Object{{"_id", i}, {"s", i < 4 ? "a" : "b"}, {"n", i}}}))));
    }
    const Object grouped = aggregate(
        {Object{{"$match", Object{{"n", Object{{"$gt", 0}}}}}},
         Object{{"$group", Object{{"_id", "$s"}, {"n", Object{{"$sum", 1}}}, {"least", Object{{"$min", "$n"}}}}}},
         Object{{"$sort", Object{{"_id", -1}}}}});
    ASSERT_TRUE(is_ok(grouped)) << mongo::to_json(grouped);
    EXPECT_EQ(mongo::to_json(first_batch(grouped)),
              R"([ { "_id" : "b", "n" : 2, "least" : 4 }, { "_id" : "a", "n" : 3, "least" : 1 } ])");
    EXPECT_EQ(mongo::to_json(first_batch(aggregate({Object{{"$limit", 4}}, Object{{"$count", "n"}}}))),
              R"([ { "n" : 4 } ])");
    EXPECT_EQ(driver.run(Object{{"count", "things"}, {"query", Object{{"s", "a"}}}}).at("n"), Value(4));
    EXPECT_EQ(code_of(aggregate({Object{{"$group", Object{{"_id", "$s"}, {"n", Object{{"$stdDevPop", "$n"}}}}}}})),
              15952);
}

TEST_F(MongoDoubleReads, joins_what_another_pipeline_finds_to_every_document) {
    ASSERT_TRUE(is_ok(driver.run(insert_of("things", {Object{{"_id", 1}}, Object{{"_id", 2}}}))));
    ASSERT_TRUE(is_ok(driver.run(insert_of("places", {Object{{"_id", "a"}}, Object{{"_id", "b"}}}))));
    mongo::Array stages;
    stages.push_back(Object{{"$match", Object{{"_id", "b"}}}});
    const Object lookup{{"from", "places"}, {"pipeline", std::move(stages)}, {"as", "at"}};
    EXPECT_EQ(mongo::to_json(first_batch(aggregate({Object{{"$lookup", lookup}}}))),
              R"([ { "_id" : 1, "at" : [ { "_id" : "b" } ] }, { "_id" : 2, "at" : [ { "_id" : "b" } ] } ])");
    EXPECT_EQ(code_of(aggregate({Object{{"$lookup", Object{{"from", "places"}}}}})), 9);
}

}  // namespace

}  // namespace waybill::testing
