// The n-th step of one kind fails, once or from then on, for n = 1, 2, ... until the scenario no longer
// comes that far (sqlite.org/testing.html, 3.1 to 3.3). Then the disk is whole again and the power goes.
//
// Where the points are many a short run visits only some of them (nth_points.hpp).
#include <gtest/gtest.h>

#include <atomic>
#include <iostream>
#include <random>

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

// What the thread that moves orders into the tables allocates differs by so much from run to run.
constexpr long allocations_past_end = 20;

class NthFailure : public ::testing::Test {
protected:
    NthFailure() {
        options_.journal_half_bytes = 4'000;
        options_.log_pages_max = 20;
        options_.busy_deadline = Milliseconds{50};
        options_.on_fatal = [this](const std::string& why) {
            if (why.empty()) ADD_FAILURE() << "stopped without a word";
            ++fatal_;
        };
        prepare();
    }

    [[nodiscard]] Result<std::unique_ptr<Store>> open(const std::filesystem::path& dir) {
        options_.data_dir = dir;
        return sqlite::open_sqlite_store(options_, clock_, log_);
    }

    [[nodiscard]] ShopScenario scenario_in(const std::filesystem::path& dir, const DiskRecording& recording,
                                           History& history) {
        return {[this, dir] { return open(dir); }, recording, history};
    }

    // A shop whose power went just after orders were acknowledged, so that each run begins by recovering.
    void prepare() {
        const std::filesystem::path dir = directory_.path() / "first";
        DiskRecording recording(dir);
        disk_.record(&recording);
        ShopScenario scenario = scenario_in(dir, recording, history_);
        scenario.prepare();
        const DiskRecording::Stamp at = recording.now();
        history_ = history_.cut_at(at);
        recording.recreate(at, 2, template_);
        scenario.close();
        disk_.record(nullptr);
        ASSERT_EQ(history_.acknowledged_orders(), 4u);
    }

    void audit(const std::filesystem::path& dir, const History& history) {
        Result<std::unique_ptr<Store>> store = open(dir);
        ASSERT_TRUE(store) << store.error().detail;
        EXPECT_EQ(check_integrity(dir), "ok");
        for (const std::string& breach : ShopAudit(**store, clock_, history).run()) ADD_FAILURE() << breach;
    }

    // One failing point. `arm` makes it fail, `heal` ends that and returns how often it failed.
    template <class Arm, class Heal>
    [[nodiscard]] long fail_at(long n, Arm arm, Heal heal) {
        const std::filesystem::path dir = directory_.path() / "run";
        std::filesystem::remove_all(dir);
        std::filesystem::copy(template_, dir);
        History history = history_;
        DiskRecording recording(dir);
        disk_.record(&recording);
        fatal_ = 0;
        ShopScenario scenario = scenario_in(dir, recording, history);
        arm();
        scenario.run();
        const long failures = heal();
        const DiskRecording::Stamp at = recording.now();
        const bool goes_on = scenario.store() != nullptr && fatal_ == 0;
        EXPECT_TRUE(!goes_on || scenario.takes_orders()) << "it stays broken";
        EXPECT_LE(fatal_, 1);
        EXPECT_EQ(scenario.surprises(), std::vector<std::string>{});
        scenario.close();
        disk_.record(nullptr);

        // At its end, and somewhere on the way: a failure must not be mended by what comes later only.
        std::mt19937_64 dice(static_cast<std::uint64_t>(n));
        for (int i = 0; i <= cuts_on_the_way_; ++i) {
            const DiskRecording::Stamp stamp = i == 0 ? at : dice() % (at + 1);
            SCOPED_TRACE("a power cut after step " + std::to_string(stamp) + " of " + std::to_string(at));
            const std::filesystem::path cut = directory_.path() / "cut";
            std::filesystem::remove_all(cut);
            recording.recreate(stamp, dice(), cut);
            audit(cut, history.cut_at(stamp));
        }
        audit(dir, history.cut_at(recording.now()));
        stops_ += fatal_;
        return failures;
    }

    FaultyDisk disk_;
    TemporaryDirectory directory_;
    const std::filesystem::path template_ = directory_.path() / "template";
    FakeClock clock_;
    RecordingLog log_;
    sqlite::SqliteOptions options_;
    History history_;
    std::atomic<int> fatal_ = 0;
    int stops_ = 0;
    int cuts_on_the_way_ = 1;
};

// ---- the disk

struct DiskCase {
    const char* name;
    DiskStep step;
    int code;
    const char* how_often;
    int bad;
    int stride;  // in a short run
};

class NthDiskFailure : public NthFailure, public ::testing::WithParamInterface<DiskCase> {};

std::vector<DiskCase> disk_cases() {
    std::vector<DiskCase> cases;
    const auto add = [&](const char* how_often, int bad) {
        cases.push_back({"full", DiskStep::write, SQLITE_FULL, how_often, bad, 7});
        cases.push_back({"write", DiskStep::write, SQLITE_IOERR_WRITE, how_often, bad, 7});
        cases.push_back({"sync", DiskStep::sync, SQLITE_IOERR_FSYNC, how_often, bad, 1});
        cases.push_back({"truncate", DiskStep::truncate, SQLITE_IOERR_TRUNCATE, how_often, bad, 1});
        cases.push_back({"open", DiskStep::open, SQLITE_CANTOPEN, how_often, bad, 1});
        cases.push_back({"remove", DiskStep::remove, SQLITE_IOERR_DELETE, how_often, bad, 1});
        cases.push_back({"read", DiskStep::read, SQLITE_IOERR_READ, how_often, bad, 9});
        cases.push_back({"lock", DiskStep::lock, SQLITE_IOERR_LOCK, how_often, bad, 5});
        cases.push_back({"shared_memory", DiskStep::shared_memory, SQLITE_IOERR_SHMMAP, how_often, bad, 1});
        cases.push_back({"shared_lock", DiskStep::shared_lock, SQLITE_IOERR_SHMLOCK, how_often, bad, 17});
    };
    add("once", 1);
    add("for_ever", FaultyDisk::for_ever);
    // The second in a row is final: the next process begins with what the first could not sync.
    cases.push_back({"sync", DiskStep::sync, SQLITE_IOERR_FSYNC, "twice", 2, 1});
    return cases;
}

INSTANTIATE_TEST_SUITE_P(Steps, NthDiskFailure, ::testing::ValuesIn(disk_cases()), [](const auto& parameter) {
    return std::string(parameter.param.name) + "_" + parameter.param.how_often;
});

TEST_P(NthDiskFailure, loses_nothing_and_answers_honestly) {
    const DiskCase& tried = GetParam();
    // A failed sync is the one failure that may look mended and is not.
    if (tried.step == DiskStep::sync) cuts_on_the_way_ = 3;
    NthPoints points(tried.stride);
    points.visit([&](long n) {
        return fail_at(
                   n, [&] { disk_.fail(tried.step, tried.code, static_cast<int>(n), tried.bad); },
                   [&] {
                       disk_.heal();
                       return long{disk_.failures()};
                   }) > 0;
    });
    std::cout << "n-th failure: " << tried.name << " " << tried.how_often << ", " << points.told() << ", " << stops_
              << " stops\n";
}

// ---- the memory of SQLite

class NthSqliteAllocation : public NthFailure, public ::testing::WithParamInterface<bool> {};

INSTANTIATE_TEST_SUITE_P(Memory, NthSqliteAllocation, ::testing::Bool(),
                         [](const auto& parameter) { return parameter.param ? "for_ever" : "once"; });

TEST_P(NthSqliteAllocation, loses_nothing_and_answers_honestly) {
    NthPoints points(97, allocations_past_end);
    points.visit([&](long n) {
        return fail_at(
                   n, [&] { SqliteMemory::fail(n, GetParam() ? FaultyDisk::for_ever : 1); },
                   [] {
                       const long failed = SqliteMemory::failures();
                       SqliteMemory::heal();
                       return failed;
                   }) > 0;
    });
    std::cout << "n-th failure: allocation of SQLite " << (GetParam() ? "for ever" : "once") << ", " << points.told()
              << ", " << stops_ << " stops\n";
}

// SQLite takes its memory functions before its first use.
[[maybe_unused]] const bool installed = (SqliteMemory::install(), true);

}  // namespace

}  // namespace waybill::testing
