#include "posix/file_descriptor.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <cerrno>

#include "tests/support/temporary_directory.hpp"

namespace waybill {
namespace {

FileDescriptor open_null() { return open_file("/dev/null", O_RDONLY); }

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(FileDescriptor, closes_when_it_goes) {
    int fd = -1;
    {
        const FileDescriptor file = open_null();
        fd = file.get();
        ASSERT_TRUE(file.is_open() && is_open(fd));
    }
    EXPECT_FALSE(is_open(fd));
}

TEST(FileDescriptor, closes_what_another_takes_the_place_of) {
    FileDescriptor file = open_null();
    FileDescriptor other = open_null();
    const int replaced = file.get();
    const int kept = other.get();
    file = std::move(other);
    EXPECT_FALSE(is_open(replaced));
    EXPECT_TRUE(is_open(kept));
    EXPECT_EQ(file.get(), kept);
}

TEST(FileDescriptor, what_was_released_is_the_callers) {
    int fd = -1;
    {
        FileDescriptor file = open_null();
        fd = file.release();
        EXPECT_FALSE(file.is_open());
    }
    ASSERT_TRUE(is_open(fd));
    FileDescriptor again(fd);
    EXPECT_TRUE(again.close());
    EXPECT_FALSE(is_open(fd));
    EXPECT_FALSE(again.close());
}

TEST(OpenFile, makes_files_for_their_owner_alone_that_no_child_inherits) {
    const testing::TemporaryDirectory folder;
    const FileDescriptor file = open_file(folder.path() / "made", O_WRONLY | O_CREAT);
    struct stat made {};
    ASSERT_EQ(::fstat(file.get(), &made), 0);
    EXPECT_EQ(made.st_mode & 0777, 0600u);
    EXPECT_TRUE(::fcntl(file.get(), F_GETFD) & FD_CLOEXEC);
}

TEST(OpenFile, says_why_in_errno) {
    const FileDescriptor file = open_file("/dev/null/nothing", O_RDONLY);
    EXPECT_EQ(errno, ENOTDIR);
    EXPECT_FALSE(file.is_open());
}

}  // namespace
}  // namespace waybill
