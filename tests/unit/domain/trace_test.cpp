#include "domain/trace.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace waybill {
namespace {

const std::string sample = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContext, is_read_as_it_is_written) {
    const auto trace = parse_traceparent(sample);
    ASSERT_TRUE(trace);
    EXPECT_EQ(to_traceparent(*trace), sample);
    EXPECT_EQ(trace_id_text(*trace), "4bf92f3577b34da6a3ce929d0e0e4736");
    EXPECT_EQ(trace->flags, 1);
}

TEST(TraceContext, what_is_no_traceparent_is_none) {
    const std::string id(32, 'a');
    const std::string span(16, 'b');
    for (const std::string& text : std::vector<std::string>{
             "",
             "00",
             sample.substr(0, 54),
             sample + "0",
             sample + "-00",                                             // version 00 ends there
             sample + "-",                                               //
             "ff" + sample.substr(2),                                    // forbidden for ever
             "0g" + sample.substr(2),                                    //
             "0-0" + sample.substr(3),                                   //
             "00-" + std::string(32, '0') + "-" + span + "-01",          // an id of zeros
             "00-" + id + "-" + std::string(16, '0') + "-01",            // a parent of zeros
             "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",  // capitals
             "00-" + id + "-" + span + "-0G",                            //
             "00_" + id + "-" + span + "-01",                            //
             "00-" + id + "_" + span + "-01",                            //
             "00-" + id + "-" + span + "_01",                            //
             "00-" + id.substr(1) + "--" + span + "-01",                 //
             "cc" + sample.substr(2) + "x",                              // a newer version continues with '-'
             " " + sample,                                               //
         }) {
        EXPECT_FALSE(parse_traceparent(text)) << text;
    }
}

TEST(TraceContext, a_newer_version_is_read_as_far_as_it_is_known) {
    for (const char* more : {"", "-", "-what-comes-then"}) {
        const auto trace = parse_traceparent("cc" + sample.substr(2) + more);
        ASSERT_TRUE(trace) << more;
        EXPECT_EQ(to_traceparent(*trace), sample) << "handed on in the version that we speak";
    }
}

TEST(TraceContext, unknown_flags_are_not_handed_on) {
    const auto trace = parse_traceparent(sample.substr(0, 53) + "ff");
    ASSERT_TRUE(trace);
    EXPECT_EQ(to_traceparent(*trace), sample.substr(0, 53) + "03");
}

TEST(TraceContext, none_is_no_text) {
    EXPECT_FALSE(TraceContext{}.is_set());
    EXPECT_EQ(to_traceparent({}), "");
}

TEST(TraceContext, its_bytes_are_read_as_they_were_written_and_nothing_else_is) {
    const TraceContext trace = *parse_traceparent(sample);
    const std::string bytes{as_bytes(trace)};
    ASSERT_EQ(bytes.size(), 25U);
    EXPECT_EQ(bytes.substr(0, 2), "\x4b\xf9");
    EXPECT_EQ(read_trace(bytes), trace);
    EXPECT_FALSE(read_trace(bytes.substr(1)));
    EXPECT_FALSE(read_trace(bytes + '\0'));
    EXPECT_FALSE(read_trace(std::string(16, '\0') + bytes.substr(16)));
    EXPECT_FALSE(read_trace(bytes.substr(0, 16) + std::string(8, '\0') + bytes.substr(24)));
}

}  // namespace
}  // namespace waybill
