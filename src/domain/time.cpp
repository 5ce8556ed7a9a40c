#include "domain/time.hpp"

#include <span>

namespace waybill {

namespace {

void write_digits(std::span<char> place, std::int64_t value) {
    for (auto digit = place.rbegin(); digit != place.rend(); ++digit, value /= 10) {
        *digit = static_cast<char>('0' + value % 10);
    }
}

}  // namespace

std::array<char, 24> to_rfc3339(TimePoint time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    std::array<char, 24> text{'Y', 'Y', 'Y', 'Y', '-', 'M', 'M', '-', 'D', 'D', 'T', 'h',
                              'h', ':', 'm', 'm', ':', 's', 's', '.', 'm', 'm', 'm', 'Z'};
    const std::span<char> all = text;
    write_digits(all.subspan(0, 4), static_cast<int>(date.year()));
    write_digits(all.subspan(5, 2), static_cast<unsigned>(date.month()));
    write_digits(all.subspan(8, 2), static_cast<unsigned>(date.day()));
    write_digits(all.subspan(11, 2), clock.hours().count());
    write_digits(all.subspan(14, 2), clock.minutes().count());
    write_digits(all.subspan(17, 2), clock.seconds().count());
    write_digits(all.subspan(20, 3), clock.subseconds().count());
    return text;
}

std::string format_rfc3339(TimePoint time) {
    const std::array<char, 24> text = to_rfc3339(time);
    return {text.data(), text.size()};
}

}  // namespace waybill
