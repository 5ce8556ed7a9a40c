// What the harness calls a breach, on histories written by hand: one that was kept, and one that was not.
#include "tests/torture/checks.hpp"

#include <gtest/gtest.h>

namespace waybill::torture {

namespace {

constexpr Micros second = 1'000'000;
const std::string price_of_old = "15.48";
const std::string price_of_new = "15.49";

class Checks : public ::testing::Test {
protected:
    Checks() {
        goods_.plain.push_back({"mug", 1'548, 100});
        state_.available["mug"] = 99;
        state_.orders["o1"] = {"ann", "Processed", {}};
        state_.mails.push_back({mail_of("o1", "Processed"), {}});
    }

    // One of several equal requests that were answered with the one order.
    void answered(Micros begun, Micros ended, const std::string& price) {
        Attempt attempt{.user = "ann", .key = "k", .body = "{}", .lines = {{"mug", 1}}, .begun = begun, .ended = ended};
        attempt.status = 201;
        attempt.order = "o1";
        attempt.answer = R"({"orderId":"o1","items":[{"productId":"mug","quantity":1,"unitPrice":)" + price +
                         R"(}],"totalAmount":)" + price +
                         R"(,"currency":"USD","location":"bangalore","createdAt":"now"})";
        state_.orders["o1"].body = boost::json::parse(attempt.answer);
        ledger_.add(std::move(attempt));
    }

    void price_changed(Micros begun, Micros ended) { ledger_.add(PriceChange{"mug", 1'549, begun, ended, 200}); }

    [[nodiscard]] long broken(int invariant) {
        Verdict verdict;
        check_all({.ledger = ledger_, .state = state_, .goods = goods_, .calls = calls_}, verdict);
        return verdict.broken(invariant);
    }

    Ledger ledger_;
    FinalState state_;
    Goods goods_;
    std::map<std::string, World::Call> calls_;
};

TEST_F(Checks, let_an_order_have_the_price_of_any_moment_since_it_was_first_asked_for) {
    price_changed(2 * second, 3 * second);
    answered(4 * second, 5 * second, price_of_old);  // a replay that was answered before
    answered(1 * second, 6 * second, price_of_old);  // the one that placed it
    EXPECT_EQ(broken(11), 0);
}

TEST_F(Checks, break_money_when_an_order_has_a_price_that_was_gone_before_it_was_asked_for) {
    price_changed(2 * second, 3 * second);
    answered(4 * second, 5 * second, price_of_old);
    EXPECT_EQ(broken(11), 1);
}

TEST_F(Checks, break_money_when_an_order_has_a_price_that_nobody_had_set_when_it_was_answered) {
    answered(1 * second, 2 * second, price_of_new);
    price_changed(3 * second, 4 * second);
    EXPECT_EQ(broken(11), 1);
}

TEST_F(Checks, break_durability_when_an_acknowledged_order_is_not_there_at_the_end) {
    answered(1 * second, 2 * second, price_of_old);
    EXPECT_EQ(broken(3), 0);
    state_.orders.clear();
    EXPECT_GT(broken(3), 0);
}

}  // namespace

}  // namespace waybill::torture
