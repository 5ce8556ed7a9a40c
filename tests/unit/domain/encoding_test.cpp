#include "domain/encoding.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <string>

namespace waybill {
namespace {

const std::vector<OrderLine> two_lines{{ProductId{"lamp"}, "Lamp \xe2\x82\xac", 2, 149'950},
                                       {ProductId{"rope"}, std::string("nul \0 inside", 12), 10'000, unit_price_max}};

Order order_with_everything() {
    Order order;
    order.id = OrderId{"01890a5d-ac96-774b-bcce-b302099a8057"};
    order.user_id = UserId{"67c8830b7ef1b848ac52ebec"};
    order.location = "bangalore";
    order.lines = two_lines;
    order.total = std::numeric_limits<std::int64_t>::max();
    order.status = OrderStatus::failed;
    order.created_at = from_unix_ms(1'769'851'800'125);
    order.processing_at = from_unix_ms(-1);
    order.finished_at = from_unix_ms(std::numeric_limits<std::int64_t>::min());
    order.reason = std::string(300, 'r');
    return order;
}

Order traced_order() {
    Order order = order_with_everything();
    order.trace = {.id = {1, 2}, .span_id = {3}, .flags = 1};
    return order;
}

Product lamp() {
    return {ProductId{"lamp"}, "Lamp", std::string(5'000, 'd'), 149'950, false, from_unix_ms(1), from_unix_ms(2)};
}

// A value, what writes it and what reads it: what holds of one form must hold of all.
template <class T, class Encode, class Decode>
void expect_strict_round_trip(const T& value, Encode encode, Decode decode) {
    const std::string bytes = encode(value);
    const auto decoded = decode(bytes);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, value);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        EXPECT_FALSE(decode(std::string_view{bytes}.substr(0, length))) << "truncated to " << length;
    }
    EXPECT_FALSE(decode(bytes + '\0')) << "trailing byte";
    std::string newer = bytes;
    newer[0] = static_cast<char>(newer[0] + 1);
    EXPECT_FALSE(decode(newer)) << "another version";
}

TEST(Encoding, lines_survive_and_nothing_else_does) {
    expect_strict_round_trip(two_lines, encode_lines, decode_lines);
    expect_strict_round_trip(std::vector<OrderLine>{}, encode_lines, decode_lines);
}

TEST(Encoding, orders_survive_and_nothing_else_does) {
    expect_strict_round_trip(order_with_everything(), encode_order, decode_order);
    expect_strict_round_trip(Order{}, encode_order, decode_order);
    expect_strict_round_trip(traced_order(), encode_order, decode_order);
}

// What older versions left in a journal or a cache, byte for byte.
TEST(Encoding, an_order_without_a_trace_is_in_the_form_that_knew_none) {
    const std::string form_1("\x21\0\0\0\0\0\0\0\0\0\0", 11);
    EXPECT_EQ(encode_order(Order{}), form_1);
    EXPECT_EQ(decode_order(form_1), Order{});
    const std::string traced = encode_order(traced_order());
    EXPECT_EQ(traced.substr(1, traced.size() - 26), encode_order(order_with_everything()).substr(1));
}

TEST(Encoding, products_survive_and_nothing_else_does) {
    expect_strict_round_trip(lamp(), encode_product, decode_product);
    expect_strict_round_trip(std::vector<Product>{lamp(), Product{}, lamp()}, encode_products, decode_products);
    expect_strict_round_trip(std::vector<Product>{}, encode_products, decode_products);
}

TEST(Encoding, every_status_survives) {
    for (const OrderStatus status : {OrderStatus::pending, OrderStatus::processing, OrderStatus::processed,
                                     OrderStatus::failed, OrderStatus::cancelled}) {
        Order order = order_with_everything();
        order.status = status;
        EXPECT_EQ(decode_order(encode_order(order)), order);
    }
}

TEST(Encoding, one_form_is_not_read_as_another) {
    const std::string lines = encode_lines({});
    const std::string products = encode_products({});
    EXPECT_FALSE(decode_products(lines));
    EXPECT_FALSE(decode_lines(products));
    EXPECT_FALSE(decode_order(encode_product(lamp())));
    EXPECT_FALSE(decode_product(encode_order(order_with_everything())));
}

TEST(Encoding, refuses_numbers_that_it_would_not_write) {
    const std::string form = encode_lines({}).substr(0, 1);
    for (const std::string& count : {
             std::string("\x80\x00", 2),        // zero, longer than it must be
             std::string("\x81\x80\x00", 3),    // one, longer than it must be
             std::string(9, '\xff') + '\x02',   // 65 bits
             std::string(10, '\xff') + '\x01',  // eleven bytes
             std::string(9, '\xff') + '\x01',   // 2^64-1 lines
             std::string("\x05"),               // more lines than bytes
         }) {
        EXPECT_FALSE(decode_lines(form + count));
    }
}

TEST(Encoding, refuses_a_status_or_flag_that_is_none) {
    Order order;
    const std::string bytes = encode_order(order);
    // form, three empty texts, no lines, total 0: then the status, the time, and the first flag
    ASSERT_EQ(bytes.size(), 11U);
    std::string odd_status = bytes;
    odd_status[6] = 5;
    EXPECT_FALSE(decode_order(odd_status));
    std::string odd_flag = bytes;
    odd_flag[8] = 2;
    EXPECT_FALSE(decode_order(odd_flag));
}

TEST(Encoding, what_decodes_from_noise_encodes_to_the_same_noise) {
    std::mt19937 random(20'260'101);
    const std::string sound = encode_order(traced_order());
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes = sound;
        for (int change = 0; change < 3; ++change) bytes[random() % bytes.size()] = static_cast<char>(random());
        const auto decoded = decode_order(bytes);
        if (decoded) {
            EXPECT_EQ(encode_order(*decoded), bytes);
        }
    }
}

}  // namespace
}  // namespace waybill
