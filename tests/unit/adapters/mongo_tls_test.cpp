// A store behind TLS: what is accepted, and what is said where the other end is not who it should be.
#include <csignal>

#include "tests/support/temporary_directory.hpp"
#include "tests/support/tls_front.hpp"
#include "tests/unit/adapters/mongo_fixture.hpp"

namespace waybill::testing {

namespace {

constexpr const char* password = "s3cret-Pa55word";

// A server that wants a login, by TLS alone.
struct GuardedServer {
    GuardedServer(Clock& clock, const std::string& names)
        : certificate(make_certificate(folder.path(), names)), front(certificate), server(clock, options_for(front)) {
        front.set_target(server.port());
    }
    static MongoDouble::Options options_for(const TlsFront& front) {
        MongoDouble::Options options;
        options.user = "shop";
        options.password = password;
        options.advertised_port = front.port();
        return options;
    }
    [[nodiscard]] std::string hosts() const { return "127.0.0.1:" + std::to_string(front.port()); }
    [[nodiscard]] std::string uri(const std::string& with_password, const std::string& tls) const {
        return "mongodb://shop:" + with_password + "@" + hosts() + "/?replicaSet=rs0" + tls;
    }

    TemporaryDirectory folder;
    Certificate certificate;
    TlsFront front;
    MongoDouble server;
};

class MongoTls : public MongoTest {
protected:
    // Whoever shuts a connection down may be written to.
    static void SetUpTestSuite() { std::signal(SIGPIPE, SIG_IGN); }

    [[nodiscard]] waybill::mongo::MongoOptions with(const std::string& uri) const {
        auto made = options();
        made.uri = uri;
        return made;
    }
    [[nodiscard]] static std::string trusting(const Certificate& certificate) {
        return "&tls=true&tlsCAFile=" + certificate.certificate.string();
    }
    // One sentence that says where and what, and nothing that is secret.
    void expect_refused(const GuardedServer& at, const std::string& uri, const std::string& about) {
        const auto opened = waybill::mongo::open_mongo_store(with(uri), clock, log);
        ASSERT_FALSE(opened.has_value());
        const std::string& sentence = opened.error().detail;
        EXPECT_NE(sentence.find("MongoDB at " + at.hosts() + " "), std::string::npos) << sentence;
        EXPECT_NE(sentence.find(about), std::string::npos) << sentence;
        for (const std::string& secret : {std::string{password}, std::string{"wrong-Pa55"}, std::string{"shop:"}}) {
            EXPECT_EQ(sentence.find(secret), std::string::npos) << sentence;
            EXPECT_FALSE(log.mentions(secret));
        }
        EXPECT_EQ(sentence.find(at.folder.path().string()), std::string::npos) << sentence;
    }

    GuardedServer guarded{clock, "DNS:localhost,IP:127.0.0.1"};
};

TEST_F(MongoTls, orders_are_placed_with_a_login_over_tls) {
    const auto store = open(with(guarded.uri(password, trusting(guarded.certificate))));
    stock_shop(*store, {"tea"}, 5);
    must(place(*store, with_key(new_order("o-1"), "k")));
    EXPECT_EQ(stock_of(*store), 4);
    EXPECT_GT(guarded.front.served(), 0);
    EXPECT_FALSE(log.mentions(password));
}

TEST_F(MongoTls, a_certificate_of_an_unknown_authority_is_refused) {
    const TemporaryDirectory folder;
    const Certificate other = make_certificate(folder.path(), "IP:127.0.0.1");
    expect_refused(guarded, guarded.uri(password, trusting(other)), "tlsCAFile");
    // Reading the system's authorities may outlast the time for a connection.
    expect_refused(guarded, guarded.uri(password, "&tls=true"), "check");
    EXPECT_EQ(guarded.server.commands("saslStart"), 0u) << "nobody logs in there";
}

TEST_F(MongoTls, a_certificate_of_another_host_is_refused) {
    const GuardedServer elsewhere(clock, "DNS:elsewhere.example");
    expect_refused(elsewhere, elsewhere.uri(password, trusting(elsewhere.certificate)), "names this host");
    EXPECT_EQ(elsewhere.server.commands("saslStart"), 0u) << "nobody logs in there";
}

TEST_F(MongoTls, a_wrong_password_over_tls_is_said_to_be_wrong) {
    expect_refused(guarded, guarded.uri("wrong-Pa55", trusting(guarded.certificate)), "refuses the user and password");
}

TEST_F(MongoTls, a_client_without_tls_is_told_to_look_at_its_options) {
    expect_refused(guarded, guarded.uri(password, ""), "TLS options");
}

}  // namespace

}  // namespace waybill::testing
