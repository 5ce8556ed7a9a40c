// What the API and the inbox say when everything is quiet again.
#pragma once

#include <boost/json.hpp>

#include <map>
#include <string>
#include <vector>

#include "tests/torture/ledger.hpp"
#include "tests/torture/world.hpp"

namespace waybill::torture {

struct FinalOrder {
    std::string user;
    std::string status;
    boost::json::value body;
};

struct Letter {
    std::string id;
    std::string kind;
    std::string order;
};

struct FinalState {
    std::map<std::string, FinalOrder> orders;
    std::map<std::string, long> available;
    std::vector<Letter> letters;
    std::map<std::string, std::vector<std::string>> timelines;  // of some orders
    std::vector<SeenMail> mails;
};

// Waits until every order is terminal; false when that takes longer than a minute and what the backlog
// needs at the rate of the round.
[[nodiscard]] bool await_terminal(World& world, const Ledger& ledger, int seconds_of_load);
// The same for all orders but the poisoned; those that are not at their end by then.
// Throws std::runtime_error when the API does not answer.
[[nodiscard]] std::vector<std::string> await_others(World& world, const Ledger& ledger, int seconds_of_load);

// Mails that are dead letters are put back first. Waits for one mail of each order.
// Throws std::runtime_error when the API does not answer.
[[nodiscard]] FinalState read_final_state(World& world);
// The orders alone.
[[nodiscard]] std::map<std::string, FinalOrder> read_orders(World& world);

// "0193...-processed"
[[nodiscard]] std::string mail_of(const std::string& order, const std::string& status);

// Items that wait, or -1.
[[nodiscard]] long backlog(World& world, int timeout_ms);

}  // namespace waybill::torture
