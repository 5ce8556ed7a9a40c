#include "worker/janitor.hpp"

#include <gtest/gtest.h>

#include "tests/unit/worker/work_world.hpp"

namespace waybill::worker {
namespace {

using waybill::testing::FlakyStore;
using waybill::testing::RecordingLog;
using waybill::testing::WorkWorld;

// Answers the sweeps from a list.
class SweepingStore : public FlakyStore {
public:
    using FlakyStore::FlakyStore;
    std::vector<Result<SweepCounts>> answers;
    std::vector<std::size_t> asked;
    Result<SweepCounts> sweep(const Retention& /*retention*/, std::size_t max) override {
        asked.push_back(max);
        return asked.size() <= answers.size() ? answers[asked.size() - 1] : SweepCounts{};
    }
};

TEST(Janitor, sweeps_until_a_batch_is_less_than_full) {
    WorkWorld world;
    SweepingStore store(world.memory);
    store.answers = {SweepCounts{10, 0, 0}, SweepCounts{3, 10, 0}, SweepCounts{0, 9, 2}, SweepCounts{10, 10, 10}};
    const SweepCounts total = sweep(store, {.batch_max = 10}, world.log);
    EXPECT_EQ(store.asked, (std::vector<std::size_t>{10, 10, 10}));
    EXPECT_EQ(total.idempotency_records, 13);
    EXPECT_EQ(total.sessions, 19);
    EXPECT_EQ(total.dead_letters, 2);
}

TEST(Janitor, ends_after_its_batches_and_on_an_error) {
    WorkWorld world;
    SweepingStore endless(world.memory);
    endless.answers.assign(50, SweepCounts{10, 0, 0});
    EXPECT_EQ(sweep(endless, {.batch_max = 10, .batches_max = 7}, world.log).total(), 70);
    EXPECT_EQ(endless.asked.size(), 7u);

    SweepingStore away(world.memory);
    away.answers = {SweepCounts{10, 0, 0}, fail(ErrorCode::unavailable, "The store is away."), SweepCounts{10, 0, 0}};
    EXPECT_EQ(sweep(away, {.batch_max = 10}, world.log).total(), 10);
    EXPECT_EQ(world.log.count("sweep-failed"), 1u);
}

TEST(Janitor, is_silent_when_there_was_nothing_to_delete) {
    WorkWorld world;
    EXPECT_EQ(sweep(world.store, {}, world.log).total(), 0);
    EXPECT_TRUE(world.log.events().empty());
}

}  // namespace
}  // namespace waybill::worker
