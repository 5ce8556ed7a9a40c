#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <mutex>
#include <set>
#include <signal.h>
#include <thread>

#include "tests/system/checks.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

const std::string orders = "/api/v1/orders";

// One sentence for a person: one line that ends with a full stop and holds none of our words for errors.
void expect_sentence(const std::string& err) {
    EXPECT_TRUE(err.starts_with("waybill: ")) << err;
    EXPECT_EQ(std::ranges::count(err, '\n'), 1) << err;
    EXPECT_TRUE(err.ends_with(".\n")) << err;
}

TEST(Shutdown, under_load_ends_with_0_in_time_and_loses_nothing) {
    Shop shop;
    const Customer customer = shop.register_customer();
    std::mutex mutex;
    std::set<std::string> acknowledged;
    std::atomic<int> count{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i) {
        threads.emplace_back([&] {
            HttpClient http = shop.client();
            for (;;) {
                const Answer answer = http.post(orders, demo_order, customer.auth());
                if (answer.status != 201) {
                    EXPECT_TRUE(answer.status == 0 || answer.status == 503) << answer.status << answer.body;
                    return;
                }
                const std::lock_guard lock(mutex);
                acknowledged.insert(answer.text("orderId"));
                ++count;
            }
        });
    }
    ASSERT_TRUE(eventually([&] { return count >= 50; }));
    const auto began = std::chrono::steady_clock::now();
    shop.signal(SIGTERM);
    EXPECT_EQ(shop.wait_for_exit(), 0) << shop.log();
    EXPECT_EQ(shop.log().find("still busy"), std::string::npos) << shop.log();
    const auto took = std::chrono::steady_clock::now() - began;
    threads.clear();
    std::printf("stopped %ld ms after SIGTERM, with %d orders acknowledged\n",
                static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()), count.load());
    shop.start();
    for (const auto& order : list_all(shop, customer.auth(), orders)) acknowledged.erase(text_of(order, "orderId"));
    EXPECT_TRUE(acknowledged.empty()) << *acknowledged.begin();
}

TEST(Shutdown, a_request_that_was_begun_is_answered) {
    Shop shop;
    const Customer customer = shop.register_customer();
    HttpClient begun = shop.client();
    const std::string_view body = demo_order;
    ASSERT_TRUE(begun.begin_raw("POST /api/v1/orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + customer.token +
                                "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
                                "\r\n\r\n" + std::string(body.substr(0, 9))));
    // Answered on another connection, so the first is being read.
    ASSERT_EQ(shop.client().get("/livez").status, 200);
    shop.signal(SIGTERM);
    EXPECT_TRUE(eventually([&] { return shop.client().get("/livez").status == 0; })) << "it takes no more connections";
    EXPECT_EQ(begun.finish_raw(body.substr(9)).status, 201);
    EXPECT_TRUE(begun.is_closed_by_server());
    EXPECT_EQ(shop.wait_for_exit(), 0);
}

TEST(Shutdown, a_delay_serves_on_with_readyz_at_503) {
    Shop shop({"--shutdown-delay", "6s"});
    const Customer customer = shop.register_customer();
    EXPECT_EQ(shop.client().get("/readyz").status, 200);
    shop.signal(SIGTERM);
    Answer ready;
    EXPECT_TRUE(eventually([&] {
        ready = shop.client().get("/readyz");
        return ready.status != 200;
    }));
    expect_problem(ready, 503, "dependency-unavailable");
    EXPECT_FALSE(ready.header("retry-after").empty());
    EXPECT_EQ(shop.client().get("/livez").status, 200);
    const Answer placed = shop.client().post(orders, demo_order, customer.auth());
    EXPECT_EQ(placed.status, 201) << placed.body;
    EXPECT_EQ(shop.wait_for_exit(), 0);
}

TEST(Shutdown, has_10_s_after_its_delay_however_long_that_is) {
    Shop shop({"--shutdown-delay", "11s"});
    shop.signal(SIGTERM);
    EXPECT_TRUE(eventually([&] { return shop.client().get("/livez").status == 0; }));
    EXPECT_EQ(shop.wait_for_exit(), 0);
    EXPECT_EQ(shop.log().find("still busy"), std::string::npos) << shop.log();
}

TEST(Shutdown, a_second_signal_ends_it_at_once) {
    Shop shop({"--shutdown-delay", "9s"});
    shop.signal(SIGTERM);
    ASSERT_TRUE(eventually([&] { return shop.client().get("/readyz").status == 503; }));
    shop.signal(SIGTERM);
    EXPECT_EQ(shop.wait_for_exit(5'000), 0);
    EXPECT_NE(shop.log().find("second signal"), std::string::npos);
    shop.start();
    EXPECT_EQ(shop.client().get("/readyz").status, 200);
}

TEST(Start, a_second_server_on_the_same_data_is_refused_in_one_sentence) {
    Shop shop;
    const ProcessResult second =
        run_waybill({"serve", "--listen", "127.0.0.1:0", "--data-dir", shop.data_dir().string()});
    EXPECT_EQ(second.exit_status, 1);
    EXPECT_EQ(second.out, "");
    expect_sentence(second.err);
    EXPECT_NE(second.err.find(std::to_string(shop.pid())), std::string::npos) << second.err;
    EXPECT_EQ(shop.client().get("/readyz").status, 200);
    shop.kill();  // its lock must not outlive it
    shop.start();
}

TEST(Start, a_port_in_use_is_refused_in_one_sentence) {
    Shop shop;
    const std::string address = "127.0.0.1:" + std::to_string(shop.port());
    const ProcessResult second = run_waybill({"serve", "--listen", address});
    EXPECT_EQ(second.exit_status, 1);
    EXPECT_EQ(second.out, "");
    expect_sentence(second.err);
    EXPECT_NE(second.err.find(std::to_string(shop.port())), std::string::npos) << second.err;
}

TEST(Start, a_data_directory_that_cannot_be_is_refused_in_one_sentence) {
    Shop shop;
    std::ofstream(shop.data_dir() / "file") << "text";
    for (const std::string& folder : {(shop.data_dir() / "file").string(), std::string{"/proc/nothing"}}) {
        const ProcessResult refused = run_waybill({"serve", "--listen", "127.0.0.1:0", "--data-dir", folder});
        EXPECT_EQ(refused.exit_status, 1);
        EXPECT_EQ(refused.out, "");
        expect_sentence(refused.err);
        EXPECT_NE(refused.err.find(folder), std::string::npos) << refused.err;
    }
}

TEST(Start, a_database_that_is_none_is_refused_in_one_sentence) {
    Shop shop;
    ASSERT_EQ(shop.terminate(), 0);
    std::filesystem::remove(shop.data_dir() / "waybill.db-wal");
    std::ofstream(shop.data_dir() / "waybill.db") << std::string(8'192, 'x');
    const ProcessResult refused =
        run_waybill({"serve", "--listen", "127.0.0.1:0", "--data-dir", shop.data_dir().string()});
    EXPECT_EQ(refused.exit_status, 1);
    EXPECT_EQ(refused.out, "");
    // The log may say more; what a person reads last is one sentence.
    const std::size_t last_line = refused.err.rfind('\n', refused.err.size() - 2);
    expect_sentence(refused.err.substr(last_line == std::string::npos ? 0 : last_line + 1));
}

TEST(CommandLine, mistakes_are_2_and_name_the_key) {
    struct Case {
        std::vector<std::string> arguments;
        std::string named;
    };
    for (const Case& mistake :
         std::vector<Case>{{{}, "command"},
                           {{"nonsense"}, "nonsense"},
                           {{"serve", "--nonsense", "1"}, "--nonsense"},
                           {{"serve", "--listen", "nonsense:port"}, "--listen"},
                           {{"serve", "--listen", "8080"}, "'8080' needs HOST:PORT"},
                           {{"serve", "--work-lease", "soon"}, "--work-lease"},
                           {{"serve", "--work-lease", "-1s"}, "--work-lease"},
                           {{"serve", "--io-threads", "0"}, "--io-threads"},
                           {{"serve", "--io-threads", "two"}, "--io-threads"},
                           {{"serve", "--rate-limit-api", "many"}, "--rate-limit-api"},
                           {{"serve", "--body-bytes-max", "64 parsecs"}, "--body-bytes-max"},
                           {{"serve", "--currency", "DOGE"}, "--currency"},
                           {{"serve", "--role", "api"}, "--role"},
                           {{"serve", "--jwt-secret", "short"}, "--jwt-secret"},
                           {{"serve", "--cors-allow-origin", "*"}, "--cors-allow-origin"},
                           {{"serve", "--trusted-proxies", "nonsense"}, "--trusted-proxies"},
                           {{"serve", "--fulfilment-url", "http://a.example"}, "--fulfilment-secret"},
                           {{"user", "create"}, "--email"},
                           {{"dead-letters", "requeue"}, "id"}}) {
        const ProcessResult result = run_waybill(mistake.arguments);
        const std::string last = mistake.arguments.empty() ? "nothing" : mistake.arguments.back();
        EXPECT_EQ(result.exit_status, 2) << last << result.err;
        EXPECT_EQ(result.out, "") << last;
        EXPECT_TRUE(result.err.starts_with("waybill: ")) << result.err;
        EXPECT_NE(result.err.find(mistake.named), std::string::npos) << result.err;
    }
}

TEST(CommandLine, bad_variables_are_named_and_secrets_are_not_told) {
    const ProcessResult value = run_waybill({"serve"}, "", {"WAYBILL_WORK_LEASE=soon"});
    EXPECT_EQ(value.exit_status, 2);
    EXPECT_NE(value.err.find("WAYBILL_WORK_LEASE"), std::string::npos) << value.err;
    const ProcessResult secret = run_waybill({"serve"}, "", {"JWT_SECRET=hush-hush"});
    EXPECT_EQ(secret.exit_status, 2);
    EXPECT_NE(secret.err.find("JWT_SECRET"), std::string::npos) << secret.err;
    EXPECT_EQ(secret.err.find("hush-hush"), std::string::npos) << secret.err;
}

TEST(CommandLine, parts_that_cannot_be_used_are_refused_in_one_sentence) {
    const std::string jwt_secret = "JWT_SECRET=" + std::string(40, 's');
    for (const char* variable : {"MONGO_URI=nonsense://user:hush@localhost/db",
                                 "DATABASE_URL=mongodb://user:hush@127.0.0.1:1/?serverSelectionTimeoutMS=200",
                                 "REDIS_URL=redis://:hush@localhost:port", "SQS_QUEUE_URL=https://sqs.example/1/orders",
                                 "SMTP_URL=http://user:hush@localhost"}) {
        const ProcessResult refused = run_waybill({"serve", "--listen", "127.0.0.1:0"}, "", {variable, jwt_secret});
        EXPECT_NE(refused.exit_status, 0) << variable;
        EXPECT_EQ(refused.out, "");
        EXPECT_TRUE(refused.err.starts_with("waybill: ")) << refused.err;
        EXPECT_EQ(refused.err.find("hush"), std::string::npos) << refused.err;
    }
}

TEST(CommandLine, every_command_explains_itself) {
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{{},
                                                                                         {"serve"},
                                                                                         {"seed"},
                                                                                         {"config"},
                                                                                         {"doctor"},
                                                                                         {"user"},
                                                                                         {"user", "create"},
                                                                                         {"dead-letters"},
                                                                                         {"dead-letters", "ls"},
                                                                                         {"dead-letters", "requeue"},
                                                                                         {"dead-letters", "discard"}}) {
        std::vector<std::string> arguments = command;
        arguments.emplace_back("--help");
        const ProcessResult help = run_waybill(arguments);
        EXPECT_EQ(help.exit_status, 0);
        EXPECT_NE(help.out.find("--help"), std::string::npos);
        EXPECT_EQ(help.err, "");
    }
    EXPECT_TRUE(run_waybill({"--version"}).out.starts_with("waybill "));
    EXPECT_NE(run_waybill({"serve", "--help"}).out.find("--work-lease"), std::string::npos);
}

TEST(CommandLine, config_tells_values_and_origins_and_masks_secrets) {
    const std::string secret(40, 's');
    const ProcessResult shown =
        run_waybill({"config", "--work-lease", "20s"}, "", {"JWT_SECRET=" + secret, "WAYBILL_IO_THREADS=3"});
    EXPECT_EQ(shown.exit_status, 0) << shown.err;
    EXPECT_EQ(shown.out.find(secret), std::string::npos);
    EXPECT_NE(shown.out.find("********"), std::string::npos);
    EXPECT_NE(shown.out.find("JWT_SECRET"), std::string::npos);
    EXPECT_NE(shown.out.find("WAYBILL_IO_THREADS"), std::string::npos);
    EXPECT_NE(shown.out.find("20s"), std::string::npos);
    const ProcessResult sample = run_waybill({"config", "--env-sample"});
    EXPECT_EQ(sample.exit_status, 0);
    EXPECT_EQ(sample.out, read_file(std::filesystem::path{WAYBILL_SOURCE_DIR} / ".env.sample"));
}

TEST(CommandLine, port_alone_means_every_address) {
    const ProcessResult shown = run_waybill({"config"}, "", {"PORT=4321"});
    EXPECT_NE(shown.out.find("0.0.0.0:4321"), std::string::npos) << shown.out;
}

TEST(CommandLine, doctor_is_content_with_a_running_shop_and_names_what_is_wrong) {
    Shop shop;
    const std::string folder = shop.data_dir().string();
    const ProcessResult healthy = run_waybill({"doctor", "--data-dir", folder});
    EXPECT_EQ(healthy.exit_status, 0) << healthy.out << healthy.err;
    EXPECT_NE(healthy.out.find("store"), std::string::npos) << healthy.out;
    std::filesystem::permissions(shop.data_dir() / "secret", std::filesystem::perms::others_read,
                                 std::filesystem::perm_options::add);
    const ProcessResult open_secret = run_waybill({"doctor", "--data-dir", folder});
    EXPECT_EQ(open_secret.exit_status, 1) << open_secret.out;
    EXPECT_NE((open_secret.out + open_secret.err).find("chmod 600"), std::string::npos) << open_secret.out;
}

TEST(Start, the_secret_of_a_first_start_is_kept_for_the_owner_only) {
    Shop shop;
    const Customer customer = shop.register_customer();
    const auto permissions = std::filesystem::status(shop.data_dir() / "secret").permissions();
    EXPECT_EQ(permissions, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    ASSERT_EQ(shop.terminate(), 0);
    shop.start();
    EXPECT_EQ(shop.client().get("/api/v1/me", customer.auth()).status, 200);
    const std::string secret = read_file(shop.data_dir() / "secret");
    ASSERT_GE(secret.size(), 32u);
    EXPECT_EQ(shop.log().find(secret.substr(0, 32)), std::string::npos);
    EXPECT_EQ(shop.log().find(customer.token), std::string::npos);
}

}  // namespace
}  // namespace waybill::system_test
