#include "cli/values.hpp"

#include <gtest/gtest.h>

#include <array>

namespace waybill::cli {
namespace {

TEST(Values, a_duration_has_a_unit_and_a_bare_number_is_seconds) {
    const struct {
        std::string_view text;
        std::int64_t ms;
    } rows[] = {{"200ms", 200},      {"10s", 10'000},  {"15m", 900'000}, {"24h", 86'400'000},
                {"7d", 604'800'000}, {"600", 600'000}, {"0", 0}};
    for (const auto& row : rows) EXPECT_EQ(parse_duration(row.text), Milliseconds{row.ms}) << row.text;
    for (const auto text : {"", "m", "-1s", "1.5s", "1w", "10 s", "99999999d", "9223372036854775807d"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

TEST(Values, a_rate_limit_is_a_count_over_a_time_and_zero_is_off) {
    EXPECT_EQ(parse_rate_limit("10/15m"), (RateLimit{10, Milliseconds{900'000}}));
    ASSERT_TRUE(parse_rate_limit("0"));
    EXPECT_FALSE(parse_rate_limit("0")->enabled());
    for (const auto text : {"", "10", "10/", "/1m", "0/1m", "-1/1m", "10/0s", "10/1m/2"}) {
        EXPECT_FALSE(parse_rate_limit(text)) << text;
    }
}

TEST(Values, a_listen_address_may_leave_out_host_or_port) {
    const struct {
        std::string_view text;
        ListenAddress address;
    } rows[] = {{"127.0.0.1:9000", {"127.0.0.1", 9'000}},
                {"localhost", {"localhost", 8'080}},
                {":80", {"0.0.0.0", 80}},
                {"[::1]:0", {"::1", 0}},
                {"[::1]", {"::1", 8'080}}};
    for (const auto& row : rows) EXPECT_EQ(parse_listen_address(row.text), row.address) << row.text;
    for (const auto text : {"", "a:b", "a:65536", "a:-1", "::1", "[::1", "[::1]x", "a:", "8080"}) {
        EXPECT_FALSE(parse_listen_address(text)) << text;
    }
}

TEST(Values, a_size_has_a_binary_unit) {
    EXPECT_EQ(parse_size("64KiB"), 65'536u);
    EXPECT_EQ(parse_size("4MiB"), 4'194'304u);
    EXPECT_EQ(parse_size("10"), 10u);
    for (const auto text : {"", "4MB", "-1", "9999999TiB", "99999999GiB"}) EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Values, a_list_is_separated_by_commas) {
    EXPECT_EQ(parse_list(" a, b ,,c"), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_TRUE(parse_list("").empty());
}

}  // namespace
}  // namespace waybill::cli
