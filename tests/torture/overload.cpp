#include "tests/torture/overload.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "tests/support/tcp_proxy.hpp"
#include "tests/system/shop.hpp"
#include "tests/torture/customers.hpp"
#include "tests/torture/open_loop.hpp"

namespace waybill::torture {

namespace {

using Steady = std::chrono::steady_clock;

constexpr int batch_orders = 32;
constexpr int probe_every_ms = 50;
constexpr int probe_timeout_ms = 5'000;
constexpr double goodput_floor = 0.8;  // of the short run on a busy machine

// Its data go with it.
class OneServer {
public:
    OneServer(std::vector<std::string> flags, const std::vector<std::string>& environment)
        : folder_(system_test::make_folder()), process_(folder_, "server", words(std::move(flags)), environment) {
        process_.start();
        const system_test::Answer answer =
            client().post("/api/v1/auth/register", R"({"email":"person@example.com","password":"secret"})");
        if (answer.status != 201) throw std::runtime_error("registration failed: " + answer.body);
        token_ = answer.text("accessToken");
    }
    ~OneServer() {
        if (process_.is_running()) process_.kill();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    OneServer(const OneServer&) = delete;
    OneServer& operator=(const OneServer&) = delete;

    [[nodiscard]] system_test::HttpClient client() const { return system_test::HttpClient(process_.port()); }
    [[nodiscard]] system_test::ServerProcess& process() { return process_; }
    [[nodiscard]] const std::string& token() const { return token_; }

    [[nodiscard]] long memory_max_mib() const {
        std::ifstream status("/proc/" + std::to_string(process_.pid()) + "/status");
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("VmHWM:")) return std::atol(line.c_str() + 6) / 1'024;
        }
        return 0;
    }

    [[nodiscard]] OpenLoopOptions load(double per_second, double seconds) const {
        const std::string body =
            R"({"items":[{"productId":"67c8830b7ef1b848ac52ebec","quantity":1},{"productId":"67c8830b7ef1b848ac52ebee","quantity":2}]})";
        OpenLoopOptions options;
        options.port = process_.port();
        options.request = "POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + token_ +
                          "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
                          "\r\n\r\n" + body;
        options.per_second = per_second;
        options.seconds = seconds;
        return options;
    }

private:
    std::vector<std::string> words(std::vector<std::string> flags) const {
        flags.insert(flags.begin(),
                     {"serve", "--seed-demo", "--listen", "127.0.0.1:" + std::to_string(testing::find_lasting_port()),
                      "--data-dir", (folder_ / "data").string(), "--rate-limit-api", "0", "--jwt-expires-in", "24h",
                      "--log-level", "warn"});
        return flags;
    }

    std::filesystem::path folder_;
    system_test::ServerProcess process_;
    std::string token_;
};

// Asks /livez all the time.
class Probe {
public:
    explicit Probe(std::uint16_t port) : thread_([this, port](const std::stop_token& stop) { run(port, stop); }) {}
    [[nodiscard]] long failures() const { return failures_; }
    [[nodiscard]] long count() const { return count_; }
    [[nodiscard]] double slowest_ms() const { return slowest_ms_; }

private:
    void run(std::uint16_t port, const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            system_test::HttpClient http(port, probe_timeout_ms);
            const auto begun = Steady::now();
            if (http.get("/livez").status != 200) ++failures_;
            ++count_;
            slowest_ms_ =
                std::max(slowest_ms_.load(), std::chrono::duration<double, std::milli>(Steady::now() - begun).count());
            pause_for(stop, probe_every_ms);
        }
    }

    std::atomic<long> failures_{0};
    std::atomic<long> count_{0};
    std::atomic<double> slowest_ms_{0};
    std::jthread thread_;
};

double goodput(const OpenLoopResult& result, double seconds) {
    return static_cast<double>(result.created) / std::max(seconds, result.seconds);
}

void print(const char* name, const OpenLoopResult& result, double seconds) {
    const auto share = [&](double part) { return OpenLoopResult::percentile(result.latency_ms, part); };
    std::printf(
        "%-9s offered %ld, 201 %ld (%.0f a second), p50 %.0f ms, p99 %.0f ms, 503 %ld (p99 %.0f ms), other %ld, no "
        "answer %ld\n",
        name, result.offered, result.created, goodput(result, seconds), share(0.5), share(0.99), result.refused,
        OpenLoopResult::percentile(result.refusal_ms, 0.99), result.otherwise, result.unanswered);
    std::fflush(stdout);
}

}  // namespace

int overload(const Options& options) {
    if (options.shim.empty()) throw std::runtime_error("overload needs --shim, the library that slows a sync");
    OneServer server({"--batch-orders-max", std::to_string(batch_orders)},
                     {"LD_PRELOAD=" + options.shim.string(), "SLOW_SYNC_MS=" + std::to_string(options.sync_ms),
                      "ASAN_OPTIONS=verify_asan_link_order=0"});
    const double seconds = options.seconds;
    const double capacity = batch_orders * 1'000.0 / options.sync_ms;
    std::printf("capacity %.0f orders a second: commits of %d orders, each sync %d ms\n", capacity, batch_orders,
                options.sync_ms);
    const Probe probe(server.process().port());
    const OpenLoopResult once = offer(server.load(capacity, seconds));
    print("1 times", once, seconds);
    const OpenLoopResult tenfold = offer(server.load(capacity * 10, seconds));
    print("10 times", tenfold, seconds);
    const OpenLoopResult after = offer(server.load(capacity / 2, 4));
    print("after", after, 4);
    const double ratio = goodput(tenfold, seconds) / std::max(1.0, goodput(once, seconds));
    std::printf(
        "goodput at 10 times / at 1 time %.3f, p99 of admitted %.0f ms, memory %ld MiB, %ld of %ld liveness probes "
        "failed (slowest %.0f ms), nothing refused %.1f s after\n",
        ratio, OpenLoopResult::percentile(tenfold.latency_ms, 0.99), server.memory_max_mib(), probe.failures(),
        probe.count(), probe.slowest_ms(), after.first_quiet_s);
    const long strange =
        once.otherwise + tenfold.otherwise + after.otherwise + tenfold.unanswered + once.unanswered + after.unanswered;
    const bool well = ratio >= goodput_floor && strange == 0 && probe.failures() == 0 && tenfold.refused > 0;
    return well && server.process().terminate() == 0 ? 0 : 1;
}

int restart(const Options& options) {
    OneServer server({}, {});
    const double per_second = 4'000;
    long placed = 0;
    while (placed < options.orders) {
        placed += offer(server.load(per_second,
                                    std::min(10.0, static_cast<double>(options.orders - placed) / per_second + 0.01)))
                      .created;
        std::printf("%ld orders on disk\n", placed);
        std::fflush(stdout);
    }
    const auto start = [&](const char* how) {
        const auto begun = Steady::now();
        server.process().start();
        system_test::HttpClient http = server.client();
        const bool ready = http.get("/readyz").status == 200;
        const double took_ms = std::chrono::duration<double, std::milli>(Steady::now() - begun).count();
        std::printf("after %s: %s within %.0f ms, %ld orders\n", how, ready ? "ready" : "NOT ready", took_ms, placed);
        std::fflush(stdout);
        return ready;
    };
    server.process().kill();
    bool ready = start("kill -9");
    (void)offer(server.load(per_second, 1));
    server.process().kill();
    ready = start("kill -9 under load") && ready;
    (void)server.process().terminate();
    return start("SIGTERM") && ready ? 0 : 1;
}

}  // namespace waybill::torture
