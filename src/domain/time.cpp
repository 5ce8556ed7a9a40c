#include "domain/time.hpp"

namespace waybill {

namespace {

// From the digit of `unit`, a power of ten, down.
void append_digits(std::string& out, std::int64_t value, std::int64_t unit) {
    for (; unit > 0; unit /= 10) out += static_cast<char>('0' + value / unit % 10);
}

}  // namespace

std::string format_rfc3339(TimePoint time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    std::string text;
    text.reserve(24);
    append_digits(text, static_cast<int>(date.year()), 1'000);
    text += '-';
    append_digits(text, static_cast<unsigned>(date.month()), 10);
    text += '-';
    append_digits(text, static_cast<unsigned>(date.day()), 10);
    text += 'T';
    append_digits(text, clock.hours().count(), 10);
    text += ':';
    append_digits(text, clock.minutes().count(), 10);
    text += ':';
    append_digits(text, clock.seconds().count(), 10);
    text += '.';
    append_digits(text, clock.subseconds().count(), 100);
    text += 'Z';
    return text;
}

}  // namespace waybill
