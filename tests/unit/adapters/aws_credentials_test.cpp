#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <latch>
#include <thread>

#include "adapters/aws/credentials.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/recording_log.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/adapters/http_peer.hpp"

namespace waybill::aws {
namespace {

using testing::HttpPeer;

constexpr Milliseconds hour{3'600'000};

struct World {
    testing::FakeClock clock;
    testing::RecordingLog log;
    std::atomic<int> issued{0};
    std::atomic<bool> failing{false};

    Issue issue(Milliseconds lifetime = hour) {
        return [this, lifetime]() -> Result<IssuedCredentials> {
            const int number = ++issued;
            if (failing) return fail(ErrorCode::unavailable, "No role today.");
            return IssuedCredentials{{"key-" + std::to_string(number), "secret", "token"}, lifetime};
        };
    }
};

std::string key_of(const Result<Credentials>& credentials) {
    return credentials ? credentials->key_id : "none: " + credentials.error().detail;
}

TEST(AwsCredentials, are_asked_for_once_while_they_live) {
    World world;
    const auto source = make_refreshed_source(world.issue(), world.clock, world.log);
    EXPECT_EQ(key_of(source->get()), "key-1");
    world.clock.advance(hour - Milliseconds{301'000});
    EXPECT_EQ(key_of(source->get()), "key-1");
    EXPECT_EQ(world.issued, 1);
}

TEST(AwsCredentials, are_renewed_before_they_end) {
    World world;
    const auto source = make_refreshed_source(world.issue(), world.clock, world.log);
    EXPECT_EQ(key_of(source->get()), "key-1");
    world.clock.advance(hour - Milliseconds{299'000});
    EXPECT_EQ(key_of(source->get()), "key-2");
}

TEST(AwsCredentials, do_not_follow_a_jump_of_the_wall_clock) {
    World world;
    const auto source = make_refreshed_source(world.issue(), world.clock, world.log);
    EXPECT_EQ(key_of(source->get()), "key-1");
    world.clock.jump_wall(2 * hour);
    EXPECT_EQ(key_of(source->get()), "key-1");
}

TEST(AwsCredentials, old_ones_serve_while_renewing_fails) {
    World world;
    const auto source = make_refreshed_source(world.issue(), world.clock, world.log);
    EXPECT_EQ(key_of(source->get()), "key-1");
    world.failing = true;
    world.clock.advance(hour - Milliseconds{60'000});
    EXPECT_EQ(key_of(source->get()), "key-1");
    EXPECT_EQ(world.issued, 2);
    world.clock.advance(Milliseconds{61'000});
    EXPECT_EQ(key_of(source->get()), "none: No role today.") << "these have ended";
    world.failing = false;
    world.clock.advance(Milliseconds{60'000});
    EXPECT_EQ(key_of(source->get()), "key-4");
    EXPECT_EQ(world.log.count("aws-credentials-away"), 1U);
    EXPECT_EQ(world.log.count("aws-credentials-back"), 1U);
}

TEST(AwsCredentials, failures_back_off) {
    World world;
    world.failing = true;
    const auto source = make_refreshed_source(world.issue(), world.clock, world.log);
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(source->get());
    EXPECT_EQ(world.issued, 1);
    for (int second = 0; second < 600; ++second) {
        world.clock.advance(Milliseconds{1'000});
        static_cast<void>(source->get());
    }
    EXPECT_GE(world.issued, 10);
    EXPECT_LE(world.issued, 26) << "at most a minute apart, at least half of it";
}

TEST(AwsCredentials, one_thread_renews_while_the_others_go_on) {
    World world;
    std::latch entered(1);
    std::latch released(1);
    const auto source = make_refreshed_source(
        [&, issue = world.issue()] {
            if (world.issued == 1) {
                entered.count_down();
                released.wait();
            }
            return issue();
        },
        world.clock, world.log);
    EXPECT_EQ(key_of(source->get()), "key-1");
    world.clock.advance(hour - Milliseconds{1'000});
    std::jthread renewing([&] { EXPECT_EQ(key_of(source->get()), "key-2"); });
    entered.wait();
    EXPECT_EQ(key_of(source->get()), "key-1");
    EXPECT_EQ(world.issued, 1);
    released.count_down();
}

TEST(AwsCredentials, all_wait_for_the_first) {
    World world;
    std::latch all_ask(8);
    const auto source = make_refreshed_source(
        [&, issue = world.issue()] {
            all_ask.wait();
            return issue();
        },
        world.clock, world.log);
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&] {
                all_ask.count_down();
                EXPECT_EQ(key_of(source->get()), "key-1");
            });
        }
    }
    EXPECT_EQ(world.issued, 1);
}

TEST(AwsCredentials, refused_ones_are_replaced) {
    World world;
    const auto source = make_refreshed_source(world.issue(), world.clock, world.log);
    const Credentials first = source->get().value();
    source->refused(first);
    EXPECT_EQ(key_of(source->get()), "key-1") << "too fresh to be refused for their age";
    world.clock.advance(Milliseconds{60'000});
    source->refused({"others", "", ""});
    EXPECT_EQ(key_of(source->get()), "key-1");
    source->refused(first);
    EXPECT_EQ(key_of(source->get()), "key-2");
}

TEST(AwsCredentials, that_have_ended_already_are_not_used) {
    World world;
    const auto source = make_refreshed_source(world.issue(Milliseconds{0}), world.clock, world.log);
    EXPECT_EQ(key_of(source->get()), "none: The credentials of the role have ended already.");
}

// ---- where they come from

const std::string role_json =
    R"({"AccessKeyId":"ASIA1","SecretAccessKey":"secret-1","Token":"token-1","Expiration":"2026-01-01T01:00:00Z"})";
const std::string served_date = "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n";

class AwsCredentialSources : public ::testing::Test {
protected:
    std::shared_ptr<CredentialSource> source(const CredentialOptions& options) {
        return make_credential_source(options, "us-east-1", "", clock_, log_);
    }

    testing::FakeClock clock_;
    testing::RecordingLog log_;
};

TEST_F(AwsCredentialSources, static_ones_come_first) {
    CredentialOptions options;
    options.access_key_id = "AKID";
    options.secret_access_key = "secret";
    options.session_token = "token";
    options.container_full_uri = "http://127.0.0.1:1/";
    EXPECT_EQ(source(options)->get().value(), (Credentials{"AKID", "secret", "token"}));
}

TEST_F(AwsCredentialSources, incomplete_ones_are_refused_at_once) {
    EXPECT_THROW(static_cast<void>(source({})), std::invalid_argument);
    EXPECT_THROW(static_cast<void>(source({.access_key_id = "AKID"})), std::invalid_argument);
    EXPECT_THROW(static_cast<void>(source({.access_key_id = "AKID\n", .secret_access_key = "s"})),
                 std::invalid_argument);
}

TEST_F(AwsCredentialSources, a_container_asks_its_endpoint_with_its_token) {
    const HttpPeer peer([](const std::string&) { return HttpPeer::reply(200, role_json, served_date); });
    CredentialOptions options;
    options.container_full_uri = peer.url("/v2/credentials/abc?x=1");
    options.container_token = "container-token";
    EXPECT_EQ(source(options)->get().value(), (Credentials{"ASIA1", "secret-1", "token-1"}));
    ASSERT_EQ(peer.requests().size(), 1U);
    EXPECT_TRUE(peer.requests()[0].starts_with("GET /v2/credentials/abc?x=1 HTTP/1.1\r\n"));
    EXPECT_TRUE(peer.requests()[0].contains("\r\nAuthorization: container-token\r\n"));
}

TEST_F(AwsCredentialSources, a_containers_token_file_is_read_each_time) {
    const testing::TemporaryDirectory directory;
    const auto file = directory.path() / "token";
    const auto write = [&](const std::string& text) { std::ofstream(file) << text; };
    const HttpPeer peer([](const std::string&) { return HttpPeer::reply(200, role_json, served_date); });
    CredentialOptions options;
    options.container_full_uri = peer.url("/");
    options.container_token_file = file.string();
    const auto from_file = source(options);
    EXPECT_FALSE(from_file->get()) << "no file yet";
    write("first\n");
    clock_.advance(hour);
    EXPECT_TRUE(from_file->get());
    write("second");
    clock_.advance(hour);
    EXPECT_TRUE(from_file->get());
    write("third\r\nX-Injected: 1");
    clock_.advance(hour);
    EXPECT_FALSE(from_file->get()) << "no header may hold that";
    ASSERT_EQ(peer.requests().size(), 2U);
    EXPECT_TRUE(peer.requests()[0].contains("Authorization: first\r\n"));
    EXPECT_TRUE(peer.requests()[1].contains("Authorization: second\r\n"));
}

TEST_F(AwsCredentialSources, no_other_host_is_sent_the_containers_token) {
    EXPECT_THROW(static_cast<void>(source({.container_full_uri = "http://example.com/"})), std::invalid_argument);
    EXPECT_THROW(static_cast<void>(source({.container_full_uri = "http://169.254.169.254/"})), std::invalid_argument);
    EXPECT_NO_THROW(static_cast<void>(source({.container_full_uri = "http://169.254.170.23/v1/credentials"})));
    EXPECT_NO_THROW(static_cast<void>(source({.container_full_uri = "https://example.com/"})));
    EXPECT_NO_THROW(static_cast<void>(source({.container_relative_uri = "/v2/credentials/1"})));
}

TEST_F(AwsCredentialSources, the_life_is_measured_by_the_issuers_clock) {
    const HttpPeer peer([](const std::string&) { return HttpPeer::reply(200, role_json, served_date); });
    clock_.jump_wall(48 * hour);  // ours says that they ended long ago
    const auto container = source({.container_full_uri = peer.url("/")});
    EXPECT_TRUE(container->get());
    clock_.advance(hour - Milliseconds{301'000});
    EXPECT_TRUE(container->get());
    EXPECT_EQ(peer.requests().size(), 1U);
}

TEST_F(AwsCredentialSources, what_is_no_credential_is_not_used) {
    for (const std::string& body : {std::string("<html>"), std::string("{}"), std::string(R"({"AccessKeyId":"A"})")}) {
        const HttpPeer peer([&](const std::string&) { return HttpPeer::reply(200, body); });
        EXPECT_FALSE(source({.container_full_uri = peer.url("/")})->get()) << body;
    }
    const HttpPeer refusing([](const std::string&) { return HttpPeer::reply(403, role_json); });
    EXPECT_FALSE(source({.container_full_uri = refusing.url("/")})->get());
    EXPECT_FALSE(log_.mentions("secret-1"));
}

TEST_F(AwsCredentialSources, a_web_identity_is_exchanged_at_sts) {
    const testing::TemporaryDirectory directory;
    const std::string file = (directory.path() / "token").string();
    std::ofstream(file) << "ey.J+w/t\n";
    const HttpPeer peer([](const std::string&) {
        return HttpPeer::reply(
            200,
            "<R><Credentials><AccessKeyId>ASIA2</AccessKeyId><SecretAccessKey>s2</SecretAccessKey>"
            "<SessionToken>t2</SessionToken><Expiration>2026-01-01T01:00:00Z</Expiration></Credentials></R>",
            served_date);
    });
    CredentialOptions options;
    options.role_arn = "arn:aws:iam::1:role/shop";
    options.web_identity_token_file = file;
    options.sts_endpoint = peer.url("");
    EXPECT_EQ(source(options)->get().value(), (Credentials{"ASIA2", "s2", "t2"}));
    ASSERT_EQ(peer.requests().size(), 1U);
    EXPECT_TRUE(peer.requests()[0].ends_with(
        "\r\n\r\nAction=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fshop"
        "&RoleSessionName=waybill&WebIdentityToken=ey.J%2Bw%2Ft"))
        << peer.requests()[0];
}

TEST_F(AwsCredentialSources, a_refusal_of_sts_names_its_code_only) {
    const testing::TemporaryDirectory directory;
    const std::string file = (directory.path() / "token").string();
    std::ofstream(file) << "token-of-mine";
    const HttpPeer peer([](const std::string&) {
        return HttpPeer::reply(400, "<Error><Code>InvalidIdentityToken</Code><Message>token-of-mine</Message></Error>");
    });
    CredentialOptions options;
    options.role_arn = "arn:aws:iam::1:role/shop";
    options.web_identity_token_file = file;
    options.sts_endpoint = peer.url("");
    const Result<Credentials> refused = source(options)->get();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().detail, "STS answered 400 InvalidIdentityToken.");
    EXPECT_FALSE(log_.mentions("token-of-mine"));
}

}  // namespace
}  // namespace waybill::aws
