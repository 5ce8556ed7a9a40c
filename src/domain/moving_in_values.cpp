// The values of legacy documents: numbers, times, names.
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "domain/moving_in.hpp"

namespace waybill {

namespace {

constexpr std::int64_t whole_max = 1'000'000'000'000'000;

// The shortest decimal that is this number, without an exponent. Empty beyond every amount.
std::string decimal_text(double number) {
    std::array<char, 400> text{};
    const auto [end, problem] = std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (problem != std::errc{}) return {};
    return {text.data(), end};
}

std::optional<ReadAmount> round_decimal(std::string text, const Currency& currency) {
    const std::size_t point = text.find('.');
    const std::size_t digits = static_cast<std::size_t>(currency.fraction_digits);
    char next = '0';
    bool was_rounded = false;
    if (point != std::string::npos && text.size() > point + 1 + digits) {
        next = text[point + 1 + digits];
        text.resize(digits == 0 ? point : point + 1 + digits);
        was_rounded = true;
    }
    const Result<MinorUnits> amount = parse_amount(text, currency);
    if (!amount || *amount == std::numeric_limits<MinorUnits>::max()) return std::nullopt;
    return ReadAmount{*amount + (next >= '5' ? 1 : 0), was_rounded};
}

}  // namespace

std::optional<ReadAmount> read_amount(const LegacyValue* value, const Currency& currency) {
    if (value == nullptr) return std::nullopt;
    if (const auto* whole = value->as<std::int64_t>()) return round_decimal(std::to_string(*whole), currency);
    const auto* number = value->as<double>();
    if (number == nullptr || !std::isfinite(*number) || *number < 0) return std::nullopt;
    // A zero with a sign is a zero.
    return round_decimal(decimal_text(*number == 0 ? 0.0 : *number), currency);
}

std::optional<ReadWhole> read_whole(const LegacyValue* value) {
    if (value == nullptr) return std::nullopt;
    if (const auto* whole = value->as<std::int64_t>()) {
        if (*whole > whole_max || *whole < -whole_max) return std::nullopt;
        return ReadWhole{*whole, false};
    }
    const auto* number = value->as<double>();
    if (number == nullptr || !std::isfinite(*number) || std::fabs(*number) > static_cast<double>(whole_max)) {
        return std::nullopt;
    }
    const double cut = std::trunc(*number);
    return ReadWhole{static_cast<std::int64_t>(cut), cut != *number};
}

std::optional<TimePoint> time_of_id(const LegacyValue* id) {
    const auto* object_id = id == nullptr ? nullptr : id->as<LegacyObjectId>();
    if (object_id == nullptr || object_id->hex.size() != 24) return std::nullopt;
    std::uint32_t seconds = 0;
    const char* begin = object_id->hex.data();
    if (std::from_chars(begin, begin + 8, seconds, 16).ptr != begin + 8) return std::nullopt;
    return from_unix_ms(std::int64_t{seconds} * 1'000);
}

std::string location_name(std::string_view text) {
    if (is_valid_location(text)) return std::string(text);
    std::string name;
    for (const char c : text) {
        const bool fits = is_valid_id(std::string_view(&c, 1));
        if (fits || (!name.empty() && name.back() != '-')) name += fits ? c : '-';
    }
    while (name.ends_with('-')) name.pop_back();
    return is_valid_location(name) ? name : std::string{};
}

}  // namespace waybill
