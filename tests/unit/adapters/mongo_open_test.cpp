// Which deployments are taken, what is made in them, and what is said about those that are refused.
#include <filesystem>
#include <unistd.h>

#include "tests/unit/adapters/mongo_fixture.hpp"

namespace waybill::testing {

namespace {

class MongoOpen : public MongoTest {
protected:
    // The sentence of the refusal.
    [[nodiscard]] std::string refusal(const waybill::mongo::MongoOptions& with) {
        const auto opened = waybill::mongo::open_mongo_store(with, clock, log);
        return opened ? "was opened" : opened.error().detail;
    }
    [[nodiscard]] std::string refusal_of(const MongoDouble::Options& kind) {
        const MongoDouble other(clock, kind);
        auto with = options();
        with.uri = other.uri();
        return refusal(with);
    }
    static void expect_mentions(const std::string& text, std::initializer_list<const char*> words) {
        for (const char* word : words) EXPECT_NE(text.find(word), std::string::npos) << text;
    }
};

TEST_F(MongoOpen, a_standalone_server_is_refused_with_what_to_do) {
    MongoDouble::Options standalone;
    standalone.topology = MongoDouble::Topology::standalone;
    expect_mentions(refusal_of(standalone), {"stands alone", "--replSet", "rs.initiate()", "replicaSet=rs0"});
}

TEST_F(MongoOpen, versions_without_transactions_are_refused) {
    MongoDouble::Options kind;
    kind.wire_version_max = 7;
    EXPECT_EQ(refusal_of(kind), "was opened");
    kind.wire_version_max = 6;
    expect_mentions(refusal_of(kind), {"too old", "4.0"});
    kind.topology = MongoDouble::Topology::sharded;
    kind.wire_version_max = 8;
    EXPECT_EQ(refusal_of(kind), "was opened");
    kind.wire_version_max = 7;
    expect_mentions(refusal_of(kind), {"too old", "4.2"});
}

TEST_F(MongoOpen, a_sharded_cluster_holds_a_shop) {
    MongoDouble::Options kind;
    kind.topology = MongoDouble::Topology::sharded;
    const MongoDouble router(clock, kind);
    auto with = options();
    with.uri = router.uri();
    const auto store = open(with);
    stock_shop(*store, {"tea"}, 5);
    must(place(*store, with_key(new_order("o-1"), "k")));
    EXPECT_EQ(stock_of(*store), 4);
}

TEST_F(MongoOpen, a_member_that_is_no_primary_is_refused_with_what_to_do) {
    server.step_down(Milliseconds{3'600'000});
    auto direct = options();
    direct.uri = "mongodb://127.0.0.1:" + std::to_string(server.port());
    expect_mentions(refusal(direct), {"not the primary", "replicaSet=rs0"});
}

TEST_F(MongoOpen, a_server_that_does_not_answer_is_named) {
    server.stop();
    auto quick = options();
    quick.server_selection_timeout = Milliseconds{50};
    expect_mentions(refusal(quick), {"cannot be reached", "127.0.0.1"});
}

TEST_F(MongoOpen, what_a_newer_waybill_wrote_is_left_alone) {
    (void)open();
    {
        auto pool = waybill::mongo::ConnectionPool::make(options());
        auto connection = (*pool)->take();
        using waybill::mongo::array;
        using waybill::mongo::doc;
        (void)connection->run_alone(doc("update", "meta", "updates",
                                        array(doc("q", doc("_id", "schema"), "u", doc("$set", doc("version", 2))))),
                                    waybill::mongo::Durability::majority);
    }
    expect_mentions(refusal(options()), {"newer Waybill", "schema 2"});
}

TEST_F(MongoOpen, opening_again_changes_nothing) {
    {
        const auto first = open();
        stock_shop(*first, {"tea"}, 5);
    }
    const auto second = open();
    EXPECT_EQ(stock_of(*second), 5);
    EXPECT_EQ(server.count("waybill.meta"), 4u);
}

TEST_F(MongoOpen, a_process_that_makes_the_same_indexes_is_waited_for) {
    next("createIndexes", Action::error, 117, {}, 3);
    (void)open();
    EXPECT_GT(clock.slept(), Milliseconds{0});
    next("createIndexes", Action::error, 117, {}, 1'000'000);
    expect_mentions(refusal(options()), {"cannot be prepared"});
}

TEST_F(MongoOpen, the_path_of_the_uri_is_not_the_database) {
    auto with = options();
    with.uri = "mongodb://127.0.0.1:" + std::to_string(server.port()) + "/shop?replicaSet=rs0";
    (void)open(with);
    EXPECT_EQ(server.count("waybill.meta"), 4u);
    EXPECT_EQ(server.count("shop.meta"), 0u);
    with.database = "other";
    (void)open(with);
    EXPECT_EQ(server.count("other.meta"), 4u);
}

TEST_F(MongoOpen, a_name_that_no_database_can_have_is_refused) {
    auto with = options();
    for (const std::string& name : {std::string(), std::string("a/b"), std::string("a b"), std::string(64, 'a')}) {
        with.database = name;
        EXPECT_EQ(code_of(waybill::mongo::open_mongo_store(with, clock, log)), ErrorCode::validation_failed) << name;
    }
}

TEST_F(MongoOpen, records_and_sessions_end_by_themselves) {
    auto with = options();
    const auto store = open(with);
    stock_shop(*store, {"tea"}, 5);
    must(place(*store, with_key(new_order("o-1"), "k")));
    Session session;
    session.id = SessionId{"s-1"};
    session.user_id = UserId{"ada"};
    must(store->create_session(session, "", Milliseconds{60'000}));

    clock.advance(with.session_ttl + Milliseconds{59'999});
    EXPECT_EQ(server.expire_documents(), 0u);
    clock.advance(Milliseconds{2'000});
    EXPECT_EQ(server.expire_documents(), 1u);
    EXPECT_FALSE(must(store->find_session(SessionId{"s-1"})).has_value());
    clock.advance(with.idempotency_ttl);
    EXPECT_EQ(server.expire_documents(), 1u);
    EXPECT_EQ(count_orders(*store), 1u);
}

TEST_F(MongoOpen, another_time_to_live_is_taken_over) {
    auto with = options();
    (void)open(with);
    with.idempotency_ttl = Milliseconds{86'400'000};
    const auto store = open(with);
    stock_shop(*store, {"tea"}, 5);
    must(place(*store, with_key(new_order("o-1"), "k")));
    clock.advance(Milliseconds{86'402'000});
    EXPECT_EQ(server.expire_documents(), 1u);
}

TEST_F(MongoOpen, the_timeouts_of_the_uri_win) {
    auto with = options();
    with.uri += "&serverSelectionTimeoutMS=40";
    with.server_selection_timeout = Milliseconds{600'000};
    server.stop();
    expect_mentions(refusal(with), {"cannot be reached"});
}

// A process that is killed could not remove it.
TEST_F(MongoOpen, the_driver_leaves_no_shared_memory) {
    const auto store = open();
    EXPECT_FALSE(std::filesystem::exists("/dev/shm/mongoc-" + std::to_string(::getpid())));
}

// ---- secrets

class MongoSecrets : public MongoOpen {
protected:
    static constexpr const char* password = "s3cret-Pa55word";
    static MongoDouble::Options guarded() {
        MongoDouble::Options kind;
        kind.user = "shop";
        kind.password = password;
        return kind;
    }
    void expect_no_secret(const std::string& text, std::string_view secret) {
        EXPECT_EQ(text.find(secret), std::string::npos) << text;
        EXPECT_FALSE(log.mentions(secret));
    }
    [[nodiscard]] waybill::mongo::MongoOptions login(const MongoDouble& at, const std::string& with_password) const {
        auto with = options();
        with.uri = "mongodb://shop:" + with_password + "@127.0.0.1:" + std::to_string(at.port()) + "/?replicaSet=rs0";
        return with;
    }
};

TEST_F(MongoSecrets, the_credentials_of_the_uri_are_used) {
    const MongoDouble other(clock, guarded());
    const auto store = open(login(other, password));
    stock_shop(*store, {"tea"}, 5);
    must(place(*store, new_order("o-1")));
    EXPECT_FALSE(log.mentions(password));
}

TEST_F(MongoSecrets, a_refused_login_names_no_password) {
    const MongoDouble other(clock, guarded());
    const std::string sentence = refusal(login(other, "wrong-Pa55"));
    expect_mentions(sentence, {"refuses the user and password"});
    expect_no_secret(sentence, "wrong-Pa55");
}

TEST_F(MongoSecrets, a_server_that_is_gone_names_no_password) {
    auto with = login(server, password);
    with.server_selection_timeout = Milliseconds{50};
    server.stop();
    expect_no_secret(refusal(with), password);
}

TEST_F(MongoSecrets, a_uri_that_cannot_be_read_is_not_quoted) {
    auto with = options();
    for (const std::string& uri :
         {std::string("mongodb://shop:") + password + "@127.0.0.1:99999/", std::string("mongo://shop:") + password,
          std::string("mongodb://shop:") + password + "@" + password + "@127.0.0.1/", std::string(password),
          std::string("mongodb://shop:") + password + "@127.0.0.1/?tls=true&tlsCAFile=/none&tlsInsecure=maybe"}) {
        with.uri = uri;
        with.server_selection_timeout = Milliseconds{50};
        const std::string sentence = refusal(with);
        EXPECT_NE(sentence, "was opened");
        expect_no_secret(sentence, password);
    }
}

}  // namespace

}  // namespace waybill::testing
