// Holds a store that was opened after a crash against the history before it: what was acknowledged is
// there, what was never attempted is not, and the shop goes on from there.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "ports/store.hpp"
#include "tests/durability/history.hpp"
#include "tests/support/fake_clock.hpp"

namespace waybill::testing {

class ShopAudit {
public:
    // `history` is cut at the crash.
    ShopAudit(Store& store, FakeClock& clock, const History& history);

    // Reads, repeats every acknowledged request, orders anew, and works off all that is to do. Returns
    // each breach in a sentence.
    [[nodiscard]] std::vector<std::string> run();

private:
    void read_orders();
    void check_orders();
    void check_status(const OrderStory& story, const Order& found);
    void check_work();
    void check_accounts();
    void check_sessions();
    void check_shelf();
    void repeat_stock_changes();
    void check_conservation(const std::string& when);
    void repeat_orders();
    void order_anew();
    void work_off();
    void send_mails(std::map<OrderId, OrderStatus> owed);
    void breach(const std::string& what) { breaches_.push_back(what); }
    template <class T>
    [[nodiscard]] bool worked(const Result<T>& result, const std::string& what);

    Store& store_;
    FakeClock& clock_;
    const History& history_;
    std::map<OrderId, Order> found_;
    std::map<ProductId, std::int64_t> booked_;  // seeded and every change that happened
    std::vector<std::string> breaches_;
};

// What SQLite says of the database in `dir`; "ok" when it is whole.
[[nodiscard]] std::string check_integrity(const std::filesystem::path& dir);

}  // namespace waybill::testing
