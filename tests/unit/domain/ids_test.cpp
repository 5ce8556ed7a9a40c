#include "domain/ids.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>

namespace waybill {
namespace {

TEST(Ids, are_1_to_64_characters_of_the_url_safe_alphabet) {
    const struct {
        std::string text;
        bool valid;
    } cases[] = {
        {"a", true},
        {"67c8830b7ef1b848ac52ebec", true},
        {"A-Z_09", true},
        {std::string(64, 'x'), true},
        {"", false},
        {std::string(65, 'x'), false},
        {"a b", false},
        {"a/b", false},
        {"a.b", false},
        {"\xc3\xa9", false},
        {std::string("a\0b", 3), false},
        {"a\n", false},
    };
    for (const auto& c : cases) EXPECT_EQ(is_valid_id(c.text), c.valid) << c.text;
}

TEST(Ids, uuid_v7_holds_the_time_the_version_and_the_variant) {
    std::array<std::uint8_t, 10> random{};
    EXPECT_EQ(make_uuid_v7(from_unix_ms(0x0123'4567'89ab), random), "01234567-89ab-7000-8000-000000000000");
    random.fill(0xff);
    EXPECT_EQ(make_uuid_v7(from_unix_ms(0x0123'4567'89ab), random), "01234567-89ab-7fff-bfff-ffffffffffff");
}

TEST(Ids, uuid_v7_sorts_by_time) {
    const std::array<std::uint8_t, 10> low{};
    std::array<std::uint8_t, 10> high{};
    high.fill(0xff);
    EXPECT_LT(make_uuid_v7(from_unix_ms(1'000'000'000'000), high), make_uuid_v7(from_unix_ms(1'000'000'000'001), low));
}

TEST(Ids, object_id_holds_the_seconds_and_the_random_bytes) {
    const std::array<std::uint8_t, 8> random{1, 2, 3, 4, 5, 6, 7, 0xfe};
    EXPECT_EQ(make_object_id(from_unix_ms(0x67c8830bLL * 1'000 + 999), random), "67c8830b01020304050607fe");
}

}  // namespace
}  // namespace waybill
