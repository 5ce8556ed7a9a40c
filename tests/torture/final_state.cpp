#include "tests/torture/final_state.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <stdexcept>
#include <utility>

#include "tests/system/checks.hpp"

namespace waybill::torture {

namespace {

namespace json = boost::json;

constexpr int settle_ms = 60'000;
constexpr int tries_max = 20;
constexpr std::size_t timelines_max = 400;

json::value ask(World& world, system_test::HttpClient& http, const Headers& auth, const std::string& path) {
    for (int i = 0; i < tries_max; ++i) {
        const Answer answer = http.get(api + path, auth);
        if (answer.status == 200) return answer.json();
        (void)system_test::eventually([] { return false; }, 200);
    }
    throw std::runtime_error("no answer to GET " + path + "\n" + world.log());
}

std::vector<json::value> list(World& world, const Headers& auth, const std::string& path) {
    system_test::HttpClient http(world.port(0));
    std::vector<json::value> all;
    std::string cursor;
    do {
        const char joint = path.find('?') == std::string::npos ? '?' : '&';
        const json::value page =
            ask(world, http, auth, path + joint + "limit=100" + (cursor.empty() ? "" : "&cursor=" + cursor));
        for (const json::value& entry : page.at("data").as_array()) all.push_back(entry);
        cursor = system_test::text_of(page, "nextCursor");
    } while (!cursor.empty());
    return all;
}

// A minute, and what the backlog needs at the rate of the round.
int time_to_end_ms(World& world, const Ledger& ledger, int seconds_of_load) {
    const long waiting = std::max(0L, backlog(world, client_timeout_ms));
    const long accepted = std::max(1L, ledger.counts().accepted);
    return settle_ms + static_cast<int>(waiting * seconds_of_load * 1'000 / accepted);
}

std::vector<Letter> read_letters(World& world) {
    std::vector<Letter> letters;
    for (const json::value& letter : list(world, world.admin().auth(), "/admin/dead-letters")) {
        letters.push_back({system_test::text_of(letter, "id"), system_test::text_of(letter, "kind"),
                           system_test::text_of(letter, "orderId")});
    }
    return letters;
}

void requeue_mails(World& world, const std::vector<Letter>& letters) {
    system_test::HttpClient http(world.port(0));
    for (const Letter& letter : letters) {
        if (letter.kind == "send_mail")
            (void)http.post(api + "/admin/dead-letters/" + letter.id + "/requeue", "", world.admin().auth());
    }
}

bool all_mailed(World& world, FinalState& state) {
    state.mails = world.mails();
    std::set<std::string> identities;
    for (const SeenMail& mail : state.mails) identities.insert(mail.identity);
    return std::ranges::all_of(state.orders, [&](const auto& order) {
        return identities.contains(mail_of(order.first, order.second.status));
    });
}

}  // namespace

std::string mail_of(const std::string& order, const std::string& status) {
    std::string state = status;
    std::ranges::transform(state, state.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return order + "-" + state;
}

long backlog(World& world, int timeout_ms) {
    system_test::HttpClient http(world.port(0), timeout_ms);
    const Answer answer = http.get(api + "/admin/stats", world.admin().auth());
    if (answer.status != 200) return -1;
    const json::value figures = answer.json();
    long count = 0;
    for (const json::value& kind : figures.at("work").as_array()) count += kind.at("depth").to_number<long>();
    return count;
}

bool await_terminal(World& world, const Ledger& ledger, int seconds_of_load) {
    const int timeout_ms = time_to_end_ms(world, ledger, seconds_of_load);
    system_test::HttpClient http(world.port(0));
    const auto none_is = [&](const char* status) {
        return http.get(api + "/orders?limit=1&status=" + status, world.admin().auth()).body.find(R"("data":[])") !=
               std::string::npos;
    };
    return system_test::eventually([&] { return none_is("Pending") && none_is("Processing"); }, timeout_ms);
}

std::vector<std::string> await_others(World& world, const Ledger& ledger, int seconds_of_load) {
    const std::string& poison = world.goods().poison.id;
    std::vector<std::string> waiting;
    (void)system_test::eventually(
        [&] {
            waiting.clear();
            // In the order in which an order goes, so that none slips through between the two.
            for (const char* status : {"Pending", "Processing"}) {
                for (const json::value& order :
                     list(world, world.admin().auth(), std::string("/orders?status=") + status)) {
                    if (json::serialize(order.at("items")).find(poison) == std::string::npos)
                        waiting.push_back(system_test::text_of(order, "orderId"));
                }
            }
            return waiting.empty();
        },
        time_to_end_ms(world, ledger, seconds_of_load));
    return waiting;
}

std::map<std::string, FinalOrder> read_orders(World& world) {
    std::map<std::string, FinalOrder> orders;
    for (std::size_t i = 0; i < people; ++i) {
        const Customer& person = world.person(i);
        for (json::value& order : list(world, person.auth(), "/orders")) {
            const std::string id = system_test::text_of(order, "orderId");
            const std::string status = system_test::text_of(order, "status");
            orders[id] = {person.email, status, std::move(order)};
        }
    }
    return orders;
}

FinalState read_final_state(World& world) {
    FinalState state;
    requeue_mails(world, read_letters(world));
    state.orders = read_orders(world);
    for (const json::value& level : list(world, world.admin().auth(), "/inventory")) {
        state.available[system_test::text_of(level, "productId")] = level.at("available").to_number<long>();
    }
    system_test::HttpClient http(world.port(0));
    const std::size_t every = state.orders.size() / timelines_max + 1;
    std::size_t index = 0;
    for (const auto& [id, order] : state.orders) {
        if (index++ % every != 0) continue;
        const json::value changes = ask(world, http, world.admin().auth(), "/orders/" + id + "/timeline");
        const json::array& entries = changes.is_array() ? changes.as_array() : changes.at("data").as_array();
        for (const json::value& change : entries) state.timelines[id].push_back(system_test::text_of(change, "status"));
    }
    (void)system_test::eventually([&] { return all_mailed(world, state); }, settle_ms);
    state.letters = read_letters(world);
    return state;
}

}  // namespace waybill::torture
