#include "app/auth.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/fake_clock.hpp"
#include "tests/support/flaky_store.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/recording_log.hpp"

namespace waybill {
namespace {

using ::testing::ElementsAre;

constexpr PasswordCost cheap{.memory_kib = 64, .iterations = 1};
const std::string secret(32, 's');
const std::string password = "correct horse";

class AuthTest : public ::testing::Test {
protected:
    void SetUp() override { sessions.read_revocations(); }  // from now on what was checked is remembered

    [[nodiscard]] Registration asha() const { return {"Asha@Example.com", password, "Asha", "curl/8"}; }

    [[nodiscard]] Login registered() {
        auto login = auth.register_user(asha());
        EXPECT_TRUE(login);
        return *login;
    }

    [[nodiscard]] Login logged_in(std::string_view with = password) {
        auto login = auth.log_in("asha@example.com", with, "Firefox");
        EXPECT_TRUE(login);
        return *login;
    }

    [[nodiscard]] Caller caller_of(const Login& login) {
        const auto caller = auth.check_access(login.access_token);
        EXPECT_TRUE(caller);
        return caller.value_or(Caller{});
    }

    [[nodiscard]] bool is_in(const Login& login) { return auth.check_access(login.access_token).has_value(); }

    template <class T>
    [[nodiscard]] static ErrorCode code_of(const Result<T>& result) {
        EXPECT_FALSE(result);
        return result ? ErrorCode::internal : result.error().code;
    }

    template <class T>
    [[nodiscard]] static std::vector<std::string> pointers_of(const Result<T>& result) {
        std::vector<std::string> pointers;
        EXPECT_EQ(code_of(result), ErrorCode::validation_failed);
        if (result) return pointers;
        for (const FieldProblem& problem : result.error().fields) pointers.push_back(problem.pointer);
        return pointers;
    }

    [[nodiscard]] std::string stored_hash() {
        return rows.find_user_by_email("asha@example.com").value()->password_hash;
    }

    testing::FakeClock clock;
    testing::MemoryStore rows{clock};
    testing::FlakyStore store{rows};
    testing::RecordingLog log;
    AccessTokens access{{.secret = secret}, clock};
    RefreshTokens refresh{secret};
    ResetTokens reset{secret};
    SessionGuard sessions{{}, store, clock};
    Auth auth{{.password_cost = cheap}, store, clock, log, access, refresh, reset, sessions};
};

TEST_F(AuthTest, registering_logs_in) {
    const Login login = registered();
    EXPECT_EQ(login.user.email, "asha@example.com");
    EXPECT_EQ(login.user.name, "Asha");
    EXPECT_EQ(login.user.role, Role::customer);
    EXPECT_EQ(login.user.created_at, clock.now());
    EXPECT_EQ(login.expires_in, Milliseconds{900'000});
    const Caller caller = caller_of(login);
    EXPECT_EQ(caller.user_id, login.user.id);
    EXPECT_FALSE(caller.is_admin());
    EXPECT_EQ(log.count("user-registered"), 1U);
}

TEST_F(AuthTest, no_answer_holds_a_hash) {
    const Login login = registered();
    EXPECT_EQ(login.user.password_hash, "");
    EXPECT_EQ(logged_in().user.password_hash, "");
    EXPECT_EQ(auth.refresh(login.refresh_token)->user.password_hash, "");
    EXPECT_EQ(auth.get_user(caller_of(login))->password_hash, "");
    EXPECT_EQ(auth.create_user({"b@example.com", password, "", ""}, Role::admin)->password_hash, "");
    EXPECT_TRUE(stored_hash().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
}

TEST_F(AuthTest, an_address_is_taken_whatever_its_case) {
    (void)registered();
    EXPECT_EQ(code_of(auth.register_user({"ASHA@example.COM", password, "", ""})), ErrorCode::email_taken);
    EXPECT_EQ(code_of(auth.create_user({"asha@example.com", password, "", ""}, Role::admin)), ErrorCode::email_taken);
}

TEST_F(AuthTest, a_registration_hears_of_all_its_problems_at_once) {
    const std::string long_name(201, 'n');
    const std::string long_password(129, 'p');
    const struct {
        Registration sent;
        std::vector<std::string> pointers;
    } cases[] = {
        {{"", "", "\n", ""}, {"/email", "/password", "/name"}},
        {{"no address", "12345", long_name, ""}, {"/email", "/password", "/name"}},
        {{"a@b.c", "12345", "", ""}, {"/password"}},
        {{"a@b.c", long_password, "", ""}, {"/password"}},
        {{"a@b.c", "\xff\xff\xff\xff\xff\xff", "\xff", ""}, {"/password", "/name"}},
        {{"a@b.c\r\nBcc: x@y.z", password, "", ""}, {"/email"}},
        {{"a@b.c", password, "A\r\nBcc: x@y.z", ""}, {"/name"}},
        {{"a@b.c", password, "Z\xc2\x85X", ""}, {"/name"}},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(pointers_of(auth.register_user(c.sent)), c.pointers);
        EXPECT_EQ(pointers_of(auth.create_user(c.sent, Role::admin)), c.pointers);
    }
    EXPECT_EQ(log.count("user-registered"), 0U);
}

TEST_F(AuthTest, common_passwords_are_refused_where_that_is_switched_on) {
    Auth strict{
        {.deny_common_passwords = true, .password_cost = cheap}, store, clock, log, access, refresh, reset, sessions};
    EXPECT_EQ(pointers_of(strict.register_user({"b@example.com", "password1", "", ""})),
              std::vector<std::string>{"/password"});
    const auto login = strict.register_user({"b@example.com", password, "", ""});
    ASSERT_TRUE(login);
    EXPECT_EQ(pointers_of(strict.change_password(caller_of(*login), password, "qwerty")),
              std::vector<std::string>{"/new"});
    EXPECT_EQ(pointers_of(strict.reset_password(reset.make(ResetId("r")), "iloveyou")),
              std::vector<std::string>{"/password"});
    EXPECT_TRUE(auth.register_user({"c@example.com", "password1", "", ""})) << "off by default";
}

TEST_F(AuthTest, lengths_are_counted_in_code_points) {
    std::string name;
    for (int i = 0; i < 200; ++i) name += "\xe2\x82\xac";
    const std::string six_trains =
        "\xf0\x9f\x9a\x82\xf0\x9f\x9a\x82\xf0\x9f\x9a\x82\xf0\x9f\x9a\x82\xf0\x9f\x9a\x82\xf0\x9f\x9a\x82";
    EXPECT_TRUE(auth.register_user({"a@b.c", six_trains, name, ""}));
    EXPECT_EQ(pointers_of(auth.register_user({"d@b.c", six_trains.substr(4), "", ""})),
              std::vector<std::string>{"/password"});
    EXPECT_TRUE(auth.register_user({"e@b.c", std::string(128, 'p'), "", ""}));
}

TEST_F(AuthTest, a_shop_can_ask_for_longer_passwords_but_not_for_none) {
    Auth strict({.password_length_min = 14, .password_cost = cheap}, store, clock, log, access, refresh, reset,
                sessions);
    EXPECT_EQ(code_of(strict.register_user(asha())), ErrorCode::validation_failed);
    Auth lax({.password_length_min = 0, .password_cost = cheap}, store, clock, log, access, refresh, reset, sessions);
    EXPECT_EQ(code_of(lax.register_user({"a@b.c", "", "", ""})), ErrorCode::validation_failed);
    EXPECT_TRUE(lax.register_user({"a@b.c", "x", "", ""}));
}

TEST_F(AuthTest, an_operator_makes_admins) {
    EXPECT_TRUE(auth.create_user(asha(), Role::admin));
    EXPECT_TRUE(caller_of(logged_in()).is_admin());
}

TEST_F(AuthTest, each_login_is_a_session_of_its_own) {
    const Login first = registered();
    const Login second = logged_in();
    EXPECT_NE(caller_of(first).session_id, caller_of(second).session_id);
    EXPECT_EQ(auth.list_sessions(caller_of(first))->size(), 2U);
    EXPECT_TRUE(auth.log_in("ASHA@Example.com", password, ""));
}

TEST_F(AuthTest, a_login_too_many_ends_the_oldest_session_at_once) {
    const Login oldest = registered();
    clock.advance(Milliseconds{1});
    const Login next = logged_in();
    for (std::size_t i = 2; i < sessions_live_max; ++i) (void)logged_in();
    const SessionId oldest_id = caller_of(oldest).session_id;
    ASSERT_TRUE(is_in(oldest) && is_in(next));
    ASSERT_EQ(log.count("session-ended"), 0U);

    const Login newest = logged_in();
    EXPECT_FALSE(is_in(oldest));
    EXPECT_EQ(code_of(auth.refresh(oldest.refresh_token)), ErrorCode::refresh_invalid);
    EXPECT_TRUE(is_in(next));
    EXPECT_TRUE(is_in(newest));
    EXPECT_EQ(auth.list_sessions(caller_of(newest))->size(), sessions_live_max);
    ASSERT_EQ(log.count("session-ended"), 1U);
    EXPECT_EQ(log.events_named("session-ended").back().fields["session_id"], oldest_id.text);
}

TEST_F(AuthTest, a_wrong_password_and_an_unknown_address_have_one_answer) {
    (void)registered();
    const auto wrong = auth.log_in("asha@example.com", "wrong horse", "");
    ASSERT_EQ(code_of(wrong), ErrorCode::invalid_credentials);
    const std::pair<std::string, std::string> others[] = {
        {"nobody@example.com", password},
        {"no address", password},
        {"", ""},
        {"asha@example.com", ""},
        {"asha@example.com", "\xff"},
        {"asha@example.com", std::string(129, 'p')},
        {"nobody@example.com", std::string(129, 'p')},
    };
    for (const auto& [email, sent] : others) {
        const auto refused = auth.log_in(email, sent, "");
        ASSERT_EQ(code_of(refused), ErrorCode::invalid_credentials) << email;
        EXPECT_EQ(refused.error().detail, wrong.error().detail);
    }
}

TEST_F(AuthTest, logs_tell_of_failures_but_no_secrets) {
    const Login login = registered();
    (void)auth.log_in("asha@example.com", "wrong horse", "");
    (void)auth.log_in("nobody@example.com", "wrong horse", "");
    (void)auth.refresh(login.refresh_token);
    clock.advance(Milliseconds{10'000});
    (void)auth.refresh(login.refresh_token);
    EXPECT_EQ(log.count("login-failed"), 2U);
    EXPECT_EQ(log.count("refresh-reused"), 1U);
    for (const std::string& word : {std::string("example.com"), std::string("horse"), login.access_token,
                                    login.refresh_token, secret, std::string("argon2")}) {
        EXPECT_FALSE(log.mentions(word)) << word;
    }
}

TEST_F(AuthTest, logs_tell_who_came_went_and_changed_a_password) {
    const Login first = registered();
    const Caller caller = caller_of(logged_in());
    EXPECT_EQ(log.events_named("logged-in").back().fields["session_id"], caller.session_id.text);
    EXPECT_TRUE(auth.log_out(first.refresh_token));
    EXPECT_EQ(log.events_named("session-ended").back().fields["user_id"], caller.user_id.text);
    EXPECT_TRUE(auth.change_password(caller, password, "another horse"));
    EXPECT_EQ(log.count("password-changed"), 1U);
    EXPECT_TRUE(auth.log_out_all(caller));
    EXPECT_EQ(log.count("logged-out-everywhere"), 1U);
    EXPECT_FALSE(log.mentions("horse"));
}

TEST_F(AuthTest, a_weaker_hash_is_replaced_at_the_next_login) {
    (void)registered();
    const std::string weak = stored_hash();
    Auth stronger({.password_cost = {.memory_kib = 128, .iterations = 2}}, store, clock, log, access, refresh, reset,
                  sessions);
    EXPECT_FALSE(stronger.log_in("asha@example.com", "wrong horse", ""));
    EXPECT_EQ(stored_hash(), weak);
    EXPECT_TRUE(stronger.log_in("asha@example.com", password, ""));
    const std::string strong = stored_hash();
    EXPECT_TRUE(strong.starts_with("$argon2id$v=19$m=128,t=2,p=1$"));
    EXPECT_TRUE(stronger.log_in("asha@example.com", password, ""));
    EXPECT_TRUE(auth.log_in("asha@example.com", password, ""));
    EXPECT_EQ(stored_hash(), strong);
}

TEST_F(AuthTest, an_imported_bcrypt_hash_logs_in_and_is_replaced) {
    User imported{UserId{"imported"}, "asha@example.com", "", "", Role::customer, {}};
    imported.password_hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    ASSERT_TRUE(rows.create_user(imported, std::nullopt));
    EXPECT_TRUE(auth.log_in("asha@example.com", "U*U", ""));
    EXPECT_TRUE(stored_hash().starts_with("$argon2id$"));
    EXPECT_TRUE(auth.log_in("asha@example.com", "U*U", ""));
}

TEST_F(AuthTest, a_refresh_prolongs_the_session_and_rotates_the_token) {
    const Login login = registered();
    clock.advance(Milliseconds{86'400'000});
    const auto next = auth.refresh(login.refresh_token);
    ASSERT_TRUE(next);
    EXPECT_NE(next->refresh_token, login.refresh_token);
    EXPECT_EQ(caller_of(*next).user_id, login.user.id);
    clock.advance(Milliseconds{604'799'999});
    EXPECT_TRUE(auth.refresh(next->refresh_token));
}

TEST_F(AuthTest, a_refresh_token_ends_with_its_session) {
    const Login login = registered();
    clock.advance(Milliseconds{604'800'000});
    EXPECT_EQ(code_of(auth.refresh(login.refresh_token)), ErrorCode::refresh_invalid);
}

TEST_F(AuthTest, two_tabs_get_the_same_successor_within_the_grace) {
    const Login login = registered();
    const auto first = auth.refresh(login.refresh_token);
    clock.advance(Milliseconds{9'999});
    const auto second = auth.refresh(login.refresh_token);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->refresh_token, second->refresh_token);
    EXPECT_TRUE(auth.refresh(first->refresh_token));
}

TEST_F(AuthTest, a_reused_refresh_token_ends_the_family_at_once) {
    const Login login = registered();
    const Login other = logged_in();
    const auto next = auth.refresh(login.refresh_token);
    ASSERT_TRUE(next);
    ASSERT_TRUE(is_in(*next));
    clock.advance(Milliseconds{10'000});
    EXPECT_EQ(code_of(auth.refresh(login.refresh_token)), ErrorCode::refresh_reused);
    EXPECT_EQ(code_of(auth.refresh(next->refresh_token)), ErrorCode::refresh_invalid);
    const auto now = auth.check_access_now(next->access_token);
    ASSERT_TRUE(now);
    EXPECT_EQ(code_of(*now), ErrorCode::token_invalid);
    EXPECT_TRUE(is_in(other));
}

TEST_F(AuthTest, without_grace_every_repetition_is_reuse) {
    Auth strict({.refresh_grace = Milliseconds{0}, .password_cost = cheap}, store, clock, log, access, refresh, reset,
                sessions);
    const Login login = registered();
    EXPECT_TRUE(strict.refresh(login.refresh_token));
    EXPECT_EQ(code_of(strict.refresh(login.refresh_token)), ErrorCode::refresh_reused);
}

TEST_F(AuthTest, what_is_no_refresh_token_is_refused) {
    const Login login = registered();
    for (const std::string& token : {std::string(), std::string("x"), login.access_token, login.refresh_token + "A"}) {
        EXPECT_EQ(code_of(auth.refresh(token)), ErrorCode::refresh_invalid);
    }
    EXPECT_EQ(code_of(auth.refresh(refresh.make(SessionId{"never-was"}, 1))), ErrorCode::refresh_invalid);
    EXPECT_EQ(code_of(auth.refresh(refresh.make(caller_of(login).session_id, 99))), ErrorCode::refresh_invalid);
}

TEST_F(AuthTest, logging_out_ends_one_session) {
    const Login login = registered();
    const Login other = logged_in();
    ASSERT_TRUE(is_in(login));
    EXPECT_TRUE(auth.log_out(login.refresh_token));
    EXPECT_FALSE(is_in(login));
    EXPECT_EQ(code_of(auth.refresh(login.refresh_token)), ErrorCode::refresh_invalid);
    EXPECT_TRUE(is_in(other));
    EXPECT_TRUE(auth.log_out(login.refresh_token));
}

TEST_F(AuthTest, logging_out_with_an_unknown_token_is_no_error) {
    for (const std::string& token : {std::string(), std::string("x"), refresh.make(SessionId{"never-was"}, 1)}) {
        EXPECT_TRUE(auth.log_out(token));
    }
}

TEST_F(AuthTest, a_store_that_is_away_is_not_taken_for_a_logout) {
    const Login login = registered();
    store.fail_always();
    EXPECT_EQ(code_of(auth.log_out(login.refresh_token)), ErrorCode::unavailable);
    EXPECT_EQ(code_of(auth.check_access(login.access_token)), ErrorCode::unavailable);
    store.recover();
    EXPECT_TRUE(is_in(login));
}

TEST_F(AuthTest, logging_out_everywhere_ends_all_sessions_of_that_user_only) {
    const Login first = registered();
    const Login second = logged_in();
    const auto stranger = auth.register_user({"b@example.com", password, "", ""});
    ASSERT_TRUE(is_in(first) && is_in(second) && is_in(*stranger));
    EXPECT_TRUE(auth.log_out_all(caller_of(first)));
    EXPECT_FALSE(is_in(first));
    EXPECT_FALSE(is_in(second));
    EXPECT_TRUE(is_in(*stranger));
}

TEST_F(AuthTest, sessions_are_listed_with_the_agent_made_harmless) {
    const Login login = registered();
    clock.advance(Milliseconds{1});
    (void)auth.log_in("asha@example.com", password, "Fire\x1b[2Jfox\xff" + std::string(300, 'x'));
    const auto listed = auth.list_sessions(caller_of(login));
    ASSERT_TRUE(listed && listed->size() == 2);
    EXPECT_EQ(listed->at(0).agent, "Fire?[2Jfox?" + std::string(188, 'x'));
    EXPECT_EQ(listed->at(1).agent, "curl/8");
    EXPECT_EQ(listed->at(1).expires_at, testing::FakeClock::start + Milliseconds{604'800'000});
}

TEST_F(AuthTest, one_can_end_ones_own_sessions_only) {
    const Login login = registered();
    const Login other = logged_in();
    const auto stranger = auth.register_user({"b@example.com", password, "", ""});
    const Caller caller = caller_of(login);
    EXPECT_EQ(code_of(auth.revoke_session(caller, caller_of(*stranger).session_id)), ErrorCode::not_found);
    EXPECT_TRUE(is_in(*stranger));
    EXPECT_TRUE(auth.revoke_session(caller, caller_of(other).session_id));
    EXPECT_FALSE(is_in(other));
    EXPECT_TRUE(is_in(login));
}

TEST_F(AuthTest, a_new_password_ends_the_other_sessions) {
    const Login login = registered();
    const Login other = logged_in();
    ASSERT_TRUE(is_in(other));
    EXPECT_TRUE(auth.change_password(caller_of(login), password, "battery staple"));
    EXPECT_TRUE(is_in(login));
    EXPECT_FALSE(is_in(other));
    EXPECT_EQ(code_of(auth.log_in("asha@example.com", password, "")), ErrorCode::invalid_credentials);
    EXPECT_TRUE(is_in(logged_in("battery staple")));
}

TEST_F(AuthTest, a_password_changes_only_with_the_current_one_and_to_a_good_one) {
    const Login login = registered();
    const Login other = logged_in();
    const std::string hash = stored_hash();
    EXPECT_EQ(code_of(auth.change_password(caller_of(login), "wrong horse", "battery staple")),
              ErrorCode::invalid_credentials);
    EXPECT_THAT(pointers_of(auth.change_password(caller_of(login), password, "12345")), ElementsAre("/new"));
    EXPECT_EQ(stored_hash(), hash);
    EXPECT_TRUE(is_in(other));
}

TEST_F(AuthTest, a_login_that_a_new_password_overtakes_leaves_no_session) {
    (void)registered();
    ASSERT_TRUE(auth.forgot_password("asha@example.com"));
    const std::string token = reset.make(rows.claim_reset_mails(1, Milliseconds{1'000}).value().at(0).id);
    const auto wrong = auth.log_in("asha@example.com", "wrong horse", "");
    store.run_before("create_session", [&] { EXPECT_TRUE(auth.reset_password(token, "another password")); });
    const auto overtaken = auth.log_in("asha@example.com", password, "");
    ASSERT_EQ(code_of(overtaken), ErrorCode::invalid_credentials);
    EXPECT_EQ(overtaken.error().detail, wrong.error().detail);
    EXPECT_EQ(auth.list_sessions(caller_of(*auth.log_in("asha@example.com", "another password", "")))->size(), 1U);
    EXPECT_EQ(log.count("logged-in"), 1U);
    EXPECT_EQ(log.count("login-failed"), 2U);
}

TEST_F(AuthTest, a_login_goes_on_when_another_strengthens_the_hash_meanwhile) {
    (void)registered();
    Auth stronger({.password_cost = {.memory_kib = 128, .iterations = 2}}, store, clock, log, access, refresh, reset,
                  sessions);
    store.run_before("create_session", [&] { EXPECT_TRUE(stronger.log_in("asha@example.com", password, "")); });
    EXPECT_TRUE(stronger.log_in("asha@example.com", password, ""));
    EXPECT_TRUE(stored_hash().starts_with("$argon2id$v=19$m=128,t=2,p=1$"));
}

TEST_F(AuthTest, a_password_change_that_a_reset_overtakes_changes_nothing) {
    const Login login = registered();
    ASSERT_TRUE(auth.forgot_password("asha@example.com"));
    const std::string token = reset.make(rows.claim_reset_mails(1, Milliseconds{1'000}).value().at(0).id);
    const Caller caller = caller_of(login);
    store.run_before("change_password", [&] { EXPECT_TRUE(auth.reset_password(token, "another password")); });
    EXPECT_EQ(code_of(auth.change_password(caller, password, "battery staple")), ErrorCode::invalid_credentials);
    EXPECT_TRUE(auth.log_in("asha@example.com", "another password", ""));
    EXPECT_EQ(log.count("password-changed"), 0U);
}

TEST_F(AuthTest, a_user_sees_its_own_account) {
    const Login login = registered();
    EXPECT_EQ(auth.get_user(caller_of(login))->email, "asha@example.com");
    EXPECT_EQ(code_of(auth.get_user({UserId{"gone"}, SessionId{"s"}, Role::customer})), ErrorCode::token_invalid);
}

TEST_F(AuthTest, access_is_checked_without_the_store_once_it_was_checked_with_it) {
    const Login login = registered();
    EXPECT_FALSE(auth.check_access_now(login.access_token));
    EXPECT_TRUE(auth.check_access(login.access_token));
    const auto now = auth.check_access_now(login.access_token);
    ASSERT_TRUE(now && *now);
    EXPECT_EQ((*now)->user_id, login.user.id);
}

TEST_F(AuthTest, a_bad_or_old_token_is_refused_before_any_session_is_looked_up) {
    const Login login = registered();
    clock.advance(Milliseconds{900'000});
    for (const auto& [token, code] : {std::pair{std::string("x"), ErrorCode::token_invalid},
                                      std::pair{login.refresh_token, ErrorCode::token_invalid},
                                      std::pair{login.access_token, ErrorCode::token_expired}}) {
        const auto now = auth.check_access_now(token);
        ASSERT_TRUE(now);
        EXPECT_EQ(code_of(*now), code);
        EXPECT_EQ(code_of(auth.check_access(token)), code);
    }
    EXPECT_EQ(store.calls("find_session"), 0U);
}

TEST_F(AuthTest, a_reset_takes_a_new_password_and_ends_every_session) {
    const Login login = registered();
    ASSERT_TRUE(auth.forgot_password("ASHA@example.com"));
    const auto mails = rows.claim_reset_mails(10, Milliseconds{1'000}).value();
    ASSERT_EQ(mails.size(), 1U);
    EXPECT_EQ(mails[0].to, "asha@example.com");
    EXPECT_EQ(mails[0].expires_at - mails[0].created_at, Milliseconds{1'800'000});
    const std::string token = reset.make(mails[0].id);

    ASSERT_TRUE(auth.reset_password(token, "another password"));
    EXPECT_EQ(code_of(auth.check_access(login.access_token)), ErrorCode::token_invalid);
    EXPECT_EQ(code_of(auth.refresh(login.refresh_token)), ErrorCode::refresh_invalid);
    EXPECT_EQ(code_of(auth.log_in("asha@example.com", password, "")), ErrorCode::invalid_credentials);
    EXPECT_TRUE(auth.log_in("asha@example.com", "another password", ""));
    EXPECT_EQ(code_of(auth.reset_password(token, "a third password")), ErrorCode::reset_invalid);
    EXPECT_FALSE(log.mentions(token));
}

TEST_F(AuthTest, a_reset_needs_a_token_of_ours_and_a_password) {
    (void)registered();
    const std::string other = ResetTokens(std::string(32, 'x')).make(ResetId("r-1"));
    for (const std::string& token : {std::string(), std::string("?"), other, other + "A", reset.make(ResetId("r-1"))})
        EXPECT_EQ(code_of(auth.reset_password(token, "another password")), ErrorCode::reset_invalid) << token;
    EXPECT_EQ(code_of(auth.reset_password(reset.make(ResetId("r-1")), "short")), ErrorCode::validation_failed);
    EXPECT_EQ(store.calls("reset_password"), 1U) << "a forged token costs neither hash nor store";
}

TEST_F(AuthTest, an_unknown_address_is_the_same_to_who_forgot_a_password) {
    (void)registered();
    const auto work_of = [&](const char* email) {
        const std::size_t before = store.calls("open_password_reset");
        EXPECT_TRUE(auth.forgot_password(email));
        return store.calls("open_password_reset") - before;
    };
    EXPECT_EQ(work_of("asha@example.com"), 1U);
    EXPECT_EQ(work_of("nobody@example.com"), 1U);
    EXPECT_EQ(rows.claim_reset_mails(10, Milliseconds{1'000})->size(), 1U);
    EXPECT_EQ(code_of(auth.forgot_password("no address")), ErrorCode::validation_failed);
}

}  // namespace
}  // namespace waybill
