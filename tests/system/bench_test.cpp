#include <gtest/gtest.h>

#include <filesystem>
#include <signal.h>

#include "tests/system/server_process.hpp"

namespace waybill::system_test {
namespace {

class Bench : public testing::Test {
protected:
    ~Bench() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::vector<std::string> command(std::vector<std::string> more) const {
        std::vector<std::string> words{"bench", "--data-dir", folder_ / "data"};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    }

    const std::filesystem::path folder_ = make_folder();
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(Bench, prints_disk_orders_and_ratios_and_leaves_nothing_behind) {
    const ProcessResult result = run_waybill(command({"--seconds", "1", "--connections", "4"}));
    EXPECT_EQ(result.exit_status, 0) << result.err;
    for (const char* part : {"disk syncs", "GET /livez", "POST /orders", "4 connections", "1 connection\n", "p99",
                             "orders ÷ empty replies: ", "orders ÷ disk syncs: ", "a lone order takes"}) {
        EXPECT_TRUE(contains(result.out, part)) << part << " is missing in\n" << result.out;
    }
    EXPECT_FALSE(contains(result.out, "refused")) << result.out;
    EXPECT_EQ(result.err, "");
    EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(Bench, an_interrupt_removes_its_folder_and_says_that_there_are_no_figures) {
    const auto has_begun = [this] { return !std::filesystem::is_empty(folder_); };
    const ProcessResult result = interrupt_waybill(command({"--seconds", "3600"}), SIGINT, has_begun);
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_TRUE(contains(result.err, "stopped before the end")) << result.err;
    EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(Bench, a_disk_that_takes_no_folder_is_named_with_what_to_do) {
    const ProcessResult result = run_waybill({"bench", "--data-dir", folder_ / "absent/data"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_TRUE(contains(result.err, (folder_ / "absent").string() + " (No such file or directory)")) << result.err;
    EXPECT_TRUE(contains(result.err, "--data-dir")) << result.err;
}

TEST_F(Bench, numbers_out_of_range_are_refused_as_usage) {
    EXPECT_EQ(run_waybill(command({"--seconds", "0"})).exit_status, 2);
    EXPECT_EQ(run_waybill(command({"--connections", "5000"})).exit_status, 2);
    EXPECT_EQ(run_waybill(command({"--seconds", "soon"})).exit_status, 2);
}

}  // namespace
}  // namespace waybill::system_test
