#include "cli/wiring.hpp"

#include <atomic>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "app/processing.hpp"
#include "cli/parts.hpp"
#include "cli/process_metrics.hpp"
#include "worker/periodic.hpp"
#include "worker/reset_mails.hpp"

namespace waybill::cli {

namespace {

constexpr Milliseconds freshness_interval{1'000};
constexpr Milliseconds store_figures_interval{5'000};
constexpr Milliseconds reset_mail_interval{500};
constexpr Milliseconds server_drain_max{6'000};
constexpr Milliseconds worker_drain_max{8'000};
constexpr Milliseconds consumer_drain_max{5'000};  // calls of the queue may come on top
constexpr std::size_t template_bytes_max = 256u << 10;

http::ServerOptions metrics_server_options(const Config& config) {
    http::ServerOptions options = config.server;
    options.address = config.metrics_listen->host;
    options.port = config.metrics_listen->port;
    options.io_threads = 1;
    options.store_threads = 1;
    options.hashing_threads = 1;
    return options;
}

struct Dependency {
    std::string name;
    bool is_up = true;
};

// Where no mail is sent.
class NoMailer final : public Mailer {
public:
    void send(Mail, Done done) override { done({MailOutcome::no_answer, "This process sends no mail."}); }
    [[nodiscard]] std::size_t in_flight_max() const override { return 0; }
};

}  // namespace

struct Application::Parts {
    Parts(const Config& settings, Clock& process_clock, Log& process_log, std::unique_ptr<Metrics> process_metrics,
          std::unique_ptr<WorkSignal> process_signal, std::unique_ptr<Store> opened_store, SharedMemory shared_memory,
          const std::string& secret, const MailTemplates& templates)
        : config(settings),
          clock(process_clock),
          log(process_log),
          own_metrics(std::move(process_metrics)),
          own_signal(std::move(process_signal)),
          store(std::move(opened_store)),
          memory(std::move(shared_memory)),
          queue(make_queue(config, clock, log)),
          mailer(config.works() ? make_mailer(config, clock, log) : std::make_unique<NoMailer>()),
          fulfilment(make_fulfilment(config, clock, log)),
          access(access_options(config, secret), clock),
          refresh(secret),
          reset(secret),
          renderer(config.mail, templates) {}

    static AccessTokens::Options access_options(const Config& config, const std::string& secret) {
        AccessTokens::Options options = config.access;
        options.secret = secret;
        return options;
    }

    Config config;
    Clock& clock;
    Log& log;
    std::unique_ptr<Metrics> own_metrics;
    Metrics& metrics = *own_metrics;
    std::unique_ptr<WorkSignal> own_signal;
    WorkSignal& signal = *own_signal;
    std::unique_ptr<Store> store;
    SharedMemory memory;
    std::unique_ptr<Queue> queue;  // null: the store hands out what is due
    std::unique_ptr<Mailer> mailer;
    std::unique_ptr<Fulfilment> fulfilment;

    AccessTokens access;
    RefreshTokens refresh;
    ResetTokens reset;
    SessionGuard sessions{{}, *store, clock};
    Auth auth{config.auth, *store, clock, log, access, refresh, reset, sessions};
    OrderIntake intake{config.intake, *store, clock, log, metrics, signal};
    Ordering ordering{config.ordering, intake, *store, *memory.cache, clock, metrics, signal};
    Catalogue catalogue{config.catalogue, *store, *memory.cache, clock, metrics};
    Operations operations{*store, clock, metrics, signal};
    MailRenderer renderer;
    Processing processing{config.work, *store, *fulfilment, *mailer, renderer, clock, log, metrics, signal};
    std::unique_ptr<worker::WorkLoop> orders;  // with a queue: a relay, and a consumer
    std::unique_ptr<worker::Relay> relay;
    std::unique_ptr<worker::QueueConsumer> consumer;
    worker::WorkLoop mails{WorkKind::send_mail, config.work_loop, processing, *store, clock, log, metrics, signal};

    worker::ResetMails reset_mails{{}, *store, *mailer, renderer, reset, log, metrics};

    std::atomic<bool> draining{false};
    http::Services services{auth,  ordering, catalogue, operations,  memory.limits(),
                            clock, log,      metrics,   config.edge, draining};
    std::unique_ptr<http::Router> router;
    std::unique_ptr<http::Server> server;
    std::unique_ptr<http::Router> metrics_router;
    http::EdgeOptions metrics_edge;
    http::Services metrics_services{auth,  ordering, catalogue, operations,   memory.limits(),
                                    clock, log,      metrics,   metrics_edge, draining};
    std::unique_ptr<http::Server> metrics_server;
    ProcessMetrics scraped{
        metrics, config.uses_data_dir() ? std::optional(config.data_dir) : std::optional<std::filesystem::path>{}};
    std::atomic<bool> store_answers{true};

    std::vector<std::unique_ptr<worker::Periodic>> periodics;
    std::jthread relay_thread;
    std::jthread order_thread;
    std::jthread mail_thread;

    [[nodiscard]] Dependency store_dependency() const;
    [[nodiscard]] std::vector<Dependency> dependencies() const;
    [[nodiscard]] std::vector<std::string> degraded() const;
    void refresh_metrics();
    void make_loops();
    Result<void> bind();
    void start_upkeep();
    void start_workers();
    void request_workers_to_stop();
    void join_workers();
    void stop_workers();
};

Dependency Application::Parts::store_dependency() const {
    return {config.has_mongo() ? "mongodb" : "sqlite", store_answers && store->is_well()};
}

// Beside the store, without which nothing goes on.
std::vector<Dependency> Application::Parts::dependencies() const {
    std::vector<Dependency> all;
    if (memory.redis) all.push_back({"redis", !redis::is_away(*memory.redis)});
    if (queue) {
        const bool away = (relay && relay->queue_is_away()) || (consumer && consumer->queue_is_away());
        all.push_back({"sqs", !away});
    }
    if (!config.works()) return all;
    if (!config.fulfilment.url.empty()) {
        all.push_back({"fulfilment", !(consumer ? consumer->is_unanswered() : orders->is_unanswered())});
    }
    all.push_back({config.has_smtp() ? "smtp" : config.has_ses() ? "ses" : "mail_folder", !mails.is_unanswered()});
    return all;
}

std::vector<std::string> Application::Parts::degraded() const {
    std::vector<std::string> away;
    if (Dependency part = store_dependency(); !part.is_up) away.push_back(std::move(part.name));
    for (Dependency& part : dependencies()) {
        if (!part.is_up) away.push_back(std::move(part.name));
    }
    return away;
}

void Application::Parts::refresh_metrics() {
    const Dependency its_store = store_dependency();
    metrics.set_dependency(its_store.name, its_store.is_up);
    for (const Dependency& part : dependencies()) metrics.set_dependency(part.name, part.is_up);
    scraped.read(server->figures());
}

// The loop that takes orders from the store, or the two that pass them through the queue. A relay
// belongs to every role: where orders are placed it is woken at once, and elsewhere it sends again.
void Application::Parts::make_loops() {
    if (queue) relay = std::make_unique<worker::Relay>(config.relay, config.work, *store, *queue, clock, log, signal);
    if (!config.works()) return;
    if (queue) {
        consumer = std::make_unique<worker::QueueConsumer>(config.consumer, *queue, processing, *store, clock, log,
                                                           metrics, signal);
    } else {
        orders = std::make_unique<worker::WorkLoop>(WorkKind::process_order, config.work_loop, processing, *store,
                                                    clock, log, metrics, signal);
    }
}

Result<void> Application::Parts::bind() {
    services.degraded = [this] { return degraded(); };
    metrics_services.degraded = services.degraded;
    metrics.before_rendering([this] { refresh_metrics(); });
    // What waits for a network must not be waited for on an I/O thread.
    const http::Router::Options options{.store_reads_inline = !config.has_mongo() && !config.has_redis(),
                                        .limits_inline = !config.has_redis()};
    router = config.serves_api()
                 ? std::make_unique<http::Router>(options, services, http::api_routes(), http::root_routes())
                 : std::make_unique<http::Router>(options, services, std::span<const std::span<const http::Route>>{},
                                                  http::probe_routes());
    auto bound = http::Server::bind(config.server, *router, log);
    if (!bound) return fail(bound.error());
    server = std::move(*bound);
    if (!config.metrics_listen) return {};

    metrics_router =
        std::make_unique<http::Router>(http::Router::Options{}, metrics_services,
                                       std::span<const std::span<const http::Route>>{}, http::probe_routes());
    auto metrics_bound = http::Server::bind(metrics_server_options(config), *metrics_router, log);
    if (!metrics_bound) return fail(metrics_bound.error());
    metrics_server = std::move(*metrics_bound);
    return {};
}

void Application::Parts::start_upkeep() {
    periodics.push_back(std::make_unique<worker::Periodic>(
        "freshness", freshness_interval,
        [this] {
            sessions.read_revocations();
            catalogue.read_version();
        },
        log));
    periodics.push_back(std::make_unique<worker::Periodic>(
        "store-figures", store_figures_interval,
        [this] { store_answers = operations.read_store_figures().has_value(); }, log));
    periodics.push_back(std::make_unique<worker::Periodic>(
        "janitor", config.janitor_every,
        [this] {
            (void)worker::sweep(*store, config.janitor, log);
            (void)local::sweep_mail_folder(config.data_dir / "mail", clock.now(), config.mail_keep);
        },
        log));
}

void Application::Parts::start_workers() {
    if (relay) relay_thread = std::jthread([this](const std::stop_token& stop) { relay->run(stop); });
    if (!config.works()) return;
    order_thread = std::jthread([this](const std::stop_token& stop) {
        if (consumer) {
            consumer->run(stop, consumer_drain_max);
        } else {
            orders->run(stop, worker_drain_max);
        }
    });
    periodics.push_back(std::make_unique<worker::Periodic>(
        "reset-mails", reset_mail_interval, [this] { reset_mails.step(); }, log));
    mail_thread = std::jthread([this](const std::stop_token& stop) { mails.run(stop, worker_drain_max); });
}

void Application::Parts::request_workers_to_stop() {
    for (std::jthread* thread : {&relay_thread, &order_thread, &mail_thread}) thread->request_stop();
}

void Application::Parts::join_workers() {
    for (std::jthread* thread : {&relay_thread, &order_thread, &mail_thread}) {
        if (thread->joinable()) thread->join();
    }
}

void Application::Parts::stop_workers() {
    request_workers_to_stop();
    join_workers();
    // Their threads may still end a try; Processing must outlive that.
    fulfilment.reset();
    mailer.reset();
}

Application::Application(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Application::~Application() {
    stop();
    parts_->stop_workers();
}

Result<std::unique_ptr<Application>> Application::assemble(const Config& config, Clock& clock, Log& log,
                                                           FatalStoreError on_fatal) {
    auto metrics = std::make_unique<Metrics>();
    auto signal = std::make_unique<WorkSignal>();
    auto store = open_store(config, clock, log, *metrics, *signal, std::move(on_fatal));
    if (!store) return fail(store.error());
    auto memory = make_shared_memory(config, clock, log);
    if (!memory) return fail(memory.error());
    const auto secret = obtain_secret(config, clock);
    if (!secret) return fail(secret.error());
    const auto templates = load_mail_templates(config.mail_templates);
    if (!templates) return fail(templates.error());
    try {
        auto parts = std::make_unique<Parts>(config, clock, log, std::move(metrics), std::move(signal),
                                             std::move(*store), std::move(*memory), *secret, *templates);
        parts->make_loops();
        if (config.seed_demo) {
            if (const auto seeded = parts->store->seed(demo_catalogue(clock.now())); !seeded)
                return fail(seeded.error());
        }
        if (const auto bound = parts->bind(); !bound) return fail(bound.error());
        return std::unique_ptr<Application>{new Application(std::move(parts))};
    } catch (const std::invalid_argument& problem) {  // a template, or the address of a part
        return fail(ErrorCode::validation_failed, problem.what());
    } catch (const std::system_error& problem) {  // the mail folder
        return fail(ErrorCode::unavailable,
                    std::string{problem.what()} + "; make the data directory writable for this user.");
    }
}

std::string Application::url() const { return parts_->server->url(); }

void Application::start() {
    Parts& parts = *parts_;
    parts.intake.start();
    parts.start_upkeep();
    parts.start_workers();
    if (parts.memory.redis) redis::wait_until_tried(*parts.memory.redis);
    parts.server->start();
    if (parts.metrics_server) parts.metrics_server->start();
}

void Application::begin_draining() { parts_->draining = true; }

void Application::stop() {
    Parts& parts = *parts_;
    parts.draining = true;
    parts.request_workers_to_stop();
    parts.server->stop(server_drain_max);
    parts.intake.close();
    if (parts.metrics_server) parts.metrics_server->stop(Milliseconds{100});
    parts.join_workers();
    parts.periodics.clear();
}

Result<MailTemplates> load_mail_templates(const std::filesystem::path& folder) {
    MailTemplates templates;
    if (folder.empty()) return templates;
    std::error_code problem;
    for (const auto& entry : std::filesystem::directory_iterator(folder, problem)) {
        const auto extension = entry.path().extension();
        if (extension != ".subject" && extension != ".txt" && extension != ".html") continue;
        std::ifstream file(entry.path(), std::ios::binary);
        std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        if (!file || text.size() > template_bytes_max) {
            return fail(ErrorCode::validation_failed,
                        "The mail template " + entry.path().string() + " cannot be read or is larger than 256 KiB.");
        }
        templates.emplace(entry.path().filename().string(), std::move(text));
    }
    if (problem) {
        return fail(ErrorCode::validation_failed,
                    "The folder --mail-templates=" + folder.string() + " cannot be read: " + problem.message() + ".");
    }
    return templates;
}

}  // namespace waybill::cli
