#include "bench/cost/shop.hpp"

#include <cstdlib>

namespace waybill::bench {

namespace {

// Between two looks at what other threads have done: long beside the look, which is counted too.
constexpr Milliseconds look_every{5};

}  // namespace

Shop::Shop(const std::filesystem::path& folder, int products)
    : store_(expect(sqlite::open_sqlite_store({.data_dir = folder / "data"}, clock_, *log_))),
      mailer_(local::make_mail_folder({.folder = folder / "mail"}, *log_)) {
    add_products(products);
    register_customer();
    sessions_.read_revocations();
    catalogue_.read_version();
    serve();
}

Shop::~Shop() {
    server_->stop(Milliseconds{1'000});
    intake_.close();
    mailer_.reset();
}

int Shop::port() const {
    const std::string url = server_->url();
    return std::atoi(url.c_str() + url.rfind(':') + 1);
}

void Shop::commit_batch(std::size_t count) {
    while (metrics_.orders_waiting.Value() < static_cast<double>(count)) clock_.sleep_for(look_every);
    clock_.step();
    if (!intake_.commit_batch()) throw std::runtime_error("no order waited");
}

void Shop::wait_until_absorbed() { (void)expect(store_->list_orders({}, std::nullopt, 1)); }

void Shop::process_orders() {
    const double before = metrics_.orders_processed.Value();
    double processed = before;
    for (;;) {
        (void)orders_.step();
        const double now = metrics_.orders_processed.Value();
        if (now == processed && now > before && expect(store_->stats()).work[WorkKind::process_order].count == 0)
            return;
        processed = now;
    }
}

void Shop::send_mails(std::size_t count) {
    const double wanted = metrics_.mails_sent.Value() + static_cast<double>(count);
    while (metrics_.mails_sent.Value() < wanted) {
        const Milliseconds pause = mails_.step();
        if (pause > Milliseconds::zero()) signal_.wait(WorkKind::send_mail, pause, {});
    }
}

http::EdgeOptions Shop::edge_options() {
    http::EdgeOptions edge;
    edge.auth_limit = {};
    edge.auth_address_limit = {};
    edge.api_limit = {};
    return edge;
}

void Shop::add_products(int count) {
    std::vector<SeedProduct> seeds;
    IdMaker ids(clock_);
    for (int i = 0; i < count; ++i) {
        SeedProduct seed;
        seed.product.id = ids.make_product_id();
        seed.product.name = "Product " + std::to_string(i);
        seed.product.price = 100 + i;
        seed.stock.push_back({seed.product.id, location, 1'000'000});
        product_ids_.push_back(seed.product.id.text);
        seeds.push_back(std::move(seed));
    }
    if (!expect(store_->seed(seeds))) throw std::runtime_error("the catalogue is not empty");
}

void Shop::register_customer() {
    token_ = expect(auth_.register_user({"bench@example.com", "bench-password", "", "bench"})).access_token;
}

void Shop::serve() {
    http::ServerOptions options;
    options.port = 0;
    options.io_threads = 1;
    options.store_threads = 1;
    options.hashing_threads = 1;
    options.idle_deadline = options.write_deadline = Milliseconds{600'000};
    server_ = expect(http::Server::bind(options, router_, *log_));
    server_->start();
}

}  // namespace waybill::bench
