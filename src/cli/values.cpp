#include "cli/values.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace waybill::cli {

namespace {

constexpr std::int64_t day_ms = 86'400'000;
constexpr std::int64_t duration_max_ms = 3'650 * day_ms;

using Unit = std::pair<std::string_view, std::int64_t>;

// A whole number followed by one of the units; an empty unit is the first one's meaning.
Result<std::int64_t> parse_with_unit(std::string_view text, std::span<const Unit> units, std::int64_t max,
                                     const std::string& expected) {
    std::int64_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc{} || number < 0) return fail(ErrorCode::validation_failed, expected);
    const std::string_view unit{end, text.data() + text.size()};
    for (const auto& [name, factor] : units) {
        if (unit != name) continue;
        if (number > max / factor) return fail(ErrorCode::validation_failed, "is too large");
        return number * factor;
    }
    return fail(ErrorCode::validation_failed, expected);
}

}  // namespace

Result<Milliseconds> parse_duration(std::string_view text) {
    static constexpr std::array<Unit, 6> units{
        {{"", 1'000}, {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", day_ms}}};
    const auto ms = parse_with_unit(text, units, duration_max_ms, "needs a time such as 200ms, 10s, 15m, 24h or 7d");
    if (!ms) return fail(ms.error());
    return Milliseconds{*ms};
}

Result<RateLimit> parse_rate_limit(std::string_view text) {
    const std::string expected = "needs a limit such as 300/1m, or 0 for none";
    if (text == "0") return RateLimit{0, Milliseconds{60'000}};
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return fail(ErrorCode::validation_failed, expected);
    const auto burst = parse_integer(text.substr(0, slash), 1, 1'000'000'000);
    const auto period = parse_duration(text.substr(slash + 1));
    if (!burst || !period || *period <= Milliseconds{0}) return fail(ErrorCode::validation_failed, expected);
    return RateLimit{*burst, *period};
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
    const std::string expected = "needs HOST:PORT, such as 127.0.0.1:8080, [::1]:8080, or :8080 for every address";
    ListenAddress address;
    std::string_view port;
    bool has_port = false;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos) return fail(ErrorCode::validation_failed, expected);
        address.host = text.substr(1, end - 1);
        has_port = end + 1 < text.size();
        if (has_port && text[end + 1] != ':') return fail(ErrorCode::validation_failed, expected);
        if (has_port) port = text.substr(end + 2);
    } else {
        const std::size_t colon = text.find(':');
        if (colon != text.rfind(':')) return fail(ErrorCode::validation_failed, expected);
        has_port = colon != std::string_view::npos;
        address.host = text.substr(0, colon);
        if (has_port) port = text.substr(colon + 1);
    }
    if (has_port) {
        const auto number = parse_integer(port, 0, 65'535);
        if (!number) return fail(ErrorCode::validation_failed, "needs a port from 0 to 65535");
        address.port = static_cast<std::uint16_t>(*number);
    }
    const bool is_number = address.host.find_first_not_of("0123456789") == std::string::npos;
    if (!has_port && is_number) return fail(ErrorCode::validation_failed, expected);
    if (address.host.empty()) address.host = "0.0.0.0";
    return address;
}

Result<bool> parse_switch(std::string_view text) {
    if (text == "true" || text == "1" || text == "on" || text == "yes") return true;
    if (text == "false" || text == "0" || text == "off" || text == "no") return false;
    return fail(ErrorCode::validation_failed, "needs true or false");
}

Result<std::int64_t> parse_integer(std::string_view text, std::int64_t min, std::int64_t max) {
    std::int64_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc{} || end != text.data() + text.size() || number < min || number > max) {
        return fail(ErrorCode::validation_failed,
                    "needs a whole number from " + std::to_string(min) + " to " + std::to_string(max));
    }
    return number;
}

Result<std::size_t> parse_size(std::string_view text) {
    static constexpr std::array<Unit, 4> units{{{"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}};
    const auto bytes = parse_with_unit(text, units, std::int64_t{1} << 40, "needs a size such as 64KiB or 4MiB");
    if (!bytes) return fail(bytes.error());
    return static_cast<std::size_t>(*bytes);
}

std::vector<std::string> parse_list(std::string_view text) {
    std::vector<std::string> elements;
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        std::string_view element = text.substr(0, comma);
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
        while (element.starts_with(' ')) element.remove_prefix(1);
        while (element.ends_with(' ')) element.remove_suffix(1);
        if (!element.empty()) elements.emplace_back(element);
    }
    return elements;
}

}  // namespace waybill::cli
