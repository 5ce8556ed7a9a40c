#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <mutex>
#include <set>
#include <signal.h>

#include "adapters/mongo/mongo.hpp"
#include "tests/system/checks.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

const std::string orders = "/api/v1/orders";

// The promise is 2 s; the rest is for a busy machine.
constexpr int other_process_sees_ms = 10'000;

// Every part has a line; `failed`, and nothing else, is named as broken.
void expect_only(const ProcessResult& doctor, const std::string& failed) {
    EXPECT_EQ(doctor.exit_status, failed.empty() ? 0 : 1) << doctor.out << doctor.err;
    for (const std::string part : {"store", "Redis", "SQS", "SES"}) {
        const std::string line = (part == failed ? "FAIL  " : "ok    ") + part;
        EXPECT_NE(doctor.out.find(line), std::string::npos) << line << " is missing in\n" << doctor.out;
    }
}

TEST(ProductionDoctor, is_content_with_a_whole_set_and_names_each_part_that_is_stopped) {
    ProductionSet set({.apis = 1, .workers = 1, .seeded = false});
    expect_only(set.run({"doctor"}), "");
    set.redis().kill();
    expect_only(set.run({"doctor"}), "Redis");
    set.redis().start();
    set.stop_aws("sqs");
    expect_only(set.run({"doctor"}), "SQS");
    set.start_aws("sqs");
    set.stop_aws("ses");
    expect_only(set.run({"doctor"}), "SES");
    set.start_aws("ses");
    set.mongo().stop();
    expect_only(set.run({"doctor"}), "store");
    set.mongo().start();
    expect_only(set.run({"doctor"}), "");
}

// Lists what the order went through, and that its times do not go back.
void expect_times_in_order(HttpClient& http, const Customer& customer, const Answer& order) {
    EXPECT_LE(order.text("createdAt"), order.text("updatedAt"));
    const Answer timeline = http.get(orders + "/" + order.text("orderId") + "/timeline", customer.auth());
    const boost::json::value value = timeline.json();
    const auto& changes = value.at("data").as_array();
    ASSERT_EQ(changes.size(), 3u) << timeline.body;
    EXPECT_LE(text_of(changes[0], "at"), text_of(changes[1], "at"));
    EXPECT_LE(text_of(changes[1], "at"), text_of(changes[2], "at"));
}

TEST(ProductionWalk, an_order_goes_through_every_part) {
    Shop shop(Parts::production, {});
    HttpClient http = shop.client();
    const std::string account = R"({"email":"example@gmail.com","password":"secret"})";
    ASSERT_EQ(http.post("/api/v1/auth/register", account).status, 201);
    const Answer login = shop.set().client(1).post("/api/v1/auth/login", account);
    ASSERT_EQ(login.status, 200) << login.body;
    const Customer customer{"example@gmail.com", login.text("accessToken"), ""};

    const Answer placed = http.post(orders, demo_order, customer.auth());
    ASSERT_EQ(placed.status, 201) << placed.body;
    EXPECT_EQ(placed.text("status"), "Pending");
    EXPECT_NE(placed.body.find(R"("totalAmount":4324.00)"), std::string::npos) << placed.body;
    const std::string id = placed.text("orderId");
    const Answer processed = await_status(shop, customer.auth(), id, "Processed");
    expect_times_in_order(http, customer, processed);

    const MailText mail = await_mail(shop, id, "processed");
    EXPECT_NE(mail.head.find("To: example@gmail.com"), std::string::npos) << mail.head;
    EXPECT_NE(mail.head.find("From: "), std::string::npos) << mail.head;
    EXPECT_NE(mail.head.find(sender), std::string::npos) << mail.head;
    EXPECT_NE((mail.head + "\r\n").find("X-Waybill-Mail-Id: " + id + "-processed\r\n"), std::string::npos) << mail.head;
    for (const std::string* part : {&mail.text, &mail.html}) {
        EXPECT_NE(part->find(id), std::string::npos) << *part;
        EXPECT_NE(part->find("4324.00"), std::string::npos) << *part;
    }
    const auto sent = shop.set().mails();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].to, "example@gmail.com");

    const boost::json::value gates = boost::json::parse(shop.set().aws().admin("GET /state"));
    EXPECT_EQ(gates.at("sqs").at("refused").to_number<int>(), 0) << boost::json::serialize(gates);
    EXPECT_EQ(gates.at("ses").at("refused").to_number<int>(), 0) << boost::json::serialize(gates);
    EXPECT_GE(gates.at("sqs").at("actions").at("SendMessageBatch").to_number<int>(), 1);
    const auto processes = shop.set().processes();
    ASSERT_EQ(processes.size(), 4u);
    for (const ServerProcess* process : processes) process->signal(SIGTERM);
    for (ServerProcess* process : processes) EXPECT_EQ(process->wait_for_exit(), 0) << process->log();
}

TEST(ProductionWalk, what_one_process_has_read_the_other_has_in_its_cache) {
    Shop shop(Parts::production, {});
    const Customer customer = shop.register_customer();
    const std::string id = shop.client().post(orders, demo_order, customer.auth()).text("orderId");
    await_status(shop, customer.auth(), id, "Processed");
    const Answer first = shop.client().get(orders + "/" + id, customer.auth());
    const Answer second = shop.set().client(1).get(orders + "/" + id, customer.auth());
    EXPECT_EQ(second.header("x-cache"), "HIT");
    EXPECT_EQ(second.body, first.body);
    const Customer stranger = shop.register_customer();
    expect_problem(shop.set().client(1).get(orders + "/" + id, stranger.auth()), 404, "not-found");
}

TEST(ProductionWalk, a_session_is_refreshed_and_ended_for_every_process) {
    Shop shop(Parts::production, {});
    const Customer customer = shop.register_customer();
    HttpClient one = shop.client();
    HttpClient two = shop.set().client(1);
    const auto me = [&](HttpClient& http, const std::string& token) {
        return http.get("/api/v1/me", {{"Authorization", "Bearer " + token}}).status;
    };
    EXPECT_EQ(me(one, customer.token), 200);
    EXPECT_EQ(me(two, customer.token), 200);
    const Answer refreshed = two.post("/api/v1/auth/refresh", "", {{"Cookie", customer.cookie}});
    ASSERT_EQ(refreshed.status, 200) << refreshed.body;
    const std::string token = refreshed.text("accessToken");
    EXPECT_EQ(me(one, token), 200);
    const std::string cookie = refreshed.header("set-cookie").substr(0, refreshed.header("set-cookie").find(';'));
    EXPECT_EQ(one.post("/api/v1/auth/refresh", "", {{"Cookie", cookie}}).status, 200);
    // The first token was used up by both its successors.
    expect_problem(one.post("/api/v1/auth/refresh", "", {{"Cookie", customer.cookie}}), 401, "refresh-reused");
    EXPECT_EQ(me(one, token), 401);
    EXPECT_TRUE(eventually([&] { return me(two, token) == 401; }, other_process_sees_ms));

    const Customer other = shop.register_customer();
    EXPECT_EQ(me(one, other.token), 200);
    EXPECT_EQ(two.post("/api/v1/auth/logout", "", {{"Cookie", other.cookie}}).status, 204);
    EXPECT_EQ(me(two, other.token), 401);
    EXPECT_TRUE(eventually([&] { return me(one, other.token) == 401; }, other_process_sees_ms));
}

TEST(ProductionWalk, an_idempotency_key_counts_for_every_process) {
    Shop shop(Parts::production, {});
    const Customer customer = shop.register_customer();
    std::mutex mutex;
    std::set<std::string> bodies;
    std::atomic<int> fresh{0};
    run_parallel(16, [&](int i) {
        HttpClient http = shop.set().client(static_cast<std::size_t>(i % 2));
        const Answer answer = http.post(orders, demo_order, with(customer.auth(), "Idempotency-Key", "both"));
        EXPECT_EQ(answer.status, 201) << answer.body;
        if (answer.header("idempotent-replayed").empty()) ++fresh;
        const std::lock_guard lock(mutex);
        bodies.insert(answer.body);
    });
    EXPECT_EQ(bodies.size(), 1u);
    EXPECT_EQ(fresh, 1);
    HttpClient two = shop.set().client(1);
    expect_problem(two.post(orders, order_of(first_product, 1), with(customer.auth(), "Idempotency-Key", "both")), 422,
                   "idempotency-key-reused");
    EXPECT_EQ(list_all(shop, customer.auth(), orders).size(), 1u);
}

TEST(ProductionWalk, a_rate_limit_is_shared_by_every_process) {
    Shop shop(Parts::production, {"--rate-limit-api", "6/1h"});
    const Customer customer = shop.register_customer();
    HttpClient one = shop.client();
    HttpClient two = shop.set().client(1);
    for (int i = 0; i < 6; ++i) {
        EXPECT_EQ((i % 2 == 0 ? one : two).get("/api/v1/me", customer.auth()).status, 200) << i;
    }
    expect_problem(one.get("/api/v1/me", customer.auth()), 429, "rate-limited");
    expect_problem(two.get("/api/v1/me", customer.auth()), 429, "rate-limited");
    // A limit that only this process had kept would be there still.
    shop.set().redis().flush();
    EXPECT_EQ(two.get("/api/v1/me", customer.auth()).status, 200);
    EXPECT_EQ(one.get("/api/v1/me", customer.auth()).status, 200);
}

TEST(ProductionWalk, a_price_that_one_process_changed_prices_the_next_order_of_the_other) {
    Shop shop(Parts::production, {});
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    const std::string id = shop.add_product(admin, "Kettle", "10", 1'000);
    HttpClient one = shop.client();
    HttpClient two = shop.set().client(1);
    const std::string path = "/api/v1/products/" + id;
    EXPECT_EQ(two.get(path).status, 200);
    for (int cents = 11; cents < 21; ++cents) {
        const std::string price = "10." + std::to_string(cents);
        ASSERT_EQ(one.send("PATCH", path, R"({"price":)" + price + "}", admin.auth()).status, 200);
        const Answer placed = two.post(orders, order_of(id, 1), customer.auth());
        EXPECT_NE(placed.body.find(R"("totalAmount":)" + price), std::string::npos) << placed.body;
    }
    const auto shows_it = [&](HttpClient& http) { return http.get(path).body.find("10.20") != std::string::npos; };
    EXPECT_TRUE(shows_it(one));
    EXPECT_TRUE(eventually([&] { return shows_it(two); }, other_process_sees_ms));
}

// As an import leaves them.
void store_user(ProductionSet& set, const std::string& name, const std::string& hash) {
    const auto clock = local::make_system_clock();
    const auto log = local::make_stream_log(stderr, LogLevel::warn, local::LogFormat::text, *clock);
    mongo::MongoOptions options;
    options.uri = set.mongo().uri();
    const auto store = mongo::open_mongo_store(options, *clock, *log);
    ASSERT_TRUE(store.has_value()) << store.error().detail;
    User user;
    user.id = UserId{"imported-" + name};
    user.email = name + "@example.com";
    user.password_hash = hash;
    user.created_at = clock->now();
    ASSERT_TRUE((*store)->create_user(user, std::nullopt).has_value());
}

std::string stored_hash(ProductionSet& set, const std::string& name) {
    const auto found = set.mongo().find("waybill.users", {{"email", name + "@example.com"}});
    return found.size() == 1 ? testing::mongo::to_json(testing::mongo::Value(found.front())) : "none";
}

TEST(ProductionWalk, imported_users_log_in_with_their_bcrypt_hash_and_are_rehashed) {
    Shop shop(Parts::production, {});
    // crypt(3) of "imported-secret".
    const std::string hash = "$10$N9qo8uLOickgx2ZMRZoMyeE7zHSOIzE./euvPjkwJoE/qpbGoa9Wq";
    for (const std::string kind : {"2a", "2b"}) {
        const std::string name = "user" + kind;
        ASSERT_NO_FATAL_FAILURE(store_user(shop.set(), name, "$" + kind + hash));
        ASSERT_NE(stored_hash(shop.set(), name).find("$" + kind + hash), std::string::npos);
        const auto log_in = [&](const std::string& password) {
            return shop.client().post("/api/v1/auth/login",
                                      R"({"email":")" + name + R"(@example.com","password":")" + password + "\"}");
        };
        expect_problem(log_in("imported-secreT"), 401, "invalid-credentials");
        EXPECT_EQ(log_in("imported-secret").status, 200);
        EXPECT_TRUE(eventually([&] { return stored_hash(shop.set(), name).find("$argon2id$") != std::string::npos; }))
            << stored_hash(shop.set(), name);
        EXPECT_EQ(stored_hash(shop.set(), name).find(hash), std::string::npos);
        EXPECT_EQ(log_in("imported-secret").status, 200);
    }
}

TEST(ProductionWalk, eight_buyers_of_the_last_fifty_units_over_two_processes_buy_exactly_fifty) {
    Shop shop(Parts::production, {});
    const Customer customer = shop.register_customer();
    const Customer admin = shop.make_admin();
    const std::string product = shop.add_product(admin, "Hot", "10", 50);
    std::atomic<int> sold{0};
    run_parallel(8, [&](int i) {
        HttpClient http = shop.set().client(static_cast<std::size_t>(i % 2));
        for (int tries = 0; tries < 100; ++tries) {
            const Answer answer = http.post(orders, order_of(product, 1), customer.auth());
            if (answer.status != 201) {
                expect_problem(answer, 409, "insufficient-stock");
                return;
            }
            ++sold;
        }
    });
    EXPECT_EQ(sold, 50);
    EXPECT_EQ(shop.available(admin, product), 0);
    const auto placed = list_all(shop, customer.auth(), orders);
    EXPECT_EQ(placed.size(), 50u);
    EXPECT_EQ(quantity_held(placed, product), 50);
}

}  // namespace
}  // namespace waybill::system_test
