#include "tests/support/disk_recording.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>

#include "tests/support/temporary_directory.hpp"

namespace waybill::testing {

namespace {

class DiskRecordingTest : public ::testing::Test {
protected:
    // What the file holds after a cut now, for many seeds; "-": there is no such file.
    [[nodiscard]] std::set<std::string> outcomes(const DiskRecording& recording, const std::string& name) {
        std::set<std::string> found;
        for (std::uint64_t seed = 0; seed < 60; ++seed) found.insert(outcome(recording, name, seed));
        return found;
    }

    [[nodiscard]] std::string outcome(const DiskRecording& recording, const std::string& name, std::uint64_t seed) {
        const std::filesystem::path dir = directory_.path() / "after";
        std::filesystem::remove_all(dir);
        recording.recreate(recording.now(), seed, dir);
        if (!std::filesystem::exists(dir / name)) return "-";
        std::ifstream in(dir / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    TemporaryDirectory directory_;
    DiskRecording recording_{directory_.path() / "before"};
    const DiskRecording::File file_ = recording_.opened("file", true);
};

TEST_F(DiskRecordingTest, what_was_synced_is_certain) {
    recording_.written(file_, 0, "old");
    recording_.synced(file_, recording_.now(), false);
    EXPECT_EQ(outcomes(recording_, "file"), (std::set<std::string>{"old"}));
}

TEST_F(DiskRecordingTest, what_was_not_is_there_or_not) {
    recording_.written(file_, 0, "old");
    recording_.synced(file_, recording_.now(), false);
    recording_.written(file_, 0, "new");
    EXPECT_EQ(outcomes(recording_, "file"), (std::set<std::string>{"old", "new"}));
}

TEST_F(DiskRecordingTest, a_sync_covers_only_what_came_before_it_began) {
    const DiskRecording::Stamp begun = recording_.now();
    recording_.written(file_, 0, "late");
    recording_.synced(file_, begun, false);
    EXPECT_GT(outcomes(recording_, "file").size(), 1u);
}

TEST_F(DiskRecordingTest, a_later_sync_does_not_mend_one_that_failed) {
    recording_.written(file_, 0, "lost");
    recording_.sync_failed(file_, recording_.now());
    recording_.synced(file_, recording_.now(), false);
    EXPECT_GT(outcomes(recording_, "file").size(), 1u);
    recording_.written(file_, 0, "lost");
    recording_.synced(file_, recording_.now(), false);
    EXPECT_EQ(outcomes(recording_, "file"), (std::set<std::string>{"lost"})) << "written anew";
}

TEST_F(DiskRecordingTest, a_write_is_torn_at_sectors_and_spares_its_neighbours) {
    recording_.written(file_, 0, std::string(1'536, 'o'));
    recording_.synced(file_, recording_.now(), false);
    recording_.written(file_, 100, std::string(1'000, 'n'));
    bool torn = false;
    for (const std::string& content : outcomes(recording_, "file")) {
        ASSERT_EQ(content.size(), 1'536u);
        EXPECT_EQ(content.substr(0, 100), std::string(100, 'o'));
        EXPECT_EQ(content.substr(1'100), std::string(436, 'o'));
        EXPECT_EQ(content.substr(100, 412), std::string(412, content[100])) << "a sector is whole";
        torn = torn || content[100] != content[600];
    }
    EXPECT_TRUE(torn);
}

TEST_F(DiskRecordingTest, a_name_is_certain_after_its_directory_was_synced) {
    const DiskRecording::File made = recording_.opened("made", false);
    EXPECT_EQ(outcomes(recording_, "made"), (std::set<std::string>{"-", ""}));
    recording_.synced(made, recording_.now(), true);
    EXPECT_EQ(outcomes(recording_, "made"), (std::set<std::string>{""}));
    recording_.removed("made", false);
    EXPECT_EQ(outcomes(recording_, "made"), (std::set<std::string>{"-", ""}));
}

TEST_F(DiskRecordingTest, the_same_seed_gives_the_same_bytes) {
    for (std::uint64_t i = 0; i < 20; ++i)
        recording_.written(file_, i * 700, std::string(900, static_cast<char>('a' + i)));
    EXPECT_EQ(outcome(recording_, "file", 7), outcome(recording_, "file", 7));
    EXPECT_NE(outcome(recording_, "file", 7), outcome(recording_, "file", 8));
}

}  // namespace

}  // namespace waybill::testing
