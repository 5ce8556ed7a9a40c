#include <gtest/gtest.h>

#include <fstream>
#include <optional>

#include "adapters/sqlite/partial_file.hpp"
#include "tests/support/temporary_directory.hpp"

namespace waybill::sqlite {
namespace {

namespace fs = std::filesystem;

class PartialFileTest : public ::testing::Test {
protected:
    [[nodiscard]] fs::path target() const { return directory_.path() / "shop.backup"; }
    [[nodiscard]] fs::path partial() const { return target().string() + ".partial"; }

    static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
    static std::string read(const fs::path& path) {
        std::ifstream in(path);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    waybill::testing::TemporaryDirectory directory_;
};

TEST_F(PartialFileTest, is_of_one_at_a_time_and_goes_with_it) {
    {
        PartialFile first(target());
        ASSERT_TRUE(first.take());
        write(partial(), "half");
        EXPECT_FALSE(PartialFile(target()).take());
        EXPECT_EQ(read(partial()), "half");
    }
    EXPECT_FALSE(fs::exists(partial()));
}

// Whoever waits has opened what is another's finished file by then.
TEST_F(PartialFileTest, empties_no_file_that_has_got_its_name_since_it_was_opened) {
    for (const bool replace : {true, false}) {
        std::optional<PartialFile> first(std::in_place, target());
        ASSERT_TRUE(first->take());
        write(partial(), "finished");
        PartialFile second(target());
        ASSERT_TRUE(first->rename_to(target(), replace));
        first.reset();
        ASSERT_TRUE(second.take());
        EXPECT_EQ(read(target()), "finished") << replace;
        write(partial(), "next");
        EXPECT_EQ(read(target()), "finished") << replace;
        fs::remove(target());
    }
}

TEST_F(PartialFileTest, empties_no_file_to_which_one_that_died_has_given_its_name) {
    write(target(), "finished");
    fs::create_hard_link(target(), partial());
    PartialFile next(target());
    ASSERT_TRUE(next.take());
    EXPECT_EQ(read(target()), "finished");
    EXPECT_EQ(read(partial()), "");
}

}  // namespace
}  // namespace waybill::sqlite
