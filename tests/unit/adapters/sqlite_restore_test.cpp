#include <gmock/gmock.h>

#include "tests/unit/adapters/sqlite_backup_fixture.hpp"

namespace waybill::sqlite {
namespace {

using ::testing::HasSubstr;

struct Death {};

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

    fs::path died;
};

TEST_F(SqliteRestore, LetsNothingOfTheReplacedShopThrough) {
    const Result<RestoreReport> restored = put(died);
    ASSERT_TRUE(restored) << restored.error().detail;
    EXPECT_TRUE(restored->replaced_is_readable);
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

TEST_F(SqliteRestore, KeepsWhatItReplacedAsAShopOfItsOwn) {
    const fs::path replaced = put(died)->replaced;
    EXPECT_EQ(replaced.parent_path(), died);
    const StorePtr store = open_at(replaced);
    EXPECT_EQ(orders_of(*store), (Ids{"after-in-journal", "after-in-log", "before"}));
    EXPECT_EQ(bytes_of(replaced / "secret"), "secret of now\n");
}

TEST_F(SqliteRestore, TakesThePlaceOfADatabaseThatCannotBeRead) {
    // The log could repair it.
    fs::remove(died / "waybill.db-wal");
    std::string bytes = bytes_of(died / "waybill.db");
    std::fill(bytes.begin(), bytes.begin() + 4'000, 'x');
    write_bytes(died / "waybill.db", bytes);
    const Result<RestoreReport> restored = put(died);
    ASSERT_TRUE(restored) << restored.error().detail;
    EXPECT_FALSE(restored->replaced_is_readable);
    EXPECT_EQ(orders_of(*open_at(died)), Ids{"before"});
    EXPECT_TRUE(bytes_of(restored->replaced / "waybill.db") == bytes);
}

TEST_F(SqliteRestore, ThatDiesAtAnyStepLeavesTheOldShopOrTheNew) {
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
        const bool is_old = found == Ids{"after-in-journal", "after-in-log", "before"};
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

}  // namespace
}  // namespace waybill::sqlite
