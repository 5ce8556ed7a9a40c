// What `doctor` says of Redis: each failure is one sentence that says what to do.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/support/redis_server.hpp"
#include "tests/unit/adapters/redis_peer.hpp"
#include "tests/unit/adapters/redis_world.hpp"

namespace waybill::redis {
namespace {

using waybill::testing::RecordingLog;
using waybill::testing::redis_options;
using waybill::testing::RedisPeer;
using waybill::testing::RedisServer;
using waybill::testing::TemporaryDirectory;

void expect_failure(const RedisOptions& options, const std::string& words) {
    const auto clock = local::make_system_clock();
    const Result<std::string> found = check_redis(options, *clock);
    ASSERT_FALSE(found) << *found;
    EXPECT_NE(found.error().detail.find(words), std::string::npos) << found.error().detail;
    EXPECT_EQ(found.error().detail.find("hunter2"), std::string::npos) << found.error().detail;
    EXPECT_TRUE(found.error().detail.ends_with('.')) << found.error().detail;
}

TEST(RedisCheck, finds_a_server_that_works_and_leaves_nothing_there) {
    const auto clock = local::make_system_clock();
    RedisServer server;
    const Result<std::string> found = check_redis(redis_options(server.url()), *clock);
    ASSERT_TRUE(found) << found.error().detail;
    EXPECT_NE(found->find("127.0.0.1:" + std::to_string(server.port())), std::string::npos) << *found;
    EXPECT_NE(found->find("in clear"), std::string::npos) << *found;
    EXPECT_EQ(server.command({"DBSIZE"}), "0");
}

TEST(RedisCheck, finds_a_server_with_tls_and_password) {
    const auto clock = local::make_system_clock();
    RedisServer server({.tls = true, .password = "hunter2"});
    RedisOptions options = redis_options(server.url("localhost"));
    options.ca_file = server.ca_file();
    const Result<std::string> found = check_redis(options, *clock);
    ASSERT_TRUE(found) << found.error().detail;
    EXPECT_NE(found->find("trusted certificate, logged in"), std::string::npos) << *found;
    EXPECT_EQ(found->find("hunter2"), std::string::npos) << *found;
    options.ca_file.clear();
    expect_failure(options, "configure the file of the authority");
    options.url = "redis" + options.url.substr(6);
    expect_failure(options, "needs rediss://");
}

TEST(RedisCheck, says_what_to_do_about_a_server_in_clear_where_tls_is_wanted) {
    RedisServer server;
    RedisOptions options = redis_options("rediss" + server.url().substr(5));
    options.connect_timeout = Milliseconds(200);
    expect_failure(options, "use redis:// if that port is in clear");
}

TEST(RedisCheck, says_what_to_do_about_a_login) {
    RedisServer server({.password = "hunter2"});
    expect_failure(redis_options(server.url("127.0.0.1", "")), "wants a password");
    expect_failure(redis_options(server.url("127.0.0.1", ":hunter22@")), "refuses the user or password");
    expect_failure(redis_options(server.url("127.0.0.1", "hunter2:hunter2@")), "refuses the user or password");
}

TEST(RedisCheck, says_which_permission_a_user_lacks) {
    const auto clock = local::make_system_clock();
    RedisServer server;
    const std::string url = server.url("127.0.0.1", "ann:pw@");
    std::vector<std::string> rule{"ACL", "SETUSER", "ann", "on", ">pw", "~waybill:*"};
    for (const char* permission : {"+get", "+set", "+del", "+eval", "+evalsha", "+time"}) {
        server.command(rule);
        expect_failure(redis_options(url), "+get +set +del +eval +evalsha +time");
        rule.emplace_back(permission);
    }
    server.command(rule);
    const Result<std::string> found = check_redis(redis_options(url), *clock);
    EXPECT_TRUE(found) << found.error().detail;
    RedisOptions elsewhere = redis_options(url);
    elsewhere.key_prefix = "other:";
    expect_failure(elsewhere, "on the keys of the prefix");
}

TEST(RedisCheck, says_what_to_do_about_a_replica_and_a_full_server) {
    RedisServer server;
    server.command({"CONFIG", "SET", "maxmemory", "1"});
    expect_failure(redis_options(server.url()), "has no memory left");
    server.command({"REPLICAOF", "127.0.0.1", "1"});
    expect_failure(redis_options(server.url()), "is a replica");
}

TEST(RedisCheck, says_what_to_do_about_a_server_that_is_not_there_or_does_not_answer) {
    RedisServer server;
    RedisOptions options = redis_options(server.url());
    options.connect_timeout = Milliseconds(50);
    server.freeze();
    expect_failure(options, "did not answer in time");
    server.kill();
    expect_failure(options, "refuses connections; start it");
    options.url = "redis://no-such-host.invalid";
    options.connect_timeout = waybill::testing::redis_patience;
    expect_failure(options, "no-such-host.invalid");
}

TEST(RedisCheck, says_that_something_else_answers) {
    const RedisPeer peer([](const RedisPeer::Command&) { return RedisPeer::Answer{"HTTP/1.1 400 Bad\r\n\r\n"}; });
    expect_failure(redis_options("redis://:hunter2@" + peer.url().substr(8)), "does not speak Redis's protocol");
    const RedisPeer odd([](const RedisPeer::Command&) { return RedisPeer::Answer{":1\r\n"}; });
    expect_failure(redis_options("redis://:hunter2@" + odd.url().substr(8)), "is no Redis server by its answers");
}

TEST(RedisCheck, a_bad_option_is_told_by_the_check_and_when_it_is_opened) {
    const auto clock = local::make_system_clock();
    RecordingLog log;
    TemporaryDirectory directory;
    std::ofstream(directory.path() / "nonsense.pem") << "nonsense";
    std::vector<RedisOptions> table(7, redis_options("redis://ann:hunter2@h"));
    table[0].url = "redis://ann:hunter2@h:x";
    table[1].ca_file = directory.path() / "nonsense.pem";
    table[2].url = "rediss://ann:hunter2@h";
    table[2].ca_file = directory.path() / "nonsense.pem";
    table[3].url = "rediss://ann:hunter2@h";
    table[3].ca_file = directory.path() / "absent.pem";
    table[4].pause = Milliseconds(0);
    table[5].call_timeout = Milliseconds(-1);
    table[6].connect_timeout = Milliseconds(0);
    for (const RedisOptions& options : table) {
        expect_failure(options, "Redis");
        const auto opened = open_redis(options, *clock, log);
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().code, ErrorCode::validation_failed);
    }
}

}  // namespace
}  // namespace waybill::redis
