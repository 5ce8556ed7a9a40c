#include <gtest/gtest.h>

#include <thread>

#include "adapters/sqlite/vfs_file.hpp"
#include "tests/support/temporary_directory.hpp"

namespace waybill::sqlite {
namespace {

// As a server does with its journal when it stops.
TEST(VfsFile, reads_less_where_another_cuts_the_file_meanwhile) {
    const waybill::testing::TemporaryDirectory directory;
    const std::filesystem::path path = directory.path() / "file";
    const std::string bytes(1u << 16, 'x');
    VfsFile reader(path);
    const std::jthread cutter([&](const std::stop_token& stop) {
        VfsFile file(path);
        while (!stop.stop_requested()) {
            (void)file.write(0, bytes);
            (void)file.truncate(0);
        }
    });
    int whole = 0;
    int cut = 0;
    while (whole < 2'000 || cut < 2'000) {
        std::string found;
        ASSERT_NO_THROW(found = reader.read(0, bytes.size()));
        ++(found.size() == bytes.size() ? whole : cut);
    }
}

}  // namespace
}  // namespace waybill::sqlite
