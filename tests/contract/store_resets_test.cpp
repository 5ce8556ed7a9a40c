// Forgotten passwords.
#include <algorithm>
#include <array>
#include <atomic>
#include <latch>
#include <thread>

#include "tests/contract/store_contract.hpp"

namespace waybill::testing {

namespace {

constexpr Milliseconds lifetime{1'800'000};
constexpr Milliseconds mail_lease{60'000};

class StoreResets : public StoreContract {
protected:
    void open(const std::string& id, const std::string& email = "ada@example.com") {
        must(store.open_password_reset(ResetId{id}, email, lifetime));
    }
    Result<std::vector<SessionId>> reset(const std::string& id, const std::string& hash = "new-hash") {
        return store.reset_password(ResetId{id}, hash);
    }
    std::vector<ResetMail> claim_mails(std::size_t max = plenty) {
        return must(store.claim_reset_mails(max, mail_lease));
    }
    std::vector<std::string> claimed_ids() {
        std::vector<std::string> ids;
        for (const ResetMail& mail : claim_mails()) ids.push_back(mail.id.text);
        return ids;
    }
    void settle(const ResetMail& mail, std::optional<Milliseconds> again = {}) {
        must(store.settle_reset_mails(std::array{ResetMailSettlement{mail.id, mail.leased_until, again}}));
    }
    std::string hash_of(const UserId& id) { return must(store.find_user(id)).value().password_hash; }
    void log_in(const std::string& id, const UserId& user_id) {
        Session session;
        session.id = SessionId{id};
        session.user_id = user_id;
        (void)must(store.create_session(session, "hash-of-" + user_id.text, lifetime));
    }
    static std::vector<std::string> list(std::initializer_list<std::string> texts) { return texts; }
};

TEST_P(StoreResets, a_reset_sets_the_password_and_ends_every_session_of_its_account) {
    log_in("s-1", ada);
    log_in("s-2", ada);
    log_in("s-over", ada);
    log_in("s-other", bob);
    must(store.revoke_session(ada, SessionId{"s-over"}));
    open("r-1");
    std::vector<SessionId> revoked = must(reset("r-1"));
    std::ranges::sort(revoked);
    EXPECT_EQ(revoked, (std::vector{SessionId{"s-1"}, SessionId{"s-2"}})) << "not what was over before";
    EXPECT_EQ(hash_of(ada), "new-hash");
    EXPECT_NE(hash_of(bob), "new-hash");
    EXPECT_TRUE(must(store.find_session(SessionId{"s-1"}))->revoked_at);
    EXPECT_TRUE(must(store.find_session(SessionId{"s-2"}))->revoked_at);
    EXPECT_FALSE(must(store.find_session(SessionId{"s-other"}))->revoked_at);
}

TEST_P(StoreResets, a_reset_counts_once_and_uses_up_the_others_of_its_account) {
    open("r-1");
    open("r-2");
    open("r-bob", "bob@example.com");
    must(reset("r-1"));
    EXPECT_EQ(code_of(reset("r-1", "again")), ErrorCode::reset_invalid);
    EXPECT_EQ(code_of(reset("r-2", "again")), ErrorCode::reset_invalid);
    EXPECT_EQ(hash_of(ada), "new-hash");
    EXPECT_EQ(claimed_ids(), list({"r-bob"})) << "what is used up is not mailed";
    EXPECT_EQ(code_of(reset("r-bob")), no_error);
}

TEST_P(StoreResets, a_changed_password_uses_them_up) {
    open("r-1");
    open("r-bob", "bob@example.com");
    must(store.change_password(ada, "hash-of-ada", "changed", std::nullopt));
    EXPECT_EQ(code_of(reset("r-1")), ErrorCode::reset_invalid);
    EXPECT_EQ(hash_of(ada), "changed");
    EXPECT_EQ(claimed_ids(), list({"r-bob"})) << "what is used up is not mailed";
    EXPECT_EQ(code_of(reset("r-bob")), no_error);
}

TEST_P(StoreResets, of_many_at_once_one_wins) {
    open("r-1");
    std::atomic<int> won{0};
    std::latch start{4};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&, i] {
                start.arrive_and_wait();
                if (reset("r-1", "hash-" + std::to_string(i))) ++won;
            });
        }
    }
    EXPECT_EQ(won, 1);
}

TEST_P(StoreResets, a_reset_ends_after_its_lifetime) {
    open("r-1");
    clock.advance(lifetime - Milliseconds{1});
    open("r-2");
    clock.advance(Milliseconds{1});
    EXPECT_EQ(code_of(reset("r-1")), ErrorCode::reset_invalid);
    EXPECT_EQ(claimed_ids(), list({"r-2"})) << "what nobody can use is not mailed";
    EXPECT_EQ(code_of(reset("r-2")), no_error);
}

TEST_P(StoreResets, an_address_without_an_account_gets_no_mail_and_can_reset_nothing) {
    open("r-1", "nobody@example.com");
    EXPECT_EQ(claimed_ids(), list({}));
    EXPECT_EQ(code_of(reset("r-1")), ErrorCode::reset_invalid);
    EXPECT_EQ(code_of(reset("r-never")), ErrorCode::reset_invalid);
}

TEST_P(StoreResets, an_account_has_a_few_open_resets_at_most) {
    for (std::size_t i = 0; i <= password_resets_open_max; ++i) open("r-" + std::to_string(i));
    open("r-bob", "bob@example.com");
    EXPECT_EQ(claim_mails().size(), password_resets_open_max + 1) << "bob's too";
    clock.advance(lifetime);
    open("r-later");
    EXPECT_EQ(claimed_ids(), list({"r-later"}));
}

TEST_P(StoreResets, opening_one_again_changes_nothing) {
    open("r-1");
    const std::vector<ResetMail> mails = claim_mails();
    settle(mails.at(0));
    open("r-1");
    EXPECT_EQ(claimed_ids(), list({}));
}

TEST_P(StoreResets, a_mail_is_claimed_once_and_gone_when_it_is_settled) {
    const TimePoint opened_at = clock.now();
    open("r-1");
    const std::vector<ResetMail> mails = claim_mails();
    ASSERT_EQ(mails.size(), 1U);
    EXPECT_EQ(mails[0].id.text, "r-1");
    EXPECT_EQ(mails[0].to, "ada@example.com");
    EXPECT_EQ(mails[0].created_at, opened_at);
    EXPECT_EQ(mails[0].expires_at, opened_at + lifetime);
    EXPECT_EQ(claimed_ids(), list({}));
    settle(mails[0]);
    clock.advance(mail_lease + Milliseconds{1});
    EXPECT_EQ(claimed_ids(), list({}));
    EXPECT_EQ(code_of(reset("r-1")), no_error);
}

TEST_P(StoreResets, a_claim_that_is_left_alone_ends_and_its_owner_settles_nothing) {
    open("r-1");
    const ResetMail first = claim_mails().at(0);
    clock.advance(mail_lease);
    const ResetMail second = claim_mails().at(0);
    settle(first, Milliseconds{0});
    EXPECT_EQ(claimed_ids(), list({})) << "the second claim holds it";
    settle(second);
    clock.advance(mail_lease);
    EXPECT_EQ(claimed_ids(), list({}));
}

TEST_P(StoreResets, a_mail_without_an_answer_is_due_again) {
    open("r-1");
    settle(claim_mails().at(0), Milliseconds{5'000});
    clock.advance(Milliseconds{4'999});
    EXPECT_EQ(claimed_ids(), list({}));
    clock.advance(Milliseconds{1});
    EXPECT_EQ(claimed_ids(), list({"r-1"}));
}

TEST_P(StoreResets, no_more_than_asked_for_is_claimed_and_the_longest_waiting_first) {
    open("r-1");
    clock.advance(Milliseconds{1});
    open("r-2", "bob@example.com");
    EXPECT_EQ(claim_mails(1).at(0).id.text, "r-1");
    EXPECT_EQ(claimed_ids(), list({"r-2"}));
    EXPECT_EQ(claim_mails(0).size(), 0U);
}

TEST_P(StoreResets, a_clock_that_was_set_back_delays_no_mail) {
    open("r-1");
    (void)claim_mails();
    clock.jump_wall(-Milliseconds{3'600'000});
    EXPECT_EQ(claimed_ids(), list({"r-1"}));
}

TEST_P(StoreResets, what_has_expired_is_swept) {
    open("r-1");
    open("r-2", "nobody@example.com");
    clock.advance(lifetime + Milliseconds{1});
    open("r-3");
    const SweepCounts counts = must(store.sweep({}, plenty));
    EXPECT_EQ(counts.password_resets, 2);
    EXPECT_EQ(counts.total(), 2);
    EXPECT_EQ(code_of(reset("r-3")), no_error);
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreResets, ::testing::ValuesIn(every_store()),
                         [](const auto& parameter) { return parameter.param.name; });

}  // namespace

}  // namespace waybill::testing
