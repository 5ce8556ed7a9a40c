#include <gmock/gmock.h>

#include <functional>
#include <latch>
#include <thread>

#include "tests/unit/adapters/sqlite_fixture.hpp"

namespace waybill::sqlite {
namespace {

using ::testing::HasSubstr;

Result<void> put(SqliteStore& store, const std::string& name) {
    return store.write([&](Transaction& transaction) -> Result<void> {
        transaction.db.run("INSERT INTO locations VALUES (?1)", name);
        return {};
    });
}

std::int64_t count_locations(SqliteStore& store) {
    return *store.read([](Connection& db) {
        Rows rows = db.query("SELECT count(*) FROM locations");
        return rows.next() ? rows.integer(0) : 0;
    });
}

class SqliteWriteQueue : public SqliteTest {
protected:
    // Holds the queue in a transaction of its own until all of `writes` wait behind it, so that they
    // meet in the next one.
    static void run_together(
        SqliteStore& store, const std::vector<std::function<void()>>& writes,
        const std::function<void()>& meanwhile = [] {}) {
        std::latch begun(1);
        std::latch may_end(1);
        std::vector<std::jthread> threads;
        threads.emplace_back([&] {
            (void)store.write([&](Transaction&) -> Result<void> {
                begun.count_down();
                may_end.wait();
                return {};
            });
        });
        begun.wait();
        for (std::size_t i = 0; i < writes.size(); ++i) {
            threads.emplace_back(writes[i]);
            while (store.writes().waiting() < i + 1) std::this_thread::yield();
        }
        meanwhile();
        may_end.count_down();
    }

    static void limit_pages_to_present(SqliteStore& store) {
        store.database().writer().execute("PRAGMA max_page_count=1");
    }
    static void lift_page_limit(SqliteStore& store) {
        store.database().writer().execute("PRAGMA max_page_count=1073741823");
    }
};

TEST_F(SqliteWriteQueue, commits_all_that_waits_at_once) {
    const StorePtr store = open();
    const std::uint64_t before = store->writes().commits();
    std::vector<std::function<void()>> writes;
    for (int i = 0; i < 16; ++i) {
        writes.emplace_back([&store, i] { EXPECT_TRUE(put(*store, "place-" + std::to_string(i))); });
    }
    run_together(*store, writes);
    EXPECT_EQ(store->writes().commits() - before, 2u) << "the one that was held, and one for all";
    EXPECT_EQ(count_locations(*store), 16);
}

TEST_F(SqliteWriteQueue, undoes_a_write_that_throws_and_nothing_else) {
    const StorePtr store = open();
    const auto put_and_throw = [&] {
        EXPECT_THROW((void)store->write([](Transaction& transaction) -> Result<void> {
            transaction.db.run("INSERT INTO locations VALUES ('never')");
            throw std::runtime_error("broken");
        }),
                     std::runtime_error);
    };
    run_together(*store,
                 {[&] { EXPECT_TRUE(put(*store, "a")); }, put_and_throw, [&] { EXPECT_TRUE(put(*store, "b")); }});
    EXPECT_EQ(count_locations(*store), 2);
    put_and_throw();
    EXPECT_EQ(count_locations(*store), 2) << "alone in its transaction";
}

TEST_F(SqliteWriteQueue, throws_a_broken_constraint_to_the_one_that_broke_it) {
    const StorePtr store = open();
    const auto put_c_and_a = [&] {
        EXPECT_THROW((void)store->write([](Transaction& transaction) -> Result<void> {
            transaction.db.run("INSERT INTO locations VALUES ('c')");
            transaction.db.run("INSERT INTO locations VALUES ('a')");
            return {};
        }),
                     SqliteError);
    };
    run_together(*store, {[&] { EXPECT_TRUE(put(*store, "a")); }, put_c_and_a, [&] { EXPECT_TRUE(put(*store, "b")); }});
    EXPECT_EQ(count_locations(*store), 2);
    put_c_and_a();
    EXPECT_EQ(count_locations(*store), 2) << "alone in its transaction";
}

TEST_F(SqliteWriteQueue, refuses_beyond_its_limit) {
    options_.writes_waiting_max = 2;
    const StorePtr store = open();
    const auto put_a = [&] { EXPECT_TRUE(put(*store, "a")); };
    const auto put_b = [&] { EXPECT_TRUE(put(*store, "b")); };
    const auto refused = [&] { EXPECT_EQ(put(*store, "c").error().code, ErrorCode::overloaded); };
    run_together(*store, {put_a, put_b}, refused);
    EXPECT_EQ(count_locations(*store), 2);
}

TEST_F(SqliteWriteQueue, gives_up_a_write_that_waited_too_long) {
    options_.write_deadline = Milliseconds{5};
    const StorePtr store = open();
    std::latch begun(1);
    std::latch may_end(1);
    std::jthread holder([&] {
        (void)store->write([&](Transaction&) -> Result<void> {
            begun.count_down();
            may_end.wait();
            return {};
        });
    });
    begun.wait();
    std::jthread time([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            if (store->writes().waiting() == 1) clock_.advance(Milliseconds{10});
            std::this_thread::yield();
        }
    });
    EXPECT_EQ(put(*store, "late").error().code, ErrorCode::unavailable);
    EXPECT_EQ(store->writes().waiting(), 0u);
    may_end.count_down();
    holder.join();
    EXPECT_EQ(count_locations(*store), 0);
}

TEST_F(SqliteWriteQueue, gives_up_while_another_process_keeps_writing) {
    options_.busy_deadline = Milliseconds{50};
    const StorePtr store = open();
    Connection other(database_file(data_dir()), Connection::Mode::write);
    other.begin_immediate();
    EXPECT_EQ(put(*store, "a").error().code, ErrorCode::unavailable);
    other.rollback();
    EXPECT_TRUE(put(*store, "a"));
}

// Ends another process' transaction when the store has slept three times.
class ReleasingClock : public waybill::testing::FakeClock {
public:
    void sleep_for(Milliseconds duration) override {
        FakeClock::sleep_for(duration);
        if (++sleeps == 3) release();
    }
    int sleeps = 0;
    std::function<void()> release;
};

TEST_F(SqliteWriteQueue, repeats_until_another_process_has_written) {
    ReleasingClock clock;
    options_.data_dir = data_dir();
    const Result<StorePtr> store = SqliteStore::open(options_, clock, log_);
    ASSERT_TRUE(store);
    Connection other(database_file(data_dir()), Connection::Mode::write);
    other.begin_immediate();
    clock.release = [&] { other.commit(); };
    EXPECT_TRUE(put(**store, "a"));
    EXPECT_EQ(clock.sleeps, 3);
}

TEST_F(SqliteWriteQueue, reads_never_wait_for_a_writer) {
    const StorePtr store = open();
    ASSERT_TRUE(put(*store, "a"));
    Connection other(database_file(data_dir()), Connection::Mode::write);
    other.begin_immediate();
    other.run("INSERT INTO locations VALUES ('unfinished')");
    EXPECT_EQ(count_locations(*store), 1);
    EXPECT_EQ(clock_.slept(), Milliseconds{0});
}

TEST_F(SqliteWriteQueue, answers_unavailable_on_a_full_disk_and_recovers_by_itself) {
    const StorePtr store = open();
    limit_pages_to_present(*store);
    std::optional<Error> full;
    int stored = 0;
    while (!full && stored < 1'000) {
        const Result<void> written = put(*store, std::string(200, 'x') + std::to_string(stored));
        if (written) {
            ++stored;
        } else {
            full = written.error();
        }
    }
    ASSERT_TRUE(full);
    EXPECT_EQ(full->code, ErrorCode::unavailable);
    EXPECT_THAT(full->detail, HasSubstr("disk"));
    EXPECT_EQ(count_locations(*store), stored);

    lift_page_limit(*store);
    EXPECT_TRUE(put(*store, "one more"));
}

TEST_F(SqliteWriteQueue, logs_a_failed_group_once) {
    const StorePtr store = open();
    const auto no_luck = [&] {
        const Result<void> written =
            store->write([](Transaction&) -> Result<void> { throw SqliteError(SQLITE_IOERR_WRITE, "no luck"); });
        EXPECT_EQ(written.error().code, ErrorCode::unavailable);
    };
    run_together(*store, {no_luck, [&] { EXPECT_TRUE(put(*store, "a")); }, no_luck, no_luck});
    ASSERT_EQ(log_.count("store-write-failed"), 1u);
    const auto fields = log_.events_named("store-write-failed").front().fields;
    EXPECT_EQ(fields.at("writes"), "3");
    EXPECT_EQ(fields.at("code"), std::to_string(SQLITE_IOERR_WRITE));
    EXPECT_EQ(fields.at("reason"), "no luck");
}

TEST_F(SqliteWriteQueue, writes_that_are_tried_again_share_one_deadline) {
    options_.busy_deadline = Milliseconds{50};
    const StorePtr store = open();
    Connection other(database_file(data_dir()), Connection::Mode::write);
    int tried = 0;
    const auto put_again = [&] {
        const Result<void> written = store->write([&](Transaction&) -> Result<void> {
            ++tried;
            return {};
        });
        EXPECT_EQ(written.error().code, ErrorCode::unavailable);
    };
    const auto let_another_in = [&] {
        const Result<void> written = store->write([&](Transaction& transaction) -> Result<void> {
            transaction.db.rollback();
            other.begin_immediate();
            throw SqliteError(SQLITE_FULL, "no room");
        });
        EXPECT_EQ(written.error().code, ErrorCode::unavailable);
    };
    run_together(*store, {put_again, put_again, let_another_in});
    EXPECT_EQ(tried, 2) << "in the group only";
    EXPECT_EQ(clock_.slept(), options_.busy_deadline);
    other.rollback();
    EXPECT_TRUE(put(*store, "a"));
}

// A disk that fails one write after the other would have everything opened again for each.
TEST_F(SqliteWriteQueue, tries_no_more_of_a_group_while_the_store_is_not_trusted) {
    options_.busy_deadline = Milliseconds{50};
    const StorePtr store = open();
    Connection elsewhere(database_file(data_dir()), Connection::Mode::read);
    std::optional<Snapshot> reading;
    const auto in_doubt = [&] {
        const Result<void> written = store->write([&](Transaction&) -> Result<void> {
            if (!reading) {
                reading.emplace(elsewhere);
                EXPECT_FALSE(elsewhere.query("SELECT * FROM users").next());
                throw SqliteError(SQLITE_FULL, "no room");
            }
            throw SqliteError(SQLITE_IOERR_FSYNC, "no sync");
        });
        EXPECT_EQ(written.error().code, ErrorCode::outcome_unknown);
    };
    const auto put_late = [&] { EXPECT_EQ(put(*store, "a").error().code, ErrorCode::unavailable); };
    run_together(*store, {in_doubt, put_late, put_late});
    EXPECT_EQ(log_.count("store-not-yet-trusted"), 1u);
}

TEST_F(SqliteWriteQueue, fails_only_the_write_that_fills_the_disk) {
    const StorePtr store = open();
    stock_up(*store);
    limit_pages_to_present(*store);
    const auto write_much = [&] {
        const Result<void> much = store->write([](Transaction& transaction) -> Result<void> {
            transaction.db.run("INSERT INTO locations VALUES (hex(zeroblob(100000)))");
            return {};
        });
        EXPECT_EQ(much.error().code, ErrorCode::unavailable);
    };
    StockChange change;
    change.product_id = ProductId("p1");
    change.location = "blr";
    change.set = 7;
    run_together(*store, {[&] { EXPECT_TRUE(store->rehash_password(UserId("u1"), "h", "i")); }, write_much,
                          [&] { EXPECT_TRUE(store->change_stock(change)); }});
    EXPECT_EQ(store->find_user(UserId("u1")).value()->password_hash, "i");
    EXPECT_EQ(store->list_stock({}, std::nullopt, 1)->at(0).available, 7);
}

}  // namespace
}  // namespace waybill::sqlite
