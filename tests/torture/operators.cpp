// Prices, stock, and a session that is refreshed, misused and ended.
#include <algorithm>
#include <array>

#include "tests/system/checks.hpp"
#include "tests/torture/customers.hpp"

namespace waybill::torture {

namespace {

constexpr int operator_pace_ms = 40;
constexpr int session_pace_ms = 30;
constexpr int certain_tries_max = 400;
constexpr int certain_pause_ms = 50;
// Less than the grace: what the store's own clock may differ by is left out.
constexpr Micros safe_grace = 7'000'000;
// An answer that came later than this may have been overtaken by what was asked after it.
constexpr Micros prompt = 3'000'000;

bool is_certain(int status) { return !is_unknown(status) && status != 503; }

class OperatorStory {
public:
    OperatorStory(World& world, Ledger& ledger, std::uint64_t seed)
        : world_(world), ledger_(ledger), seed_(seed), dice_(seed, 1'000), caller_(world, ledger, "operator") {}

    void step(const std::stop_token& stop) {
        dice_ = Dice(seed_ + ++steps_, 1'000);
        caller_.use_door(dice_.next());
        const int what = dice_.between(1, 100);
        if (what <= 40) return change_price(stop);
        if (what <= 70) return adjust_stock();
        return read_stock();
    }

    // Those whose outcome is not known; after the faults.
    void finish() {
        for (const StockAdjustment& change : open_) {
            bool certain = false;
            for (int i = 0; i < certain_tries_max && !certain; ++i) {
                certain = ask_for(change);
                if (!certain) pause_for({}, certain_pause_ms);
            }
            ledger_.find(14, certain, "a change of stock has no certain answer", {{}, change.key, {}, change.product});
        }
    }

private:
    // Each change raises the price by one minor unit, so that a price tells which change it is.
    void change_price(const std::stop_token& stop) {
        const std::size_t index = static_cast<std::size_t>(dice_.between(0, 5));
        const Good& good = world_.goods().plain[index];
        const std::int64_t minor = good.minor + ++raised_.at(index);
        for (int i = 0; i < certain_tries_max && !stop.stop_requested(); ++i) {
            const auto asked = caller_.ask("PATCH", "/products/" + good.id, R"({"price":)" + decimal(minor) + "}",
                                           world_.admin().auth(), {{}, {}, {}, good.id});
            ledger_.add(PriceChange{good.id, minor, asked.begun, asked.ended, asked.answer.status});
            if (asked.answer.status == 200) return;
            pause_for(stop, certain_pause_ms);
            caller_.use_door(dice_.next());
        }
    }

    void adjust_stock() {
        const Goods& goods = world_.goods();
        const std::array<const Good*, 4> chosen{&goods.plain[0], &goods.plain[3], &goods.bulk, &goods.refused};
        StockAdjustment change;
        change.product = chosen.at(static_cast<std::size_t>(dice_.between(0, 3)))->id;
        change.delta = dice_.between(1, 50) * (dice_.chance(40) ? -1 : 1);
        change.key = "s-" + std::to_string(steps_) + "by" + std::to_string(change.delta);
        if (!ask_for(change) && !ask_for(change)) open_.push_back(change);
    }

    bool ask_for(StockAdjustment change) {
        const Headers headers = system_test::with(world_.admin().auth(), "Idempotency-Key", change.key);
        const std::string path = "/inventory/" + change.product + "/bangalore/adjust";
        const std::string body = R"({"delta":)" + std::to_string(change.delta) + R"(,"reason":"count"})";
        for (int i = 0; i < 3; ++i) {
            const auto asked = caller_.ask("POST", path, body, headers, {{}, change.key, {}, change.product});
            change.done = asked.answer.status == 200;
            if (!is_certain(asked.answer.status)) {
                caller_.use_door(dice_.next());
                continue;
            }
            ledger_.find(14, change.done, "a change of stock was answered " + std::to_string(asked.answer.status),
                         {{}, change.key, {}, change.product});
            ledger_.add(change);
            return true;
        }
        return false;
    }

    void read_stock() {
        const auto asked = caller_.ask("GET", "/inventory?limit=100", "", world_.admin().auth(), {});
        if (asked.answer.status != 200) return;
        const boost::json::value page = asked.answer.json();
        for (const boost::json::value& level : page.at("data").as_array()) {
            const long available = level.at("available").to_number<long>();
            const std::string product = system_test::text_of(level, "productId");
            ledger_.find(1, available >= 0, product + " has " + std::to_string(available) + " units",
                         {{}, {}, {}, product});
        }
    }

    World& world_;
    Ledger& ledger_;
    const std::uint64_t seed_;
    Dice dice_;
    Caller caller_;
    std::uint64_t steps_ = 0;
    std::array<std::int64_t, 6> raised_{};
    std::vector<StockAdjustment> open_;
};

// What its owner knows about one line of succession.
class SessionStory {
public:
    SessionStory(World& world, Ledger& ledger, std::uint64_t seed, const std::atomic<bool>& clock_jumped)
        : world_(world),
          ledger_(ledger),
          seed_(seed),
          clock_jumped_(clock_jumped),
          dice_(seed, 2'000),
          caller_(world, ledger, "session"),
          person_(world.person(people)) {}

    void step() {
        dice_ = Dice(seed_ + ++steps_, 2'000);
        caller_.use_door(dice_.next());
        if (person_.cookie.empty()) return log_in();
        const int what = dice_.between(1, 100);
        if (what <= 60) return refresh();
        if (what <= 80) return look();
        if (what <= 87) return repeat_in_grace();
        if (what <= 94) return misuse();
        return log_out();
    }

private:
    static std::string cookie_of(const Answer& answer) {
        const std::string cookie = answer.header("set-cookie");
        return cookie.substr(0, cookie.find(';'));
    }
    Subject about() const { return {person_.email, {}, {}, {}}; }
    bool has_grace() const { return world_.options().refresh_grace && !clock_jumped_; }

    Caller::Asked ask_refresh(const std::string& cookie) {
        const auto asked = caller_.ask("POST", "/auth/refresh", "", {{"Cookie", cookie}}, about());
        if (!is_certain(asked.answer.status) && asked.ended - asked.begun > prompt) overtaken_ = true;
        if (asked.answer.status == 504) overtaken_ = true;
        return asked;
    }

    void log_in() {
        const std::string body = R"({"email":")" + person_.email + R"(","password":"secret"})";
        const auto asked = caller_.ask("POST", "/auth/login", body, {}, about());
        if (is_certain(asked.answer.status)) {
            ledger_.find(12, asked.answer.status == 200, "a login was answered " + std::to_string(asked.answer.status),
                         about());
        }
        if (asked.answer.status == 200) begin(asked.answer);
    }

    void begin(const Answer& answer) {
        person_.token = answer.text("accessToken");
        person_.cookie = cookie_of(answer);
        overtaken_ = false;
        older_.clear();
    }

    void forget() {
        person_.cookie.clear();
        person_.token.clear();
    }

    // The newest token works, or its successor was lost on the way and is given again.
    void refresh() {
        const Micros first = ledger_.now();
        bool lost = false;
        for (int i = 0; i < certain_tries_max; ++i) {
            const auto asked = ask_refresh(person_.cookie);
            const int status = asked.answer.status;
            if (!is_certain(status)) {
                lost = true;
                pause_for({}, certain_pause_ms);
                continue;
            }
            const bool in_time = asked.ended - first < safe_grace && has_grace();
            const bool may_be_refused = overtaken_ || (lost && !in_time);
            ledger_.find(12, status == 200 || (may_be_refused && status == 401),
                         "the newest refresh token was answered " + std::to_string(status) + " " + asked.answer.code(),
                         about());
            if (status != 200) return forget();
            older_ = person_.cookie;
            person_.token = asked.answer.text("accessToken");
            person_.cookie = cookie_of(asked.answer);
            return;
        }
        forget();
    }

    void look() {
        const auto asked = caller_.ask("GET", "/me", "", person_.auth(), about());
        if (!is_certain(asked.answer.status)) return;
        ledger_.find(12, asked.answer.status == 200 || overtaken_,
                     "a good access token was answered " + std::to_string(asked.answer.status), about());
        if (asked.answer.status == 401) forget();
    }

    // Two tabs: the same successor, while nobody has used it.
    void repeat_in_grace() {
        refresh();
        if (older_.empty() || person_.cookie.empty() || !has_grace() || overtaken_) return;
        const Micros begun = ledger_.now();
        const auto asked = ask_refresh(older_);
        if (!is_certain(asked.answer.status) || asked.ended - begun > prompt || clock_jumped_) return;
        ledger_.find(12, asked.answer.status == 200 && cookie_of(asked.answer) == person_.cookie,
                     "a repeat within the grace got another successor: " + std::to_string(asked.answer.status),
                     about());
        if (asked.answer.status != 200) forget();
    }

    // The successor was used, so whoever comes with the older token is a thief, and the family ends.
    void misuse() {
        refresh();
        const std::string stolen = older_;
        if (stolen.empty() || person_.cookie.empty()) return;
        refresh();
        if (person_.cookie.empty()) return;
        const auto asked = ask_refresh(stolen);
        if (!is_certain(asked.answer.status)) return forget();
        ledger_.find(12, asked.answer.status == 401,
                     "a stolen token was answered " + std::to_string(asked.answer.status), about());
        const auto after = ask_refresh(person_.cookie);
        if (is_certain(after.answer.status)) {
            ledger_.find(12, after.answer.status == 401,
                         "a revoked family lives on: " + std::to_string(after.answer.status), about());
        }
        forget();
    }

    void log_out() {
        const std::string token = person_.token;
        const auto asked = caller_.ask("POST", "/auth/logout", "", {{"Cookie", person_.cookie}}, about());
        if (!is_certain(asked.answer.status)) return forget();
        ledger_.find(12, asked.answer.status == 204 || overtaken_,
                     "a logout was answered " + std::to_string(asked.answer.status), about());
        if (asked.answer.status == 204) {
            // The same process: others learn it within two seconds.
            const auto after = caller_.ask("GET", "/me", "", person_.auth(), about());
            if (is_certain(after.answer.status)) {
                ledger_.find(12, after.answer.status == 401,
                             "an ended session was answered " + std::to_string(after.answer.status), about());
            }
            const auto again = ask_refresh(person_.cookie);
            if (is_certain(again.answer.status)) {
                ledger_.find(12, again.answer.status == 401, "an ended session was refreshed", about());
            }
        }
        forget();
    }

    World& world_;
    Ledger& ledger_;
    const std::uint64_t seed_;
    const std::atomic<bool>& clock_jumped_;
    Dice dice_;
    Caller caller_;
    Customer person_;
    std::string older_;
    bool overtaken_ = false;  // a call that was given up may still be executed
    std::uint64_t steps_ = 0;
};

}  // namespace

void be_operator(World& world, Ledger& ledger, std::uint64_t seed, const std::stop_token& stop) {
    OperatorStory story(world, ledger, seed);
    while (!stop.stop_requested()) {
        story.step(stop);
        pause_for(stop, operator_pace_ms);
    }
    story.finish();
}

void keep_session(World& world, Ledger& ledger, std::uint64_t seed, const std::atomic<bool>& clock_jumped,
                  const std::stop_token& stop) {
    SessionStory story(world, ledger, seed, clock_jumped);
    while (!stop.stop_requested()) {
        story.step();
        pause_for(stop, session_pace_ms);
    }
}

}  // namespace waybill::torture
