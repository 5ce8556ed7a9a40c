// A whole shop in this process whose loops are stepped by hand: one I/O thread, batches of a size
// that the caller chooses, and the embedded store. Nothing in it depends on the speed of a thread, so
// that it executes the same instructions each time.
#pragma once

#include <array>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "adapters/local/local.hpp"
#include "adapters/sqlite/sqlite.hpp"
#include "app/auth.hpp"
#include "app/catalogue.hpp"
#include "app/mail_renderer.hpp"
#include "app/operations.hpp"
#include "app/order_intake.hpp"
#include "app/ordering.hpp"
#include "app/processing.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "worker/work_loop.hpp"

namespace waybill::bench {

template <class T>
T expect(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().detail);
    return *std::move(result);
}

// Stands still between batches, so that no lease, session or cache ends sooner on a slower machine.
class SteppedClock final : public Clock {
public:
    void step() { now_ms_ += 10; }
    [[nodiscard]] TimePoint now() const override { return TimePoint{Milliseconds{now_ms_}}; }
    [[nodiscard]] SteadyTime steady_now() const override { return SteadyTime{Milliseconds{now_ms_}}; }
    void sleep_for(Milliseconds duration) override { system_->sleep_for(duration); }
    void fill_random(std::span<std::uint8_t> bytes) override { system_->fill_random(bytes); }
    [[nodiscard]] double random_fraction() override { return system_->random_fraction(); }

private:
    const std::unique_ptr<Clock> system_ = local::make_system_clock();
    std::atomic<std::int64_t> now_ms_ = 1'800'000'000'000;
};

class Shop {
public:
    static constexpr const char* location = "bench";

    Shop(const std::filesystem::path& folder, int products);
    ~Shop();
    Shop(const Shop&) = delete;
    Shop& operator=(const Shop&) = delete;

    [[nodiscard]] int port() const;
    [[nodiscard]] const std::string& token() const { return token_; }
    [[nodiscard]] const std::vector<std::string>& products() const { return product_ids_; }

    // Commits the orders of `count` requests that were sent, as one batch, and waits until the tables
    // hold them.
    void commit_batch(std::size_t count);
    void wait_until_absorbed();

    // Work of that kind until none is left.
    void process_orders();
    void send_mails(std::size_t count);

private:
    [[nodiscard]] static http::EdgeOptions edge_options();
    void add_products(int count);
    void register_customer();
    void serve();

    SteppedClock clock_;
    std::unique_ptr<Log> log_ = local::make_stream_log(stderr, LogLevel::warn, local::LogFormat::text, clock_);
    Metrics metrics_;
    WorkSignal signal_;
    std::unique_ptr<Store> store_;
    std::unique_ptr<Cache> cache_ = local::make_memory_cache({}, clock_);
    std::unique_ptr<RateLimiter> limiter_ = local::make_memory_limiter({}, clock_);
    std::unique_ptr<Fulfilment> fulfilment_ = local::make_accepting_fulfilment();
    const std::string secret_ = "of this bench only, it guards nothing";
    AccessTokens access_{{.secret = secret_}, clock_};
    RefreshTokens refresh_{secret_};
    ResetTokens reset_{secret_};
    SessionGuard sessions_{{}, *store_, clock_};
    Auth auth_{{}, *store_, clock_, *log_, access_, refresh_, reset_, sessions_};
    OrderIntake intake_{{}, *store_, clock_, *log_, metrics_, signal_};
    Ordering ordering_{{}, intake_, *store_, *cache_, clock_, metrics_, signal_};
    Catalogue catalogue_{{}, *store_, *cache_, clock_, metrics_};
    Operations operations_{*store_, clock_, metrics_, signal_};
    MailRenderer renderer_{{}, {}};
    std::unique_ptr<Mailer> mailer_;
    Processing processing_{{}, *store_, *fulfilment_, *mailer_, renderer_, clock_, *log_, metrics_, signal_};
    worker::WorkLoop orders_{WorkKind::process_order, {}, processing_, *store_, clock_, *log_, metrics_, signal_};
    worker::WorkLoop mails_{WorkKind::send_mail, {}, processing_, *store_, clock_, *log_, metrics_, signal_};
    const http::EdgeOptions edge_ = edge_options();
    std::atomic<bool> draining_{false};
    http::Services services_{auth_,  ordering_, catalogue_, operations_, *limiter_,
                             clock_, *log_,     metrics_,   edge_,       draining_};
    std::array<std::span<const http::Route>, 5> routes_{http::auth_routes(), http::order_routes(),
                                                        http::product_routes(), http::inventory_routes(),
                                                        http::admin_routes()};
    http::Router router_{{}, services_, routes_, http::probe_routes()};
    std::unique_ptr<http::Server> server_;

    std::string token_;
    std::vector<std::string> product_ids_;
};

}  // namespace waybill::bench
