#include "domain/product.hpp"

#include <gtest/gtest.h>

#include <string>

namespace waybill {
namespace {

const TimePoint made = from_unix_ms(1'000);
const TimePoint changed = from_unix_ms(2'000);

Product lamp() { return {ProductId{"lamp"}, "Lamp", "It glows.", 149'950, true, made, made}; }

TEST(Product, a_patch_changes_only_what_it_names) {
    Product expected = lamp();
    expected.updated_at = changed;
    EXPECT_EQ(apply_patch(lamp(), {}, changed), expected);

    expected.price = 1;
    EXPECT_EQ(apply_patch(lamp(), {.name = {}, .description = {}, .price = 1, .active = {}}, changed), expected);
}

TEST(Product, a_patch_can_change_everything_but_identity_and_birth) {
    const ProductPatch patch{.name = "Torch", .description = "", .price = 0, .active = false};
    const Product expected{ProductId{"lamp"}, "Torch", "", 0, false, made, changed};
    EXPECT_EQ(apply_patch(lamp(), patch, changed), expected);
}

TEST(Product, a_location_is_named_like_an_id) {
    EXPECT_TRUE(is_valid_location("bangalore"));
    EXPECT_TRUE(is_valid_location(std::string(64, 'x')));
    EXPECT_FALSE(is_valid_location(""));
    EXPECT_FALSE(is_valid_location("new delhi"));
    EXPECT_FALSE(is_valid_location(std::string(65, 'x')));
}

}  // namespace
}  // namespace waybill
