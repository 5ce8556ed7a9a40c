#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "adapters/local/local.hpp"
#include "tests/support/fake_clock.hpp"

namespace waybill::local {
namespace {

using waybill::testing::FakeClock;

// A stream in memory.
class Lines {
public:
    Lines() : stream_(::open_memstream(&bytes_, &size_)) {}
    ~Lines() {
        std::fclose(stream_);
        std::free(bytes_);
    }
    Lines(const Lines&) = delete;
    Lines& operator=(const Lines&) = delete;
    [[nodiscard]] std::FILE* stream() const { return stream_; }
    [[nodiscard]] std::string text() const {
        std::fflush(stream_);
        return {bytes_, size_};
    }

private:
    char* bytes_ = nullptr;
    std::size_t size_ = 0;
    std::FILE* stream_;
};

std::string written(LogFormat format, const std::string& value) {
    FakeClock clock;
    const Lines lines;
    make_stream_log(lines.stream(), LogLevel::info, format, clock)->write(LogLevel::warn, "seen", {{"value", value}});
    return lines.text();
}

TEST(StreamLog, names_the_trace_of_what_its_thread_works_on) {
    const TraceContext trace = *parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    const std::string id = "4bf92f3577b34da6a3ce929d0e0e4736";
    {
        const TracedScope scope(trace);
        EXPECT_TRUE(written(LogFormat::text, "x").ends_with("value=x trace_id=" + id + "\n"));
        EXPECT_TRUE(written(LogFormat::json, "x").ends_with("\"value\":\"x\",\"trace_id\":\"" + id + "\"}\n"));
        std::string of_another;
        std::thread([&] { of_another = written(LogFormat::text, "x"); }).join();
        EXPECT_FALSE(of_another.contains("trace_id"));
        const TracedScope several{TraceContext{}};
        EXPECT_FALSE(written(LogFormat::text, "x").contains("trace_id"));
    }
    EXPECT_FALSE(written(LogFormat::text, "x").contains("trace_id"));
}

TEST(StreamLog, writes_one_text_line_for_an_event) {
    FakeClock clock;
    const Lines lines;
    const auto log = make_stream_log(lines.stream(), LogLevel::info, LogFormat::text, clock);
    log->write(LogLevel::info, "order-failed", {{"order", "o-1"}, {"reason", "The card was declined."}});
    log->write(LogLevel::error, "plain", {});
    EXPECT_EQ(lines.text(),
              "2026-01-01T00:00:00.000Z INFO order-failed order=o-1 reason=\"The card was declined.\"\n"
              "2026-01-01T00:00:00.000Z ERROR plain\n");
}

TEST(StreamLog, writes_one_json_line_for_an_event) {
    FakeClock clock;
    const Lines lines;
    make_stream_log(lines.stream(), LogLevel::info, LogFormat::json, clock)
        ->write(LogLevel::warn, "order-failed", {{"order", "o-1"}, {"reason", "say \"no\" \\"}});
    EXPECT_EQ(lines.text(),
              "{\"time\":\"2026-01-01T00:00:00.000Z\",\"level\":\"WARN\",\"event\":\"order-failed\",\"order\":\"o-1\","
              "\"reason\":\"say \\\"no\\\" \\\\\"}\n");
}

TEST(StreamLog, leaves_out_what_is_below_its_level) {
    FakeClock clock;
    const Lines lines;
    const auto log = make_stream_log(lines.stream(), LogLevel::warn, LogFormat::text, clock);
    log->write(LogLevel::info, "unseen", {});
    log->write(LogLevel::debug, "unseen", {});
    EXPECT_EQ(lines.text(), "");
    EXPECT_FALSE(log->enabled(LogLevel::info));
    EXPECT_TRUE(log->enabled(LogLevel::warn));
    const auto silent = make_stream_log(lines.stream(), LogLevel::off, LogFormat::text, clock);
    silent->write(LogLevel::error, "unseen", {});
    silent->write(LogLevel::off, "unseen", {});
    EXPECT_EQ(lines.text(), "");
}

struct Escaped {
    std::string raw;
    std::string text;
    std::string json;
};

TEST(StreamLog, escapes_what_could_end_a_line_or_mislead_a_reader) {
    const std::vector<Escaped> table{
        {"a b", "\"a b\"", "\"a b\""},
        {"", "\"\"", "\"\""},
        {"a=b", "\"a=b\"", "\"a=b\""},
        {"x\r\ny\t", "\"x\\r\\ny\\t\"", "\"x\\r\\ny\\t\""},
        {std::string("\0\x1b[31m", 6), "\"\\u0000\\u001b[31m\"", "\"\\u0000\\u001b[31m\""},
        {"\x7f", "\"\\u007f\"", "\"\\u007f\""},
        {"\xc2\x85", "\"\\u0085\"", "\"\\u0085\""},      // next line
        {"\xe2\x80\xa8", "\"\\u2028\"", "\"\\u2028\""},  // line separator
        {"\xe2\x80\xae", "\"\\u202e\"", "\"\\u202e\""},  // right-to-left override
        {"caf\xc3\xa9", "\"caf\xc3\xa9\"", "\"caf\xc3\xa9\""},
        {"\xf0\x9f\x92\xa1", "\"\xf0\x9f\x92\xa1\"", "\"\xf0\x9f\x92\xa1\""},
        {"\xff", "\"\\ufffd\"", "\"\\ufffd\""},
        {"\xc3", "\"\\ufffd\"", "\"\\ufffd\""},
        {"\xc0\x8a", "\"\\ufffd\\ufffd\"", "\"\\ufffd\\ufffd\""},                    // overlong line feed
        {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"", "\"\\ufffd\\ufffd\\ufffd\""},  // surrogate
    };
    for (const Escaped& row : table) {
        EXPECT_EQ(written(LogFormat::text, row.raw), "2026-01-01T00:00:00.000Z WARN seen value=" + row.text + "\n");
        EXPECT_EQ(written(LogFormat::json, row.raw),
                  "{\"time\":\"2026-01-01T00:00:00.000Z\",\"level\":\"WARN\",\"event\":\"seen\",\"value\":" + row.json +
                      "}\n");
    }
}

TEST(StreamLog, cuts_a_value_without_end) {
    const std::string line = written(LogFormat::json, std::string(1'000'000, 'x'));
    EXPECT_LT(line.size(), 3'000u);
    EXPECT_TRUE(line.ends_with("x...\"}\n"));
}

TEST(StreamLog, lines_of_many_threads_stay_whole) {
    FakeClock clock;
    const Lines lines;
    const auto log = make_stream_log(lines.stream(), LogLevel::info, LogFormat::text, clock);
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < 200; ++i) log->write(LogLevel::info, "seen", {{"value", "abc"}});
            });
        }
    }
    const std::string line = "2026-01-01T00:00:00.000Z INFO seen value=abc\n";
    const std::string all = lines.text();
    ASSERT_EQ(all.size(), line.size() * 800);
    for (std::size_t at = 0; at < all.size(); at += line.size()) ASSERT_EQ(all.substr(at, line.size()), line);
}

}  // namespace
}  // namespace waybill::local
