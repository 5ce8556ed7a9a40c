// The adapter with a real redis-server that is flushed, killed, frozen and started again.
#include "tests/support/redis_server.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/adapters/redis_world.hpp"

namespace waybill::redis {
namespace {

using waybill::testing::redis_options;
using waybill::testing::redis_pause_for_ever;
using waybill::testing::redis_short_call;
using waybill::testing::RedisServer;
using waybill::testing::RedisServerOptions;
using waybill::testing::RedisWorld;

constexpr Milliseconds minute{60'000};
constexpr RateLimit ten_a_month{10, Milliseconds(std::chrono::hours(24 * 30))};

TEST(RedisOnServer, keys_stand_under_the_prefix_with_the_version_of_their_format_and_expire) {
    RedisServer server;
    RedisOptions options = redis_options(server.url());
    options.key_prefix = "shop-7:";
    RedisWorld world(options);
    world.connect();
    world.cache->put("product:1", "x", minute);
    EXPECT_TRUE(world.limiter->admit("ann", {10, minute}, 5).admitted);
    EXPECT_EQ(server.command({"EXISTS", "shop-7:c1:product:1", "shop-7:l1:10/60000/ann"}), "2");
    EXPECT_EQ(server.command({"DBSIZE"}), "2");
    for (const char* key : {"shop-7:c1:product:1", "shop-7:l1:10/60000/ann"}) {
        const int left_ms = std::stoi(server.command({"PTTL", key}));
        EXPECT_GT(left_ms, 0) << key;
        EXPECT_LE(left_ms, 60'000) << key;
    }
}

TEST(RedisOnServer, a_full_bucket_is_no_key) {
    RedisServer server;
    RedisWorld world(redis_options(server.url()));
    world.connect();
    EXPECT_EQ(world.limiter->admit("ann", ten_a_month, 0).remaining, 10);
    EXPECT_EQ(world.limiter->admit("ann", ten_a_month, -5).remaining, 10);
    EXPECT_EQ(server.command({"DBSIZE"}), "0");
    EXPECT_EQ(world.limiter->admit("ann", ten_a_month, 1).remaining, 9);
    EXPECT_EQ(server.command({"DBSIZE"}), "1");
    EXPECT_EQ(world.limiter->admit("ann", ten_a_month, -1).remaining, 10);
    EXPECT_EQ(server.command({"DBSIZE"}), "0");
    EXPECT_EQ(world.local.asked, 0);
}

TEST(RedisOnServer, two_processes_share_their_buckets_and_entries) {
    RedisServer server;
    RedisWorld one(redis_options(server.url()));
    RedisWorld other(redis_options(server.url()));
    one.connect();
    other.connect();
    EXPECT_EQ(one.limiter->admit("ann", ten_a_month, 6).remaining, 4);
    EXPECT_EQ(other.limiter->admit("ann", ten_a_month, 4).remaining, 0);
    EXPECT_FALSE(one.limiter->admit("ann", ten_a_month, 1).admitted);
    one.cache->put("a", "1", minute);
    EXPECT_EQ(other.cache->find("a"), "1");
}

TEST(RedisOnServer, a_bucket_of_a_clock_that_was_set_back_fills_from_now_on) {
    RedisServer server;
    RedisWorld world(redis_options(server.url()));
    world.connect();
    const RateLimit quick{10, Milliseconds(1'000)};
    // 1 s lacking, as of the year 2100.
    server.command({"SET", "waybill:l1:10/1000/ann", "1000000000 4102444800000000"});
    EXPECT_FALSE(world.limiter->admit("ann", quick, 10).admitted);
    EXPECT_TRUE(world.wait_until([&] { return world.limiter->admit("ann", quick, 10).admitted; }));
}

TEST(RedisOnServer, a_bucket_that_somebody_else_wrote_is_a_full_one) {
    RedisServer server;
    RedisWorld world(redis_options(server.url()));
    world.connect();
    for (const char* text : {"", "nonsense", "1", "-5 7", "1 2 3"}) {
        server.command({"SET", "waybill:l1:10/2592000000/ann", text});
        EXPECT_EQ(world.limiter->admit("ann", ten_a_month, 0).remaining, 10) << text;
    }
    server.command({"SET", "waybill:l1:10/2592000000/ann", "9007199254740991 9007199254740991"});
    EXPECT_EQ(world.limiter->admit("ann", ten_a_month, 0).remaining, 0);
    EXPECT_EQ(world.local.asked, 0);
}

TEST(RedisOnServer, a_flush_is_a_miss_and_full_buckets) {
    RedisServer server;
    RedisWorld world(redis_options(server.url()));
    world.connect();
    world.cache->put("a", "1", minute);
    EXPECT_EQ(world.limiter->admit("ann", ten_a_month, 10).remaining, 0);
    server.flush();
    server.command({"SCRIPT", "FLUSH"});
    EXPECT_EQ(world.cache->find("a"), std::nullopt);
    EXPECT_EQ(world.limiter->admit("ann", ten_a_month, 1).remaining, 9);
    EXPECT_EQ(world.local.asked, 0) << "the script is sent again, and Redis counts";
    EXPECT_FALSE(is_away(*world.redis));
}

TEST(RedisOnServer, a_kill_is_a_miss_and_local_buckets_until_it_runs_again) {
    RedisServer server;
    RedisOptions options = redis_options(server.url());
    options.pause = Milliseconds(5);
    RedisWorld world(options);
    world.connect();
    world.cache->put("a", "1", minute);
    server.kill();
    for (int i = 0; i < 200; ++i) EXPECT_EQ(world.cache->find("a"), std::nullopt);
    EXPECT_EQ(world.limiter->admit("ann", ten_a_month, 4).remaining, 6);
    EXPECT_EQ(world.local.asked, 1);
    EXPECT_TRUE(world.wait_until([&] { return is_away(*world.redis); }));
    server.start();
    world.connect();
    EXPECT_TRUE(world.wait_until([&] { return !is_away(*world.redis); }));
    world.cache->put("a", "2", minute);
    EXPECT_EQ(world.cache->find("a"), "2");
    EXPECT_EQ(world.limiter->admit("ann", ten_a_month, 1).remaining, 9);
    EXPECT_EQ(world.local.asked, 1);
}

TEST(RedisOnServer, a_frozen_server_costs_few_calls_and_comes_back) {
    RedisServer server;
    RedisOptions options = redis_options(server.url());
    options.call_timeout = redis_short_call;
    options.connect_timeout = redis_short_call;
    options.pause = Milliseconds(5);
    options.connections = 2;
    RedisWorld world(options);
    world.connect();
    server.freeze();
    for (int i = 0; i < 1'000; ++i) EXPECT_EQ(world.cache->find("a"), std::nullopt);
    EXPECT_EQ(world.limiter->admit("ann", ten_a_month, 4).remaining, 6);
    EXPECT_TRUE(world.wait_until([&] { return is_away(*world.redis); }));
    server.thaw();
    EXPECT_TRUE(world.wait_until([&] {
        world.cache->put("a", "1", minute);
        return world.cache->find("a") == "1";
    }));
}

TEST(RedisOnServer, with_no_server_at_the_start_it_is_found_later) {
    RedisServer server;
    server.kill();
    RedisOptions options = redis_options(server.url());
    options.pause = Milliseconds(5);
    RedisWorld world(options);
    EXPECT_EQ(world.cache->find("a"), std::nullopt);
    EXPECT_EQ(world.limiter->admit("ann", ten_a_month, 1).remaining, 9);
    EXPECT_TRUE(world.wait_until([&] { return is_away(*world.redis); }));
    server.start();
    world.connect();
    EXPECT_TRUE(world.wait_until([&] { return world.limiter->admit("bob", ten_a_month, 0).remaining == 10; }));
    world.cache->put("a", "1", minute);
    EXPECT_EQ(world.cache->find("a"), "1");
}

// No value is ever another key's, no limit more than twice its burst: once in Redis and once here.
TEST(RedisOnServer, threads_see_nothing_wrong_while_the_server_comes_and_goes) {
    RedisServer server;
    RedisOptions options = redis_options(server.url());
    options.pause = Milliseconds(1);
    options.connections = 2;
    RedisWorld world(options);
    world.connect();
    std::atomic<bool> ended = false;
    std::atomic<int> wrong = 0;
    std::atomic<int> found = 0;
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; !ended; ++i) {
                const std::string key = std::to_string(t) + "/" + std::to_string(i % 50);
                world.cache->put(key, "value of " + key, minute);
                const auto value = world.cache->find(key);
                if (value && *value != "value of " + key) ++wrong;
                if (value) ++found;
            }
        });
    }
    for (int round = 0; round < 3; ++round) {
        const int before = found;
        EXPECT_TRUE(world.wait_until([&] { return found > before + 100; }));
        server.kill();
        EXPECT_TRUE(world.wait_until([&] { return is_away(*world.redis); }));
        server.start();
    }
    ended = true;
    threads.clear();
    EXPECT_EQ(wrong, 0);
}

TEST(RedisOnServer, a_database_of_its_own) {
    RedisServer server;
    RedisWorld world(redis_options(server.url() + "/5"));
    world.connect();
    world.cache->put("a", "1", minute);
    EXPECT_EQ(server.command({"-n", "5", "GET", "waybill:c1:a"}), "1");
    EXPECT_EQ(server.command({"GET", "waybill:c1:a"}), "");
}

TEST(RedisOnServer, logs_in_with_a_password_and_as_a_user) {
    RedisServer server({.password = "p@ss/w%rd"});
    RedisWorld plain(redis_options(server.url("127.0.0.1", ":p%40ss%2Fw%25rd@")));
    plain.connect();
    plain.cache->put("a", "1", minute);
    server.command(
        {"ACL", "SETUSER", "ann", "on", ">s:cret", "~waybill:*", "+get", "+set", "+del", "+eval", "+evalsha", "+time"});
    RedisWorld ann(redis_options(server.url("127.0.0.1", "ann:s%3Acret@")));
    ann.connect();
    EXPECT_EQ(ann.cache->find("a"), "1");
    EXPECT_EQ(ann.limiter->admit("ann", ten_a_month, 1).remaining, 9);
    EXPECT_EQ(ann.local.asked, 0);
}

TEST(RedisOnServer, speaks_tls_to_a_server_that_it_trusts) {
    RedisServer server({.tls = true, .password = "secret"});
    for (const std::string host : {"localhost", "127.0.0.1"}) {
        RedisOptions options = redis_options(server.url(host));
        options.ca_file = server.ca_file();
        RedisWorld world(options);
        world.connect();
        const std::string value(900'000, 'x');
        world.cache->put("a", value, minute);
        EXPECT_EQ(world.cache->find("a"), value) << host;
        EXPECT_EQ(world.limiter->admit("ann" + host, ten_a_month, 1).remaining, 9);
        EXPECT_EQ(world.local.asked, 0);
        server.kill();
        EXPECT_EQ(world.cache->find("a"), std::nullopt);
        server.start();
    }
}

// What is not trusted is not spoken to: the password never leaves.
TEST(RedisOnServer, speaks_no_tls_to_a_server_that_it_does_not_trust) {
    RedisServer server({.tls = true, .certificate_names = "DNS:elsewhere.example", .password = "secret"});
    RedisOptions options = redis_options(server.url("localhost"));
    options.pause = redis_pause_for_ever;
    {
        RedisWorld world(options);
        EXPECT_TRUE(world.wait_until([&] { return is_away(*world.redis); }));
        const std::string error = world.why_away();
        EXPECT_NE(error.find("is not trusted"), std::string::npos) << error;
    }
    options.ca_file = server.ca_file();
    for (const std::string host : {"localhost", "127.0.0.1"}) {
        options.url = server.url(host);
        RedisWorld world(options);
        EXPECT_TRUE(world.wait_until([&] { return is_away(*world.redis); }));
        const std::string error = world.why_away();
        EXPECT_NE(error.find("is for another host"), std::string::npos) << error;
        EXPECT_EQ(world.cache->find("a"), std::nullopt);
    }
}

}  // namespace
}  // namespace waybill::redis
