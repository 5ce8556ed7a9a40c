#include <gmock/gmock.h>

#include <fstream>
#include <unistd.h>

#include "adapters/sqlite/schema.hpp"
#include "tests/support/faulty_disk.hpp"
#include "tests/unit/adapters/sqlite_fixture.hpp"

namespace waybill::sqlite {
namespace {

using waybill::testing::DiskStep;
using waybill::testing::FaultyDisk;

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SqliteOpen : public SqliteTest {
protected:
    // As another version of the program would leave it.
    void set_version(int version) {
        Connection db(database_file(data_dir()), Connection::Mode::write);
        db.set_user_version(version);
    }

    void expect_refusal(const Result<StorePtr>& store, const std::string& words) {
        ASSERT_FALSE(store);
        EXPECT_EQ(store.error().code, ErrorCode::unavailable);
        EXPECT_THAT(store.error().detail,
                    AllOf(HasSubstr(words), HasSubstr(data_dir().string()), Not(HasSubstr("SQL"))));
    }
};

TEST_F(SqliteOpen, makes_a_directory_that_only_its_owner_can_read) {
    const StorePtr store = open();
    using std::filesystem::perms;
    EXPECT_EQ(std::filesystem::status(data_dir()).permissions(), perms::owner_all);
    for (const auto& file : {database_file(data_dir()), journal_file(data_dir())}) {
        EXPECT_EQ(std::filesystem::status(file).permissions(), perms::owner_read | perms::owner_write) << file;
    }
}

TEST_F(SqliteOpen, makes_every_commit_durable) {
    const StorePtr store = open();
    Connection& db = store->database().writer();
    Rows mode = db.query("PRAGMA journal_mode");
    ASSERT_TRUE(mode.next());
    EXPECT_EQ(mode.text(0), "wal");
    Rows sync = db.query("PRAGMA synchronous");
    ASSERT_TRUE(sync.next());
    EXPECT_EQ(sync.integer(0), 2) << "FULL";
}

TEST_F(SqliteOpen, migrates_an_empty_file_and_leaves_the_present_schema_alone) {
    { const StorePtr first = open(); }
    const StorePtr second = open();
    EXPECT_EQ(read_schema_version(second->database().writer()), schema_version());
    EXPECT_TRUE(second->ping());
}

TEST_F(SqliteOpen, migrates_a_shop_of_schema_2_and_keeps_what_it_holds) {
    {
        const StorePtr store = open();
        stock_up(*store);
        ASSERT_TRUE(place(*store, "o1"));
    }
    {
        Connection db(database_file(data_dir()), Connection::Mode::write);
        db.execute(to_schema_2);
    }
    const StorePtr store = open();
    EXPECT_EQ(read_schema_version(store->database().writer()), schema_version());
    EXPECT_TRUE(*store->find_order(OrderId("o1")));
    EXPECT_EQ(store->list_stock({}, std::nullopt, 10)->at(0).available, 998);
    ASSERT_TRUE(store->open_password_reset(ResetId("r1"), "u1@example.com", Milliseconds{1'000}));
    EXPECT_EQ(store->claim_reset_mails(10, Milliseconds{1'000})->size(), 1u);
}

TEST_F(SqliteOpen, migrates_a_shop_of_schema_3_and_keeps_what_it_holds) {
    {
        const StorePtr store = open();
        stock_up(*store);
        ASSERT_TRUE(place(*store, "o1"));
    }
    {
        Connection db(database_file(data_dir()), Connection::Mode::write);
        db.execute(to_schema_3);
    }
    const StorePtr store = open();
    EXPECT_EQ(read_schema_version(store->database().writer()), schema_version());
    EXPECT_FALSE((*store->find_order(OrderId("o1")))->trace.is_set());
    NewOrder traced = order("o2");
    traced.trace = {.id = {1}, .span_id = {2}, .flags = 1};
    ASSERT_TRUE(store->place_orders(std::span(&traced, 1)).front());
    EXPECT_EQ((*store->find_order(OrderId("o2")))->trace, traced.trace);
    EXPECT_EQ(store->list_orders({UserId("u1"), std::nullopt}, std::nullopt, 10)->size(), 2u);
}

TEST_F(SqliteOpen, migrates_a_shop_of_schema_4_and_keeps_what_it_holds) {
    const Session session{.id = SessionId("s1"), .user_id = UserId("u1")};
    {
        const StorePtr store = open();
        stock_up(*store);
        ASSERT_TRUE(store->create_session(session, "h", Milliseconds{60'000}));
    }
    {
        Connection db(database_file(data_dir()), Connection::Mode::write);
        db.execute(to_schema_4);
    }
    const StorePtr store = open();
    EXPECT_EQ(read_schema_version(store->database().writer()), schema_version());
    EXPECT_EQ(store->list_sessions(session.user_id)->size(), 1u);
}

TEST_F(SqliteOpen, keeps_everything_over_a_restart) {
    {
        const StorePtr store = open();
        stock_up(*store);
        ASSERT_TRUE(place(*store, "o1"));
    }
    const StorePtr store = open();
    const Result<std::optional<Order>> order = store->find_order(OrderId("o1"));
    ASSERT_TRUE(order && *order);
    EXPECT_EQ((*order)->total, 500);
    EXPECT_TRUE(place(*store, "o1")->replayed);
    EXPECT_EQ(store->list_stock({}, std::nullopt, 10)->at(0).available, 998);
    EXPECT_EQ(store->claim_work(WorkKind::process_order, 10, Milliseconds{1'000})->size(), 1u);
}

TEST_F(SqliteOpen, refuses_a_second_server_and_names_the_first) {
    const StorePtr first = open();
    const Result<StorePtr> second = try_open();
    ASSERT_FALSE(second);
    expect_refusal(second, "Another Waybill server (process " + std::to_string(::getpid()) + ") uses ");
    EXPECT_THAT(second.error().detail, HasSubstr("--data-dir"));
}

TEST_F(SqliteOpen, lets_the_next_server_in_when_the_first_has_gone) {
    { const StorePtr first = open(); }
    EXPECT_TRUE(try_open());
}

TEST_F(SqliteOpen, lets_a_server_start_beside_a_command) {
    const StorePtr command = open(Access::command);
    EXPECT_TRUE(try_open());
}

TEST_F(SqliteOpen, lets_a_server_wait_for_a_command_that_still_holds_the_lock) {
    std::filesystem::create_directories(data_dir());
    Result<DirLock> held = lock_data_dir(data_dir(), Access::command, Milliseconds{0}, clock_);
    ASSERT_TRUE(held && held->held());
    expect_refusal(try_open(), "Another Waybill command (process ");
    EXPECT_GE(clock_.slept(), options_.busy_deadline);
    held->release();
    EXPECT_TRUE(try_open());
}

// Who has just taken the lock has not written its name yet: what stands there is of the one before.
TEST_F(SqliteOpen, waits_where_the_name_in_the_lock_is_that_of_a_dead_server) {
    constexpr int beyond_all_processes = 4'194'305;  // more than the kernel's PID_MAX_LIMIT
    ForeignLock held(data_dir(), beyond_all_processes);
    expect_refusal(try_open(), "uses ");
    EXPECT_GE(clock_.slept(), options_.busy_deadline);
    held.release();
    EXPECT_TRUE(try_open());
}

// In a container every server has the same number.
TEST_F(SqliteOpen, waits_where_the_name_in_the_lock_is_its_own) {
    const ForeignLock held(data_dir(), ::getpid());
    expect_refusal(try_open(), "uses ");
    EXPECT_GE(clock_.slept(), options_.busy_deadline);
}

TEST_F(SqliteOpen, refuses_at_once_beside_a_server_that_lives) {
    const ForeignLock held(data_dir(), ::getppid());
    expect_refusal(try_open(), "Another Waybill server (process " + std::to_string(::getppid()) + ") uses ");
    EXPECT_EQ(clock_.slept(), Milliseconds{0});
}

// It would write to what is about to be replaced.
TEST_F(SqliteOpen, refuses_a_command_beside_a_restore) {
    { const StorePtr store = open(); }
    ForeignLock held(data_dir(), ::getppid(), "restore");
    expect_refusal(try_open(Access::command), "A restore (process " + std::to_string(::getppid()) + ") ");
    EXPECT_EQ(clock_.slept(), Milliseconds{0});
    held.release();
    EXPECT_TRUE(try_open(Access::command)) << "the name of one that has ended";
}

TEST_F(SqliteOpen, lets_a_refused_command_make_no_file) {
    const ForeignLock held(data_dir(), ::getppid(), "restore");
    EXPECT_FALSE(try_open(Access::command));
    EXPECT_FALSE(std::filesystem::exists(database_file(data_dir())));
}

TEST_F(SqliteOpen, lets_commands_write_beside_the_server) {
    const StorePtr server = open();
    const StorePtr command = open(Access::command);
    stock_up(*command);
    ASSERT_TRUE(place(*server, "o1"));
    EXPECT_EQ(server->list_stock({}, std::nullopt, 10)->at(0).available, 998);
    EXPECT_TRUE(command->find_order(OrderId("o1"))->has_value());
    EXPECT_TRUE(command->rehash_password(UserId("u1"), "h", "i"));
    EXPECT_EQ(server->find_user(UserId("u1"))->value().password_hash, "i");
}

// It does not see the stock that is taken by orders which are not in the tables yet.
TEST_F(SqliteOpen, lets_no_command_take_stock) {
    const StorePtr command = open(Access::command);
    stock_up(*command);
    EXPECT_EQ(place(*command, "o1").error().code, ErrorCode::unavailable);
    const StockChange change{.user_id = UserId("u1"),
                             .product_id = ProductId("p1"),
                             .location = "blr",
                             .set = 1,
                             .delta = {},
                             .reason = {},
                             .idempotency = {}};
    EXPECT_EQ(command->change_stock(change).error().code, ErrorCode::unavailable);
    EXPECT_EQ(command->list_stock({}, std::nullopt, 10)->at(0).available, 1'000);
}

TEST_F(SqliteOpen, lets_a_command_migrate_when_no_server_runs) {
    const StorePtr command = open(Access::command);
    EXPECT_EQ(read_schema_version(command->database().writer()), schema_version());
}

TEST_F(SqliteOpen, refuses_data_of_a_newer_version) {
    { const StorePtr store = open(); }
    set_version(schema_version() + 1);
    expect_refusal(try_open(), "was written by a newer Waybill");
    expect_refusal(try_open(), "; use that version, or restore a backup");
    expect_refusal(try_open(Access::command), "was written by a newer Waybill");
}

TEST_F(SqliteOpen, refuses_a_command_with_another_schema_beside_a_server) {
    const StorePtr server = open();
    set_version(schema_version() - 1);
    expect_refusal(try_open(Access::command), "is in use; stop the server");
    EXPECT_EQ(read_schema_version(server->database().writer()), schema_version() - 1) << "the command has migrated";
}

TEST_F(SqliteOpen, refuses_a_file_that_is_no_database) {
    std::filesystem::create_directories(data_dir());
    std::ofstream(database_file(data_dir())) << std::string(8'192, 'x');
    expect_refusal(try_open(), "is damaged, or is no Waybill database");
}

TEST_F(SqliteOpen, refuses_a_foreign_database) {
    std::filesystem::create_directories(data_dir());
    {
        Connection db(database_file(data_dir()), Connection::Mode::write);
        db.execute("CREATE TABLE orders (something TEXT)");
    }
    expect_refusal(try_open(), "is no Waybill database");
    Connection db(database_file(data_dir()), Connection::Mode::write);
    db.execute("DROP TABLE orders; CREATE TABLE notes (something TEXT)");
    expect_refusal(try_open(Access::command), "is no Waybill database");
    db.set_user_version(schema_version());
    expect_refusal(try_open(), "is no Waybill database");
    EXPECT_FALSE(db.query("SELECT 1 FROM sqlite_schema WHERE name = 'counters'").next()) << "it was made one of ours";
}

// It would stay with a rollback journal and say nothing.
TEST_F(SqliteOpen, refuses_a_file_system_that_cannot_keep_a_log) {
    FaultyDisk disk;
    disk.share_no_memory();
    expect_refusal(try_open(), "on a local disk");
    expect_refusal(try_open(Access::command), "on a local disk");
    disk.heal();
    EXPECT_TRUE(try_open());
}

TEST_F(SqliteOpen, refuses_a_file_system_that_fails_to_share_memory) {
    FaultyDisk disk;
    for (int i = 0; i < 2; ++i) {
        disk.fail(DiskStep::shared_memory, SQLITE_IOERR_SHMMAP, 0, 1'000);
        const Result<StorePtr> store = try_open();
        expect_refusal(store, "on a local disk");
        EXPECT_THAT(store.error().detail, HasSubstr("--data-dir"));
    }
    disk.heal();
    EXPECT_TRUE(try_open());
}

TEST_F(SqliteOpen, never_writes_without_a_log) {
    FaultyDisk disk;
    disk.share_no_memory();
    std::filesystem::create_directories(data_dir());
    EXPECT_THROW(Connection(database_file(data_dir()), Connection::Mode::write), SqliteError);
}

TEST_F(SqliteOpen, refuses_a_path_that_is_no_directory) {
    std::ofstream(data_dir()) << "a file";
    const Result<StorePtr> store = try_open();
    ASSERT_FALSE(store);
    EXPECT_THAT(store.error().detail, HasSubstr("The data directory " + data_dir().string() + " cannot be used"));
}

TEST_F(SqliteOpen, leaves_no_statement_open_when_it_closes) {
    StorePtr store = open();
    stock_up(*store);
    ASSERT_TRUE(place(*store, "o1"));
    ASSERT_TRUE(store->list_orders({}, std::nullopt, 10));
    store.reset();
    // The last connection that closes in good order takes the log away.
    EXPECT_FALSE(std::filesystem::exists(data_dir() / "waybill.db-wal"));
}

}  // namespace
}  // namespace waybill::sqlite
