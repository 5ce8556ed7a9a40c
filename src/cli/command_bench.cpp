#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <pthread.h>
#include <signal.h>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#include "app/catalogue.hpp"
#include "cli/commands.hpp"
#include "cli/load_client.hpp"
#include "cli/parts.hpp"
#include "cli/wiring.hpp"
#include "ports/thread_name.hpp"
#include "posix/file_descriptor.hpp"

namespace waybill::cli {

namespace {

constexpr std::size_t products_count = 10'000;
constexpr std::size_t customers_count = 8;
constexpr std::size_t sync_bytes = 4'096;
constexpr std::size_t syncs_max = 1'000;
constexpr Milliseconds syncs_duration{1'000};
constexpr Milliseconds warm_up{500};
constexpr const char* location = "bench";

// Its own folder beside the data directory, so on the disk that orders would go to.
class BenchFolder {
public:
    [[nodiscard]] static Result<BenchFolder> make(const std::filesystem::path& data_dir) {
        std::filesystem::path beside = std::filesystem::absolute(data_dir).lexically_normal();
        if (!beside.has_filename()) beside = beside.parent_path();
        beside = beside.parent_path();
        std::string pattern = (beside / "waybill-bench-XXXXXX").string();
        if (::mkdtemp(pattern.data()) != nullptr) return BenchFolder(pattern);
        return fail(ErrorCode::unavailable, "No folder can be made in " + beside.string() + " (" +
                                                std::generic_category().message(errno) +
                                                "); name a data directory on the disk to measure with --data-dir.");
    }
    BenchFolder(BenchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    BenchFolder& operator=(BenchFolder&&) = delete;
    ~BenchFolder() { remove(); }

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    void remove() const {
        std::error_code ignored;
        if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
    }

private:
    explicit BenchFolder(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

// SIGINT and SIGTERM end the measurement instead of the process, so that the folder is removed.
class StopOnSignal {
public:
    StopOnSignal() {
        sigemptyset(&signals_);
        sigaddset(&signals_, SIGINT);
        sigaddset(&signals_, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
        signal(SIGPIPE, SIG_IGN);
        thread_ = std::jthread([this](const std::stop_token& end) {
            name_thread("bench-signals");
            const timespec pause{.tv_sec = 0, .tv_nsec = 50'000'000};
            while (!end.stop_requested()) {
                if (sigtimedwait(&signals_, nullptr, &pause) > 0) source_.request_stop();
            }
        });
    }
    [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
    [[nodiscard]] bool requested() const { return source_.stop_requested(); }

private:
    sigset_t signals_{};
    std::stop_source source_;
    std::jthread thread_;
};

std::string with_commas(double number) {
    std::string text = std::to_string(static_cast<long long>(number + 0.5));
    for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) {
        text.insert(static_cast<std::size_t>(at), ",");
    }
    return text;
}

// One line that is written over, on a terminal only.
class ProgressLine {
public:
    void show(const std::string& text) const {
        if (is_shown_) std::fprintf(stderr, "\r\033[K%s", text.c_str());
    }
    ~ProgressLine() { show(""); }

private:
    const bool is_shown_ = ::isatty(STDERR_FILENO) != 0;
};

// The embedded server as it is configured, but for its addresses, its folder and its limits.
Config bench_config(const Config& given, const std::filesystem::path& folder) {
    Config config = given;
    config.role = ProcessRole::all;
    config.data_dir = config.store.data_dir = folder;
    config.listen = {"127.0.0.1", 0};
    config.server.address = "127.0.0.1";
    config.server.port = 0;
    config.metrics_listen.reset();
    config.seed_demo = false;
    config.jwt_secret.clear();
    config.mail_templates.clear();
    config.edge.auth_limit = config.edge.auth_address_limit = config.edge.api_limit = {};
    config.mongo.uri.clear();
    config.redis.url.clear();
    config.sqs.queue_url.clear();
    config.smtp.url.clear();
    config.verified_sender.clear();
    config.fulfilment.url.clear();
    return config;
}

struct Shop {
    std::vector<ProductId> products;
    std::vector<std::string> tokens;
};

std::vector<SeedProduct> make_products(Clock& clock) {
    IdMaker ids(clock);
    std::vector<SeedProduct> seeds(products_count);
    for (std::size_t i = 0; i < seeds.size(); ++i) {
        Product& product = seeds[i].product;
        product.id = ids.make_product_id();
        product.name = "Product " + std::to_string(i);
        product.price = static_cast<MinorUnits>(100 + i);
        product.created_at = product.updated_at = clock.now();
        seeds[i].stock = {{product.id, location, 1'000'000'000}};
    }
    return seeds;
}

// Products, stock, and customers with real tokens, before the server opens the folder.
Result<Shop> prepare_shop(const Config& config, Clock& clock, Log& log) {
    Metrics metrics;
    WorkSignal signal;
    auto store = open_store(config, clock, log, metrics, signal, {});
    if (!store) return fail(store.error());
    const std::vector<SeedProduct> seeds = make_products(clock);
    if (const auto seeded = (*store)->seed(seeds); !seeded) return fail(seeded.error());
    const auto secret = obtain_secret(config, clock, log);
    if (!secret) return fail(secret.error());
    AccessTokens::Options options = config.access;
    options.secret = *secret;
    AccessTokens access(options, clock);
    RefreshTokens refresh(*secret);
    ResetTokens reset(*secret);
    SessionGuard sessions({}, **store, clock);
    Auth auth(config.auth, **store, clock, log, access, refresh, reset, sessions);
    Shop shop;
    for (const SeedProduct& seed : seeds) shop.products.push_back(seed.product.id);
    for (std::size_t i = 0; i < customers_count; ++i) {
        const std::string password(std::max<std::size_t>(config.auth.password_length_min, 12), 'b');
        const auto login =
            auth.register_user({"bench" + std::to_string(i) + "@example.com", password, "", "waybill bench"});
        if (!login) return fail(login.error());
        shop.tokens.push_back(login->access_token);
    }
    return shop;
}

std::string livez_request(std::uint64_t) { return "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"; }

// Two lines; a key on every second order. The primes spread the products.
std::string order_request(const Shop& shop, const char* label, std::uint64_t number) {
    const auto& products = shop.products;
    const std::uint64_t first = number * 7'919 % products.size();
    const std::uint64_t second = (first + 1 + number * 104'729 % (products.size() - 1)) % products.size();
    const std::string body = std::string(R"({"location":")") + location + R"(","items":[{"productId":")" +
                             products[first].text + R"(","quantity":1},{"productId":")" + products[second].text +
                             R"(","quantity":2}]})";
    const std::string key =
        number % 2 == 0 ? std::string("Idempotency-Key: ") + label + "-" + std::to_string(number) + "\r\n" : "";
    return "POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " +
           shop.tokens[number % shop.tokens.size()] + "\r\n" + key +
           "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct DiskFigures {
    double p50_ms = 0;
    double p99_ms = 0;
};

// Appends of 4 KiB, each made durable before the next.
Result<DiskFigures> measure_disk(const std::filesystem::path& folder, Clock& clock) {
    const std::filesystem::path path = folder / "sync";
    const FileDescriptor file = open_file(path, O_WRONLY | O_CREAT | O_APPEND);
    const std::string page(sync_bytes, 'x');
    std::vector<double> millis;
    bool good = file.is_open();
    const SteadyTime end = clock.steady_now() + syncs_duration;
    while (good && millis.size() < syncs_max && clock.steady_now() < end) {
        const SteadyTime begin = clock.steady_now();
        good = ::write(file.get(), page.data(), page.size()) == static_cast<ssize_t>(page.size()) &&
               ::fdatasync(file.get()) == 0;
        millis.push_back(std::chrono::duration<double, std::milli>(clock.steady_now() - begin).count());
    }
    const int problem = errno;
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    if (!good) {
        return fail(ErrorCode::unavailable, "The disk of " + folder.string() + " cannot be written: " +
                                                std::generic_category().message(problem) + ".");
    }
    std::ranges::sort(millis);
    return DiskFigures{millis[millis.size() / 2], millis[millis.size() * 99 / 100]};
}

struct Figures {
    DiskFigures disk;
    LoadFigures livez;
    LoadFigures orders;
    LoadFigures lone;
};

void print_figures(const Figures& figures, std::size_t connections) {
    const auto row = [](const char* name, const LoadFigures& load, std::size_t count, const char* what) {
        std::printf("%-14s %9s per second   p50 %7.2f ms   p99 %7.2f ms   %zu connection%s%s\n", name,
                    with_commas(load.per_second).c_str(), load.p50_ms, load.p99_ms, count, count == 1 ? "" : "s", what);
    };
    const double syncs = 1e3 / figures.disk.p50_ms;
    std::printf("%-14s %9s per second   p50 %7.2f ms   p99 %7.2f ms   4 KiB, one after another\n", "disk syncs",
                with_commas(syncs).c_str(), figures.disk.p50_ms, figures.disk.p99_ms);
    row("GET /livez", figures.livez, connections, ", an empty reply");
    row("POST /orders", figures.orders, connections, ", two lines, durable");
    row("POST /orders", figures.lone, 1, "");
    std::printf("\norders ÷ empty replies: %.2f\n", figures.orders.per_second / figures.livez.per_second);
    std::printf("orders ÷ disk syncs: %.1f (one sync carries all orders that wait)\n",
                figures.orders.per_second / syncs);
    std::printf("a lone order takes the time of %.1f syncs\n", figures.lone.p50_ms / figures.disk.p50_ms);
    const std::uint64_t refused = figures.livez.refused + figures.orders.refused + figures.lone.refused;
    if (refused > 0) std::printf("%s requests were refused\n", with_commas(static_cast<double>(refused)).c_str());
}

class Bench {
public:
    Bench(const CommandContext& context, const BenchRequest& request, const BenchFolder& folder,
          const StopOnSignal& stop)
        : context_(context), request_(request), folder_(folder), stop_(stop) {}

    Result<Figures> run() {
        Figures figures;
        progress_.show("disk …");
        auto disk = measure_disk(folder_.path(), context_.clock);
        if (!disk) return fail(disk.error());
        figures.disk = *disk;
        progress_.show("preparing a shop …");
        const Config config = bench_config(context_.loaded.config, folder_.path());
        const auto shop = prepare_shop(config, context_.clock, context_.log);
        if (!shop) return fail(shop.error());
        auto server = Application::assemble(config, context_.clock, context_.log, [this](const std::string& sentence) {
            folder_.remove();
            complain(sentence);
            ::_exit(exit_failed);
        });
        if (!server) return fail(server.error());
        (*server)->start();
        const Result<void> driven = drive(**server, *shop, figures);
        progress_.show("stopping …");
        (*server)->stop();
        if (!driven) return fail(driven.error());
        return figures;
    }

private:
    Result<void> drive(const Application& server, const Shop& shop, Figures& figures) {
        const std::string url = server.url();
        port_ = static_cast<std::uint16_t>(std::atoi(url.c_str() + url.rfind(':') + 1));
        const auto order = [&shop](const char* label) {
            return [&shop, label](std::uint64_t number) { return order_request(shop, label, number); };
        };
        // The lone order first: the others leave work behind.
        const Result<void> done[] = {measure("GET /livez", request_.connections, livez_request, figures.livez),
                                     measure("one order at a time", 1, order("lone"), figures.lone),
                                     measure("POST /orders", request_.connections, order("many"), figures.orders)};
        for (const Result<void>& each : done) {
            if (!each) return each;
        }
        return {};
    }

    Result<void> measure(const std::string& name, std::size_t connections,
                         std::function<std::string(std::uint64_t)> request, LoadFigures& figures) {
        if (stop_.requested()) return {};
        const Load load{.port = port_,
                        .connections = connections,
                        .warm_up = warm_up,
                        .duration = std::chrono::seconds{request_.seconds},
                        .request = std::move(request)};
        const auto watch = [&](std::uint64_t answers, Milliseconds in) {
            if (in == Milliseconds{0}) return progress_.show(name + " …");
            const double seconds = std::chrono::duration<double>(in).count();
            progress_.show(name + ": " + with_commas(static_cast<double>(answers) / seconds) + " per second, " +
                           std::to_string(in.count() / 1'000) + " of " + std::to_string(request_.seconds) + " s");
        };
        auto measured = run_load(load, context_.clock, stop_.token(), watch);
        if (!measured) return fail(measured.error());
        figures = *measured;
        return {};
    }

    const CommandContext& context_;
    const BenchRequest& request_;
    const BenchFolder& folder_;
    const StopOnSignal& stop_;
    const ProgressLine progress_;
    std::uint16_t port_ = 0;
};

}  // namespace

int run_bench(const CommandContext& given, const BenchRequest& request) {
    // Every order is an event, and none of them is news here.
    const Config& config = given.loaded.config;
    const auto format = config.log_format.value_or(local::LogFormat::text);
    const auto log = local::make_stream_log(stderr, std::max(config.log_level, LogLevel::warn), format, given.clock);
    const CommandContext context{given.loaded, given.clock, *log};
    const StopOnSignal stop;
    const auto folder = BenchFolder::make(config.data_dir);
    if (!folder) {
        complain(folder.error().detail);
        return exit_failed;
    }
    std::printf("in %s, removed at the end; the clients run on the same %u CPUs as the server\n\n",
                folder->path().c_str(), std::thread::hardware_concurrency());
    std::fflush(stdout);
    const auto figures = Bench(context, request, *folder, stop).run();
    if (!figures) {
        complain(figures.error().detail);
        return exit_failed;
    }
    if (stop.requested()) {
        complain("stopped before the end; no figures.");
        return exit_failed;
    }
    for (const LoadFigures* load : {&figures->livez, &figures->lone, &figures->orders}) {
        if (load->per_second > 0) continue;
        complain("a measurement saw no answer; give it more time with --seconds.");
        return exit_failed;
    }
    print_figures(*figures, request.connections);
    return exit_ok;
}

}  // namespace waybill::cli
