#include "domain/time.hpp"

#include <gtest/gtest.h>

namespace waybill {
namespace {

struct Case {
    std::int64_t unix_ms;
    const char* text;
};

TEST(Time, is_written_as_rfc_3339_with_milliseconds) {
    const Case cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1'769'851'800'125, "2026-01-31T09:30:00.125Z"},
        {1'709'251'199'999, "2024-02-29T23:59:59.999Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {253'402'300'799'999, "9999-12-31T23:59:59.999Z"},
    };
    for (const Case& c : cases) EXPECT_EQ(format_rfc3339(from_unix_ms(c.unix_ms)), c.text);
}

TEST(Time, keeps_its_milliseconds_through_the_form_of_the_stores) {
    for (const Case& c : {Case{0, ""}, Case{-1, ""}, Case{1'769'851'800'125, ""}}) {
        EXPECT_EQ(to_unix_ms(from_unix_ms(c.unix_ms)), c.unix_ms);
    }
}

}  // namespace
}  // namespace waybill
