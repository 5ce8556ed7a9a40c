#include <gtest/gtest.h>

#include "tests/system/checks.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

// Every part has a line; `failed`, and nothing else, is named as broken.
void expect_only(const ProcessResult& doctor, const std::string& failed) {
    EXPECT_EQ(doctor.exit_status, failed.empty() ? 0 : 1) << doctor.out << doctor.err;
    for (const std::string part : {"store", "Redis", "SQS", "SES"}) {
        const std::string line = (part == failed ? "FAIL  " : "ok    ") + part;
        EXPECT_NE(doctor.out.find(line), std::string::npos) << line << " is missing in\n" << doctor.out;
    }
}

TEST(ProductionDoctor, is_content_with_a_whole_set_and_names_each_part_that_is_stopped) {
    ProductionSet set({.apis = 1, .workers = 1, .seeded = false});
    expect_only(set.run({"doctor"}), "");
    set.redis().kill();
    expect_only(set.run({"doctor"}), "Redis");
    set.redis().start();
    set.stop_aws("sqs");
    expect_only(set.run({"doctor"}), "SQS");
    set.start_aws("sqs");
    set.stop_aws("ses");
    expect_only(set.run({"doctor"}), "SES");
    set.start_aws("ses");
    set.mongo().stop();
    expect_only(set.run({"doctor"}), "store");
    set.mongo().start();
    expect_only(set.run({"doctor"}), "");
}

}  // namespace
}  // namespace waybill::system_test
