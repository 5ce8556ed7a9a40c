#include <gtest/gtest.h>

#include <chrono>
#include <fcntl.h>
#include <unistd.h>

#include "adapters/local/local.hpp"
#include "tests/support/temporary_directory.hpp"

namespace waybill::local {
namespace {

double now_seconds() { return std::chrono::duration<double>(make_system_clock()->now().time_since_epoch()).count(); }

TEST(ProcessFigures, say_what_the_kernel_knows_of_this_process) {
    const ProcessFigures figures = read_process_figures();
    EXPECT_GT(figures.started_seconds, now_seconds() - 3'600);
    EXPECT_LE(figures.started_seconds, now_seconds() + 1);
    EXPECT_GT(figures.resident_bytes, 1'000'000);
    EXPECT_GT(figures.virtual_bytes, figures.resident_bytes);
    EXPECT_GT(figures.open_files_max, figures.open_files);
}

TEST(ProcessFigures, count_the_files_that_are_open) {
    const std::size_t before = read_process_figures().open_files;
    const int file = ::open("/dev/null", O_RDONLY);
    EXPECT_EQ(read_process_figures().open_files, before + 1);
    ::close(file);
    EXPECT_EQ(read_process_figures().open_files, before);
}

TEST(ProcessFigures, the_time_of_the_cpu_grows_with_what_is_done) {
    const double before = read_process_figures().cpu_seconds;
    double after = before;
    while (after < before + 0.01) after = read_process_figures().cpu_seconds;
    EXPECT_LT(after, before + 60);
}

TEST(DiskRoom, is_that_of_the_folder) {
    const waybill::testing::TemporaryDirectory directory;
    const std::optional<DiskRoom> room = read_disk_room(directory.path());
    ASSERT_TRUE(room);
    EXPECT_GT(room->available_bytes, 0u);
    EXPECT_LE(room->available_bytes, room->size_bytes);
    EXPECT_FALSE(read_disk_room(directory.path() / "nothing"));
}

}  // namespace
}  // namespace waybill::local
