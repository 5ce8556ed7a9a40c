#include <gtest/gtest.h>

#include "tests/unit/http/shop.hpp"

namespace waybill::http {
namespace {

class AdminRoutes : public ::testing::Test, protected Shop {
protected:
    // Lets every mail that waits be refused for good.
    void refuse_mails() {
        const auto claimed = store.claim_work(WorkKind::send_mail, 100, Milliseconds{15'000}).value();
        for (const ClaimedWork& work : claimed) {
            MailSettlement settlement;
            settlement.lease = work.lease;
            settlement.dead_letter = true;
            settlement.reason = "550 no such user";
            static_cast<void>(store.settle_mails(std::array{settlement}));
        }
    }
    Json letters(std::string_view query = "") {
        return *json_of(get(std::string("/api/admin/dead-letters").append(query), admin)).find("data");
    }
};

TEST_F(AdminRoutes, dead_letters_are_listed_in_pages) {
    place(customer);
    place(customer);
    process_all("Crashed", true);
    const Response first = get("/api/admin/dead-letters?limit=1", admin);
    const Json json = json_of(first);
    const Json& letter = json.find("data")->items.at(0);
    EXPECT_EQ(letter.find("kind")->text, "process_order");
    EXPECT_EQ(letter.find("reason")->text, "Crashed");
    EXPECT_TRUE(letter.find("id") && letter.find("orderId") && letter.find("attempts") && letter.find("createdAt"));
    const Response second = get("/api/admin/dead-letters?limit=1&cursor=" + text_of(first, "nextCursor"), admin);
    EXPECT_EQ(json_of(second).find("data")->items.size(), 1u);
    EXPECT_NE(second.body, first.body);
    EXPECT_EQ(get("/api/admin/dead-letters?cursor=x", admin).status, 400);
}

TEST_F(AdminRoutes, mails_can_be_requeued_and_orders_only_discarded) {
    place(customer);
    process_all("Crashed", true);
    refuse_mails();
    const Json list = letters();
    ASSERT_EQ(list.items.size(), 2u);
    for (const Json& letter : list.items) {
        const std::string target = "/api/admin/dead-letters/" + letter.find("id")->text;
        const bool is_mail = letter.find("kind")->text == "send_mail";
        const Response requeued = post(target + "/requeue", "", admin);
        EXPECT_EQ(requeued.status, is_mail ? 200 : 409);
        EXPECT_EQ(text_of(requeued, is_mail ? "id" : "code"), is_mail ? letter.find("id")->text : "invalid-transition");
        if (!is_mail) {
            EXPECT_EQ(post(target + "/discard", "", admin).status, 200);
        }
        EXPECT_EQ(post(target + "/discard", "", admin).status, 404);
    }
    EXPECT_TRUE(letters().items.empty());
}

TEST_F(AdminRoutes, an_unknown_dead_letter_is_404) {
    EXPECT_EQ(post("/api/admin/dead-letters/none/requeue", "", admin).status, 404);
    EXPECT_EQ(post("/api/admin/dead-letters/none/discard", "", admin).status, 404);
    EXPECT_EQ(post("/api/admin/dead-letters/none/discard", "{", admin).status, 400);
}

TEST_F(AdminRoutes, stats_tell_queues_counts_and_rates) {
    place(customer);
    place(customer);
    clock.advance(Milliseconds{4'000});
    const Response response = get("/api/admin/stats", admin);
    EXPECT_EQ(response.status, 200);
    const Json json = json_of(response);
    const auto& work = json.find("work")->items;
    const auto found = std::ranges::find(work, "process_order", [](const Json& j) { return j.find("kind")->text; });
    ASSERT_NE(found, work.end());
    EXPECT_EQ(found->find("depth")->text, "2");
    EXPECT_EQ(found->find("oldestAgeSeconds")->text, "4.000");
    EXPECT_EQ(json.find("deadLetters")->text, "0");
    EXPECT_EQ(json.find("uptimeSeconds")->text, "4.000");
    EXPECT_EQ(json.find("countsSinceStart")->find("ordersPlaced")->text, "2");
    EXPECT_EQ(json.find("ratesPerSecond")->find("ordersPlaced")->text, "0.500");
    EXPECT_EQ(json.find("orderBatches")->find("count")->text, "2");
    EXPECT_EQ(json.find("orderBatches")->find("meanSize")->text, "1.000");
}

}  // namespace
}  // namespace waybill::http
