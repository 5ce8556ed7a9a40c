#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <signal.h>

#include "tests/system/server_process.hpp"

namespace waybill::system_test {
namespace {

struct OneServer {
    explicit OneServer(std::vector<std::string> flags = {}) {
        std::vector<std::string> arguments{"serve", "--listen", "127.0.0.1:0", "--data-dir", "."};
        arguments.insert(arguments.end(), flags.begin(), flags.end());
        process = std::make_unique<ServerProcess>(folder, "serve", arguments);
        process->start();
    }
    ~OneServer() {
        process.reset();
        std::filesystem::remove_all(folder);
    }
    OneServer(const OneServer&) = delete;
    OneServer& operator=(const OneServer&) = delete;

    [[nodiscard]] ProcessResult check(const std::string& flag = {}, const std::string& host = "127.0.0.1") const {
        std::vector<std::string> arguments{"healthcheck"};
        if (!flag.empty()) arguments.push_back(flag);
        return run_waybill(arguments, {}, {"WAYBILL_LISTEN=" + host + ":" + std::to_string(process->port())});
    }

    std::filesystem::path folder = make_folder();
    std::unique_ptr<ServerProcess> process;
};

TEST(Healthcheck, tells_a_server_that_is_ready) {
    const OneServer server;
    const ProcessResult ready = server.check();
    EXPECT_EQ(ready.exit_status, 0) << ready.err;
    EXPECT_EQ(ready.out, "{\"status\":\"ready\",\"degraded\":[]}\n");
    EXPECT_EQ(server.check("--live").out, "{\"status\":\"ok\"}\n");
    EXPECT_EQ(server.check("", "0.0.0.0").exit_status, 0) << "every address is asked on loopback";
}

TEST(Healthcheck, tells_a_server_that_is_stopping_alive_but_not_ready) {
    const OneServer server({"--shutdown-delay", "1h"});
    server.process->signal(SIGTERM);
    ProcessResult ready;
    ASSERT_TRUE(eventually([&] {
        ready = server.check();
        return ready.exit_status == 1;
    }));
    EXPECT_NE(ready.err.find("not ready: the answer is 503"), std::string::npos) << ready.err;
    EXPECT_EQ(server.check("--live").exit_status, 0);
    server.process->signal(SIGTERM);
    EXPECT_EQ(server.process->wait_for_exit(), 0);
}

TEST(Healthcheck, says_that_nobody_answers) {
    std::string listen;
    {
        const OneServer server;
        listen = "127.0.0.1:" + std::to_string(server.process->port());
        EXPECT_EQ(server.process->terminate(), 0);
    }
    const ProcessResult gone = run_waybill({"healthcheck", "--listen", listen});
    EXPECT_EQ(gone.exit_status, 1);
    EXPECT_TRUE(gone.err.starts_with("waybill: http://" + listen + "/readyz does not answer")) << gone.err;
    EXPECT_EQ(run_waybill({"healthcheck", "--help"}).out.find("--data-dir"), std::string::npos) << "it reads --listen";
    const ProcessResult unknown = run_waybill({"healthcheck", "--listen", "127.0.0.1:0"});
    EXPECT_EQ(unknown.exit_status, 1);
    EXPECT_NE(unknown.err.find("free port"), std::string::npos) << unknown.err;
}

TEST(EnvFile, that_is_named_is_read_by_every_command) {
    const std::filesystem::path folder = make_folder();
    const std::string file = (folder / "shop.env").string();
    std::ofstream(file) << "WAYBILL_DATA_DIR=" << (folder / "data").string() << "\n";
    const ProcessResult shown = run_waybill({"config", "--env-file", file});
    EXPECT_EQ(shown.exit_status, 0) << shown.err;
    EXPECT_NE(shown.out.find("(" + file + ": WAYBILL_DATA_DIR)"), std::string::npos) << shown.out;
    EXPECT_EQ(run_waybill({"--env-file", file, "seed"}).exit_status, 0);
    EXPECT_EQ(run_waybill({"dead-letters", "ls", "--env-file", file}).out, "no dead letters\n");
    EXPECT_TRUE(std::filesystem::exists(folder / "data" / "waybill.db"));

    std::ofstream(file) << "WAYBILL_ROLE=boss\n";
    const ProcessResult wrong = run_waybill({"config", "--env-file", file});
    EXPECT_NE(wrong.err.find("WAYBILL_ROLE (in " + file + ") 'boss'"), std::string::npos) << wrong.err;
    const ProcessResult missing = run_waybill({"config", "--env-file", file + "x"});
    EXPECT_EQ(missing.exit_status, 2);
    EXPECT_NE(missing.err.find("cannot be read (No such file"), std::string::npos) << missing.err;
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace waybill::system_test
