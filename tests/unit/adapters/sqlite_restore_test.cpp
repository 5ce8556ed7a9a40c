#include <gmock/gmock.h>

#include <sys/wait.h>

#include <array>
#include <csignal>
#include <optional>

#include "adapters/sqlite/order_journal.hpp"
#include "adapters/sqlite/placing.hpp"
#include "tests/support/faulty_disk.hpp"
#include "tests/unit/adapters/sqlite_backup_fixture.hpp"

namespace waybill::sqlite {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using waybill::testing::DiskStep;
using waybill::testing::FaultyDisk;

struct Death {};

// Holds a database open, as another command does.
class OtherProcess {
public:
    explicit OtherProcess(const fs::path& data_dir) {
        const std::string database = data_dir / "waybill.db";
        std::array<int, 2> ready{};
        if (::pipe(ready.data()) != 0) throw std::runtime_error("no pipe");
        process_ = ::fork();
        if (process_ == 0) hold(database.c_str(), ready[1]);
        ::close(ready[1]);
        char done = 0;
        const bool holds = ::read(ready[0], &done, 1) == 1;
        ::close(ready[0]);
        if (!holds) throw std::runtime_error("the database is not held");
    }
    ~OtherProcess() {
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }
    OtherProcess(const OtherProcess&) = delete;
    OtherProcess& operator=(const OtherProcess&) = delete;
    [[nodiscard]] pid_t process() const { return process_; }

private:
    [[noreturn]] static void hold(const char* database, int ready) {
        const int file = ::open(database, O_RDWR);
        struct flock shared {};
        shared.l_type = F_RDLCK;
        shared.l_whence = SEEK_SET;
        shared.l_start = (1 << 30) + 2;
        shared.l_len = 510;
        if (file < 0 || ::fcntl(file, F_SETLK, &shared) != 0 || ::write(ready, "x", 1) != 1) ::_exit(1);
        for (;;) ::pause();
    }

    pid_t process_;
};

// A shop whose process died with orders in its journal and in SQLite's log, and a backup from before.
class SqliteRestore : public SqliteBackup {
protected:
    SqliteRestore() {
        const StorePtr store = open();
        stock_up(*store);
        write_bytes(data_dir() / "secret", "secret of the backup\n");
        (void)place(*store, "before");
        (void)orders_of(*store);
        must_take();
        write_bytes(data_dir() / "secret", "secret of now\n");
        (void)place(*store, "after-in-log");
        (void)orders_of(*store);
        const HeldTables held(*store);
        (void)place(*store, "after-in-journal");
        died = copy_of_disk("died");
    }

    // With two batches in it, the first no longer as it was written.
    void die_with_a_damaged_journal() {
        const StorePtr store = open();
        const HeldTables held(*store);
        ASSERT_TRUE(place(*store, "in-journal-1"));
        ASSERT_TRUE(place(*store, "in-journal-2"));
        died = copy_of_disk("died-damaged");
        std::string journal = bytes_of(died / "orders.journal");
        journal[journal.find("Tea")] = 'S';
        write_bytes(died / "orders.journal", journal);
    }

    fs::path died;
    const Ids old_orders{"after-in-journal", "after-in-log", "before"};
};

TEST_F(SqliteRestore, lets_nothing_of_the_replaced_shop_through) {
    const Result<RestoreReport> restored = put(died);
    ASSERT_TRUE(restored) << restored.error().detail;
    EXPECT_TRUE(restored->replaced_is_sound);
    {
        const StorePtr store = open_at(died);
        EXPECT_EQ(orders_of(*store), Ids{"before"});
        EXPECT_EQ(available(*store), 998);
        ASSERT_TRUE(place(*store, "new"));
        EXPECT_EQ(orders_of(*store), (Ids{"before", "new"}));
    }
    EXPECT_EQ(bytes_of(died / "secret"), "secret of the backup\n");
    EXPECT_EQ(orders_of(*open_at(died)), (Ids{"before", "new"}));
}

TEST_F(SqliteRestore, keeps_what_it_replaced_as_a_shop_of_its_own) {
    const fs::path replaced = put(died)->replaced;
    EXPECT_EQ(replaced.parent_path(), died);
    const StorePtr store = open_at(replaced);
    EXPECT_EQ(orders_of(*store), old_orders);
    EXPECT_EQ(bytes_of(replaced / "secret"), "secret of now\n");
}

TEST_F(SqliteRestore, takes_the_place_of_a_database_that_cannot_be_read) {
    // The log could repair it.
    fs::remove(died / "waybill.db-wal");
    std::string bytes = bytes_of(died / "waybill.db");
    std::fill(bytes.begin(), bytes.begin() + 4'000, 'x');
    write_bytes(died / "waybill.db", bytes);
    const Result<RestoreReport> restored = put(died);
    ASSERT_TRUE(restored) << restored.error().detail;
    EXPECT_FALSE(restored->replaced_is_sound);
    EXPECT_EQ(orders_of(*open_at(died)), Ids{"before"});
    EXPECT_TRUE(bytes_of(restored->replaced / "waybill.db") == bytes);
}

// It opens, and no restore could take it back.
TEST_F(SqliteRestore, promises_no_undo_where_the_replaced_database_is_damaged_inside) {
    {
        const StorePtr store = open_at(died);
        for (int i = 0; i < 300; ++i) ASSERT_TRUE(place(*store, "more-" + std::to_string(i)));
    }
    std::string bytes = bytes_of(died / "waybill.db");
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() * 3 / 4), bytes.end(), 'x');
    write_bytes(died / "waybill.db", bytes);
    const Result<RestoreReport> restored = put(died);
    ASSERT_TRUE(restored) << restored.error().detail;
    EXPECT_FALSE(restored->replaced_is_sound);
    EXPECT_EQ(orders_of(*open_at(died)), Ids{"before"});
    EXPECT_FALSE(restore({.data_dir = died, .file = restored->replaced}, clock_));
}

TEST_F(SqliteRestore, promises_no_undo_where_the_replaced_journal_is_damaged) {
    die_with_a_damaged_journal();
    const Result<RestoreReport> restored = put(died);
    ASSERT_TRUE(restored) << restored.error().detail;
    EXPECT_FALSE(restored->replaced_is_sound);
}

TEST_F(SqliteRestore, that_dies_at_any_step_leaves_the_old_shop_or_the_new) {
    bool seen_old = false;
    bool seen_new = false;
    for (int dies_at = 1;; ++dies_at) {
        const fs::path dir = directory_.path() / ("try-" + std::to_string(dies_at));
        fs::copy(died, dir);
        int step = 0;
        bool has_died = false;
        try {
            ASSERT_TRUE(put(dir, [&] {
                if (++step == dies_at) throw Death{};
            }));
        } catch (const Death&) {
            has_died = true;
        }
        const Ids found = orders_of(*open_at(dir));
        const bool is_old = found == old_orders;
        EXPECT_TRUE(is_old || found == Ids{"before"}) << "step " << dies_at;
        (is_old ? seen_old : seen_new) = true;
        // The second try always ends well.
        ASSERT_TRUE(put(dir)) << "step " << dies_at;
        EXPECT_EQ(orders_of(*open_at(dir)), Ids{"before"}) << "step " << dies_at;
        fs::remove_all(dir);
        if (!has_died) break;
    }
    EXPECT_TRUE(seen_old);
    EXPECT_TRUE(seen_new);
}

// After a kill the log is still there, and it fits any database.
TEST_F(SqliteRestore, lets_nothing_through_where_the_database_was_moved_away) {
    write_bytes(died / "waybill.db-shm", "index");
    write_bytes(died / "waybill.db-journal", "pages");
    fs::rename(died / "waybill.db", directory_.path() / "damaged.db");
    const Ids names{"orders.journal", "secret", "waybill.db-journal", "waybill.db-shm", "waybill.db-wal"};
    ASSERT_EQ(names_in(died), names);
    const Result<RestoreReport> restored = put(died);
    ASSERT_TRUE(restored) << restored.error().detail;
    EXPECT_FALSE(restored->replaced_is_sound);
    EXPECT_EQ(names_in(restored->replaced), names);
    EXPECT_EQ(bytes_of(restored->replaced / "secret"), "secret of now\n");
    EXPECT_EQ(names_in(died), (Ids{restored->replaced.filename(), "secret", "waybill.db"}));
    EXPECT_EQ(orders_of(*open_at(died)), Ids{"before"});
}

TEST_F(SqliteRestore, keeps_a_secret_that_stood_alone) {
    const fs::path dir = directory_.path() / "other";
    fs::create_directory(dir);
    write_bytes(dir / "secret", "a third one\n");
    const Result<RestoreReport> restored = put(dir);
    ASSERT_TRUE(restored) << restored.error().detail;
    EXPECT_EQ(names_in(restored->replaced), Ids{"secret"});
    EXPECT_EQ(bytes_of(dir / "secret"), "secret of the backup\n");
}

TEST_F(SqliteRestore, is_undone_by_restoring_the_folder_of_what_it_replaced) {
    const fs::path replaced = put(died)->replaced;
    {
        const StorePtr store = open_at(died);
        ASSERT_TRUE(place(*store, "new"));
    }
    RestoreOptions options{.data_dir = died, .file = replaced};
    const Result<RestoreReport> undone = restore(options, clock_);
    ASSERT_TRUE(undone) << undone.error().detail;
    EXPECT_EQ(undone->backup.orders, 3);
    EXPECT_EQ(orders_of(*open_at(died)), old_orders);
    EXPECT_EQ(bytes_of(died / "secret"), "secret of now\n");
    EXPECT_EQ(orders_of(*open_at(undone->replaced)), (Ids{"before", "new"}));
    EXPECT_EQ(fs::status(died / "waybill.db").permissions() & fs::perms::mask,
              fs::perms::owner_read | fs::perms::owner_write);
}

// As a crash leaves it: the log without its index.
TEST_F(SqliteRestore, takes_the_folder_of_a_shop_that_died) {
    const fs::path other = directory_.path() / "other";
    const Result<RestoreReport> restored = restore({.data_dir = other, .file = died}, clock_);
    ASSERT_TRUE(restored) << restored.error().detail;
    EXPECT_EQ(orders_of(*open_at(other)), old_orders);
    EXPECT_EQ(orders_of(*open_at(died)), old_orders);
}

// Its orders would be lost without a word.
TEST_F(SqliteRestore, refuses_a_folder_whose_journal_does_not_continue_its_database) {
    const Order order = **open_at(died)->find_order(OrderId("before"));
    fs::remove(died / "orders.journal");
    {
        OrderJournal journal(died / "orders.journal", RestoreOptions{}.journal_half_bytes);
        const std::string bytes = encode_journaled(order, std::nullopt);
        ASSERT_EQ(journal.append(10, std::span(&bytes, 1)), OrderJournal::Outcome::durable);
    }
    const fs::path other = directory_.path() / "other";
    const Result<RestoreReport> refused = restore({.data_dir = other, .file = died}, clock_);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, HasSubstr("does not continue its database"));
    EXPECT_TRUE(names_in(other).empty());
}

// The server that finds the old journal beside the new database must pass over what no replay reaches.
TEST_F(SqliteRestore, that_dies_before_a_damaged_journal_is_gone_lets_nothing_of_it_through) {
    die_with_a_damaged_journal();
    for (int dies_at = 1;; ++dies_at) {
        const fs::path dir = directory_.path() / ("try-" + std::to_string(dies_at));
        fs::copy(died, dir);
        int step = 0;
        bool has_died = false;
        try {
            ASSERT_TRUE(put(dir, [&] {
                if (++step == dies_at) throw Death{};
            }));
        } catch (const Death&) {
            has_died = true;
        }
        // The old shop is refused, for its journal; the new one is not.
        SqliteOptions options = options_;
        options.data_dir = dir;
        if (const Result<StorePtr> store = SqliteStore::open(options, clock_, log_)) {
            EXPECT_EQ(orders_of(**store), Ids{"before"}) << "step " << dies_at;
        } else {
            EXPECT_TRUE(dies_at == 1 || fs::exists(dir / "waybill.db.restoring")) << store.error().detail;
        }
        fs::remove_all(dir);
        if (!has_died) break;
    }
}

TEST_F(SqliteRestore, refuses_a_folder_with_a_damaged_journal) {
    const StorePtr store = open();
    const HeldTables held(*store);
    ASSERT_TRUE(place(*store, "in-journal-1"));
    ASSERT_TRUE(place(*store, "in-journal-2"));
    const fs::path damaged = copy_of_disk("damaged");
    std::string journal = bytes_of(damaged / "orders.journal");
    journal[journal.find("Tea")] = 'S';
    write_bytes(damaged / "orders.journal", journal);
    const fs::path other = directory_.path() / "other";
    const Result<RestoreReport> refused = restore({.data_dir = other, .file = damaged}, clock_);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, HasSubstr("is damaged"));
}

TEST_F(SqliteRestore, refuses_the_folder_of_a_server) {
    const StorePtr store = open();
    const fs::path other = directory_.path() / "other";
    const Result<RestoreReport> refused = restore({.data_dir = other, .file = data_dir()}, clock_);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, AllOf(HasSubstr(data_dir()), HasSubstr("stop it")));
}

// A restore that died leaves second names of the files that are in use.
TEST_F(SqliteRestore, refuses_a_folder_with_the_database_that_it_would_replace) {
    const fs::path folder = died / "replaced-and-not";
    fs::create_directory(folder);
    fs::create_hard_link(died / "waybill.db", folder / "waybill.db");
    for (const fs::path& file : {folder, died}) {
        const Result<RestoreReport> refused = restore({.data_dir = died, .file = file}, clock_);
        ASSERT_FALSE(refused);
        EXPECT_THAT(refused.error().detail, HasSubstr("is in use in"));
    }
    EXPECT_EQ(orders_of(*open_at(died)), old_orders);
}

// A passing trouble is no damage: its log may hold orders.
TEST_F(SqliteRestore, touches_nothing_where_the_old_shop_cannot_be_read_for_the_moment) {
    FaultyDisk disk;
    struct Case {
        DiskStep step;
        int code;
        const char* file;
        const char* why;
    };
    const std::vector<Case> cases{
        {DiskStep::write, SQLITE_FULL, "waybill.db", "the disk is full"},
        {DiskStep::sync, SQLITE_IOERR_FSYNC, "waybill.db", "the disk fails"},
        {DiskStep::read, SQLITE_IOERR_READ, "waybill.db", "the disk fails"},
        {DiskStep::read, SQLITE_IOERR_READ, "waybill.db-wal", "the disk fails"},
        {DiskStep::lock, SQLITE_BUSY, "waybill.db", "kept busy"},
        {DiskStep::open, SQLITE_CANTOPEN, "waybill.db", "check who owns its files"},
        {DiskStep::read, SQLITE_IOERR_READ, "orders.journal", "the disk fails"},
    };
    const Ids names = names_in(died);
    for (const Case& wanted : cases) {
        const fs::path dir = directory_.path() / "try";
        fs::copy(died, dir);
        disk.fail(wanted.step, wanted.code, 0, FaultyDisk::for_ever, wanted.file);
        const Result<RestoreReport> refused = put(dir);
        disk.heal();
        ASSERT_FALSE(refused) << wanted.file << wanted.code;
        EXPECT_THAT(refused.error().detail, AllOf(HasSubstr(dir), HasSubstr(wanted.why)));
        Ids left = names_in(dir);
        std::erase(left, "waybill.db-shm");
        EXPECT_EQ(left, names) << wanted.file << wanted.code;
        EXPECT_FALSE(bytes_of(dir / "waybill.db-wal").empty()) << wanted.file << wanted.code;
        EXPECT_EQ(orders_of(*open_at(dir)), old_orders) << wanted.file << wanted.code;
        fs::remove_all(dir);
    }
}

TEST_F(SqliteRestore, sees_whoever_opens_the_database_meanwhile) {
    int refusals = 0;
    const Ids names = names_in(died);
    for (int comes_at = 1;; ++comes_at) {
        const fs::path dir = directory_.path() / ("try-" + std::to_string(comes_at));
        fs::copy(died, dir);
        int step = 0;
        std::optional<OtherProcess> other;
        const Result<RestoreReport> restored = put(dir, [&] {
            if (++step == comes_at) other.emplace(dir);
        });
        if (!restored) {
            ++refusals;
            EXPECT_THAT(restored.error().detail, HasSubstr("(process " + std::to_string(other->process()) + ")"));
            other.reset();
            for (const std::string& name : names_in(dir)) {
                EXPECT_TRUE(std::ranges::find(names, name) != names.end() || name.ends_with("-shm"))
                    << name << ", step " << comes_at;
            }
            EXPECT_EQ(orders_of(*open_at(dir)), old_orders) << "step " << comes_at;
        }
        fs::remove_all(dir);
        if (step < comes_at) break;
    }
    EXPECT_GE(refusals, 6);
}

TEST_F(SqliteRestore, that_fails_leaves_nothing_behind) {
    int failures = 0;
    for (int fails_at = 1;; ++fails_at) {
        const fs::path dir = directory_.path() / ("try-" + std::to_string(fails_at));
        fs::copy(died, dir);
        int step = 0;
        const Result<RestoreReport> restored = put(dir, [&] {
            if (++step == fails_at) fs::remove(dir / "waybill.db.restoring");
        });
        if (!restored) {
            ++failures;
            for (const std::string& name : names_in(dir)) {
                EXPECT_FALSE(name.starts_with("replaced-") || name.ends_with(".restoring")) << name;
            }
        }
        EXPECT_EQ(orders_of(*open_at(dir)), restored ? Ids{"before"} : old_orders) << "step " << fails_at;
        fs::remove_all(dir);
        if (step < fails_at) break;
    }
    EXPECT_GE(failures, 5);
}

// What others keep of the replaced shop must count as older. Several restores of one backup follow each other.
TEST_F(SqliteRestore, reaches_versions_that_the_replaced_shop_has_not) {
    for (int round = 1; round <= 3; ++round) {
        TablesVersion replaced;
        {
            const StorePtr store = open_at(died);
            for (int price = 1; price <= 5; ++price) {
                ProductPatch patch;
                patch.price = 100 * round + price;
                ASSERT_TRUE(store->update_product(ProductId("p1"), patch));
            }
            replaced = select_version(store->database().writer());
        }
        clock_.advance(Milliseconds{1});
        ASSERT_TRUE(put(died));
        const TablesVersion present = select_version(open_at(died)->database().writer());
        EXPECT_GT(present.catalogue, replaced.catalogue) << round;
        EXPECT_GT(present.stock, replaced.stock) << round;
    }
}

}  // namespace
}  // namespace waybill::sqlite
