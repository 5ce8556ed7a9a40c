#include "app/trace_maker.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/fake_clock.hpp"

namespace waybill {
namespace {

TEST(TraceMaker, traces_and_steps_differ_though_time_stands_still) {
    testing::FakeClock clock;
    TraceMaker traces(clock);
    std::set<std::string> ids;
    std::set<std::string> steps;
    for (int i = 0; i < 1'000; ++i) {
        const std::string text = to_traceparent(traces.begin(std::nullopt));
        ASSERT_TRUE(parse_traceparent(text)) << text;
        ids.insert(text.substr(3, 32));
        steps.insert(text.substr(36, 16));
    }
    EXPECT_EQ(ids.size(), 1'000U);
    EXPECT_EQ(steps.size(), 1'000U);
}

TEST(TraceMaker, the_traces_of_two_processes_differ) {
    testing::FakeClock one(1);
    testing::FakeClock two(2);
    EXPECT_NE(TraceMaker(one).begin(std::nullopt).id, TraceMaker(two).begin(std::nullopt).id);
}

TEST(TraceMaker, a_callers_trace_goes_on_in_a_step_of_ours) {
    testing::FakeClock clock;
    const auto callers = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    const TraceContext ours = TraceMaker(clock).begin(callers);
    EXPECT_EQ(ours.id, callers->id);
    EXPECT_EQ(ours.flags, callers->flags);
    EXPECT_NE(ours.span_id, callers->span_id);
}

}  // namespace
}  // namespace waybill
