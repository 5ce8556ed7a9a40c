#include "tests/torture/world.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <iomanip>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#include "tests/system/checks.hpp"

namespace waybill::torture {

namespace {

using system_test::FulfilmentAnswer;
using system_test::FulfilmentCall;
using system_test::ServerProcess;

constexpr long plenty = 100'000'000;
constexpr long units_of_hot = 20;
constexpr std::size_t log_tail_bytes = 2'000;
// How long a poisoned call stands before its answer: a kill meanwhile costs the order an attempt.
constexpr std::chrono::milliseconds poison_hold{150};

std::time_t date_of(const Answer& answer) {
    std::tm date{};
    std::istringstream(answer.header("date")) >> std::get_time(&date, "%a, %d %b %Y %H:%M:%S");
    return ::timegm(&date);
}

std::string said_of(const Answer& answer) {
    if (answer.status == 0) return "no answer";
    std::string text = std::to_string(answer.status);
    for (const char* member : {"code", "status", "orderId"}) {
        const std::string word = answer.text(member);
        if (!word.empty()) text += " " + word;
    }
    if (!answer.header("idempotent-replayed").empty()) text += " (replayed)";
    if (answer.header("x-cache") == "HIT") text += " (from the cache)";
    return text;
}

}  // namespace

std::string decimal(std::int64_t minor) {
    char text[32];
    std::snprintf(text, sizeof text, "%lld.%02lld", static_cast<long long>(minor / 100),
                  static_cast<long long>(minor % 100));
    return text;
}

std::int64_t minor_of(const boost::json::value& amount) {
    return amount.is_double() ? std::llround(amount.as_double() * 100) : amount.to_number<std::int64_t>() * 100;
}

// The file is mapped by the process: it is written in place.
void write_clock_offset(const std::filesystem::path& file, std::int64_t offset_s) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const bool written = fd >= 0 && ::pwrite(fd, &offset_s, sizeof offset_s, 0) == sizeof offset_s;
    if (fd >= 0) ::close(fd);
    if (!written) throw std::runtime_error("the offset of the clock cannot be written");
}

std::vector<std::string> moved_clock_environment(const std::filesystem::path& file) {
    return {std::string("LD_PRELOAD=") + WAYBILL_MOVED_CLOCK, "CLOCK_OFFSET_FILE=" + file.string(),
            "ASAN_OPTIONS=verify_asan_link_order=0"};
}

bool clock_can_jump() {
    constexpr std::int64_t offset_s = 7'200;
    const std::filesystem::path folder = system_test::make_folder();
    write_clock_offset(folder / "clock", 0);
    bool jumped = false;
    {
        ServerProcess process(folder, "clock", {"serve", "--listen", "127.0.0.1:0", "--data-dir", folder / "data"},
                              moved_clock_environment(folder / "clock"));
        process.start();
        system_test::HttpClient http(process.port());
        write_clock_offset(folder / "clock", offset_s);
        jumped = system_test::eventually(
            [&] { return date_of(http.get("/livez")) - std::time(nullptr) > offset_s - offset_s / 10; });
    }
    std::filesystem::remove_all(folder);
    return jumped;
}

std::vector<const Good*> Goods::all() const {
    std::vector<const Good*> list{&bulk, &refused, &flaky, &poison, &sold_out};
    for (const Good& good : plain) list.push_back(&good);
    for (const Good& good : hot) list.push_back(&good);
    return list;
}

World::World(const WorldOptions& options)
    : options_(options),
      fulfilment_([this](const FulfilmentCall& call) { return decide(call); },
                  system_test::FulfilmentServer::Calls::forgotten),
      fulfilment_way_(fulfilment_.port()),
      root_(options.tmpfs.empty() ? system_test::make_folder() : options.tmpfs),
      data_dir_(root_ / "data") {
    if (options.set == Options::Set::production) {
        set_ = std::make_unique<system_test::ProductionSet>(
            system_test::ProductionOptions{.flags = flags(), .seeded = false, .lasting = true});
    } else {
        start_embedded();
    }
    open_shop();
}

World::~World() {
    embedded_.reset();
    set_.reset();
    std::error_code ignored;
    if (options_.tmpfs.empty()) {
        std::filesystem::remove_all(root_, ignored);
    } else {
        for (const auto& entry : std::filesystem::directory_iterator(root_, ignored))
            std::filesystem::remove_all(entry, ignored);
    }
}

std::vector<std::string> World::flags() const {
    std::vector<std::string> flags{"--rate-limit-auth",
                                   "0",
                                   "--rate-limit-auth-address",
                                   "0",
                                   "--rate-limit-api",
                                   "0",
                                   "--jwt-expires-in",
                                   "24h",
                                   "--work-lease",
                                   "3s",
                                   "--work-heartbeat",
                                   "1s",
                                   "--fulfilment-timeout",
                                   "2s",
                                   "--work-backoff-min",
                                   "20ms",
                                   "--work-backoff-max",
                                   "500ms",
                                   "--work-poll-every",
                                   "50ms",
                                   "--attempts-max",
                                   "4",
                                   "--request-deadline",
                                   "4s",
                                   "--default-location",
                                   "bangalore",
                                   "--log-level",
                                   "warn",
                                   "--refresh-grace",
                                   options_.refresh_grace ? std::to_string(grace_s) + "s" : "0s",
                                   "--fulfilment-url",
                                   "http://127.0.0.1:" + std::to_string(fulfilment_way_.port()) + "/orders",
                                   "--fulfilment-secret",
                                   system_test::fulfilment_secret};
    if (options_.set == Options::Set::production) {
        flags.insert(flags.end(), {"--relay-resend-after", "3s", "--queue-long-poll", "1s"});
    }
    return flags;
}

void World::start_embedded() {
    std::vector<std::string> words{"serve", "--listen", "127.0.0.1:" + std::to_string(testing::find_lasting_port()),
                                   "--data-dir", data_dir_.string()};
    const std::vector<std::string> more = flags();
    words.insert(words.end(), more.begin(), more.end());
    std::vector<std::string> environment;
    if (options_.clock_jumps) {
        write_clock_offset(root_ / "clock", 0);
        environment = moved_clock_environment(root_ / "clock");
    }
    embedded_ = std::make_unique<ServerProcess>(root_, "server", words, environment);
    embedded_->start();
}

std::vector<ServerProcess*> World::processes() const {
    if (set_) return set_->processes();
    return {embedded_.get()};
}

std::uint16_t World::port(std::size_t door) const { return set_ ? set_->api(door).port() : embedded_->port(); }

void World::open_shop() {
    const std::vector<std::string> create{"user", "create", "--email", "admin@example.com", "--admin"};
    std::vector<std::string> words = create;
    if (!set_) words.insert(words.end(), {"--data-dir", data_dir_.string()});
    const auto made = set_ ? set_->run(words, "secret\n") : system_test::run_waybill(words, "secret\n");
    if (made.exit_status != 0) throw std::runtime_error("no admin: " + made.err);
    system_test::HttpClient http(port(0));
    const Answer login = http.post(api + "/auth/login", R"({"email":"admin@example.com","password":"secret"})");
    if (login.status != 200) throw std::runtime_error("admin login failed: " + login.body);
    admin_.email = "admin@example.com";
    admin_.token = login.text("accessToken");
    for (int i = 0; i <= people; ++i) people_.push_back(register_person("person" + std::to_string(i)));
    for (int i = 0; i < 6; ++i) goods_.plain.push_back(add("Plain " + std::to_string(i), 1'000 + 137 * i, plenty));
    for (int i = 0; i < options_.hot_goods; ++i)
        goods_.hot.push_back(add("Hot " + std::to_string(i), 9'900, units_of_hot));
    goods_.bulk = add("Bulk", 3, plenty);
    goods_.refused = add("Refused", 500, plenty);
    goods_.flaky = add("Flaky", 700, plenty);
    goods_.poison = add("Poison", 666, plenty);
    goods_.sold_out = add("Sold out", 100, 0);
}

Good World::add(const std::string& name, std::int64_t minor, long stock) {
    system_test::HttpClient http(port(0));
    const Answer made =
        http.post(api + "/products", R"({"name":")" + name + R"(","price":)" + decimal(minor) + "}", admin_.auth());
    const std::string id = made.text("productId");
    const Answer stocked = http.send("PUT", api + "/inventory/" + id + "/bangalore",
                                     R"({"available":)" + std::to_string(stock) + "}", admin_.auth());
    if (made.status != 201 || stocked.status != 200)
        throw std::runtime_error("no product: " + made.body + stocked.body);
    const std::lock_guard lock(mutex_);
    return {id, minor, stock};
}

Customer World::register_person(const std::string& name) {
    system_test::HttpClient http(port(0));
    Customer person;
    person.email = name + "@example.com";
    const Answer answer =
        http.post(api + "/auth/register", R"({"email":")" + person.email + R"(","password":"secret"})");
    if (answer.status != 201) throw std::runtime_error("registration failed: " + answer.body);
    person.token = answer.text("accessToken");
    const std::string cookie = answer.header("set-cookie");
    person.cookie = cookie.substr(0, cookie.find(';'));
    return person;
}

FulfilmentAnswer World::decide(const FulfilmentCall& call) {
    const auto holds = [&](const Good& good) { return call.body.find(good.id) != std::string::npos; };
    int count = 0;
    {
        const std::lock_guard lock(mutex_);
        Call& known = calls_[call.order_id()];
        if (known.count++ > 0 && known.body != call.body) known.differs = true;
        known.body = call.body;
        count = known.count;
    }
    const FulfilmentAnswer no{422, R"({"reason":"not today"})"};
    const FulfilmentAnswer away{500, "{}"};
    if (holds(goods_.refused)) return no;
    if (holds(goods_.flaky) && count == 1) return away;
    if (!holds(goods_.poison)) return {};
    if (!poisoned_) return no;
    std::this_thread::sleep_for(poison_hold);
    return away;
}

std::map<std::string, World::Call> World::fulfilment_calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
}

std::vector<SeenMail> World::mails() {
    std::vector<SeenMail> seen;
    if (set_) {
        for (system_test::SentMail& mail : set_->mails())
            seen.push_back({std::move(mail.identity), std::move(mail.raw)});
        return seen;
    }
    std::error_code ignored;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(data_dir_ / "mail", ignored)) {
        const std::string name = entry.path().filename().string();
        if (name.ends_with(".eml")) seen.push_back({name.substr(0, name.size() - 4), {}});
    }
    return seen;
}

void World::fill_disk() {
    const int file = ::open((root_ / "filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (const std::size_t piece : {std::size_t{1} << 20, std::size_t{4'096}}) {
        const std::string bytes(piece, 'x');
        while (::write(file, bytes.data(), piece) == static_cast<ssize_t>(piece)) {
        }
    }
    ::close(file);
}

void World::clear_disk() {
    std::error_code ignored;
    std::filesystem::remove(root_ / "filler", ignored);
}

void World::set_clock(int offset_s) { write_clock_offset(root_ / "clock", offset_s); }

std::string World::log() const {
    std::string all;
    for (std::size_t i = 0; i < processes().size(); ++i) {
        const std::string log = processes()[i]->log();
        all += "-- process " + std::to_string(i) + "\n" +
               log.substr(log.size() > log_tail_bytes ? log.size() - log_tail_bytes : 0) + "\n";
    }
    return all;
}

Caller::Caller(World& world, Ledger& ledger, std::string actor) : ledger_(ledger), actor_(std::move(actor)) {
    for (std::size_t door = 0; door < world.doors(); ++door) clients_.emplace_back(world.port(door), client_timeout_ms);
}

Caller::Asked Caller::ask(const std::string& method, const std::string& path, const std::string& body, Headers headers,
                          Subject about) {
    Asked asked;
    asked.door = door_;
    asked.begun = ledger_.now();
    asked.answer = clients_[door_].send(method, api + path, body, std::move(headers));
    asked.ended = ledger_.now();
    if (about.order.empty()) about.order = asked.answer.text("orderId");
    std::string what = method + " " + path + (clients_.size() > 1 ? " @" + std::to_string(door_) : "");
    ledger_.note_call({asked.begun, asked.ended, actor_, std::move(what), said_of(asked.answer), std::move(about)},
                      asked.answer);
    return asked;
}

}  // namespace waybill::torture
