// Whose time is stored, and how often it is asked for.
#include "tests/unit/adapters/mongo_fixture.hpp"

namespace waybill::testing {

namespace {

constexpr Milliseconds hour{3'600'000};

// The server has a clock of its own, an hour ahead of ours.
class MongoTime : public ::testing::Test {
protected:
    MongoTime() : server(prepared(server_clock)) { options.uri = server.uri(); }

    static FakeClock& prepared(FakeClock& clock) {
        clock.set_now(FakeClock::start + hour);
        return clock;
    }
    [[nodiscard]] std::unique_ptr<Store> open() {
        auto opened = waybill::mongo::open_mongo_store(options, clock, log);
        if (!opened) throw std::runtime_error(opened.error().detail);
        return *std::move(opened);
    }
    // The time at which something is stored now.
    [[nodiscard]] TimePoint stored_time(Store& store) {
        User user;
        user.id = UserId{"u-" + std::to_string(++users_)};
        user.email = user.id.text + "@example.com";
        return store.create_user(user, std::nullopt).value().created_at;
    }

    FakeClock clock;
    FakeClock server_clock;
    RecordingLog log;
    MongoDouble server;
    waybill::mongo::MongoOptions options;

private:
    int users_ = 0;
};

TEST_F(MongoTime, what_is_stored_is_the_primarys_time) {
    const auto store = open();
    EXPECT_EQ(stored_time(*store), server_clock.now());
    clock.advance(Milliseconds{1'500});
    server_clock.advance(Milliseconds{1'500});
    EXPECT_EQ(stored_time(*store), server_clock.now());
}

TEST_F(MongoTime, it_is_kept_until_its_renewal) {
    const auto store = open();
    const TimePoint at_first = stored_time(*store);
    server_clock.advance(Milliseconds{700});
    EXPECT_EQ(stored_time(*store), at_first) << "nobody has asked again";
    clock.advance(options.time_renewal);
    EXPECT_EQ(stored_time(*store), server_clock.now());
}

TEST_F(MongoTime, without_a_renewal_time_every_call_asks) {
    options.time_renewal = Milliseconds{0};
    const auto store = open();
    for (int i = 0; i < 3; ++i) {
        server_clock.advance(Milliseconds{100});
        EXPECT_EQ(stored_time(*store), server_clock.now());
    }
}

TEST_F(MongoTime, a_wall_clock_of_ours_that_is_set_changes_nothing_but_asks_again) {
    const auto store = open();
    clock.jump_wall(-24 * hour);
    server_clock.advance(Milliseconds{300});
    EXPECT_EQ(stored_time(*store), server_clock.now());
}

TEST_F(MongoTime, another_primary_is_asked_for_its_own) {
    const auto store = open();
    (void)stored_time(*store);
    server_clock.jump_wall(Milliseconds{-5'000});
    MongoDouble::Fault gone;
    gone.command = "insert";
    gone.code = 10'107;
    server.arm(gone);
    EXPECT_EQ(stored_time(*store), server_clock.now());
}

TEST_F(MongoTime, a_test_may_own_it) {
    options.time_source = waybill::mongo::TimeSource::given_clock;
    const auto store = open();
    EXPECT_EQ(stored_time(*store), clock.now());
}

}  // namespace

}  // namespace waybill::testing
