// Without memory the process ends where it stands. That is a cut at that place, and here there is one
// at the n-th allocation of the store's own code.
#include "cli/out_of_memory.hpp"

#include <gtest/gtest.h>

#include <iostream>
#include <new>

#include "adapters/sqlite/sqlite.hpp"
#include "tests/durability/allocations.hpp"
#include "tests/durability/nth_points.hpp"
#include "tests/durability/shop_audit.hpp"
#include "tests/durability/shop_scenario.hpp"
#include "tests/support/faulty_disk.hpp"
#include "tests/support/recording_log.hpp"
#include "tests/support/temporary_directory.hpp"

namespace waybill::testing {

namespace {

DiskRecording* running = nullptr;
DiskRecording::Stamp ended_at = DiskRecording::never;

// In place of the end: what comes later does not count. Any lock may be held.
void note_the_end() {
    OurMemory::heal();
    ended_at = running->now();
}

class OutOfMemory : public ::testing::Test {
protected:
    OutOfMemory() {
        options_.journal_half_bytes = 4'000;
        options_.log_pages_max = 20;
    }

    [[nodiscard]] Result<std::unique_ptr<Store>> open(const std::filesystem::path& dir) {
        options_.data_dir = dir;
        return sqlite::open_sqlite_store(options_, clock_, log_);
    }

    // Whether the n-th allocation was reached.
    [[nodiscard]] bool end_at(long n) {
        const TemporaryDirectory directory;
        DiskRecording recording(directory.path() / "run");
        History history;
        disk_.record(&recording);
        running = &recording;
        ended_at = DiskRecording::never;
        {
            ShopScenario scenario([&] { return open(directory.path() / "run"); }, recording, history);
            OurMemory::fail(n, 1);
            scenario.prepare();
            scenario.close();
            scenario.run();
            OurMemory::heal();
        }
        disk_.record(nullptr);
        if (ended_at == DiskRecording::never) return false;
        const std::filesystem::path cut = directory.path() / "cut";
        recording.recreate(ended_at, static_cast<std::uint64_t>(n), cut);
        const Result<std::unique_ptr<Store>> store = open(cut);
        if (!store) {
            ADD_FAILURE() << store.error().detail;
            return false;
        }
        EXPECT_EQ(check_integrity(cut), "ok");
        for (const std::string& breach : ShopAudit(**store, clock_, history.cut_at(ended_at)).run()) {
            ADD_FAILURE() << breach;
        }
        return true;
    }

    FaultyDisk disk_;
    FakeClock clock_;
    RecordingLog log_;
    sqlite::SqliteOptions options_;
};

TEST_F(OutOfMemory, the_end_at_any_allocation_loses_nothing) {
    const std::new_handler before = std::set_new_handler(note_the_end);
    NthPoints points(37, 20);
    points.visit([&](long n) { return end_at(n); });
    std::set_new_handler(before);
    EXPECT_GT(points.visited(), 10);
    std::cout << "n-th failure: operator new, " << points.told() << "\n";
}

TEST(OutOfMemoryDeathTest, ends_with_a_sentence) {
    EXPECT_EXIT(cli::end_without_memory(), ::testing::ExitedWithCode(1), "out of memory.*nothing acknowledged is lost");
}

}  // namespace

}  // namespace waybill::testing
