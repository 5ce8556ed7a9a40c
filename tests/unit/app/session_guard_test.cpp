#include "app/session_guard.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fake_clock.hpp"
#include "tests/support/flaky_store.hpp"
#include "tests/support/memory_store.hpp"

namespace waybill {
namespace {

using testing::FakeClock;
using testing::FlakyStore;
using testing::MemoryStore;

// Lets a test act between the moment a session was read and the moment the reader hears of it.
class PausingStore : public MemoryStore {
public:
    using MemoryStore::MemoryStore;
    [[nodiscard]] Result<std::optional<Session>> find_session(const SessionId& id) override {
        auto found = MemoryStore::find_session(id);
        if (after_find) after_find();
        return found;
    }
    [[nodiscard]] Result<std::vector<SessionId>> list_revoked_sessions(Milliseconds back) override {
        last_back = back;
        return MemoryStore::list_revoked_sessions(back);
    }
    std::function<void()> after_find;
    std::atomic<Milliseconds> last_back{};
};

class SessionGuardTest : public ::testing::Test {
protected:
    void SetUp() override {
        const auto stored = rows.create_user({user, "a@b.c", "", "", Role::customer, {}}, std::nullopt);
        ASSERT_TRUE(stored);
        for (const SessionId& id : {first, second}) add_session(id);
        guard.read_revocations();
    }

    void add_session(const SessionId& id, Milliseconds lifetime = Milliseconds{604'800'000}) {
        Session session;
        session.id = id;
        session.user_id = user;
        ASSERT_TRUE(rows.create_session(session, "", lifetime));
    }

    // What another process does: the store knows, this guard does not yet.
    void revoke(const SessionId& id) { ASSERT_TRUE(rows.revoke_session(user, id)); }

    void forget(const SessionId& id) { guard.forget({&id, 1}); }

    // Time in which revocations are read once a second, as they should be.
    void pass_seconds(int seconds) {
        for (int i = 0; i < seconds; ++i) {
            clock.advance(Milliseconds{1'000});
            guard.read_revocations();
        }
    }

    [[nodiscard]] std::size_t reads() const { return store.calls("find_session"); }

    const UserId user{"u1"};
    const SessionId first{"s1"};
    const SessionId second{"s2"};
    FakeClock clock;
    PausingStore rows{clock};
    FlakyStore store{rows};
    SessionGuard guard{{.remembered_max = 100}, store, clock};
};

TEST_F(SessionGuardTest, asks_the_store_once_and_then_remembers) {
    EXPECT_EQ(guard.is_live_now(first), std::nullopt);
    EXPECT_TRUE(guard.check(first));
    EXPECT_EQ(guard.is_live_now(first), true);
    EXPECT_TRUE(guard.check(first));
    EXPECT_EQ(reads(), 1U);
    EXPECT_EQ(guard.is_live_now(second), std::nullopt);
}

TEST_F(SessionGuardTest, an_unknown_revoked_or_expired_session_is_over) {
    add_session(SessionId{"short"}, Milliseconds{100});
    clock.advance(Milliseconds{100});
    revoke(first);
    for (const char* id : {"short", "s1", "never-was"}) {
        const auto checked = guard.check(SessionId{id});
        ASSERT_FALSE(checked) << id;
        EXPECT_EQ(checked.error().code, ErrorCode::token_invalid);
    }
    EXPECT_TRUE(guard.check(second));
}

TEST_F(SessionGuardTest, a_remembered_session_is_asked_about_again_when_it_expires) {
    add_session(SessionId{"short"}, Milliseconds{100});
    EXPECT_TRUE(guard.check(SessionId{"short"}));
    clock.advance(Milliseconds{99});
    EXPECT_EQ(guard.is_live_now(SessionId{"short"}), true);
    clock.advance(Milliseconds{1});
    EXPECT_EQ(guard.is_live_now(SessionId{"short"}), std::nullopt);
    EXPECT_FALSE(guard.check(SessionId{"short"}));
}

TEST_F(SessionGuardTest, a_session_that_was_revoked_here_is_over_at_once) {
    EXPECT_TRUE(guard.check(first));
    EXPECT_TRUE(guard.check(second));
    revoke(first);
    forget(first);
    EXPECT_EQ(guard.is_live_now(first), false);
    EXPECT_FALSE(guard.check(first));
    EXPECT_EQ(guard.is_live_now(second), true);
    pass_seconds(60);
    EXPECT_NE(guard.is_live_now(first), true);
    EXPECT_EQ(guard.is_live_now(second), true);
}

TEST_F(SessionGuardTest, one_that_was_revoked_elsewhere_is_over_at_the_next_reading) {
    EXPECT_TRUE(guard.check(first));
    revoke(first);
    EXPECT_EQ(guard.is_live_now(first), true);
    clock.advance(Milliseconds{1'000});
    guard.read_revocations();
    EXPECT_EQ(guard.is_live_now(first), false);
}

TEST_F(SessionGuardTest, each_reading_overlaps_the_one_before) {
    clock.advance(Milliseconds{700});
    guard.read_revocations();
    EXPECT_EQ(rows.last_back.load(), Milliseconds{10'700});
    clock.advance(Milliseconds{5'000});
    store.fail_next("list_revoked_sessions", 1);
    guard.read_revocations();
    clock.advance(Milliseconds{300});
    guard.read_revocations();
    EXPECT_EQ(rows.last_back.load(), Milliseconds{15'300});
}

TEST_F(SessionGuardTest, each_check_asks_the_store_when_revocations_were_not_read_for_too_long) {
    EXPECT_TRUE(guard.check(first));
    clock.advance(Milliseconds{2'000});
    EXPECT_EQ(guard.is_live_now(first), true);
    clock.advance(Milliseconds{1});
    EXPECT_EQ(guard.is_live_now(first), std::nullopt);
    EXPECT_TRUE(guard.check(first));
    EXPECT_TRUE(guard.check(first));
    EXPECT_EQ(reads(), 3U);
    revoke(first);
    EXPECT_FALSE(guard.check(first));
}

TEST_F(SessionGuardTest, a_reading_that_failed_does_not_count) {
    EXPECT_TRUE(guard.check(first));
    clock.advance(Milliseconds{2'001});
    store.fail_next("list_revoked_sessions", 1);
    guard.read_revocations();
    EXPECT_EQ(guard.is_live_now(first), std::nullopt);
    guard.read_revocations();
    EXPECT_EQ(guard.is_live_now(first), true);
}

TEST_F(SessionGuardTest, nothing_is_trusted_before_the_first_reading) {
    SessionGuard fresh({}, store, clock);
    EXPECT_TRUE(fresh.check(first));
    EXPECT_EQ(fresh.is_live_now(first), std::nullopt);
    fresh.read_revocations();
    EXPECT_EQ(fresh.is_live_now(first), true);
}

TEST_F(SessionGuardTest, a_store_that_is_away_is_an_error_and_no_refusal) {
    store.fail_always();
    const auto checked = guard.check(first);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::unavailable);
    store.recover();
    EXPECT_TRUE(guard.check(first));
}

TEST_F(SessionGuardTest, revocations_of_an_outage_are_not_missed) {
    for (const std::int64_t outage_ms : {5'000, 9'000, 10'000, 10'001, 60'000, 3'600'000}) {
        const SessionId id{"outage" + std::to_string(outage_ms)};
        add_session(id);
        ASSERT_TRUE(guard.check(id));
        clock.advance(Milliseconds{1});
        revoke(id);
        clock.advance(Milliseconds{outage_ms - 1});
        guard.read_revocations();
        EXPECT_NE(guard.is_live_now(id), true) << outage_ms;
        EXPECT_FALSE(guard.check(id)) << outage_ms;
    }
}

TEST_F(SessionGuardTest, revocations_between_start_and_first_reading_are_not_missed) {
    for (const std::int64_t wait_ms : {5'000, 60'000}) {
        SessionGuard late({}, store, clock);
        const SessionId id{"late" + std::to_string(wait_ms)};
        add_session(id);
        ASSERT_TRUE(late.check(id));
        revoke(id);
        clock.advance(Milliseconds{wait_ms});
        late.read_revocations();
        EXPECT_NE(late.is_live_now(id), true) << wait_ms;
    }
}

TEST_F(SessionGuardTest, a_reader_that_saw_it_alive_cannot_bring_it_back) {
    rows.after_find = [&] {
        rows.after_find = nullptr;
        revoke(first);
        forget(first);
    };
    EXPECT_TRUE(guard.check(first));  // it was alive when it was read
    EXPECT_EQ(guard.is_live_now(first), false);
    EXPECT_FALSE(guard.check(first));
    pass_seconds(60);
    EXPECT_EQ(guard.is_live_now(first), std::nullopt);
}

TEST_F(SessionGuardTest, nor_does_it_come_back_when_its_tombstone_is_dropped) {
    rows.after_find = [&] {
        rows.after_find = nullptr;
        forget(first);  // no later reading names it
    };
    EXPECT_TRUE(guard.check(first));
    pass_seconds(60);
    EXPECT_EQ(guard.is_live_now(first), std::nullopt);
}

TEST_F(SessionGuardTest, nor_when_the_revocation_was_read_meanwhile) {
    rows.after_find = [&] {
        rows.after_find = nullptr;
        revoke(first);
        clock.advance(Milliseconds{1'000});
        guard.read_revocations();
    };
    EXPECT_TRUE(guard.check(first));
    EXPECT_EQ(guard.is_live_now(first), false);
}

TEST_F(SessionGuardTest, nor_when_the_reader_was_slower_than_any_tombstone) {
    rows.after_find = [&] {
        rows.after_find = nullptr;
        revoke(first);
        forget(first);
        pass_seconds(60);
    };
    EXPECT_TRUE(guard.check(first));
    EXPECT_EQ(guard.is_live_now(first), std::nullopt);
    EXPECT_FALSE(guard.check(first));
}

TEST_F(SessionGuardTest, nor_when_more_were_revoked_than_there_may_be_tombstones) {
    std::vector<SessionId> many;
    for (int i = 0; i < 250; ++i) many.push_back(SessionId{"many" + std::to_string(i)});
    rows.after_find = [&] {
        rows.after_find = nullptr;
        revoke(first);
        forget(first);
        guard.forget(many);
    };
    EXPECT_TRUE(guard.check(first));
    EXPECT_NE(guard.is_live_now(first), true);
    EXPECT_FALSE(guard.check(first));
}

TEST_F(SessionGuardTest, after_a_flood_of_revocations_it_remembers_again) {
    std::vector<SessionId> many;
    for (int i = 0; i < 101; ++i) many.push_back(SessionId{"many" + std::to_string(i)});
    EXPECT_TRUE(guard.check(first));
    guard.forget(many);
    EXPECT_EQ(guard.is_live_now(first), std::nullopt);
    clock.advance(Milliseconds{1});
    EXPECT_TRUE(guard.check(first));
    EXPECT_EQ(guard.is_live_now(first), true);
}

TEST_F(SessionGuardTest, a_tombstone_is_dropped_when_no_reader_can_be_that_late) {
    forget(first);  // forgotten, yet alive in the store: shows who is asked
    clock.advance(Milliseconds{12'000});
    EXPECT_EQ(guard.is_live_now(first), false);
    clock.advance(Milliseconds{1});
    EXPECT_EQ(guard.is_live_now(first), std::nullopt);
    EXPECT_TRUE(guard.check(first));
}

TEST_F(SessionGuardTest, may_be_asked_and_told_by_many_threads) {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (int i = 0; i < 100; ++i) {
                const SessionId id{"t" + std::to_string(thread) + "-" + std::to_string(i)};
                add_session(id);
                EXPECT_TRUE(guard.check(id));
                EXPECT_TRUE(guard.check(second));
                revoke(id);
                forget(id);
                EXPECT_FALSE(guard.check(id));
                guard.read_revocations();
            }
        });
    }
}

TEST_F(SessionGuardTest, more_sessions_than_it_may_remember_are_still_answered_right) {
    for (int i = 0; i < 300; ++i) {
        const SessionId id{"crowd" + std::to_string(i)};
        const Session session{.id = id, .user_id = UserId{id.text}, .expires_at = clock.now() + Milliseconds{60'000}};
        ASSERT_TRUE(rows.create_user({session.user_id, id.text, "", "", Role::customer, {}}, session));
        EXPECT_TRUE(guard.check(id));
    }
    EXPECT_EQ(guard.is_live_now(SessionId{"crowd0"}), std::nullopt);
    EXPECT_EQ(guard.is_live_now(SessionId{"crowd299"}), true);
    EXPECT_TRUE(guard.check(SessionId{"crowd0"}));
}

}  // namespace
}  // namespace waybill
