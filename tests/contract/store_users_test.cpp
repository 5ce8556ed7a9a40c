#include <algorithm>
#include <atomic>
#include <latch>
#include <thread>

#include "tests/contract/store_contract.hpp"

namespace waybill::testing {

namespace {

constexpr Milliseconds grace{10'000};
constexpr Milliseconds lifetime{604'800'000};

User make_user(const std::string& id, const std::string& email) {
    User user;
    user.id = UserId{id};
    user.email = email;
    user.name = "Grace \"Amazing\" H\xC3\xB6pper";
    user.password_hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA";
    user.role = Role::admin;
    return user;
}

Session make_session(const std::string& id, const UserId& user_id) {
    Session session;
    session.id = SessionId{id};
    session.user_id = user_id;
    session.agent = "Mozilla/5.0 (X11; Linux)";
    return session;
}

class StoreUsers : public StoreContract {
protected:
    Session log_in(const std::string& id, const UserId& user_id) { return open(id, user_id).session; }
    OpenedSession open(const std::string& id, const UserId& user_id, Milliseconds live = lifetime) {
        return must(store.create_session(make_session(id, user_id), "hash-of-" + user_id.text, live));
    }
    // With ids "s-..." that tell their order.
    void fill_sessions(const UserId& user_id) {
        for (std::size_t i = 0; i < sessions_live_max; ++i) {
            EXPECT_TRUE(open(id_of("s", i), user_id).ended.empty());
            clock.advance(Milliseconds{1});
        }
    }
    Result<RotatedSession> rotate(const std::string& id, std::uint32_t generation, Milliseconds within = grace) {
        return store.rotate_session(SessionId{id}, generation, within, lifetime);
    }
    bool is_revoked(const std::string& id) {
        return must(store.find_session(SessionId{id})).value().revoked_at.has_value();
    }
    std::vector<std::string> listed(const UserId& user_id) {
        std::vector<std::string> ids;
        for (const Session& session : must(store.list_sessions(user_id))) ids.push_back(session.id.text);
        return ids;
    }
    std::vector<std::string> revoked_within(Milliseconds back) {
        return sorted(must(store.list_revoked_sessions(back)));
    }
    static std::vector<std::string> sorted(const std::vector<SessionId>& ids) {
        std::vector<std::string> texts;
        for (const SessionId& id : ids) texts.push_back(id.text);
        std::ranges::sort(texts);
        return texts;
    }
    static std::vector<std::string> list(std::initializer_list<std::string> texts) { return texts; }
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreUsers, ::testing::ValuesIn(every_store()),
                         [](const auto& parameter) { return parameter.param.name; });

TEST_P(StoreUsers, a_user_is_found_as_it_was_made) {
    const User made = must(store.create_user(make_user("u-1", "grace@example.com"), std::nullopt));
    EXPECT_EQ(made.created_at, clock.now());
    for (const auto& found :
         {must(store.find_user(UserId{"u-1"})), must(store.find_user_by_email("grace@example.com"))}) {
        ASSERT_TRUE(found.has_value());
        EXPECT_EQ(found->id, made.id);
        EXPECT_EQ(found->email, "grace@example.com");
        EXPECT_EQ(found->name, made.name);
        EXPECT_EQ(found->password_hash, made.password_hash);
        EXPECT_EQ(found->role, Role::admin);
        EXPECT_EQ(found->created_at, made.created_at);
    }
    EXPECT_EQ(must(store.find_user(ada)).value().role, Role::customer);
    EXPECT_FALSE(must(store.find_user(UserId{"none"})).has_value());
    EXPECT_FALSE(must(store.find_user_by_email("none@example.com")).has_value());
    EXPECT_FALSE(must(store.find_user_by_email("%")).has_value());
}

TEST_P(StoreUsers, an_address_has_one_account_in_either_case) {
    const std::string first = normalize_email("Grace.Hopper@Example.COM").value();
    (void)must(store.create_user(make_user("u-1", first), std::nullopt));
    const std::string second = normalize_email("grace.HOPPER@example.com").value();
    EXPECT_EQ(code_of(store.create_user(make_user("u-2", second), make_session("s-2", UserId{"u-2"}))),
              ErrorCode::email_taken);
    EXPECT_FALSE(must(store.find_user(UserId{"u-2"})).has_value());
    EXPECT_FALSE(must(store.find_session(SessionId{"s-2"})).has_value());
    EXPECT_EQ(must(store.find_user_by_email(second)).value().id, UserId{"u-1"});
}

TEST_P(StoreUsers, of_registrations_at_once_one_gets_the_address) {
    std::atomic<int> made = 0;
    std::atomic<int> taken = 0;
    std::latch start(4);
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < 4; ++i) {
            threads.emplace_back([&, i] {
                start.arrive_and_wait();
                const auto user = store.create_user(make_user(id_of("u", i), "grace@example.com"), std::nullopt);
                if (user) ++made;
                if (code_of(user) == ErrorCode::email_taken) ++taken;
            });
        }
    }
    EXPECT_EQ(made, 1);
    EXPECT_EQ(taken, 3);
}

TEST_P(StoreUsers, a_user_may_come_with_its_first_session) {
    Session session = make_session("s-1", UserId{"u-1"});
    session.created_at = clock.now();
    session.expires_at = session.created_at + lifetime;
    clock.advance(Milliseconds{30});
    (void)must(store.create_user(make_user("u-1", "grace@example.com"), session));
    const Session found = must(store.find_session(SessionId{"s-1"})).value();
    EXPECT_EQ(found.user_id, UserId{"u-1"});
    EXPECT_EQ(found.generation, 1u);
    EXPECT_EQ(found.created_at, clock.now());
    EXPECT_EQ(found.rotated_at, clock.now());
    EXPECT_EQ(found.last_used_at, clock.now());
    EXPECT_EQ(found.expires_at, clock.now() + lifetime);
}

TEST_P(StoreUsers, a_hash_is_replaced_only_where_it_is_still_the_expected_one) {
    (void)must(store.rehash_password(ada, "hash-of-ada", "stronger"));
    EXPECT_EQ(must(store.find_user(ada)).value().password_hash, "stronger");
    must(store.rehash_password(ada, "hash-of-ada", "late"));
    EXPECT_EQ(must(store.find_user(ada)).value().password_hash, "stronger");
    EXPECT_EQ(must(store.find_user(bob)).value().password_hash, "hash-of-bob");
}

TEST_P(StoreUsers, a_new_password_ends_the_other_sessions) {
    log_in("s-1", ada);
    log_in("s-2", ada);
    log_in("s-3", ada);
    log_in("s-4", bob);
    must(store.revoke_session(ada, SessionId{"s-3"}));
    clock.advance(Milliseconds{5'000});

    EXPECT_EQ(sorted(must(store.change_password(ada, "hash-of-ada", "new", SessionId{"s-1"}))), list({"s-2"}));
    EXPECT_EQ(must(store.find_user(ada)).value().password_hash, "new");
    EXPECT_EQ(listed(ada), list({"s-1"}));
    EXPECT_EQ(listed(bob), list({"s-4"}));
    EXPECT_EQ(revoked_within(Milliseconds{1'000}), list({"s-2"}));

    EXPECT_EQ(sorted(must(store.change_password(ada, "new", "newer", std::nullopt))), list({"s-1"}));
    EXPECT_TRUE(listed(ada).empty());
    EXPECT_EQ(code_of(store.change_password(UserId{"none"}, "", "new", std::nullopt)), ErrorCode::invalid_credentials);
}

TEST_P(StoreUsers, a_password_changes_only_where_its_hash_is_still_the_expected_one) {
    log_in("s-1", ada);
    EXPECT_EQ(code_of(store.change_password(ada, "hash-of-bob", "new", std::nullopt)), ErrorCode::invalid_credentials);
    EXPECT_EQ(must(store.find_user(ada)).value().password_hash, "hash-of-ada");
    EXPECT_FALSE(is_revoked("s-1"));
}

TEST_P(StoreUsers, a_session_begins_only_where_the_hash_is_still_the_expected_one) {
    const auto begin = [&](const UserId& user_id, const std::string& hash) {
        return code_of(store.create_session(make_session("s-1", user_id), hash, lifetime));
    };
    EXPECT_EQ(begin(ada, "hash-of-bob"), ErrorCode::invalid_credentials);
    EXPECT_EQ(begin(ada, ""), ErrorCode::invalid_credentials);
    EXPECT_EQ(begin(UserId{"none"}, ""), ErrorCode::invalid_credentials);
    EXPECT_FALSE(must(store.find_session(SessionId{"s-1"})).has_value());
    EXPECT_EQ(begin(ada, "hash-of-ada"), no_error);
}

// Each login has checked the old password before the new one is set.
TEST_P(StoreUsers, no_session_outlives_a_new_password_that_others_begin_against) {
    for (int round = 0; round < 20; ++round) {
        const std::string number = std::to_string(round);
        const User before = must(store.find_user(ada)).value();
        must(store.open_password_reset(ResetId{"r-" + number}, before.email, lifetime));
        std::latch start(4);
        {
            std::vector<std::jthread> threads;
            for (std::size_t i = 0; i < 3; ++i) {
                threads.emplace_back([&, i] {
                    start.arrive_and_wait();
                    for (int n = 0; n < 3; ++n) {
                        const std::string id = id_of("s-" + number + "-" + std::to_string(n), i);
                        (void)store.create_session(make_session(id, ada), before.password_hash, lifetime);
                    }
                });
            }
            threads.emplace_back([&] {
                start.arrive_and_wait();
                if (round % 2 == 0) {
                    must(store.change_password(ada, before.password_hash, "new-" + number, std::nullopt));
                } else {
                    must(store.reset_password(ResetId{"r-" + number}, "new-" + number));
                }
            });
        }
        EXPECT_TRUE(listed(ada).empty()) << "round " << round;
    }
}

TEST_P(StoreUsers, a_session_is_found_as_it_was_made) {
    const Session made = log_in("s-1", ada);
    EXPECT_EQ(made.created_at, clock.now());
    EXPECT_EQ(made.expires_at, clock.now() + lifetime);
    const Session found = must(store.find_session(SessionId{"s-1"})).value();
    EXPECT_EQ(found.user_id, ada);
    EXPECT_EQ(found.generation, 1u);
    EXPECT_EQ(found.created_at, made.created_at);
    EXPECT_EQ(found.rotated_at, made.created_at);
    EXPECT_EQ(found.last_used_at, made.created_at);
    EXPECT_EQ(found.expires_at, made.expires_at);
    EXPECT_EQ(found.revoked_at, std::nullopt);
    EXPECT_EQ(found.agent, "Mozilla/5.0 (X11; Linux)");
    EXPECT_FALSE(must(store.find_session(SessionId{"none"})).has_value());
}

TEST_P(StoreUsers, the_living_token_rotates) {
    log_in("s-1", ada);
    clock.advance(Milliseconds{60'000});
    const RotatedSession rotated = must(rotate("s-1", 1));
    EXPECT_EQ(rotated.user.id, ada);
    EXPECT_EQ(rotated.user.email, "ada@example.com");
    EXPECT_EQ(rotated.session.generation, 2u);
    EXPECT_EQ(rotated.session.rotated_at, clock.now());
    EXPECT_EQ(rotated.session.expires_at, clock.now() + lifetime);

    const Session found = must(store.find_session(SessionId{"s-1"})).value();
    EXPECT_EQ(found.generation, 2u);
    EXPECT_EQ(found.last_used_at, clock.now());
    EXPECT_EQ(found.expires_at, clock.now() + lifetime);
    EXPECT_EQ(found.created_at, clock.now() - Milliseconds{60'000});
    EXPECT_EQ(must(rotate("s-1", 2)).session.generation, 3u);
}

TEST_P(StoreUsers, a_repeat_within_the_grace_gets_the_same_successor) {
    log_in("s-1", ada);
    (void)must(rotate("s-1", 1));
    clock.advance(grace - Milliseconds{1});
    EXPECT_EQ(must(rotate("s-1", 1)).session.generation, 2u);
    EXPECT_EQ(must(rotate("s-1", 1)).session.generation, 2u);
    EXPECT_FALSE(is_revoked("s-1"));
    EXPECT_EQ(must(rotate("s-1", 2)).session.generation, 3u);
}

TEST_P(StoreUsers, a_repeat_after_the_grace_revokes_the_family) {
    log_in("s-1", ada);
    (void)must(rotate("s-1", 1));
    clock.advance(grace + Milliseconds{1});
    EXPECT_EQ(code_of(rotate("s-1", 1)), ErrorCode::refresh_reused);
    EXPECT_TRUE(is_revoked("s-1"));
    EXPECT_EQ(code_of(rotate("s-1", 2)), ErrorCode::refresh_invalid);
    EXPECT_EQ(code_of(rotate("s-1", 1)), ErrorCode::refresh_invalid);
    EXPECT_EQ(revoked_within(Milliseconds{1'000}), list({"s-1"}));
    EXPECT_TRUE(listed(ada).empty());
}

TEST_P(StoreUsers, a_repeat_after_its_successor_was_used_revokes_the_family) {
    log_in("s-1", ada);
    (void)must(rotate("s-1", 1));
    (void)must(rotate("s-1", 2));
    EXPECT_EQ(code_of(rotate("s-1", 1)), ErrorCode::refresh_reused);
    EXPECT_EQ(code_of(rotate("s-1", 3)), ErrorCode::refresh_invalid);
}

TEST_P(StoreUsers, without_a_grace_every_repeat_is_reuse) {
    log_in("s-1", ada);
    (void)must(rotate("s-1", 1, Milliseconds{0}));
    EXPECT_EQ(code_of(rotate("s-1", 1, Milliseconds{0})), ErrorCode::refresh_reused);
}

TEST_P(StoreUsers, what_never_was_and_what_is_over_does_not_rotate) {
    log_in("s-1", ada);
    EXPECT_EQ(code_of(rotate("none", 1)), ErrorCode::refresh_invalid);
    EXPECT_EQ(code_of(rotate("s-1", 2)), ErrorCode::refresh_invalid);
    EXPECT_EQ(code_of(rotate("s-1", 0)), ErrorCode::refresh_invalid);
    EXPECT_FALSE(is_revoked("s-1"));
    clock.advance(lifetime + Milliseconds{1});
    EXPECT_EQ(code_of(rotate("s-1", 1)), ErrorCode::refresh_invalid);
    EXPECT_TRUE(listed(ada).empty());
}

TEST_P(StoreUsers, two_tabs_at_once_get_the_same_successor) {
    log_in("s-1", ada);
    std::atomic<int> second_generations = 0;
    std::latch start(4);
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                start.arrive_and_wait();
                const auto rotated = rotate("s-1", 1);
                if (rotated && rotated->session.generation == 2) ++second_generations;
            });
        }
    }
    EXPECT_EQ(second_generations, 4);
    EXPECT_EQ(must(store.find_session(SessionId{"s-1"})).value().generation, 2u);
}

TEST_P(StoreUsers, live_sessions_are_listed_newest_first) {
    for (const std::string id : {"s-b", "s-a", "s-c"}) {
        log_in(id, ada);
        clock.advance(Milliseconds{1'000});
    }
    log_in("s-d", bob);
    EXPECT_EQ(listed(ada), list({"s-c", "s-a", "s-b"}));
    must(store.revoke_session(ada, SessionId{"s-a"}));
    EXPECT_EQ(listed(ada), list({"s-c", "s-b"}));
}

TEST_P(StoreUsers, the_oldest_live_session_ends_when_one_more_than_the_limit_begins) {
    log_in("s-bob", bob);
    fill_sessions(ada);
    ASSERT_EQ(listed(ada).size(), sessions_live_max);

    EXPECT_EQ(sorted(open("s-new", ada).ended), list({id_of("s", 0)}));
    EXPECT_TRUE(is_revoked(id_of("s", 0)));
    EXPECT_EQ(code_of(rotate(id_of("s", 0), 1)), ErrorCode::refresh_invalid);
    EXPECT_EQ(revoked_within(Milliseconds{1'000}), list({id_of("s", 0)}));
    const auto ids = listed(ada);
    ASSERT_EQ(ids.size(), sessions_live_max);
    EXPECT_EQ(ids.front(), "s-new");
    EXPECT_EQ(ids.back(), id_of("s", 1));
    EXPECT_EQ(listed(bob), list({"s-bob"}));

    EXPECT_TRUE(open("s-new", ada).ended.empty()) << "a repeat";
    EXPECT_EQ(sorted(open("s-newer", ada).ended), list({id_of("s", 1)}));
}

TEST_P(StoreUsers, sessions_that_are_over_take_no_room) {
    open("s-short", ada, Milliseconds{5});
    clock.advance(Milliseconds{10});
    fill_sessions(ada);
    must(store.revoke_session(ada, SessionId{id_of("s", 7)}));
    EXPECT_TRUE(open("s-new", ada).ended.empty());
    EXPECT_FALSE(is_revoked("s-short"));
}

// Times have milliseconds: logins of one script may have the same.
TEST_P(StoreUsers, of_sessions_that_began_at_once_the_newcomer_is_not_the_oldest) {
    for (std::size_t i = 0; i < sessions_live_max; ++i) log_in(id_of("s", i), ada);
    EXPECT_EQ(sorted(open("a-new", ada).ended), list({id_of("s", 0)}));
    EXPECT_FALSE(is_revoked("a-new"));
}

TEST_P(StoreUsers, logins_at_once_end_a_session_each) {
    fill_sessions(ada);
    std::latch start(4);
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < 4; ++i) {
            threads.emplace_back([&, i] {
                start.arrive_and_wait();
                EXPECT_EQ(open(id_of("t", i), ada).ended.size(), 1u);
            });
        }
    }
    const auto ids = listed(ada);
    ASSERT_EQ(ids.size(), sessions_live_max);
    EXPECT_EQ(ids.back(), id_of("s", 4));
}

TEST_P(StoreUsers, a_session_is_revoked_by_its_user_only) {
    log_in("s-1", ada);
    EXPECT_EQ(code_of(store.revoke_session(bob, SessionId{"s-1"})), ErrorCode::not_found);
    EXPECT_EQ(code_of(store.revoke_session(ada, SessionId{"none"})), ErrorCode::not_found);
    EXPECT_FALSE(is_revoked("s-1"));
    EXPECT_EQ(code_of(store.revoke_session(ada, SessionId{"s-1"})), no_error);
    EXPECT_TRUE(is_revoked("s-1"));
    EXPECT_EQ(code_of(store.revoke_session(ada, SessionId{"s-1"})), no_error);
    EXPECT_EQ(code_of(rotate("s-1", 1)), ErrorCode::refresh_invalid);
}

TEST_P(StoreUsers, all_sessions_of_a_user_are_revoked_at_once) {
    log_in("s-1", ada);
    log_in("s-2", ada);
    log_in("s-3", bob);
    EXPECT_EQ(sorted(must(store.revoke_sessions(ada))), list({"s-1", "s-2"}));
    EXPECT_TRUE(listed(ada).empty());
    EXPECT_EQ(listed(bob), list({"s-3"}));
    EXPECT_TRUE(must(store.revoke_sessions(ada)).empty());
}

TEST_P(StoreUsers, what_was_revoked_lately_is_listed) {
    for (const std::string id : {"s-1", "s-2", "s-3"}) log_in(id, ada);
    EXPECT_TRUE(revoked_within(Milliseconds{10'000}).empty());
    must(store.revoke_session(ada, SessionId{"s-1"}));
    clock.advance(Milliseconds{6'000});
    must(store.revoke_session(ada, SessionId{"s-2"}));
    EXPECT_EQ(revoked_within(Milliseconds{10'000}), list({"s-1", "s-2"}));
    clock.advance(Milliseconds{6'000});
    EXPECT_EQ(revoked_within(Milliseconds{10'000}), list({"s-2"}));
    clock.jump_wall(-Milliseconds{3'600'000});
    EXPECT_EQ(revoked_within(Milliseconds{10'000}), list({"s-1", "s-2"})) << "a clock set back hides no revocation";
}

}  // namespace

}  // namespace waybill::testing
