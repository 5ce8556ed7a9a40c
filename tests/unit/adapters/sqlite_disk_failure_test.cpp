#include <gmock/gmock.h>

#include <tuple>

#include "tests/support/faulty_disk.hpp"
#include "tests/unit/adapters/sqlite_fixture.hpp"

namespace waybill::sqlite {
namespace {

using waybill::testing::DiskStep;
using waybill::testing::FaultyDisk;

class SqliteDiskFailure : public SqliteTest {
protected:
    SqliteDiskFailure() {
        options_.on_fatal = [this](const std::string&) { ++fatal_; };
        options_.busy_deadline = Milliseconds{50};
    }

    // Whether the order is there for a server that starts on what the disk holds at this moment, as
    // after a crash.
    [[nodiscard]] bool survives_a_crash(const std::string& id) {
        const std::filesystem::path copy = directory_.path() / "copy";
        std::filesystem::remove_all(copy);
        std::filesystem::create_directory(copy);
        // The journal first: an order that leaves it meanwhile is in the tables.
        for (const char* name : {"orders.journal", "waybill.db", "waybill.db-wal"}) {
            if (std::filesystem::exists(data_dir() / name)) std::filesystem::copy(data_dir() / name, copy / name);
        }
        SqliteOptions options = options_;
        options.data_dir = copy;
        const Result<StorePtr> store = SqliteStore::open(options, clock_, log_);
        if (!store) throw std::runtime_error(store.error().detail);
        return (*store)->find_order(OrderId(id))->has_value();
    }

    [[nodiscard]] static Result<void> put(SqliteStore& store, const std::string& location) {
        return store.write([&](Transaction& transaction) -> Result<void> {
            transaction.db.run("INSERT INTO locations VALUES (?1) ON CONFLICT DO NOTHING", location);
            return {};
        });
    }

    [[nodiscard]] static Result<bool> has(SqliteStore& store, const std::string& location) {
        return store.read(
            [&](Connection& db) { return db.query("SELECT 1 FROM locations WHERE location = ?1", location).next(); });
    }

    // So much that the shared index of the log has to grow at the commit.
    [[nodiscard]] static Result<void> write_much(SqliteStore& store, int number) {
        return store.write([&](Transaction& transaction) -> Result<void> {
            transaction.db.run("INSERT INTO locations VALUES (?1 || hex(zeroblob(9000000)))", std::to_string(number));
            return {};
        });
    }

    FaultyDisk disk_;
    int fatal_ = 0;
};

TEST_F(SqliteDiskFailure, a_failed_sync_leaves_the_outcome_unknown_and_the_store_working) {
    const StorePtr store = open();
    stock_up(*store);
    disk_.fail(DiskStep::sync, SQLITE_IOERR_FSYNC, 0, 1);
    EXPECT_EQ(put(*store, "o1").error().code, ErrorCode::outcome_unknown);
    EXPECT_EQ(disk_.failures(), 1);
    EXPECT_EQ(log_.count("store-opened-again"), 1u);
    EXPECT_EQ(fatal_, 0);

    EXPECT_TRUE(put(*store, "o1"));
    EXPECT_TRUE(put(*store, "o2"));
    EXPECT_TRUE(*has(*store, "o2"));
}

TEST_F(SqliteDiskFailure, acknowledges_nothing_until_the_log_was_copied_and_synced) {
    const StorePtr store = open();
    stock_up(*store);
    Connection elsewhere(database_file(data_dir()), Connection::Mode::read);
    auto reading = std::make_unique<Snapshot>(elsewhere);
    EXPECT_TRUE(elsewhere.query("SELECT * FROM users").next()) << "keeps the log from being emptied";
    disk_.fail(DiskStep::sync, SQLITE_IOERR_FSYNC, 0, 1);
    EXPECT_EQ(put(*store, "o1").error().code, ErrorCode::outcome_unknown);
    EXPECT_EQ(put(*store, "o2").error().code, ErrorCode::unavailable);
    EXPECT_EQ(has(*store, "o1").error().code, ErrorCode::unavailable);
    EXPECT_EQ(fatal_, 0);

    reading.reset();
    EXPECT_TRUE(store->ping()) << "a read opens everything again too";
    EXPECT_TRUE(put(*store, "o2"));
}

// An open connection keeps the index of the log, and with it what the log held before its sync failed.
TEST_F(SqliteDiskFailure, is_not_trusted_while_an_old_reader_is_in_use) {
    const StorePtr store = open();
    stock_up(*store);
    std::optional<ReadPool::Lease> reader(*store->database().readers().lease());
    disk_.fail(DiskStep::sync, SQLITE_IOERR_FSYNC, 0, 1);
    EXPECT_EQ(put(*store, "o1").error().code, ErrorCode::outcome_unknown);
    EXPECT_EQ(put(*store, "o2").error().code, ErrorCode::unavailable);
    EXPECT_EQ(has(*store, "o1").error().code, ErrorCode::unavailable);
    EXPECT_EQ(log_.count("store-opened-again"), 0u);
    EXPECT_EQ(fatal_, 0);

    reader.reset();
    EXPECT_TRUE(put(*store, "o2"));
    EXPECT_EQ(log_.count("store-opened-again"), 1u);
}

TEST_F(SqliteDiskFailure, a_reader_from_before_the_pool_was_closed_is_not_used_again) {
    const StorePtr store = open();
    ReadPool& readers = store->database().readers();
    std::optional<ReadPool::Lease> reader(*readers.lease());
    EXPECT_FALSE(readers.close(Milliseconds{0})) << "one is in use";
    readers.reopen();
    reader.reset();
    EXPECT_EQ(readers.connections(), 0u);
    EXPECT_TRUE(readers.close(Milliseconds{0}));
}

TEST_F(SqliteDiskFailure, a_second_failed_sync_is_final) {
    const StorePtr store = open();
    stock_up(*store);
    disk_.fail(DiskStep::sync, SQLITE_IOERR_FSYNC, 0, FaultyDisk::for_ever);
    EXPECT_EQ(put(*store, "o1").error().code, ErrorCode::outcome_unknown);
    EXPECT_EQ(fatal_, 1);
    disk_.heal();
    EXPECT_EQ(put(*store, "o2").error().code, ErrorCode::unavailable);
    EXPECT_EQ(has(*store, "o1").error().code, ErrorCode::unavailable);
    EXPECT_EQ(fatal_, 1) << "said once";
}

TEST_F(SqliteDiskFailure, a_sync_that_fails_right_after_opening_again_is_final) {
    const StorePtr store = open();
    stock_up(*store);
    disk_.fail(DiskStep::sync, SQLITE_IOERR_FSYNC, 0, 1);
    EXPECT_EQ(put(*store, "o1").error().code, ErrorCode::outcome_unknown);
    EXPECT_EQ(log_.count("store-opened-again"), 1u);
    disk_.fail(DiskStep::sync, SQLITE_IOERR_FSYNC, 0, 1);
    EXPECT_EQ(put(*store, "o2").error().code, ErrorCode::outcome_unknown);
    EXPECT_EQ(fatal_, 1);
    EXPECT_EQ(put(*store, "o3").error().code, ErrorCode::unavailable);
}

TEST_F(SqliteDiskFailure, a_failed_sync_is_forgotten_after_a_good_commit) {
    const StorePtr store = open();
    stock_up(*store);
    for (const std::string id : {"o1", "o2", "o3"}) {
        disk_.fail(DiskStep::sync, SQLITE_IOERR_FSYNC, 0, 1);
        EXPECT_EQ(put(*store, id).error().code, ErrorCode::outcome_unknown);
        EXPECT_TRUE(put(*store, id + "-next"));
    }
    EXPECT_EQ(fatal_, 0);
}

TEST_F(SqliteDiskFailure, a_log_that_cannot_be_copied_fails_no_write_that_is_durable) {
    options_.log_pages_max = 1;
    const StorePtr store = open();
    disk_.fail(DiskStep::sync, SQLITE_IOERR_FSYNC, 0, 1, ".db");
    EXPECT_TRUE(put(*store, "o1"));
    EXPECT_EQ(disk_.failures(), 1) << "the write was long enough to have the log copied";
    EXPECT_EQ(log_.count("store-opened-again"), 1u);
    EXPECT_TRUE(store->ping());
}

// The shared index grows after the log was written and synced, so this commit is on the disk although
// it failed.
TEST_F(SqliteDiskFailure, an_error_that_comes_after_the_commit_frame_leaves_the_outcome_unknown) {
    const StorePtr store = open();
    stock_up(*store);
    disk_.fail(DiskStep::shared_memory, SQLITE_IOERR_SHMMAP, 0, 1);
    std::optional<Error> error;
    for (int i = 0; !error && i < 20; ++i) {
        const Result<void> written = store->write([&](Transaction& transaction) -> Result<void> {
            transaction.db.run("INSERT INTO locations VALUES (?1 || hex(zeroblob(800000)))", std::to_string(i));
            return {};
        });
        if (!written) error = written.error();
    }
    ASSERT_TRUE(error);
    EXPECT_EQ(disk_.failures(), 1);
    EXPECT_EQ(error->code, ErrorCode::outcome_unknown);
    EXPECT_EQ(log_.count("store-opened-again"), 1u);
    EXPECT_TRUE(store->rehash_password(UserId("u1"), "h", "i")) << "it works again";
}

TEST_F(SqliteDiskFailure, errors_that_are_no_failed_sync_are_never_final) {
    const StorePtr store = open();
    stock_up(*store);
    for (int i = 0; i < 3; ++i) {
        disk_.fail(DiskStep::shared_memory, SQLITE_IOERR_SHMSIZE, 0, FaultyDisk::for_ever);
        store->database().distrust(SqliteError(SQLITE_IOERR_SHMSIZE, "no room for the shared index"));
        EXPECT_EQ(put(*store, "o1").error().code, ErrorCode::unavailable) << "not opened again yet";
        disk_.heal();
        EXPECT_TRUE(store->ping()) << i;
    }
    EXPECT_EQ(fatal_, 0);
    EXPECT_TRUE(put(*store, "o1"));
}

TEST_F(SqliteDiskFailure, the_first_failed_sync_after_another_error_is_not_final) {
    const StorePtr store = open();
    disk_.fail(DiskStep::shared_memory, SQLITE_IOERR_SHMSIZE, 0, FaultyDisk::for_ever);
    EXPECT_EQ(write_much(*store, 0).error().code, ErrorCode::outcome_unknown);
    disk_.fail(DiskStep::sync, SQLITE_IOERR_FSYNC, 0, 1);
    EXPECT_EQ(write_much(*store, 1).error().code, ErrorCode::unavailable);
    EXPECT_EQ(disk_.failures(), 1) << "when the log was copied";
    EXPECT_EQ(fatal_, 0);
    EXPECT_TRUE(store->ping());

    disk_.fail(DiskStep::sync, SQLITE_IOERR_FSYNC, 0, 1);
    EXPECT_EQ(write_much(*store, 1).error().code, ErrorCode::outcome_unknown);
    EXPECT_EQ(fatal_, 1) << "the second in a row";
}

// The n-th step of the disk fails, for every n until none does: an order that was answered
// `unavailable` is nowhere, also after a crash at that moment; one that was placed is there.
class SqliteDiskFailureAt : public SqliteDiskFailure,
                            public ::testing::WithParamInterface<std::tuple<DiskStep, int>> {};

TEST_P(SqliteDiskFailureAt, answers_the_truth_wherever_it_fails) {
    const auto [step, code] = GetParam();
    for (int n = 0; n < 100; ++n) {
        std::filesystem::remove_all(data_dir());
        const StorePtr store = open();
        stock_up(*store);
        disk_.fail(step, code, n, 1);
        const Result<PlacedOrder> placed = place(*store, "o1");
        EXPECT_TRUE(store->stats()) << "the tables take it after all, " << n;
        const int failures = disk_.failures();
        disk_.heal();
        const bool found = survives_a_crash("o1");
        if (placed) {
            EXPECT_TRUE(found) << "lost after step " << n;
        } else if (placed.error().code == ErrorCode::unavailable) {
            EXPECT_FALSE(found) << "done after all, step " << n;
        } else {
            EXPECT_EQ(placed.error().code, ErrorCode::outcome_unknown) << n;
        }
        // A repeat makes exactly one order of it.
        EXPECT_TRUE(place(*store, "o1")) << n;
        EXPECT_EQ(store->list_stock({}, std::nullopt, 1)->at(0).available, 998) << n;
        if (failures == 0) return;
    }
    FAIL() << "some step always failed";
}

INSTANTIATE_TEST_SUITE_P(Steps, SqliteDiskFailureAt,
                         ::testing::Values(std::tuple{DiskStep::write, SQLITE_FULL},
                                           std::tuple{DiskStep::write, SQLITE_IOERR_WRITE},
                                           std::tuple{DiskStep::sync, SQLITE_IOERR_FSYNC}));

}  // namespace
}  // namespace waybill::sqlite
