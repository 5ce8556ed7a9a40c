#include "domain/work.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

namespace waybill {
namespace {

using enum WorkKind;
using enum TryOutcome;

const OrderId ours{"01890a5d-ac96-774b-bcce-b302099a8057"};
const OrderId imported{std::string(64, 'x')};

TEST(WorkId, of_our_own_orders_is_a_valid_id) {
    EXPECT_EQ(process_work_id(ours).text, "p-01890a5d-ac96-774b-bcce-b302099a8057");
    EXPECT_EQ(mail_work_id(ours, OrderStatus::processed).text, "m-01890a5d-ac96-774b-bcce-b302099a8057-processed");
    EXPECT_TRUE(is_valid_id(process_work_id(ours).text));
    EXPECT_TRUE(is_valid_id(mail_work_id(ours, OrderStatus::processing).text));
}

TEST(WorkId, of_the_longest_imported_order_is_a_valid_work_id) {
    EXPECT_TRUE(is_valid_work_id(process_work_id(imported).text));
    EXPECT_TRUE(is_valid_work_id(mail_work_id(imported, OrderStatus::processing).text));
}

TEST(WorkId, is_1_to_80_characters_of_the_alphabet_of_ids) {
    const struct {
        std::string text;
        bool valid;
    } cases[] = {{"a", true},
                 {std::string(64, 'x'), true},
                 {std::string(65, 'x'), true},
                 {std::string(80, 'x'), true},
                 {"", false},
                 {std::string(81, 'x'), false},
                 {"a/b", false},
                 {std::string(70, 'x') + "/", false}};
    for (const auto& c : cases) EXPECT_EQ(is_valid_work_id(c.text), c.valid) << c.text;
}

TEST(WorkId, differs_by_kind_order_and_state) {
    std::set<std::string> ids;
    std::size_t made = 0;
    for (const char* order : {"a", "b", "a-failed", "m-a", "p-a"}) {
        ids.insert(process_work_id(OrderId{order}).text);
        ++made;
        for (const OrderStatus state : {OrderStatus::processed, OrderStatus::failed, OrderStatus::cancelled}) {
            ids.insert(mail_work_id(OrderId{order}, state).text);
            ++made;
        }
    }
    EXPECT_EQ(ids.size(), made);
}

TEST(WorkKind, has_a_word) {
    EXPECT_EQ(to_text(process_order), "process_order");
    EXPECT_EQ(to_text(send_mail), "send_mail");
}

TEST(WorkPolicy, nothing_of_its_own_lies_further_ahead_than_the_longer_of_lease_and_backoff) {
    WorkPolicy policy;
    EXPECT_EQ(policy.ahead_max(), Milliseconds{16'000});
    policy.backoff_max = Milliseconds{60'000};
    EXPECT_EQ(policy.ahead_max(), Milliseconds{61'000});
}

TEST(Backoff, doubles_from_the_least_to_the_most) {
    const WorkPolicy policy;
    const struct {
        int tries;
        double dice;
        std::int64_t expected_ms;
    } cases[] = {
        {1, 0.0, 200},    {1, 0.5, 300},  {1, 1.0, 400},
        {2, 1.0, 800},    {3, 0.5, 900},  {5, 1.0, 6'400},
        {6, 1.0, 10'000}, {6, 0.0, 200},  {1'000'000, 1.0, 10'000},
        {0, 1.0, 200},    {-5, 1.0, 200}, {6, 7.0, 10'000},
        {6, -7.0, 200},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(backoff_delay(c.tries, c.dice, policy), Milliseconds{c.expected_ms}) << c.tries << " " << c.dice;
    }
}

TEST(Backoff, stays_between_its_limits_whatever_they_are) {
    WorkPolicy policy;
    policy.backoff_min = Milliseconds{300};
    policy.backoff_max = Milliseconds{300};
    EXPECT_EQ(backoff_delay(9, 0.7, policy), Milliseconds{300});
}

struct Step {
    const char* rule;
    WorkKind kind;
    TryOutcome outcome;
    int attempts;
    std::int64_t since_first_try_ms;
    const char* expected;
};

// "done", "failed", "failed, dead letter", "again", "again, attempt"
std::string word_of(const NextStep& step) {
    if (std::holds_alternative<SettleDone>(step)) return "done";
    if (const auto* failed = std::get_if<SettleFailed>(&step)) {
        EXPECT_EQ(failed->reason, "because");
        return failed->dead_letter ? "failed, dead letter" : "failed";
    }
    const auto& again = std::get<TryAgain>(step);
    EXPECT_EQ(again.reason, "because");
    EXPECT_EQ(again.delay, Milliseconds{900});  // the middle of 0.2 and 1.6 s: the third try
    return again.counts_as_attempt ? "again, attempt" : "again";
}

TEST(NextStep, follows_kind_outcome_attempts_and_time) {
    const WorkPolicy policy{.process_deadline = Milliseconds{1'000}, .mail_deadline = Milliseconds{2'000}};
    const Step steps[] = {
        {"an accepted order", process_order, done, 0, 0, "done"},
        {"accepted on the last attempt", process_order, done, 99, 9'999, "done"},
        {"a sent mail", send_mail, done, 0, 0, "done"},
        {"a refused order fails at once", process_order, refused, 0, 0, "failed"},
        {"a refused mail is kept for the operator", send_mail, refused, 0, 0, "failed, dead letter"},
        {"no answer is tried again", process_order, no_answer, 0, 999, "again"},
        {"whatever was attempted before", process_order, no_answer, 5, 0, "again"},
        {"until the deadline", process_order, no_answer, 0, 1'000, "failed"},
        {"and after it", process_order, no_answer, 0, 99'999, "failed"},
        {"a mail has its own deadline", send_mail, no_answer, 0, 1'999, "again"},
        {"after which it is kept", send_mail, no_answer, 0, 2'000, "failed, dead letter"},
        {"a crash is an attempt", process_order, crashed, 0, 0, "again, attempt"},
        {"the last but one", process_order, crashed, 4, 0, "again, attempt"},
        {"the last one", process_order, crashed, 5, 0, "failed, dead letter"},
        {"beyond the last one", process_order, crashed, 6, 0, "failed, dead letter"},
        {"a mail's crash too", send_mail, crashed, 4, 0, "again, attempt"},
        {"and its last one", send_mail, crashed, 5, 0, "failed, dead letter"},
    };
    for (const Step& s : steps) {
        const NextStep step =
            next_step(s.kind, s.outcome, "because", s.attempts, 3, Milliseconds{s.since_first_try_ms}, 0.5, policy);
        EXPECT_EQ(word_of(step), s.expected) << s.rule;
    }
}

TEST(NextStep, a_single_attempt_allows_no_crash) {
    const WorkPolicy policy{.attempts_max = 1};
    const NextStep step = next_step(process_order, crashed, "because", 0, 1, Milliseconds{}, 0.5, policy);
    EXPECT_EQ(word_of(step), "failed, dead letter");
}

}  // namespace
}  // namespace waybill
