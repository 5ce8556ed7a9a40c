#include <atomic>
#include <thread>

#include "tests/unit/adapters/sqlite_fixture.hpp"

namespace waybill::sqlite {
namespace {

constexpr int commits = 200;

std::int64_t count_locations(Connection& db) {
    Rows rows = db.query("SELECT count(*) FROM locations");
    return rows.next() ? rows.integer(0) : -1;
}

std::int64_t count_in(SqliteStore& store) {
    return store.read([](Connection& db) { return count_locations(db); }).value();
}

void put(SqliteStore& store, int number) {
    const Result<void> written = store.write([&](Transaction& transaction) -> Result<void> {
        transaction.db.run("INSERT INTO locations VALUES (?1)", number);
        return {};
    });
    if (!written) throw std::runtime_error(written.error().detail);
}

// A log that a reader still needs cannot begin anew.
bool is_log_held(SqliteStore& store) {
    return store.database().writer().checkpoint(SQLITE_CHECKPOINT_RESTART) != SQLITE_OK;
}

class SqliteReader : public SqliteTest {
protected:
    [[nodiscard]] std::uintmax_t log_bytes() const { return std::filesystem::file_size(log_file(data_dir())); }
};

TEST_F(SqliteReader, sees_one_state_until_its_view_is_renewed) {
    const StorePtr store = open();
    Reader reader(database_file(data_dir()));
    for (int number = 1; number <= 3; ++number) {
        reader.renew_view();
        EXPECT_EQ(count_locations(reader.connection()), number - 1);
        put(*store, number);
        EXPECT_EQ(count_locations(reader.connection()), number - 1);
    }
    reader.renew_view();
    EXPECT_EQ(count_locations(reader.connection()), 3);
}

TEST_F(SqliteReader, keeps_a_view_while_it_is_the_newest_and_no_longer) {
    const StorePtr store = open();
    put(*store, 1);
    Reader reader(database_file(data_dir()));
    for (int i = 0; i < 3; ++i) {
        reader.renew_view();
        EXPECT_EQ(count_locations(reader.connection()), 1);
    }
    reader.renew_view();
    EXPECT_TRUE(is_log_held(*store)) << "the view of the last read is kept";

    put(*store, 2);
    reader.renew_view();
    EXPECT_FALSE(is_log_held(*store)) << "a new view begins with its first read";
}

TEST_F(SqliteReader, a_view_that_was_let_go_holds_nothing) {
    const StorePtr store = open();
    put(*store, 1);
    Reader reader(database_file(data_dir()));
    reader.renew_view();
    EXPECT_EQ(count_locations(reader.connection()), 1);
    EXPECT_TRUE(is_log_held(*store));
    EXPECT_TRUE(reader.let_go());
    EXPECT_FALSE(is_log_held(*store));
    reader.renew_view();
    EXPECT_EQ(count_locations(reader.connection()), 1);
}

TEST_F(SqliteReader, reads_that_ended_do_not_let_the_log_grow) {
    options_.log_pages_max = 20;
    const StorePtr store = open();
    std::uintmax_t longest = 0;
    for (int number = 1; number <= commits; ++number) {
        put(*store, number);
        EXPECT_EQ(count_in(*store), number);
        longest = std::max(longest, log_bytes());
    }
    EXPECT_LT(longest, 40u * 4'200u);
}

TEST_F(SqliteReader, a_command_keeps_no_view_beside_its_server) {
    const StorePtr server = open();
    const StorePtr command = open(Access::command);
    put(*server, 1);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(count_in(*command), 1);
    EXPECT_FALSE(is_log_held(*server));
}

// Two readers at a time, each with a connection and so a view of its own.
TEST_F(SqliteReader, no_read_goes_back_behind_another_or_behind_an_answered_write) {
    const StorePtr store = open();
    std::atomic<std::int64_t> least = 0;  // what anybody has read, or written
    const auto raise = [&](std::int64_t seen) {
        std::int64_t known = least.load();
        while (known < seen && !least.compare_exchange_weak(known, seen)) {
        }
    };
    const auto read_on = [&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            const std::int64_t at_least = least.load();
            const std::int64_t seen = count_in(*store);
            ASSERT_GE(seen, at_least);
            raise(seen);
        }
    };
    {
        const std::jthread one(read_on);
        const std::jthread another(read_on);
        for (int number = 1; number <= commits; ++number) {
            put(*store, number);
            raise(number);
        }
    }
    EXPECT_EQ(count_in(*store), commits);
}

}  // namespace
}  // namespace waybill::sqlite
