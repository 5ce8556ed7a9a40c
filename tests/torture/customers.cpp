#include "tests/torture/customers.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "tests/system/checks.hpp"

namespace waybill::torture {

namespace {

// Of a client, after an answer and after none.
constexpr int pace_ms = 8;
constexpr int away_pace_ms = 60;
constexpr int burst = 16;
constexpr int steps_of_one_hot_good = 40;
constexpr std::size_t keys_remembered_max = 200;

class CustomerStory {
public:
    CustomerStory(World& world, Ledger& ledger, std::uint64_t seed, std::size_t index)
        : world_(world),
          ledger_(ledger),
          seed_(seed),
          dice_(seed, index),
          index_(index),
          person_(world.person(index)),
          caller_(world, ledger, person_.email.substr(0, person_.email.find('@'))) {}

    // One thing that a customer does. False when nobody answered.
    bool step() {
        ++steps_;
        dice_ = Dice(seed_ + steps_, index_);  // what a step throws does not depend on the answers before
        caller_.use_door(dice_.next());
        return act(dice_.between(1, 100));
    }

private:
    bool act(int what) {
        if (what <= 45) return buy(true);
        if (what <= 55) return buy(false);
        if (what <= 63) return repeat_key();
        if (what <= 66) return change_body();
        if (what <= 69) return burst_of_equals();
        if (what <= 76) return cancel(1);
        if (what <= 79) return cancel(2);
        if (what <= 90) return read_own();
        if (what <= 93) return read_list();
        if (what <= 95) return read_foreign();
        if (what <= 97) return free_a_key();
        return look_at_product();
    }

    // Names are shared by everybody: a key belongs to one user.
    std::string next_key() { return "k-" + std::to_string(++keys_); }

    std::vector<Line> choose_lines(bool keyed) {
        const Goods& goods = world_.goods();
        if (!keyed) return {{goods.bulk.id, ++bulk_}};
        const int kind = dice_.between(1, 100);
        if (kind <= 20) {
            const std::size_t hot = static_cast<std::size_t>(steps_) / steps_of_one_hot_good;
            return {{goods.hot[hot % goods.hot.size()].id, 1}};
        }
        if (kind <= 26) return {{goods.refused.id, dice_.between(1, 3)}};
        if (kind <= 31) return {{goods.flaky.id, dice_.between(1, 3)}};
        if (kind == 32) return {{goods.poison.id, 1}};
        std::vector<Line> lines;
        const std::size_t first = static_cast<std::size_t>(dice_.between(0, 5));
        const int count = dice_.between(1, 3);
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
            lines.push_back({goods.plain[(first + i) % goods.plain.size()].id, dice_.between(1, 9)});
        }
        return lines;
    }

    bool is_hot(const Attempt& attempt) const {
        return std::ranges::any_of(world_.goods().hot,
                                   [&](const Good& good) { return good.id == attempt.lines[0].product; });
    }

    bool buy(bool keyed) {
        if (!keyed && bulk_ >= 9'990) return true;
        Attempt attempt;
        attempt.key = keyed ? next_key() : "";
        attempt.lines = choose_lines(keyed);
        attempt.body = body_of(attempt.lines);
        Attempt done = place(caller_, ledger_, person_, attempt);
        if (keyed && is_unknown(done.status) && dice_.chance(60)) done = place(caller_, ledger_, person_, attempt);
        remember(done);
        return done.status != 0;
    }

    void remember(const Attempt& attempt) {
        if (!attempt.key.empty()) {
            if (mine_.size() >= keys_remembered_max) mine_.erase(mine_.begin());
            mine_.push_back(attempt);
        } else if (!attempt.order.empty()) {
            mine_.push_back(attempt);
        }
    }

    // Recent ones more often.
    const Attempt* choose(bool with_order) {
        if (mine_.empty()) return nullptr;
        const std::size_t back =
            static_cast<std::size_t>(dice_.chance(60) ? dice_.between(0, 3) : dice_.between(0, 199));
        for (std::size_t i = 0; i < mine_.size(); ++i) {
            const Attempt& attempt = mine_[mine_.size() - 1 - (back + i) % mine_.size()];
            if (with_order ? !attempt.order.empty() : !attempt.key.empty()) return &attempt;
        }
        return nullptr;
    }

    bool repeat_key() {
        const Attempt* const before = choose(false);
        if (before == nullptr) return true;
        const Attempt again = place(caller_, ledger_, person_, *before);
        return again.status != 0;
    }

    // Once the key has its order, another body is refused.
    bool change_body() {
        const Attempt* const before = choose(true);
        if (before == nullptr || before->key.empty()) return true;
        Attempt other = *before;
        other.order.clear();
        other.lines = {{world_.goods().plain[0].id, 77}};
        other.body = body_of(other.lines);
        const Headers headers = system_test::with(person_.auth(), "Idempotency-Key", other.key);
        const auto asked = caller_.ask("POST", "/orders", other.body, headers, {person_.email, other.key, {}, {}});
        const int status = asked.answer.status;
        ledger_.find(5, status == 422 || status == 503 || is_unknown(status),
                     "another body under a key that has its order was answered " + std::to_string(status),
                     {person_.email, other.key, before->order, {}});
        return status != 0;
    }

    bool burst_of_equals() {
        Attempt attempt;
        attempt.key = next_key();
        attempt.lines = choose_lines(true);
        attempt.body = body_of(attempt.lines);
        std::mutex mutex;
        std::vector<Attempt> done;
        {
            std::vector<std::jthread> threads;
            for (int i = 0; i < burst; ++i) {
                threads.emplace_back([&, i] {
                    Caller one(world_, ledger_, caller_.actor() + "/" + std::to_string(i));
                    one.use_door(static_cast<std::size_t>(i));
                    Attempt end = place(one, ledger_, person_, attempt);
                    const std::lock_guard lock(mutex);
                    done.push_back(std::move(end));
                });
            }
        }
        const auto placed = std::ranges::find_if(done, [](const Attempt& one) { return one.status == 201; });
        remember(placed == done.end() ? done.front() : *placed);
        return done.front().status != 0;
    }

    bool cancel(int times) {
        const Attempt* const chosen = choose(true);
        if (chosen == nullptr || is_hot(*chosen)) return true;
        const std::string order = chosen->order;
        std::atomic<bool> answered = false;
        std::vector<std::jthread> threads;
        for (int i = 0; i < times; ++i) {
            threads.emplace_back([&, i] {
                Caller one(world_, ledger_, caller_.actor() + "/" + std::to_string(i));
                one.use_door(index_ + static_cast<std::size_t>(i));
                const auto asked =
                    one.ask("POST", "/orders/" + order + "/cancel", "", person_.auth(), {person_.email, {}, order, {}});
                const int status = asked.answer.status;
                ledger_.add(CancelCall{order, asked.begun, asked.ended, status});
                ledger_.find(3, status != 404, "an acknowledged order is not found", {person_.email, {}, order, {}});
                if (status != 0) answered = true;
            });
        }
        threads.clear();
        return answered;
    }

    void note_order(const Caller::Asked& asked, const boost::json::value& order, bool by_id) {
        OrderRead read{system_test::text_of(order, "orderId"),
                       asked.begun,
                       asked.ended,
                       system_test::text_of(order, "status"),
                       {}};
        if (by_id && system_test::is_terminal(read.status)) read.terminal_body = asked.answer.body;
        ledger_.add(std::move(read));
    }

    bool read_own() {
        const Attempt* const chosen = choose(true);
        if (chosen == nullptr) return true;
        const auto asked =
            caller_.ask("GET", "/orders/" + chosen->order, "", person_.auth(), {person_.email, {}, chosen->order, {}});
        ledger_.find(3, asked.answer.status != 404, "an acknowledged order is not found",
                     {person_.email, {}, chosen->order, {}});
        if (asked.answer.status == 200) note_order(asked, asked.answer.json(), true);
        return asked.answer.status != 0;
    }

    bool read_list() {
        const auto asked = caller_.ask("GET", "/orders?limit=20", "", person_.auth(), {person_.email, {}, {}, {}});
        if (asked.answer.status != 200) return asked.answer.status != 0;
        const boost::json::value page = asked.answer.json();
        for (const boost::json::value& order : page.at("data").as_array()) note_order(asked, order, false);
        return true;
    }

    // Somebody else's order is not there, cached or not.
    bool read_foreign() {
        const Attempt* const chosen = choose(true);
        if (chosen == nullptr) return true;
        const Customer& other = world_.person((index_ + 1) % people);
        const auto asked =
            caller_.ask("GET", "/orders/" + chosen->order, "", other.auth(), {other.email, {}, chosen->order, {}});
        const int status = asked.answer.status;
        ledger_.find(10, status == 404 || status == 503 || is_unknown(status),
                     "somebody else's order was answered " + std::to_string(status),
                     {person_.email, {}, chosen->order, {}});
        return status != 0;
    }

    // A refused request leaves its key free.
    bool free_a_key() {
        Attempt refused;
        refused.key = next_key();
        refused.lines = {{world_.goods().sold_out.id, 1}};
        refused.body = body_of(refused.lines);
        const Attempt first = place(caller_, ledger_, person_, refused);
        ledger_.find(1, first.status != 201, "something was sold that there is none of",
                     {person_.email, first.key, first.order, {}});
        if (first.status != 409) return first.status != 0;
        Attempt second = refused;
        second.lines = {{world_.goods().plain[1].id, 2}};
        second.body = body_of(second.lines);
        const Attempt end = place(caller_, ledger_, person_, second);
        ledger_.find(5, end.status != 422 && end.status != 409,
                     "a refused request kept its key: " + std::to_string(end.status) + " " + end.code,
                     {person_.email, end.key, {}, {}});
        remember(end);
        return end.status != 0;
    }

    bool look_at_product() {
        const Good& good = world_.goods().plain[static_cast<std::size_t>(dice_.between(0, 5))];
        const auto asked = caller_.ask("GET", "/products/" + good.id, "", {}, {{}, {}, {}, good.id});
        if (asked.answer.status != 200) return asked.answer.status != 0;
        ledger_.add(PriceRead{good.id, minor_of(asked.answer.json().at("price")), asked.begun, asked.ended});
        return true;
    }

    World& world_;
    Ledger& ledger_;
    const std::uint64_t seed_;
    Dice dice_;
    const std::size_t index_;
    const Customer& person_;
    Caller caller_;
    std::uint64_t steps_ = 0;
    int keys_ = 0;
    long bulk_ = 0;
    std::vector<Attempt> mine_;
};

}  // namespace

std::string body_of(const std::vector<Line>& lines) {
    std::string body = R"({"items":[)";
    for (const Line& line : lines) {
        if (body.back() == '}') body += ',';
        body += R"({"productId":")" + line.product + R"(","quantity":)" + std::to_string(line.quantity) + "}";
    }
    return body + "]}";
}

void pause_for(const std::stop_token& stop, int ms) {
    std::mutex mutex;
    std::condition_variable_any never_notified;
    std::unique_lock lock(mutex);
    never_notified.wait_for(lock, stop, std::chrono::milliseconds(ms), [] { return false; });
}

Attempt place(Caller& caller, Ledger& ledger, const Customer& person, Attempt attempt) {
    attempt.user = person.email;
    const Headers headers =
        attempt.key.empty() ? person.auth() : system_test::with(person.auth(), "Idempotency-Key", attempt.key);
    const auto asked =
        caller.ask("POST", "/orders", attempt.body, headers, {person.email, attempt.key, {}, attempt.lines[0].product});
    attempt.begun = asked.begun;
    attempt.ended = asked.ended;
    attempt.status = asked.answer.status;
    attempt.code = asked.answer.code();
    attempt.answer = asked.answer.body;
    attempt.order = asked.answer.status == 201 ? asked.answer.text("orderId") : "";
    ledger.add(Attempt(attempt));
    return attempt;
}

void be_customer(World& world, Ledger& ledger, std::uint64_t seed, std::size_t index, const std::stop_token& stop) {
    CustomerStory story(world, ledger, seed, index);
    while (!stop.stop_requested()) pause_for(stop, story.step() ? pace_ms : away_pace_ms);
}

Crowd::Crowd(World& world, Ledger& ledger, std::uint64_t seed) : world_(world), ledger_(ledger), seed_(seed) {}

Crowd::~Crowd() { stop(); }

void Crowd::start() {
    for (std::size_t i = 0; i < people; ++i) {
        threads_.emplace_back([this, i](const std::stop_token& stop) { be_customer(world_, ledger_, seed_, i, stop); });
    }
    threads_.emplace_back([this](const std::stop_token& stop) { be_operator(world_, ledger_, seed_, stop); });
    threads_.emplace_back(
        [this](const std::stop_token& stop) { keep_session(world_, ledger_, seed_, clock_jumped_, stop); });
}

void Crowd::stop() {
    for (std::jthread& thread : threads_) thread.request_stop();
    threads_.clear();
}

bool Crowd::resolve_unknown() {
    std::map<std::string, Attempt> open;  // the newest attempt of each key that had an unknown outcome
    std::map<std::string, bool> settled;
    for (const Attempt& attempt : ledger_.attempts()) {
        if (attempt.key.empty()) continue;
        const std::string name = attempt.user + "/" + attempt.key;
        if (attempt.status == 201) settled[name] = true;
        if (is_unknown(attempt.status)) open.emplace(name, attempt);
    }
    Caller caller(world_, ledger_, "asked again");
    for (auto& [name, attempt] : open) {
        if (settled[name]) continue;
        const auto person = std::stoul(attempt.user.substr(std::string{"person"}.size()));
        bool certain = false;
        for (int i = 0; i < 50 && !certain; ++i) {
            caller.use_door(static_cast<std::size_t>(i));
            const Attempt done = place(caller, ledger_, world_.person(person), attempt);
            certain = !is_unknown(done.status) && done.status != 503;
            if (!certain) pause_for({}, 200);
        }
        if (!certain) return false;
    }
    return true;
}

}  // namespace waybill::torture
