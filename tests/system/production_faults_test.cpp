#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "tests/system/checks.hpp"
#include "tests/system/fulfilment_server.hpp"
#include "tests/system/traffic.hpp"

namespace waybill::system_test {
namespace {

using Action = testing::MongoDouble::Action;

const std::string orders = "/api/v1/orders";

// Short, so that what was lost is soon found; Redis has what it has in production.
std::vector<std::string> quick(const std::vector<std::string>& more = {}) {
    std::vector<std::string> flags{"--jwt-expires-in",     "1h",    "--work-lease",         "2s",
                                   "--work-heartbeat",     "500ms", "--relay-resend-after", "2s",
                                   "--work-backoff-min",   "20ms",  "--work-backoff-max",   "200ms",
                                   "--fulfilment-timeout", "1s",    "--queue-long-poll",    "1s",
                                   "--work-poll-every",    "50ms",  "--redis-call-timeout", "10ms"};
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
}

int calls_of(ProductionSet& set, const std::string& action) {
    const boost::json::value gates = boost::json::parse(set.aws().admin("GET /state"));
    const auto* count = gates.at("sqs").at("actions").as_object().if_contains(action);
    return count == nullptr ? 0 : count->to_number<int>();
}

// Messages stay in the queue. Every poll that had begun has ended when it returns.
void keep_messages(ProductionSet& set) {
    const int before = calls_of(set, "ReceiveMessage");
    set.aws().fault("sqs", "unavailable", R"("times":-1,"action":"ReceiveMessage")");
    EXPECT_TRUE(eventually([&] { return calls_of(set, "ReceiveMessage") >= before + 12; }));
}

// A set with traffic on it.
struct Faults : ::testing::Test {
    Shop shop{Parts::production, quick()};
    ProductionSet& set = shop.set();
    Traffic traffic{shop};

    // Orders flow before, during and after it.
    void during_traffic(const std::function<void()>& fault) {
        traffic.await_accepted(10);
        fault();
        traffic.await_accepted(10);
    }
};

using ProductionFaults = Faults;

TEST_F(ProductionFaults, of_redis_change_no_answer) {
    traffic.start();
    during_traffic([&] { set.redis().flush(); });
    during_traffic([&] { set.redis().freeze(); });
    during_traffic([&] { set.redis().thaw(); });
    during_traffic([&] { set.redis().kill(); });
    during_traffic([&] { set.redis().start(); });
    during_traffic([&] { set.redis().command({"CLIENT", "KILL", "TYPE", "normal"}); });
    for (int i = 0; i < 5; ++i) {
        during_traffic([&] { set.redis().command({"CLIENT", "PAUSE", "15", "ALL"}); });
    }
    traffic.stop();
    EXPECT_EQ(traffic.counts().accepted, traffic.counts().asked);
    traffic.expect_settled();
}

// Whether a call was done or not, its answer may be lost.
TEST_F(ProductionFaults, of_sqs_hold_no_order_up_and_lose_none) {
    traffic.start();
    for (const char* kind : {"forbidden", "throttled", "unavailable", "garbage", "partial", "hold", "hold_after"}) {
        during_traffic([&] { set.aws().fault("sqs", kind, R"("times":3)"); });
    }
    during_traffic([&] { set.aws().fault("sqs", "slow", R"("times":20,"ms":150)"); });
    for (const char* action : {"SendMessageBatch", "ReceiveMessage", "DeleteMessageBatch"}) {
        for (const char* kind : {"cut_before", "cut_after"}) {
            during_traffic(
                [&] { set.aws().fault("sqs", kind, std::string{R"("times":2,"action":")"} + action + "\""); });
        }
    }
    during_traffic([&] { set.stop_aws("sqs"); });
    during_traffic([&] { set.start_aws("sqs"); });
    traffic.stop();
    EXPECT_EQ(traffic.counts().accepted, traffic.counts().asked);
    traffic.expect_settled();
}

TEST_F(ProductionFaults, a_queue_that_was_emptied_loses_no_order) {
    keep_messages(set);
    traffic.start();
    traffic.await_accepted(20);
    traffic.stop();
    const auto waiting = [&] { return set.call_queue("GetQueueAttributes", R"("AttributeNames":["All"])"); };
    const auto holds_messages = [&] {
        return waiting().find(R"("ApproximateNumberOfMessages":"0")") == std::string::npos;
    };
    EXPECT_TRUE(eventually(holds_messages));
    set.call_queue("PurgeQueue");
    set.aws().heal();
    traffic.expect_settled();
}

TEST_F(ProductionFaults, of_ses_delay_mails_and_lose_none) {
    traffic.start();
    for (const char* kind : {"forbidden", "throttled", "unavailable", "cut_before"}) {
        during_traffic([&] { set.aws().fault("ses", kind, R"("times":3)"); });
    }
    for (const char* kind : {"cut_after", "hold", "hold_after"}) {
        during_traffic([&] { set.aws().fault("ses", kind, R"("times":3)"); });
    }
    during_traffic([&] { set.aws().fault("ses", "slow", R"("times":20,"ms":150)"); });
    during_traffic([&] { set.stop_aws("ses"); });
    during_traffic([&] { set.start_aws("ses"); });
    traffic.stop();
    EXPECT_EQ(traffic.counts().accepted, traffic.counts().asked);
    traffic.expect_settled();
}

TEST_F(ProductionFaults, of_mongodb_lose_no_order_and_double_none) {
    const std::string unknown = "UnknownTransactionCommitResult";
    const std::string transient = "TransientTransactionError";
    traffic.start();
    during_traffic(
        [&] { set.mongo().arm({.command = "commitTransaction", .action = Action::cut_before, .times = 2}); });
    during_traffic([&] { set.mongo().arm({.command = "commitTransaction", .action = Action::cut_after, .times = 2}); });
    during_traffic([&] {
        set.mongo().arm({.command = "commitTransaction",
                         .action = Action::error_after,
                         .code = 50,
                         .labels = {unknown},
                         .times = 2});
    });
    during_traffic([&] {
        set.mongo().arm({.command = "commitTransaction",
                         .action = Action::write_concern_error,
                         .code = 64,
                         .labels = {unknown},
                         .times = 2});
    });
    during_traffic([&] {
        set.mongo().arm({.command = "update", .action = Action::error, .code = 112, .labels = {transient}, .times = 3});
    });
    during_traffic([&] { set.mongo().arm({.command = "*", .action = Action::cut_before, .times = 3}); });
    during_traffic([&] { set.mongo().arm({.command = "*", .action = Action::cut_after, .times = 3}); });
    during_traffic([&] { set.mongo().cut_connections(); });
    set.mongo().clear_faults();
    during_traffic([&] { set.mongo().step_down(Milliseconds{1'000}); });
    set.mongo().freeze();
    EXPECT_TRUE(set.mongo().wait_for_frozen(4));
    set.mongo().release();
    traffic.await_accepted(10);
    for (int i = 0; i < 30; ++i) {  // slow
        set.mongo().freeze();
        EXPECT_TRUE(set.mongo().wait_for_frozen(2));
        set.mongo().release();
    }
    traffic.await_accepted(10);
    set.mongo().stop();
    const int asked = traffic.counts().asked;
    EXPECT_TRUE(eventually([&] { return traffic.counts().asked >= asked + 8; }));
    set.mongo().start();
    traffic.await_accepted(10);
    traffic.expect_settled();
}

TEST_F(ProductionFaults, an_api_that_is_killed_loses_nothing_that_it_acknowledged) {
    traffic.start();
    for (const std::size_t victim : {1u, 0u, 1u, 1u, 0u}) {
        traffic.await_accepted(15 + static_cast<int>(victim) * 8);
        set.api(victim).kill();
        traffic.await_accepted(10);  // through the other one
        set.api(victim).start();
    }
    traffic.expect_settled();
}

TEST_F(ProductionFaults, workers_that_are_killed_leave_nothing_undone) {
    traffic.start();
    for (const int until : {3, 17, 1, 30, 8}) {
        traffic.await_accepted(until);
        ServerProcess& victim = set.worker(static_cast<std::size_t>(until) % 2);
        victim.kill();
        traffic.await_accepted(5);
        victim.start();
    }
    traffic.expect_settled();
}

// SQS says nothing to one kind of call, which it may have done; `victims` are killed while they wait for
// its answer.
void kill_in(const std::string& action, const std::string& kind, ProductionSet& set, Traffic& traffic,
             const std::vector<ServerProcess*>& victims) {
    set.aws().fault("sqs", kind, R"("times":-1,"action":")" + action + "\"");
    const int before = calls_of(set, action);
    traffic.start();
    traffic.await_accepted(20);
    EXPECT_TRUE(eventually([&] { return calls_of(set, action) > before; }));
    for (ServerProcess* victim : victims) victim->kill();
    set.aws().heal();
    for (ServerProcess* victim : victims) victim->start();
    traffic.expect_settled();
}

TEST_F(ProductionFaults, relays_killed_between_mark_and_send_leave_nothing_unsent) {
    kill_in("SendMessageBatch", "hold", set, traffic, set.processes());
}

TEST_F(ProductionFaults, relays_killed_after_their_send_let_nothing_be_worked_twice) {
    kill_in("SendMessageBatch", "hold_after", set, traffic, set.processes());
}

TEST_F(ProductionFaults, workers_killed_between_settle_and_delete_do_nothing_twice) {
    kill_in("DeleteMessageBatch", "hold", set, traffic, {&set.worker(0), &set.worker(1)});
}

// I9: the lease ends while the worker stands still with calls in its hands.
TEST(ProductionStop, a_worker_that_stood_still_beyond_its_lease_settles_nothing_twice) {
    FulfilmentServer service;
    service.hold();
    Shop shop(Parts::production, service.flags(quick()));
    ProductionSet& set = shop.set();
    Traffic traffic(shop);
    traffic.start();
    // More than one worker has places for.
    EXPECT_TRUE(eventually([&] { return service.calls().size() >= 40; }));
    traffic.stop();
    set.worker(0).pause();
    service.release();
    traffic.expect_settled();  // by the other one, when the leases have ended
    set.worker(0).resume();
    traffic.start();
    traffic.await_accepted(10);
    traffic.expect_settled();
}

std::string quoted(const std::string& text) { return boost::json::serialize(boost::json::value(text)); }

// Every message that waits; hidden for a moment.
std::set<std::string> waiting_bodies(ProductionSet& set, std::size_t count) {
    std::set<std::string> bodies;
    EXPECT_TRUE(eventually([&] {
        const boost::json::value answer =
            boost::json::parse(set.call_queue("ReceiveMessage", R"("MaxNumberOfMessages":10,"VisibilityTimeout":1)"));
        if (const auto* messages = answer.as_object().if_contains("Messages")) {
            for (const auto& message : messages->as_array()) bodies.insert(text_of(message, "Body"));
        }
        return bodies.size() >= count;
    })) << bodies.size()
        << " of " << count << " orders are in the queue";
    return bodies;
}

TEST_F(ProductionFaults, messages_that_come_twice_out_of_order_or_spoilt_change_nothing) {
    keep_messages(set);
    traffic.start();
    traffic.await_accepted(15);
    traffic.stop();
    const auto bodies = waiting_bodies(set, static_cast<std::size_t>(traffic.counts().accepted));
    const auto send = [&](const std::string& body) {
        set.call_queue("SendMessage", R"("MessageBody":)" + quoted(body));
    };
    for (const char* spoilt : {"no JSON", "{}", R"({"v":1})", R"({"v":1,"work":7,"order":[]})",
                               R"({"v":1,"work":"process-nothing","order":"nothing"})"}) {
        send(spoilt);
    }
    for (int copy = 0; copy < 2; ++copy) {
        for (auto body = bodies.rbegin(); body != bodies.rend(); ++body) send(*body);
    }
    set.aws().heal();
    traffic.expect_settled();
    traffic.start();
    traffic.await_accepted(10);
    for (const std::string& body : bodies) send(body);
    traffic.expect_settled();
}

void send_again(ProductionSet& set, const std::string& order, const std::string& copy) {
    const boost::json::object body{{"v", 1}, {"work", "p-" + order}, {"order", order}};
    set.call_queue("SendMessage", R"("MessageBody":)" + quoted(boost::json::serialize(body)) +
                                      R"(,"MessageGroupId":")" + order + R"(","MessageDeduplicationId":")" + copy +
                                      "-" + order + "\"");
}

bool is_empty(ProductionSet& set) {
    const std::string queue = set.call_queue("GetQueueAttributes", R"("AttributeNames":["All"])");
    return queue.find(R"("ApproximateNumberOfMessages":"0")") != std::string::npos &&
           queue.find(R"("ApproximateNumberOfMessagesNotVisible":"0")") != std::string::npos;
}

TEST(ProductionFifo, messages_that_come_again_change_nothing) {
    Shop shop(ProductionOptions{.flags = quick(), .fifo = true});
    ProductionSet& set = shop.set();
    Traffic traffic(shop);
    traffic.start();
    traffic.await_accepted(10);
    set.aws().fault("sqs", "cut_after", R"("times":4,"action":"SendMessageBatch")");
    traffic.await_accepted(10);
    set.aws().fault("sqs", "unavailable", R"("times":6,"action":"DeleteMessageBatch")");
    traffic.await_accepted(10);
    traffic.expect_settled();
    EXPECT_EQ(traffic.counts().accepted, traffic.counts().asked);
    for (const SentMail& mail : set.mails()) {
        for (const char* copy : {"once", "again"})
            send_again(set, mail.identity.substr(0, mail.identity.find('-')), copy);
    }
    EXPECT_TRUE(eventually([&] { return is_empty(set); }));
    traffic.expect_settled();
}

// How long everything but the store is away; longer when the environment says so.
std::chrono::milliseconds cut_length() {
    const char* const given = std::getenv("WAYBILL_TEST_CUT_MS");
    return std::chrono::milliseconds{given == nullptr ? 10'000 : std::atoi(given)};
}

// The share of orders that are answered 201 in so much time.
double share_accepted(const Traffic& traffic, std::chrono::milliseconds time) {
    const Traffic::Counts before = traffic.counts();
    const auto end = std::chrono::steady_clock::now() + time;
    EXPECT_TRUE(
        eventually([&] { return std::chrono::steady_clock::now() >= end; }, static_cast<int>(time.count()) * 2));
    const Traffic::Counts after = traffic.counts();
    EXPECT_GT(after.asked, before.asked);
    return static_cast<double>(after.accepted - before.accepted) / static_cast<double>(after.asked - before.asked);
}

TEST_F(ProductionFaults, orders_are_taken_while_redis_sqs_and_ses_are_cut_and_all_are_processed_after) {
    traffic.start();
    traffic.await_accepted(10);
    const double before = share_accepted(traffic, cut_length() / 5);
    set.redis().kill();
    set.stop_aws("sqs");
    set.stop_aws("ses");
    const double during = share_accepted(traffic, cut_length());
    set.redis().start();
    set.start_aws("sqs");
    set.start_aws("ses");
    traffic.stop();
    std::printf("share accepted before %.4f, during the cut %.4f, of %d orders\n", before, during,
                traffic.counts().asked);
    EXPECT_GE(during, 0.99 * before);
    traffic.expect_settled();
}

}  // namespace
}  // namespace waybill::system_test
