#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "adapters/local/local.hpp"
#include "cli/config.hpp"
#include "cli/values.hpp"
#include "domain/money.hpp"
#include "domain/trace.hpp"
#include "domain/user.hpp"
#include "domain/utf8.hpp"
#include "http/body_reader.hpp"
#include "http/json.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/targets.hpp"
#include "tests/support/fake_clock.hpp"

namespace waybill::fuzz {

namespace {

std::string shown_of(const cli::Variables& variables) {
    const auto loaded = cli::load_config({}, {}, variables);
    return loaded ? cli::render_values(*loaded) : loaded.error().detail;
}

// Where another secret in its place is not shown either, the words are ours by chance.
void env_file(std::string_view bytes) {
    const auto variables = cli::parse_env_file(bytes);
    if (!variables) return;
    const std::string shown = shown_of(*variables);
    for (const std::string_view name : {"JWT_SECRET", "AWS_SECRET_ACCESS_KEY", "WAYBILL_FULFILMENT_SECRET"}) {
        const auto found = variables->find(name);
        if (found == variables->end() || found->second.size() < 4 || !shown.contains(found->second)) continue;
        cli::Variables others = *variables;
        const std::string& other = others[std::string(name)] = std::string(found->second.size(), 'q');
        require(!shown_of(others).contains(other), "no secret is shown");
    }
}

void setting_values(std::string_view bytes) {
    if (const auto duration = cli::parse_duration(bytes)) require(duration->count() >= 0, "no time runs backwards");
    if (const auto limit = cli::parse_rate_limit(bytes)) require(limit->burst >= 0, "a limit is no debt");
    if (const auto listen = cli::parse_listen_address(bytes)) require(!listen->host.empty(), "a host has a name");
    (void)cli::parse_switch(bytes);
    (void)cli::parse_size(bytes);
    if (const auto number = cli::parse_integer(bytes, -5, 70'000)) {
        require(*number >= -5 && *number <= 70'000, "a number keeps its range");
    }
    for (const std::string& element : cli::parse_list(bytes)) {
        require(!element.empty() && !element.contains(',') && element.front() != ' ' && element.back() != ' ',
                "an element is trimmed");
    }
}

void money(std::string_view bytes) {
    for (const int digits : {0, 2, 3}) {
        const Currency currency{"XXX", digits};
        if (const auto amount = parse_amount(bytes, currency)) {
            require(*amount >= 0, "no amount is negative");
            const std::string text = format_amount(*amount, currency);
            const auto again = parse_amount(text, currency);
            require(again && *again == *amount, "an amount reads as it is written");
            const auto json = http::read_json(bytes);  // 0e999 is none that we read
            require(json.has_value() || !json.error().malformed, "an amount is a number of JSON");
        }
    }
    if (const auto number = http::parse_integer(bytes)) {
        require(http::parse_integer(std::to_string(*number)) == number, "a whole number reads as it is written");
    }
}

// RFC 3629 in other words: decoded, checked, and measured anew.
std::size_t length_by_decoding(std::string_view text) {
    if (text.empty()) return 0;
    const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<std::uint8_t>(text[i])); };
    if (byte(0) < 0x80) return 1;
    const std::size_t size = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
    if (byte(0) < 0xc0 || byte(0) > 0xf7 || text.size() < size) return 0;
    std::uint32_t value = byte(0) & (0xffU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xc0U) != 0x80U) return 0;
        value = value << 6 | (byte(i) & 0x3fU);
    }
    const bool shortest = value >= (size == 2 ? 0x80U : size == 3 ? 0x800U : 0x10000U);
    return shortest && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff) ? size : 0;
}

void utf8(std::string_view bytes) {
    for (std::string_view rest = bytes; !rest.empty(); rest.remove_prefix(1)) {
        require(utf8_sequence_length(rest) == length_by_decoding(rest), "two readers of UTF-8 agree");
    }
}

std::string written(local::LogFormat format, const std::string& value) {
    static testing::FakeClock clock;
    char* bytes = nullptr;
    std::size_t size = 0;
    std::FILE* stream = ::open_memstream(&bytes, &size);
    require(stream != nullptr, "memory is a file");
    local::make_stream_log(stream, LogLevel::info, format, clock)
        ->write(LogLevel::info, "order-failed", {{"why", value}});
    std::fclose(stream);
    std::string line(bytes, size);
    std::free(bytes);
    return line;
}

void log_line(std::string_view bytes) {
    for (const auto format : {local::LogFormat::text, local::LogFormat::json}) {
        const std::string line = written(format, std::string(bytes));
        require(line.ends_with('\n') && std::ranges::count(line, '\n') == 1, "one event is one line");
        require(std::ranges::none_of(line, [](char c) { return (c >= 0 && c < ' ' && c != '\n') || c == 0x7f; }),
                "without control characters");
        if (format == local::LogFormat::json) require(http::read_json(line).has_value(), "and JSON");
    }
}

void traceparent(std::string_view bytes) {
    const auto trace = parse_traceparent(bytes);
    if (!trace) return;
    const std::string text = to_traceparent(*trace);
    require(text.size() == traceparent_length && parse_traceparent(text) == trace, "a trace reads as it is written");
    require(read_trace(as_bytes(*trace)) == trace, "and so do its bytes");
}

constexpr std::array targets{Target{"env_file", env_file}, Target{"setting_values", setting_values},
                             Target{"money", money},       Target{"utf8", utf8},
                             Target{"log_line", log_line}, Target{"traceparent", traceparent}};

}  // namespace

std::span<const Target> value_targets() { return targets; }

}  // namespace waybill::fuzz
