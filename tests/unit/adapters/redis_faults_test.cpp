// What the adapter does with a peer that misbehaves: every answer is a miss or the local limiter's, and
// what is sent is counted.
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/adapters/redis_peer.hpp"
#include "tests/unit/adapters/redis_world.hpp"

namespace waybill::redis {
namespace {

using waybill::testing::redis_options;
using waybill::testing::redis_pause_for_ever;
using waybill::testing::redis_short_call;
using waybill::testing::RedisPeer;
using waybill::testing::RedisWorld;

constexpr Milliseconds minute{60'000};
constexpr RateLimit ten_a_month{10, Milliseconds(std::chrono::hours(24 * 30))};

RedisOptions impatient(const RedisPeer& peer) {
    RedisOptions options = redis_options(peer.url());
    options.call_timeout = redis_short_call;
    options.pause = redis_pause_for_ever;
    return options;
}

// Three calls in a row fail, whatever the peer does to them; then nothing is sent any more.
void expect_three_tries_and_then_silence(const RedisPeer& peer, const RedisOptions& options) {
    RedisWorld world(options);
    for (int i = 0; i < 3; ++i) {
        world.connect();
        EXPECT_EQ(world.cache->find("a"), std::nullopt);
    }
    EXPECT_TRUE(is_away(*world.redis));
    for (int i = 0; i < 1'000; ++i) {
        EXPECT_EQ(world.cache->find("a"), std::nullopt);
        world.cache->put("a", "1", minute);
        world.cache->erase("a");
    }
    EXPECT_EQ(world.limiter->admit("ann", ten_a_month, 10).remaining, 0);
    EXPECT_FALSE(world.limiter->admit("ann", ten_a_month, 1).admitted);
    EXPECT_EQ(world.local.asked, 2);
    EXPECT_EQ(peer.commands().size(), 3u);
    EXPECT_EQ(peer.connections(), 3u) << "a connection that failed is not used again, and none is made in the pause";
    EXPECT_EQ(world.log.count("redis-away"), 1u);
}

TEST(RedisFaults, a_silent_peer_is_asked_three_times) {
    const RedisPeer peer([](const RedisPeer::Command&) { return RedisPeer::Answer{}; });
    expect_three_tries_and_then_silence(peer, impatient(peer));
}

TEST(RedisFaults, half_a_reply_is_no_reply) {
    const RedisPeer peer([](const RedisPeer::Command&) { return RedisPeer::Answer{"$5\r\nhal"}; });
    expect_three_tries_and_then_silence(peer, impatient(peer));
}

// These end by what the peer does and not by time: the call may take as long as it likes.
void expect_the_same_without_time(const RedisPeer& peer) {
    RedisOptions options = impatient(peer);
    options.call_timeout = waybill::testing::redis_patience;
    expect_three_tries_and_then_silence(peer, options);
}

TEST(RedisFaults, a_peer_that_closes_is_asked_three_times) {
    const RedisPeer peer([](const RedisPeer::Command&) { return RedisPeer::Answer{"", true}; });
    expect_the_same_without_time(peer);
}

TEST(RedisFaults, a_peer_that_closes_within_a_reply_is_asked_three_times) {
    const RedisPeer peer([](const RedisPeer::Command&) { return RedisPeer::Answer{"$5\r\nhal", true}; });
    expect_the_same_without_time(peer);
}

TEST(RedisFaults, nonsense_ends_the_connection) {
    const RedisPeer peer([](const RedisPeer::Command&) { return RedisPeer::Answer{"HTTP/1.1 200 OK\r\n\r\n"}; });
    expect_the_same_without_time(peer);
}

TEST(RedisFaults, an_array_without_end_ends_the_connection) {
    const RedisPeer peer([](const RedisPeer::Command&) { return RedisPeer::Answer{"*2147483647\r\n"}; });
    expect_the_same_without_time(peer);
}

TEST(RedisFaults, a_huge_value_ends_the_connection) {
    const RedisPeer peer([](const RedisPeer::Command&) {
        return RedisPeer::Answer{"$1000000000\r\n" + std::string((1u << 20) + 1'000, 'x')};
    });
    expect_the_same_without_time(peer);
}

TEST(RedisFaults, an_answer_to_another_question_ends_the_connection) {
    const RedisPeer peer([](const RedisPeer::Command&) { return RedisPeer::Answer{":1\r\n"}; });
    expect_the_same_without_time(peer);
}

TEST(RedisFaults, a_bucket_of_the_wrong_shape_is_no_answer) {
    for (const char* bytes : {"*0\r\n", "*3\r\n:1\r\n:9\r\n:0\r\n", "*4\r\n:1\r\n:9\r\n:0\r\n$1\r\n1\r\n",
                              "*4\r\n:1\r\n:9\r\n:0\r\n:-1\r\n", "$1\r\n1\r\n", "$-1\r\n"}) {
        const RedisPeer peer([&](const RedisPeer::Command&) { return RedisPeer::Answer{bytes}; });
        RedisWorld world(redis_options(peer.url()));
        world.connect();
        EXPECT_EQ(world.limiter->admit("ann", ten_a_month, 1).remaining, 9) << bytes;
        EXPECT_EQ(world.local.asked, 1) << bytes;
        EXPECT_TRUE(world.wait_until([&] { return peer.connections() == 2; })) << bytes;
    }
}

TEST(RedisFaults, an_error_of_a_server_that_cannot_help_ends_the_connection) {
    const RedisPeer peer([](const RedisPeer::Command&) { return RedisPeer::Answer{"-READONLY You can't\r\n"}; });
    expect_the_same_without_time(peer);
}

TEST(RedisFaults, a_second_reply_to_one_question_ends_the_connection) {
    const RedisPeer peer([](const RedisPeer::Command&) { return RedisPeer::Answer{"$1\r\n1\r\n$1\r\n2\r\n"}; });
    expect_the_same_without_time(peer);
}

TEST(RedisFaults, errors_in_a_row_open_the_breaker_and_a_success_between_them_does_not) {
    std::atomic<bool> always = false;
    const RedisPeer peer([&](const RedisPeer::Command& command) {
        return RedisPeer::Answer{command.is("SET") || always ? "-OOM command not allowed\r\n" : "$1\r\n1\r\n"};
    });
    RedisOptions options = redis_options(peer.url());
    options.pause = redis_pause_for_ever;
    RedisWorld world(options);
    world.connect();
    for (int i = 0; i < 10; ++i) {
        world.cache->put("a", "1", minute);
        world.cache->put("a", "1", minute);
        EXPECT_EQ(world.cache->find("a"), "1");
    }
    EXPECT_FALSE(is_away(*world.redis));
    EXPECT_EQ(peer.connections(), 1u) << "the connection is good";
    always = true;
    for (int i = 0; i < 10; ++i) EXPECT_EQ(world.cache->find("a"), std::nullopt);
    EXPECT_TRUE(is_away(*world.redis));
    EXPECT_EQ(peer.commands().size(), 33u);
}

TEST(RedisFaults, the_server_is_used_again_when_the_probe_succeeds) {
    std::atomic<bool> works = false;
    const RedisPeer peer([&](const RedisPeer::Command&) {
        return works ? RedisPeer::Answer{"$1\r\n1\r\n"} : RedisPeer::Answer{"", true};
    });
    RedisOptions options = redis_options(peer.url());
    options.pause = Milliseconds(1);
    RedisWorld world(options);
    for (int i = 0; i < 20; ++i) {
        world.connect();
        EXPECT_EQ(world.cache->find("a"), std::nullopt);
    }
    EXPECT_GE(world.log.count("redis-away"), 1u);
    works = true;
    EXPECT_TRUE(world.wait_until([&] { return world.cache->find("a") == "1"; }));
    EXPECT_FALSE(is_away(*world.redis));
    EXPECT_GE(world.log.count("redis-back"), 1u);
}

TEST(RedisFaults, a_call_without_a_connection_waits_for_none) {
    std::latch release(1);
    RedisPeer peer([&](const RedisPeer::Command& command) {
        if (command.is("AUTH")) release.wait();
        return RedisPeer::Answer{"+OK\r\n"};
    });
    RedisOptions options = redis_options("redis://:pw@" + peer.url().substr(8));
    RedisWorld world(options);
    EXPECT_TRUE(world.wait_until([&] { return peer.count("AUTH") == 1; }));
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(world.cache->find("a"), std::nullopt);
        EXPECT_EQ(world.limiter->admit("ann", ten_a_month, 0).remaining, 10);
    }
    EXPECT_EQ(world.local.asked, 100);
    EXPECT_FALSE(is_away(*world.redis)) << "a connection that is being made is no failure";
    release.count_down();
    world.connect();
    EXPECT_EQ(peer.commands().size(), 1u);
}

TEST(RedisFaults, a_refused_login_is_tried_three_times) {
    const RedisPeer peer([](const RedisPeer::Command&) { return RedisPeer::Answer{"-WRONGPASS hunter2\r\n"}; });
    RedisOptions options = redis_options("redis://ann:hunter2@" + peer.url().substr(8));
    options.pause = redis_pause_for_ever;
    options.connections = 1;
    RedisWorld world(options);
    EXPECT_TRUE(world.wait_until([&] { return is_away(*world.redis); }));
    EXPECT_EQ(peer.count("AUTH"), 3u);
    EXPECT_EQ(peer.connections(), 3u);
    EXPECT_FALSE(world.log.mentions("hunter2"));
    EXPECT_NE(world.why_away().find("REDIS_URL"), std::string::npos);
}

TEST(RedisFaults, a_peer_that_closes_idle_connections_is_not_asked_again_at_once) {
    RedisPeer peer([](const RedisPeer::Command&) { return RedisPeer::Answer{"$1\r\n1\r\n"}; });
    RedisOptions options = redis_options(peer.url());
    options.pause = redis_pause_for_ever;
    RedisWorld world(options);
    world.connect();
    EXPECT_EQ(world.cache->find("a"), "1");
    peer.cut();
    EXPECT_TRUE(world.wait_until([&] { return peer.connections() == 2; })) << "one that served is replaced";
    world.connect();
    peer.cut();
    EXPECT_TRUE(world.wait_until([&] { return !wait_until_connected(*world.redis, Milliseconds(0)); }));
    EXPECT_EQ(world.cache->find("a"), std::nullopt);
    EXPECT_EQ(peer.connections(), 2u) << "one that did not is replaced after the pause";
    EXPECT_FALSE(is_away(*world.redis)) << "nothing was lost";
}

TEST(RedisFaults, a_start_may_wait_for_the_first_connections) {
    RedisPeer peer([](const RedisPeer::Command&) { return RedisPeer::Answer{"$1\r\n1\r\n"}; });
    RedisWorld world(redis_options(peer.url()));
    wait_until_tried(*world.redis);
    EXPECT_EQ(world.cache->find("a"), "1");
}

TEST(RedisFaults, a_start_does_not_wait_for_a_server_that_refuses) {
    std::string url;
    {
        const RedisPeer gone([](const RedisPeer::Command&) { return RedisPeer::Answer{}; });
        url = gone.url();
    }
    RedisOptions options = redis_options(url);
    options.connect_timeout = redis_pause_for_ever;
    const RedisWorld world(options);
    wait_until_tried(*world.redis);
    EXPECT_EQ(world.cache->find("a"), std::nullopt);
}

TEST(RedisFaults, many_callers_of_a_lost_connection_are_one_failure) {
    constexpr int callers = 16;
    std::atomic<int> seen = 0;
    RedisPeer peer([&](const RedisPeer::Command&) {
        ++seen;
        return RedisPeer::Answer{};
    });
    RedisOptions options = redis_options(peer.url());
    options.pause = redis_pause_for_ever;
    RedisWorld world(options);
    world.connect();
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < callers; ++t) {
            threads.emplace_back([&] { EXPECT_EQ(world.cache->find("a"), std::nullopt); });
        }
        EXPECT_TRUE(world.wait_until([&] { return seen == callers; })) << "all are under way at once";
        EXPECT_EQ(peer.connections(), 1u) << "on one connection";
        peer.cut();
    }
    EXPECT_FALSE(is_away(*world.redis));
    world.connect();
}

TEST(RedisFaults, replies_are_handed_out_in_order) {
    constexpr std::size_t callers = 16;
    std::mutex mutex;
    std::string held;
    std::size_t count = 0;
    // Answers nothing until all have asked, then each with its own key.
    const RedisPeer peer([&](const RedisPeer::Command& command) {
        const std::lock_guard lock(mutex);
        const std::string& key = command.words.at(1);
        held += "$" + std::to_string(key.size()) + "\r\n" + key + "\r\n";
        return ++count % callers == 0 ? RedisPeer::Answer{std::exchange(held, "")} : RedisPeer::Answer{};
    });
    RedisWorld world(redis_options(peer.url()));
    world.connect();
    std::atomic<int> wrong = 0;
    {
        std::vector<std::jthread> threads;
        for (std::size_t t = 0; t < callers; ++t) {
            threads.emplace_back([&, t] {
                for (int i = 0; i < 50; ++i) {
                    const std::string key = std::to_string(t) + "/" + std::to_string(i);
                    if (world.cache->find(key) != "waybill:c1:" + key) ++wrong;
                }
            });
        }
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(peer.connections(), 1u);
}

TEST(RedisFaults, more_calls_than_the_limit_are_not_sent) {
    std::latch two(2);
    RedisPeer peer([&](const RedisPeer::Command&) {
        two.count_down();
        return RedisPeer::Answer{};
    });
    RedisOptions options = redis_options(peer.url());
    options.calls_max = 2;
    options.pause = redis_pause_for_ever;
    RedisWorld world(options);
    world.connect();
    {
        std::jthread first([&] { EXPECT_EQ(world.cache->find("a"), std::nullopt); });
        std::jthread second([&] { EXPECT_EQ(world.cache->find("a"), std::nullopt); });
        two.wait();
        for (int i = 0; i < 100; ++i) EXPECT_EQ(world.cache->find("b"), std::nullopt);
        EXPECT_EQ(peer.commands().size(), 2u);
        EXPECT_FALSE(is_away(*world.redis));
        peer.cut();
    }
}

TEST(RedisFaults, more_octets_than_the_limit_are_not_sent) {
    const RedisPeer peer([&](const RedisPeer::Command&) { return RedisPeer::Answer{"+OK\r\n"}; });
    RedisOptions options = redis_options(peer.url());
    options.calls_bytes_max = 1'000;
    RedisWorld world(options);
    world.connect();
    world.cache->put("a", std::string(1'000, 'x'), minute);
    EXPECT_EQ(peer.commands().size(), 0u);
    world.cache->put("a", std::string(800, 'x'), minute);
    world.cache->put("a", std::string(800, 'x'), minute);
    EXPECT_EQ(peer.commands().size(), 2u) << "what was answered counts no more";
}

TEST(RedisFaults, long_keys_and_values_are_not_sent) {
    const RedisPeer peer([&](const RedisPeer::Command&) { return RedisPeer::Answer{":0\r\n"}; });
    RedisOptions options = redis_options(peer.url());
    options.key_bytes_max = 10;
    options.value_bytes_max = 10;
    RedisWorld world(options);
    world.connect();
    const std::string eleven(11, 'k');
    EXPECT_EQ(world.cache->find(eleven), std::nullopt);
    world.cache->put(eleven, "1", minute);
    world.cache->erase(eleven);
    EXPECT_EQ(world.limiter->admit(eleven, ten_a_month, 1).remaining, 9);
    EXPECT_EQ(world.local.asked, 1);
    EXPECT_EQ(peer.commands().size(), 0u);
    world.cache->put("a", eleven, minute);
    ASSERT_EQ(peer.commands().size(), 1u);
    EXPECT_TRUE(peer.commands()[0].is("DEL")) << "the old value must not outlive the new one";
}

TEST(RedisFaults, an_unknown_script_is_sent_whole_once) {
    const RedisPeer peer([](const RedisPeer::Command& command) {
        return RedisPeer::Answer{command.is("EVALSHA") ? "-NOSCRIPT No matching script\r\n"
                                                       : "*4\r\n:1\r\n:9\r\n:0\r\n:60\r\n"};
    });
    RedisWorld world(redis_options(peer.url()));
    world.connect();
    EXPECT_EQ(world.limiter->admit("ann", ten_a_month, 1).remaining, 9);
    EXPECT_EQ(world.local.asked, 0);
    EXPECT_EQ(peer.count("EVALSHA"), 1u);
    EXPECT_EQ(peer.count("EVAL"), 1u);
}

TEST(RedisFaults, a_server_that_never_knows_the_script_is_asked_twice_and_counted_locally) {
    const RedisPeer peer([](const RedisPeer::Command&) { return RedisPeer::Answer{"-NOSCRIPT No matching\r\n"}; });
    RedisWorld world(redis_options(peer.url()));
    world.connect();
    EXPECT_EQ(world.limiter->admit("ann", ten_a_month, 1).remaining, 9);
    EXPECT_EQ(world.local.asked, 1);
    EXPECT_EQ(peer.commands().size(), 2u);
}

TEST(RedisFaults, it_is_closed_while_it_connects_waits_and_pauses) {
    std::latch release(1);
    RedisPeer peer([&](const RedisPeer::Command&) {
        release.wait();
        return RedisPeer::Answer{};
    });
    {
        RedisWorld connecting(redis_options("redis://:pw@" + peer.url().substr(8)));
        EXPECT_TRUE(connecting.wait_until([&] { return peer.count("AUTH") == 1; }));
    }
    {
        RedisOptions options = redis_options("redis://127.0.0.1:1");
        options.pause = redis_pause_for_ever;
        RedisWorld pausing(options);
        EXPECT_TRUE(pausing.wait_until([&] { return is_away(*pausing.redis); }));
    }
    {
        RedisWorld idle(redis_options(peer.url()));
        idle.connect();
    }
    release.count_down();
}

}  // namespace
}  // namespace waybill::redis
