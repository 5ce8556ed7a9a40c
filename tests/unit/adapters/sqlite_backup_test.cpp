#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "adapters/sqlite/schema.hpp"
#include "tests/support/faulty_disk.hpp"
#include "tests/unit/adapters/sqlite_backup_fixture.hpp"

namespace waybill::sqlite {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using waybill::testing::DiskStep;
using waybill::testing::FaultyDisk;

TEST_F(SqliteBackup, a_copy_names_the_file_that_failed) {
    write_bytes(file(), "short");
    const SealedFile longer{.database_bytes = 4'096, .sha256 = {}};
    const fs::path into = directory_.path() / "into";
    const Result<void> copied = copy_database(file(), longer, into);
    ASSERT_FALSE(copied);
    EXPECT_THAT(copied.error().detail, AllOf(HasSubstr(file()), Not(HasSubstr(into))));
    const Result<void> full = copy_database(file(), {.database_bytes = 5, .sha256 = {}}, "/dev/full");
    ASSERT_FALSE(full);
    EXPECT_THAT(full.error().detail, HasSubstr("/dev/full"));
}

TEST_F(SqliteBackup, of_a_damaged_database_names_that_and_not_its_own_file) {
    {
        const StorePtr store = open();
        stock_up(*store);
        for (int i = 0; i < 300; ++i) ASSERT_TRUE(place(*store, "o" + std::to_string(i)));
    }
    std::string bytes = bytes_of(database_file(data_dir()));
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() * 3 / 4), bytes.end(), 'x');
    write_bytes(database_file(data_dir()), bytes);
    const Result<BackupReport> refused = take();
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail,
                AllOf(HasSubstr(database_file(data_dir())), HasSubstr("is damaged"), Not(HasSubstr("shop.backup"))));
    EXPECT_FALSE(fs::exists(file()));
}

// The file would lack orders without a word.
TEST_F(SqliteBackup, refuses_a_damaged_journal_of_which_no_server_knows_the_orders) {
    fs::path died;
    {
        const StorePtr store = open();
        stock_up(*store);
        const HeldTables held(*store);
        ASSERT_TRUE(place(*store, "in-journal-1"));
        ASSERT_TRUE(place(*store, "in-journal-2"));
        died = copy_of_disk("died");
    }
    std::string journal = bytes_of(died / "orders.journal");
    journal[journal.find("Tea")] = 'S';
    write_bytes(died / "orders.journal", journal);
    const Result<BackupReport> refused = back_up({.data_dir = died, .file = file()}, clock_);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, AllOf(HasSubstr(died), HasSubstr("journal"), HasSubstr("is damaged")));
    EXPECT_FALSE(fs::exists(file()));
}

TEST_F(SqliteBackup, holds_orders_that_only_the_journal_has) {
    StorePtr store = open();
    stock_up(*store);
    ASSERT_TRUE(place(*store, "in-tables"));
    ASSERT_EQ(orders_of(*store), Ids{"in-tables"});
    BackupReport report;
    {
        const HeldTables held(*store);
        ASSERT_TRUE(place(*store, "in-journal-1"));
        ASSERT_TRUE(place(*store, "in-journal-2"));
        report = must_take();
    }
    EXPECT_EQ(report.orders, 3);
    EXPECT_EQ(report.from_journal, 2);
    EXPECT_EQ(report.users, 1);
    EXPECT_EQ(report.products, 1);
    EXPECT_EQ(report.units_of_stock, 994);

    const fs::path other = directory_.path() / "other";
    const Result<RestoreReport> restored = put(other);
    ASSERT_TRUE(restored) << restored.error().detail;
    EXPECT_TRUE(restored->replaced.empty());
    const StorePtr copy = open_at(other);
    EXPECT_EQ(orders_of(*copy), (Ids{"in-journal-1", "in-journal-2", "in-tables"}));
    EXPECT_EQ(available(*copy), 994);
    EXPECT_EQ(copy->claim_work(WorkKind::process_order, 10, Milliseconds{1'000})->size(), 3u);
    // A key that was used stays used.
    EXPECT_TRUE(place(*copy, "in-journal-1")->replayed);
}

TEST_F(SqliteBackup, taken_while_orders_are_placed_holds_all_that_were_answered) {
    StorePtr store = open();
    stock_up(*store);
    std::atomic<int> answered{0};
    std::atomic<bool> stop{false};
    std::jthread customer([&] {
        for (int i = 0; !stop && i < 400; ++i) {
            if (place(*store, "order-" + std::to_string(i))) ++answered;
        }
    });
    for (int round = 1; round <= 3; ++round) {
        while (answered < 20 * round) std::this_thread::yield();
        const int before = answered;
        const BackupReport report = must_take();
        const fs::path other = directory_.path() / ("other-" + std::to_string(round));
        ASSERT_TRUE(put(other));
        const StorePtr copy = open_at(other);
        for (int i = 0; i < before; ++i) {
            EXPECT_TRUE(copy->find_order(OrderId("order-" + std::to_string(i)))->has_value()) << i;
        }
        EXPECT_EQ(available(*copy), 1'000 - 2 * report.orders);
    }
    stop = true;
}

TEST_F(SqliteBackup, is_a_file_of_its_own_that_only_its_owner_reads) {
    { stock_up(*open()); }
    write_bytes(data_dir() / "secret", "the secret\n");
    must_take();
    EXPECT_EQ(fs::status(file()).permissions() & fs::perms::mask, fs::perms::owner_read | fs::perms::owner_write);
    for (const char* beside : {"shop.backup.partial", "shop.backup-wal", "shop.backup-journal",
                               "shop.backup.partial-wal", "shop.backup.partial-journal", "shop.backup.partial-shm"}) {
        EXPECT_FALSE(fs::exists(directory_.path() / beside)) << beside;
    }
}

TEST_F(SqliteBackup, brings_the_secret_along_and_leaves_no_trace_of_it_in_the_database) {
    { stock_up(*open()); }
    write_bytes(data_dir() / "secret", "a-secret-of-32-characters-at-least\n");
    must_take();
    const fs::path other = directory_.path() / "other";
    ASSERT_TRUE(put(other));
    EXPECT_EQ(bytes_of(other / "secret"), "a-secret-of-32-characters-at-least\n");
    EXPECT_EQ(fs::status(other / "secret").permissions() & fs::perms::mask,
              fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_FALSE(bytes_of(other / "waybill.db").contains("a-secret-of-32"));
}

TEST_F(SqliteBackup, replaces_a_file_only_when_told_to) {
    { stock_up(*open()); }
    write_bytes(file(), "precious");
    const Result<BackupReport> refused = take();
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, HasSubstr("--force"));
    EXPECT_EQ(bytes_of(file()), "precious");
    EXPECT_TRUE(take(true));
    EXPECT_TRUE(check_seal(file()));
}

TEST_F(SqliteBackup, a_full_disk_leaves_no_file) {
    FaultyDisk disk;
    StorePtr store = open();
    stock_up(*store);
    for (int good : {0, 1, 5}) {
        disk.fail(DiskStep::write, SQLITE_FULL, good, FaultyDisk::for_ever, ".partial");
        const Result<BackupReport> report = take();
        ASSERT_FALSE(report);
        EXPECT_THAT(report.error().detail, HasSubstr("full"));
        EXPECT_FALSE(fs::exists(file()));
        EXPECT_FALSE(fs::exists(file().string() + ".partial"));
    }
    disk.heal();
    EXPECT_TRUE(take());
    store.reset();
}

TEST_F(SqliteBackup, names_the_file_that_failed) {
    { stock_up(*open()); }
    FaultyDisk disk;
    const std::string shop = (data_dir() / "waybill.db").string();
    struct Case {
        DiskStep step;
        int code;
        const char* file;
        std::string named;
        const char* why;
    };
    const std::vector<Case> cases{
        {DiskStep::open, SQLITE_CANTOPEN, "waybill.db", shop, "check who owns its files"},
        {DiskStep::open, SQLITE_PERM, "waybill.db", shop, "check who owns its files"},
        {DiskStep::shared_memory, SQLITE_FULL, "waybill.db", shop, "the disk is full"},
        {DiskStep::read, SQLITE_IOERR_READ, "waybill.db", shop, "the disk fails"},
        {DiskStep::lock, SQLITE_BUSY, "waybill.db", shop, "kept busy"},
        {DiskStep::read, SQLITE_IOERR_READ, "orders.journal", (data_dir() / "orders.journal").string(),
         "the disk fails"},
        {DiskStep::write, SQLITE_FULL, ".partial", file().string(), "the disk is full"},
        {DiskStep::write, SQLITE_IOERR_WRITE, ".partial", file().string(), "the disk fails"},
    };
    write_bytes(data_dir() / "orders.journal", std::string(100, '\0'));
    for (const Case& wanted : cases) {
        disk.fail(wanted.step, wanted.code, 0, FaultyDisk::for_ever, wanted.file);
        const Result<BackupReport> report = take();
        ASSERT_FALSE(report) << wanted.named;
        EXPECT_THAT(report.error().detail, AllOf(HasSubstr(wanted.named), HasSubstr(wanted.why))) << wanted.code;
        EXPECT_NE(report.error().detail.contains(file().string()), report.error().detail.contains(data_dir().string()))
            << report.error().detail;
    }
}

TEST_F(SqliteBackup, of_a_damaged_shop_names_the_shop) {
    { stock_up(*open()); }
    std::string bytes = bytes_of(data_dir() / "waybill.db");
    std::fill(bytes.begin(), bytes.begin() + 4'000, 'x');
    write_bytes(data_dir() / "waybill.db", bytes);
    const Result<BackupReport> report = take();
    ASSERT_FALSE(report);
    EXPECT_THAT(report.error().detail, AllOf(HasSubstr((data_dir() / "waybill.db").string()), HasSubstr("damaged")));
}

TEST_F(SqliteBackup, is_not_taken_beside_a_restore) {
    { stock_up(*open()); }
    const ForeignLock held(data_dir(), ::getppid(), "restore");
    const Result<BackupReport> report = take();
    ASSERT_FALSE(report);
    EXPECT_THAT(report.error().detail, HasSubstr("A restore (process " + std::to_string(::getppid()) + ") "));
}

TEST_F(SqliteBackup, where_there_is_no_shop_nothing_is_written) {
    EXPECT_FALSE(take());
    fs::create_directory(data_dir());
    write_bytes(data_dir() / "waybill.db", "");
    EXPECT_FALSE(take());
    EXPECT_FALSE(fs::exists(file()));
}

TEST_F(SqliteBackup, anything_that_was_changed_or_cut_is_refused_before_anything_is_touched) {
    { stock_up(*open()); }
    must_take();
    const std::string good = bytes_of(file());
    const fs::path other = directory_.path() / "other";
    for (const std::size_t at :
         {std::size_t{0}, std::size_t{100}, good.size() / 2, good.size() - 200, good.size() - 1, good.size() - 70}) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 4);
        write_bytes(file(), bad);
        const Result<RestoreReport> refused = put(other);
        ASSERT_FALSE(refused) << at;
        EXPECT_THAT(refused.error().detail, HasSubstr("no whole backup")) << at;
    }
    for (const std::size_t size : {std::size_t{0}, std::size_t{50}, good.size() - 1, good.size() / 2}) {
        write_bytes(file(), good.substr(0, size));
        EXPECT_FALSE(put(other)) << size;
    }
    EXPECT_FALSE(fs::exists(other / "waybill.db"));
    write_bytes(file(), good);
    EXPECT_TRUE(put(other));
}

TEST_F(SqliteBackup, of_a_newer_schema_is_refused) {
    { stock_up(*open()); }
    must_take();
    change_backup("PRAGMA user_version=99");
    const Result<RestoreReport> refused = put(directory_.path() / "other");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, HasSubstr("newer Waybill"));
    EXPECT_FALSE(fs::exists(directory_.path() / "other" / "waybill.db.restoring"));
}

TEST_F(SqliteBackup, of_an_older_schema_becomes_the_present_one) {
    {
        const StorePtr store = open();
        stock_up(*store);
        ASSERT_TRUE(place(*store, "o1"));
    }
    must_take();
    change_backup(to_schema_2);
    const fs::path other = directory_.path() / "other";
    const Result<RestoreReport> restored = put(other);
    ASSERT_TRUE(restored) << restored.error().detail;
    EXPECT_EQ(restored->backup.schema, 2);
    const StorePtr store = open_at(other);
    EXPECT_EQ(orders_of(*store), Ids{"o1"});
    EXPECT_TRUE(store->open_password_reset(ResetId("r1"), "u1@example.com", Milliseconds{1'000}));
}

// As when a new program backs up what an older one left behind.
TEST_F(SqliteBackup, of_a_shop_of_an_older_schema_holds_its_journal_too) {
    fs::path died;
    {
        const StorePtr store = open();
        stock_up(*store);
        const HeldTables held(*store);
        ASSERT_TRUE(place(*store, "in-journal"));
        died = copy_of_disk("died");
    }
    {
        Connection db(died / "waybill.db", Connection::Mode::write);
        db.execute(to_schema_3);
    }
    const Result<BackupReport> report = back_up({.data_dir = died, .file = file(), .replace = true}, clock_);
    ASSERT_TRUE(report) << report.error().detail;
    EXPECT_EQ(report->from_journal, 1);
    EXPECT_EQ(read_schema_version(*std::make_unique<Connection>(died / "waybill.db", Connection::Mode::read)), 3);
    const fs::path other = directory_.path() / "other";
    ASSERT_TRUE(put(other));
    EXPECT_EQ(orders_of(*open_at(other)), Ids{"in-journal"});
}

TEST_F(SqliteBackup, a_database_that_is_no_backup_is_refused) {
    { stock_up(*open()); }
    must_take();
    change_backup("DROP TABLE backup_notes");
    EXPECT_FALSE(put(directory_.path() / "other"));
}

TEST_F(SqliteBackup, is_not_restored_under_a_server) {
    const StorePtr store = open();
    stock_up(*store);
    must_take();
    ASSERT_TRUE(place(*store, "o1"));
    const Result<RestoreReport> refused = put(data_dir());
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, HasSubstr("Another Waybill server"));
    EXPECT_EQ(orders_of(*store), Ids{"o1"});
}

}  // namespace
}  // namespace waybill::sqlite
