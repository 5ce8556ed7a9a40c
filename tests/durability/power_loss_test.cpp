// The power goes while the shop is at work, at any place, and again while it comes back.
//
// WAYBILL_SEED chooses the cuts, WAYBILL_POWER_CUTS how many there are in all shards together. A
// directory that breaks a promise is kept, and named.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <random>

#include "adapters/sqlite/sqlite.hpp"
#include "tests/durability/shop_audit.hpp"
#include "tests/durability/shop_load.hpp"
#include "tests/support/faulty_disk.hpp"
#include "tests/support/recording_log.hpp"
#include "tests/support/temporary_directory.hpp"

namespace waybill::testing {

namespace {

constexpr int shards = 6;
constexpr int cuts_of_a_run = 4;  // and as many in the recovery from each
constexpr std::uint64_t cuts_at_least = 2 * shards * cuts_of_a_run;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
    const char* const text = std::getenv(variable);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class PowerLoss : public ::testing::TestWithParam<int> {
protected:
    using StorePtr = std::unique_ptr<Store>;

    PowerLoss() {
        // So small that every limit is met many times.
        options_.journal_half_bytes = 6'000;
        options_.fresh_orders_max = 64;
        options_.log_pages_max = 30;
        options_.busy_deadline = Milliseconds{200};
        options_.process_at_once = asks_nobody();
        options_.on_processed = [this](std::size_t orders) { processed_ += orders; };
    }

    // Every second shard is a shop without fulfilment.
    [[nodiscard]] static bool asks_nobody() { return GetParam() % 2 == 1; }

    [[nodiscard]] Result<StorePtr> open(const std::filesystem::path& dir) {
        options_.data_dir = dir;
        return sqlite::open_sqlite_store(options_, clock_, log_);
    }

    // A run of the shop in `dir` that ends with a clean stop, all of it recorded.
    void run_shop(const std::filesystem::path& dir, DiskRecording& recording, History& history) {
        disk_.record(&recording);
        {
            Result<StorePtr> store = open(dir);
            ASSERT_TRUE(store) << store.error().detail;
            clock_.advance(Milliseconds{20'000});
            ShopLoad load(**store, recording, clock_, history, "g" + std::to_string(runs_++), dice_());
            load.set_up();
            outrun_the_tables(load, recording);
            spoil_the_disk();
            load.run({});
            disk_.heal();
            failed_syncs_ += disk_.failures();
            EXPECT_EQ(load.surprises(), std::vector<std::string>{});
        }
        disk_.record(nullptr);
    }

    // However fast the tables are: orders come until the journal has changed its half.
    void outrun_the_tables(ShopLoad& load, const DiskRecording& recording) {
        const FaultyDisk::Hold tables = disk_.hold_writes("-wal");
        load.place_until([&] { return writes_behind_first_half(recording) > 0; }, options_.fresh_orders_max);
        outrun_at_ = recording.now();
    }

    [[nodiscard]] std::size_t writes_behind_first_half(const DiskRecording& recording) const {
        return recording.writes_behind("orders.journal", options_.journal_half_bytes);
    }

    virtual void spoil_the_disk() {}

    // Any place, or just after something was acknowledged: where it matters most.
    [[nodiscard]] DiskRecording::Stamp choose_cut(const DiskRecording& recording, const History& history) {
        if (dice_() % 2 == 0 || history.orders.empty()) return dice_() % (recording.now() + 1);
        auto story = history.orders.begin();
        std::advance(story, dice_() % history.orders.size());
        const OrderStory& chosen = story->second;
        const std::array steps{&chosen.placing, &chosen.cancel, &chosen.processed, &chosen.failed, &chosen.mail};
        const Step& step = *steps[dice_() % steps.size()];
        return step.acknowledged() ? step.done : dice_() % (recording.now() + 1);
    }

    void audit(const std::filesystem::path& dir, const History& then) {
        Result<StorePtr> store = open(dir);
        ASSERT_TRUE(store) << store.error().detail;
        EXPECT_EQ(check_integrity(dir), "ok");
        for (const std::string& breach : ShopAudit(**store, clock_, then).run()) ADD_FAILURE() << breach;
    }

    void cut_and_recover(const DiskRecording& recording, DiskRecording::Stamp at, std::uint64_t seed,
                         const History& then) {
        const std::filesystem::path first = fresh_dir();
        recording.recreate(at, seed, first);
        DiskRecording recovery(first);
        disk_.record(&recovery);
        {
            const Result<StorePtr> store = open(first);
            ASSERT_TRUE(store) << store.error().detail;
        }
        disk_.record(nullptr);
        ++cuts_;
        const DiskRecording::Stamp again = dice_() % (recovery.now() + 1);
        const std::uint64_t again_seed = dice_();
        SCOPED_TRACE("cut again after step " + std::to_string(again) + " of its recovery");
        audit(first, then);
        const std::filesystem::path second = fresh_dir();
        recovery.recreate(again, again_seed, second);
        ++cuts_;
        ++cuts_in_recovery_;
        audit(second, then);
        if (HasFailure()) return;
        std::filesystem::remove_all(first);
        std::filesystem::remove_all(second);
    }

    [[nodiscard]] std::filesystem::path fresh_dir() {
        return directory_.path() / ("cut-" + std::to_string(++directories_));
    }

    void live(std::uint64_t seed, std::uint64_t cuts) {
        dice_.seed(seed);
        std::filesystem::path dir = fresh_dir();
        History history;
        history.asks_nobody = asks_nobody();
        while (cuts_ < cuts && !HasFailure()) {
            DiskRecording recording(dir);
            run_shop(dir, recording, history);
            acknowledged_ += history.acknowledged_orders();
            turns_ += writes_behind_first_half(recording);
            DiskRecording::Stamp at = 0;
            std::uint64_t cut_seed = 0;
            for (int i = 0; i < cuts_of_a_run && !HasFailure(); ++i) {
                at = cuts_ == 0 ? outrun_at_ : choose_cut(recording, history);
                cut_seed = dice_();
                SCOPED_TRACE("seed " + std::to_string(seed) + ", cut after step " + std::to_string(at) + " of " +
                             std::to_string(recording.now()));
                cut_and_recover(recording, at, cut_seed, history.cut_at(at));
            }
            // The shop goes on from the last of them.
            std::filesystem::remove_all(dir);
            dir = fresh_dir();
            recording.recreate(at, cut_seed, dir);
            history = history.cut_at(at);
        }
        std::cout << "power loss: seed " << seed << ", " << cuts_ << " cuts, " << cuts_in_recovery_
                  << " of them in a recovery; " << acknowledged_ << " orders acknowledged in " << runs_ << " runs, "
                  << turns_ << " writes behind the journal's first half\n";
        if (HasFailure()) std::cout << "kept: " << directory_.keep() << "\n";
    }

    FaultyDisk disk_;
    TemporaryDirectory directory_;
    FakeClock clock_;
    RecordingLog log_;
    sqlite::SqliteOptions options_;
    std::mt19937_64 dice_;
    std::uint64_t cuts_ = 0;
    DiskRecording::Stamp outrun_at_ = 0;  // when the journal held what the tables lacked, and the first cut of all
    std::atomic<std::size_t> processed_ = 0;
    std::uint64_t cuts_in_recovery_ = 0;
    std::size_t acknowledged_ = 0;
    std::size_t turns_ = 0;
    int runs_ = 0;
    int failed_syncs_ = 0;
    int directories_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Shards, PowerLoss, ::testing::Range(0, shards));

TEST_P(PowerLoss, keeps_every_promise_that_was_made_before) {
    const std::uint64_t seed = number_from("WAYBILL_SEED", 1) * shards + static_cast<std::uint64_t>(GetParam());
    live(seed, number_from("WAYBILL_POWER_CUTS", cuts_at_least * 2) / shards);
    EXPECT_EQ(processed_ > 0, asks_nobody());
    EXPECT_GT(log_.count("orders-recovered"), 0u) << "no cut left anything in the journal";
    EXPECT_GT(turns_, 0u) << "the journal never changed its half";
}

// One sync of each run fails, and what it was to make certain stays in doubt.
class PowerLossOnABadDisk : public PowerLoss {
protected:
    void spoil_the_disk() override {
        disk_.fail(DiskStep::sync, SQLITE_IOERR_FSYNC, static_cast<int>(dice_() % 60), 1);
    }
};

INSTANTIATE_TEST_SUITE_P(Shards, PowerLossOnABadDisk, ::testing::Range(0, 2));

TEST_P(PowerLossOnABadDisk, keeps_every_promise_that_was_made_before) {
    const std::uint64_t seed = number_from("WAYBILL_SEED", 1) * shards + static_cast<std::uint64_t>(GetParam());
    live(seed, number_from("WAYBILL_POWER_CUTS", cuts_at_least * 2) / shards);
    EXPECT_GT(failed_syncs_, 0);
}

}  // namespace

}  // namespace waybill::testing
