#include "domain/session.hpp"

#include <gtest/gtest.h>

namespace waybill {
namespace {

using enum RefreshDecision;

constexpr std::int64_t rotated = 1'000'000;
constexpr std::int64_t ends = 2'000'000;

Session family_at(std::uint32_t generation) {
    Session session;
    session.id = SessionId{"s1"};
    session.user_id = UserId{"u1"};
    session.generation = generation;
    session.rotated_at = from_unix_ms(rotated);
    session.expires_at = from_unix_ms(ends);
    return session;
}

TEST(RefreshDecision, follows_generation_time_and_grace) {
    const struct {
        const char* rule;
        std::uint32_t living;
        std::uint32_t presented;
        std::int64_t now_ms;
        std::int64_t grace_ms;
        RefreshDecision expected;
    } cases[] = {
        {"the living token rotates", 1, 1, rotated, 10'000, rotate},
        {"at any age before the end", 7, 7, ends - 1, 10'000, rotate},
        {"but not at the end", 7, 7, ends, 10'000, invalid},
        {"its predecessor gets the successor again", 2, 1, rotated, 10'000, repeat_successor},
        {"until the grace is over", 2, 1, rotated + 9'999, 10'000, repeat_successor},
        {"and then is reuse", 2, 1, rotated + 10'000, 10'000, reused},
        {"no grace, no repetition", 2, 1, rotated, 0, reused},
        {"a used successor ends the grace", 3, 1, rotated, 10'000, reused},
        {"a clock that was set back a little does not end it", 2, 1, rotated - 9'999, 10'000, repeat_successor},
        {"one that was set back far does not lengthen it", 2, 1, rotated - 10'000, 10'000, reused},
        {"a generation that never was", 2, 3, rotated, 10'000, invalid},
        {"no generation", 2, 0, rotated, 10'000, invalid},
        {"the largest generations", 0xffff'ffff, 0xffff'fffe, rotated, 10'000, repeat_successor},
        {"zero is not the predecessor of one", 1, 0, rotated, 10'000, invalid},
        {"reuse of an expired family", 9, 1, ends, 10'000, invalid},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(decide_refresh(family_at(c.living), c.presented, from_unix_ms(c.now_ms), Milliseconds{c.grace_ms}),
                  c.expected)
            << c.rule;
    }
}

TEST(RefreshDecision, nothing_of_a_revoked_family_counts) {
    Session session = family_at(2);
    session.revoked_at = from_unix_ms(rotated);
    for (std::uint32_t generation = 0; generation < 4; ++generation) {
        EXPECT_EQ(decide_refresh(session, generation, from_unix_ms(rotated), Milliseconds{10'000}), invalid);
    }
}

TEST(Session, lives_until_it_expires_or_is_revoked) {
    Session session = family_at(1);
    EXPECT_TRUE(is_live(session, from_unix_ms(ends - 1)));
    EXPECT_FALSE(is_live(session, from_unix_ms(ends)));
    session.revoked_at = from_unix_ms(ends - 1);
    EXPECT_FALSE(is_live(session, from_unix_ms(rotated)));
}

}  // namespace
}  // namespace waybill
