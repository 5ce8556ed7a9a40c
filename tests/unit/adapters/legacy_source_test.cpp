#include <gmock/gmock.h>

#include "adapters/legacy/legacy.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/unit/doubles/mongo_driver.hpp"

namespace waybill::legacy {
namespace {

using ::testing::HasSubstr;
using waybill::testing::Driver;
using waybill::testing::FakeClock;
using waybill::testing::insert_of;
using waybill::testing::is_ok;
using waybill::testing::MongoDouble;
using waybill::testing::mongo::Array;
using waybill::testing::mongo::DateTime;
using waybill::testing::mongo::Null;
using waybill::testing::mongo::Object;
using waybill::testing::mongo::ObjectId;
using waybill::testing::mongo::Value;

class LegacySourceTest : public ::testing::Test {
protected:
    [[nodiscard]] std::string uri(const std::string& database = "shop") const {
        std::string text = server.uri();
        return text.insert(text.find('/', 10) + 1, database);
    }
    [[nodiscard]] std::unique_ptr<LegacySource> open() const {
        LegacyOptions options{.uri = uri()};
        options.batch_documents = 7;
        return std::move(open_legacy_source(options).value());
    }

    FakeClock clock;
    MongoDouble server{clock};
    Driver driver{server.uri()};
};

TEST_F(LegacySourceTest, reads_every_document_once_by_id_over_many_batches) {
    std::vector<Object> documents;
    for (std::int32_t i = 0; i < 50; ++i) documents.push_back(Object{{"_id", (i * 37) % 50}, {"n", i}});
    ASSERT_TRUE(is_ok(driver.run(insert_of("users", std::move(documents)))));
    const auto source = open();
    EXPECT_EQ(source->list_collections().value(), std::vector<std::string>{"users"});
    EXPECT_EQ(source->count_documents("users").value(), 50);
    std::int64_t next = 0;
    ASSERT_TRUE(source->read("users", [&](const LegacyDocument& document) -> Result<void> {
        EXPECT_EQ(*document.find("_id")->as<std::int64_t>(), next++);
        return {};
    }));
    EXPECT_EQ(next, 50);
    EXPECT_EQ(source->count_documents("nothing").value(), 0);
    EXPECT_TRUE(source->read("nothing", [](const LegacyDocument&) -> Result<void> { return {}; }));
}

TEST_F(LegacySourceTest, shows_values_as_they_are) {
    ASSERT_TRUE(is_ok(
        driver.run(insert_of("users", {Object{{"_id", ObjectId{"0123456789ab"}},
                                              {"text", "a"},
                                              {"double", 1.5},
                                              {"flag", true},
                                              {"time", DateTime{1'234}},
                                              {"none", Null{}},
                                              {"list", Array{Value(Object{{"x", std::int64_t{1}}}), Value("y")}}}}))));
    ASSERT_TRUE(open()->read("users", [&](const LegacyDocument& document) -> Result<void> {
        EXPECT_EQ(document.find("_id")->as<LegacyObjectId>()->hex, "303132333435363738396162");
        EXPECT_EQ(*document.find("text")->as<std::string>(), "a");
        EXPECT_EQ(*document.find("double")->as<double>(), 1.5);
        EXPECT_EQ(*document.find("flag")->as<bool>(), true);
        EXPECT_EQ(*document.find("time")->as<TimePoint>(), from_unix_ms(1'234));
        EXPECT_EQ(document.find("none"), nullptr);
        const LegacyArray* list = document.find("list")->as<LegacyArray>();
        EXPECT_EQ(*list->at(0).as<LegacyDocument>()->find("x")->as<std::int64_t>(), 1);
        EXPECT_EQ(*list->at(1).as<std::string>(), "y");
        return {};
    }));
}

TEST_F(LegacySourceTest, ends_with_the_error_of_its_visitor) {
    ASSERT_TRUE(is_ok(driver.run(insert_of("users", {Object{{"_id", 1}}, Object{{"_id", 2}}}))));
    int visits = 0;
    const Result<void> read = open()->read("users", [&](const LegacyDocument&) -> Result<void> {
        ++visits;
        return fail(ErrorCode::unavailable, "enough");
    });
    EXPECT_EQ(read.error().detail, "enough");
    EXPECT_EQ(visits, 1);
}

TEST(LegacySourceOpening, errors_say_what_to_do_and_show_no_password) {
    for (const char* bad : {"", "nonsense:secret", "mongodb://ada:secret@host:99999/shop"}) {
        const auto source = open_legacy_source({.uri = bad});
        ASSERT_FALSE(source) << bad;
        EXPECT_FALSE(source.error().detail.contains("secret")) << bad;
    }
    const auto nameless = open_legacy_source({.uri = "mongodb://ada:secret@db.example:27017/?authSource=admin"});
    EXPECT_THAT(nameless.error().detail, HasSubstr("mongodb://db.example:27017/database"));
    EXPECT_FALSE(nameless.error().detail.contains("secret"));
}

TEST(LegacySourceOpening, a_server_that_does_not_answer_is_named) {
    const auto source = open_legacy_source(
        {.uri = "mongodb://ada:secret@127.0.0.1:1/shop", .server_selection_timeout = Milliseconds{200}});
    const auto names = source.value()->list_collections();
    EXPECT_THAT(names.error().detail, HasSubstr("127.0.0.1:1 does not answer"));
    EXPECT_FALSE(names.error().detail.contains("secret"));
}

TEST(LegacySourceOpening, knows_when_it_is_the_same_database) {
    EXPECT_TRUE(is_same_database("mongodb://a:1,b:2/shop", "mongodb://u:p@b:2/", "shop"));
    EXPECT_FALSE(is_same_database("mongodb://a:1/shop", "mongodb://a:1/", "waybill"));
    EXPECT_FALSE(is_same_database("mongodb://a:1/shop", "mongodb://b:1/", "shop"));
    EXPECT_FALSE(is_same_database("nonsense", "mongodb://b:1/", "shop"));
}

}  // namespace
}  // namespace waybill::legacy
