#include "domain/moving_in.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace waybill {
namespace {

using Fields = std::vector<LegacyField>;

LegacyDocument document(Fields fields) { return {std::move(fields)}; }
LegacyValue id(const std::string& hex) { return {LegacyObjectId{hex}}; }
LegacyValue text(const std::string& value) { return {value}; }
LegacyValue number(double value) { return {value}; }
LegacyValue whole(std::int64_t value) { return {value}; }

// Begins with 0x5f5e1000 seconds: 2020-09-13T12:26:56Z.
const std::string some_id = "5f5e100067c8830b7ef1b848";
const std::string other_id = "5f5e100167c8830b7ef1b848";
const TimePoint time_of_some_id = from_unix_ms(1'600'000'000'000);
const std::string bcrypt = "$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
const LegacyTerms terms{Currency{"INR", 2}, "bangalore", from_unix_ms(1'700'000'000'000)};

std::vector<std::string> kinds(const std::vector<Remark>& remarks) {
    std::vector<std::string> all;
    for (const Remark& remark : remarks) all.push_back(remark.kind);
    return all;
}

bool has_remark(const std::vector<Remark>& remarks, const std::string& part) {
    for (const Remark& remark : remarks) {
        if (remark.kind.contains(part)) return true;
    }
    return false;
}

// ---- which system

TEST(MovingIn, detects_the_system_by_the_names_of_its_collections) {
    const std::vector<std::string> a{"inventories", "orders", "users"};
    const std::vector<std::string> b{"Inventory", "Order", "OrderItem", "Product", "User"};
    EXPECT_EQ(detect_system(a).value(), LegacySystem::a);
    EXPECT_EQ(detect_system(b).value(), LegacySystem::b);
    std::vector<std::string> both = a;
    both.insert(both.end(), b.begin(), b.end());
    EXPECT_TRUE(detect_system(both).error().detail.contains("--system"));
    EXPECT_FALSE(detect_system(std::vector<std::string>{"other"}));
    EXPECT_FALSE(detect_system({}));
}

TEST(MovingIn, refuses_a_database_of_waybill_itself) {
    const std::vector<std::string> ours{"inventory", "meta", "orders", "products", "users", "work"};
    EXPECT_TRUE(detect_system(ours).error().detail.contains("Waybill itself"));
}

// ---- values

TEST(MovingInValues, amounts_are_read_from_the_shortest_decimal_of_a_double) {
    struct Row {
        LegacyValue value;
        MinorUnits amount;
        bool was_rounded;
    };
    const std::vector<Row> rows{{number(12.99), 1'299, false},
                                {number(0.1 + 0.2), 30, true},
                                {number(12.995), 1'300, true},
                                {number(12.994), 1'299, true},
                                {number(1e10), 1'000'000'000'000, false},
                                {whole(7), 700, false},
                                {number(0), 0, false},
                                {number(-0.0), 0, false},
                                {number(4.35), 435, false},
                                {number(0.005), 1, true},
                                {number(1e-300), 0, true}};
    for (const Row& row : rows) {
        const auto read = read_amount(&row.value, terms.currency);
        ASSERT_TRUE(read) << printable(&row.value);
        EXPECT_EQ(read->amount, row.amount) << printable(&row.value);
        EXPECT_EQ(read->was_rounded, row.was_rounded) << printable(&row.value);
    }
    const LegacyValue yen = number(12.5);
    EXPECT_EQ(read_amount(&yen, Currency{"JPY", 0})->amount, 13);
}

TEST(MovingInValues, what_is_no_amount_is_none) {
    const std::vector<LegacyValue> bad{number(-1),
                                       number(std::nan("")),
                                       number(std::numeric_limits<double>::infinity()),
                                       number(1e300),
                                       whole(-5),
                                       text("12.00"),
                                       {true},
                                       {LegacyOther{"Decimal128"}}};
    for (const LegacyValue& value : bad) EXPECT_FALSE(read_amount(&value, terms.currency)) << printable(&value);
    EXPECT_FALSE(read_amount(nullptr, terms.currency));
}

TEST(MovingInValues, whole_numbers_are_cut_towards_zero) {
    const LegacyValue fraction = number(-2.7);
    EXPECT_EQ(read_whole(&fraction)->value, -2);
    EXPECT_TRUE(read_whole(&fraction)->was_cut);
    const LegacyValue exact = number(3.0);
    EXPECT_FALSE(read_whole(&exact)->was_cut);
    for (const LegacyValue& value : {number(std::nan("")), number(1e16), text("3"), LegacyValue{}}) {
        EXPECT_FALSE(read_whole(&value)) << printable(&value);
    }
}

TEST(MovingInValues, locations_become_names_of_ones) {
    EXPECT_EQ(location_name("bangalore"), "bangalore");
    EXPECT_EQ(location_name("New  Delhi, 2"), "New-Delhi-2");
    EXPECT_EQ(location_name(" pune "), "pune");
    EXPECT_EQ(location_name("--a--b-"), "--a--b-");
    EXPECT_EQ(location_name("/a/"), "a");
    EXPECT_EQ(location_name("-"), "");
    EXPECT_EQ(location_name("\xe0\xa4\xaa"), "");
    EXPECT_EQ(location_name(std::string(65, 'x')), "");
}

TEST(MovingInValues, nothing_that_a_terminal_would_obey_is_printed) {
    EXPECT_EQ(printable("a\x1b[31m\n"), "a?[31m?");
    EXPECT_EQ(printable(std::string(500, 'x')).size(), 83u);
    EXPECT_EQ(label_of(document({})), "(without _id)");
}

// ---- users

TEST(MovingInUsers, keep_their_id_hash_and_time) {
    const auto taken = take_user(document({{"_id", id(some_id)},
                                           {"name", text("Ada")},
                                           {"email", text("Ada@Example.com")},
                                           {"password", text(bcrypt)}}),
                                 terms);
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->row.id.text, some_id);
    EXPECT_EQ(taken->row.email, "ada@example.com");
    EXPECT_EQ(taken->row.password_hash, bcrypt);
    EXPECT_EQ(taken->row.role, Role::customer);
    EXPECT_EQ(taken->row.created_at, time_of_some_id);
    EXPECT_TRUE(taken->remarks.empty());
}

TEST(MovingInUsers, without_a_usable_hash_are_taken_over_and_remarked_upon) {
    const std::string too_costly = "$2b$17" + bcrypt.substr(6);
    const std::string damaged = bcrypt.substr(0, 59) + ":";
    for (const LegacyValue& hash : {LegacyValue{}, text("plain"), text("$1$salt$hash"), whole(5), text(too_costly),
                                    text(damaged), text(bcrypt.substr(0, 59) + "x")}) {
        const auto taken =
            take_user(document({{"_id", id(some_id)}, {"email", text("a@b.cd")}, {"password", hash}}), terms);
        ASSERT_TRUE(taken);
        EXPECT_EQ(taken->row.password_hash, "");
        ASSERT_EQ(taken->remarks.size(), 1u);
        EXPECT_FALSE(taken->remarks[0].detail.contains("plain"));
    }
}

TEST(MovingInUsers, without_an_address_or_an_id_are_skipped) {
    EXPECT_FALSE(take_user(document({{"_id", id(some_id)}, {"email", text("none")}}), terms));
    EXPECT_FALSE(take_user(document({{"_id", id(some_id)}}), terms));
    EXPECT_FALSE(take_user(document({{"_id", id(some_id)}, {"email", {LegacyDocument{}}}}), terms));
    EXPECT_FALSE(take_user(document({{"_id", text("a b")}, {"email", text("a@b.cd")}}), terms));
    EXPECT_FALSE(take_user(document({{"email", text("a@b.cd")}}), terms));
}

// ---- products and stock

TEST(MovingInProducts, of_system_a_are_inactive_and_bring_their_stock) {
    const auto taken = take_stocked_product(
        document({{"_id", id(some_id)}, {"productId", text("p1")}, {"name", text("Tea")}, {"stock", whole(7)}}), terms);
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->row.product.id.text, "p1");
    EXPECT_EQ(taken->row.product.name, "Tea");
    EXPECT_FALSE(taken->row.product.active);
    EXPECT_EQ(taken->row.stock, 7);
    EXPECT_TRUE(taken->remarks.empty());
}

TEST(MovingInProducts, with_odd_stock_are_taken_over_with_a_remark) {
    const auto stock_of = [](const LegacyValue& stock) {
        return take_stocked_product(
            document({{"_id", id(some_id)}, {"productId", text("p1")}, {"name", text("Tea")}, {"stock", stock}}),
            terms);
    };
    EXPECT_EQ(stock_of(number(2.5))->row.stock, 2);
    EXPECT_TRUE(has_remark(stock_of(number(2.5))->remarks, "cut to a whole"));
    EXPECT_EQ(stock_of(number(-3))->row.stock, -3);
    EXPECT_EQ(stock_of(number(std::nan("")))->row.stock, std::nullopt);
    EXPECT_TRUE(has_remark(stock_of(number(std::nan("")))->remarks, "no number"));
    std::vector<Remark> remarks;
    EXPECT_EQ(bounded_stock(-3, "p1", remarks), 0);
    EXPECT_EQ(bounded_stock(stock_max + 1, "p1", remarks), stock_max);
    EXPECT_EQ(remarks.size(), 2u);
}

TEST(MovingInProducts, with_an_id_that_is_none_are_skipped) {
    EXPECT_FALSE(take_stocked_product(document({{"_id", id(some_id)}, {"productId", text("a/b")}}), terms));
    EXPECT_FALSE(take_stocked_product(document({{"_id", id(some_id)}}), terms));
}

TEST(MovingInProducts, of_system_b_keep_their_price_rounded_where_it_must_be) {
    const auto product = [](const LegacyValue& price) {
        return take_product(
            document(
                {{"_id", id(some_id)}, {"name", text("Tea\nfor two")}, {"description", text("hot")}, {"price", price}}),
            terms);
    };
    EXPECT_EQ(product(number(12.99))->row.price, 1'299);
    EXPECT_TRUE(product(number(12.99))->row.active);
    EXPECT_EQ(product(number(12.99))->row.name, "Tea for two");
    EXPECT_TRUE(has_remark(product(number(12.995))->remarks, "rounded"));
    for (const LegacyValue& bad : {number(-1), number(std::nan("")), number(1e12), LegacyValue{}}) {
        EXPECT_FALSE(product(bad)->row.active) << printable(&bad);
        EXPECT_TRUE(has_remark(product(bad)->remarks, "inactive")) << printable(&bad);
    }
}

TEST(MovingInProducts, an_empty_or_long_name_is_mended) {
    const auto nameless = take_product(document({{"_id", id(some_id)}, {"price", whole(1)}}), terms);
    EXPECT_EQ(nameless->row.name, some_id);
    const std::string umlauts = [] {
        std::string made;
        for (int i = 0; i < 300; ++i) made += "\xc3\xa4";
        return made;
    }();
    const auto cut =
        take_product(document({{"_id", id(some_id)}, {"name", text(umlauts)}, {"price", whole(1)}}), terms);
    EXPECT_EQ(count_code_points(cut->row.name), product_name_length_max);
}

TEST(MovingInStock, of_system_b_lies_where_it_lay) {
    const auto taken = take_stock(
        document(
            {{"_id", id(some_id)}, {"productId", id(other_id)}, {"location", text("New Delhi")}, {"stock", whole(-4)}}),
        terms);
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->row, (StockLevel{ProductId{other_id}, "New-Delhi", -4}));
    EXPECT_TRUE(has_remark(taken->remarks, "renamed"));
    const auto nowhere = take_stock(document({{"productId", id(other_id)}, {"stock", whole(1)}}), terms);
    EXPECT_EQ(nowhere->row.location, "bangalore");
    EXPECT_FALSE(
        take_stock(document({{"productId", id(other_id)}, {"location", text("-")}, {"stock", whole(1)}}), terms));
    EXPECT_FALSE(take_stock(document({{"productId", id(other_id)}, {"stock", number(std::nan(""))}}), terms));
    EXPECT_FALSE(take_stock(document({{"location", text("pune")}, {"stock", whole(1)}}), terms));
}

// ---- orders

LegacyValue line(const std::string& product, const LegacyValue& quantity, double price) {
    return {document(
        {{"productId", text(product)}, {"name", text("Tea")}, {"quantity", quantity}, {"price", number(price)}})};
}

LegacyDocument order_a(const LegacyArray& items, const LegacyValue& total, const std::string& status = "Processed") {
    return document({{"_id", id(some_id)},
                     {"orderId", text("order-1")},
                     {"userId", id(other_id)},
                     {"items", {items}},
                     {"totalAmount", total},
                     {"status", text(status)}});
}

TEST(MovingInOrders, of_system_a_keep_id_user_lines_total_state_and_the_time_of_their_id) {
    const auto taken = take_order_a(order_a({line("p1", whole(2), 1.5), line("p2", number(1), 3)}, number(6)), terms);
    ASSERT_TRUE(taken);
    const Order& order = taken->row;
    EXPECT_EQ(order.id.text, "order-1");
    EXPECT_EQ(order.user_id.text, other_id);
    EXPECT_EQ(order.total, 600);
    EXPECT_EQ(order.status, OrderStatus::processed);
    EXPECT_EQ(order.created_at, time_of_some_id);
    EXPECT_EQ(order.finished_at, time_of_some_id);
    EXPECT_FALSE(order.took_stock());
    ASSERT_EQ(order.lines.size(), 2u);
    EXPECT_EQ(order.lines[0], (OrderLine{ProductId{"p1"}, "Tea", 2, 150}));
    EXPECT_TRUE(taken->remarks.empty());
}

TEST(MovingInOrders, a_total_that_is_not_the_sum_stays_and_is_remarked_upon) {
    const auto wrong = take_order_a(order_a({line("p1", whole(2), 1.5)}, number(1.5)), terms);
    EXPECT_EQ(wrong->row.total, 150);
    EXPECT_TRUE(has_remark(wrong->remarks, "not the sum"));
    const auto none = take_order_a(order_a({line("p1", whole(2), 1.5)}, number(std::nan(""))), terms);
    EXPECT_EQ(none->row.total, 300);
    EXPECT_EQ(kinds(none->remarks).size(), 1u);
}

TEST(MovingInOrders, that_would_have_to_be_guessed_are_skipped) {
    const LegacyValue good = line("p1", whole(1), 1);
    const auto reason = [](const LegacyDocument& found) {
        const auto taken = take_order_a(found, terms);
        return taken ? std::string("taken") : taken.error().kind;
    };
    EXPECT_EQ(reason(order_a({good}, whole(1))), "taken");
    EXPECT_TRUE(reason(order_a({line("p1", {}, 1)}, whole(1))).contains("quantity"));
    EXPECT_TRUE(reason(order_a({line("p1", number(1.5), 1)}, whole(1))).contains("quantity"));
    EXPECT_TRUE(reason(order_a({line("p1", whole(0), 1)}, whole(1))).contains("quantity"));
    EXPECT_TRUE(reason(order_a({line("p1", whole(1), -1)}, whole(1))).contains("price"));
    EXPECT_TRUE(reason(order_a({line("p 1", whole(1), 1)}, whole(1))).contains("product"));
    EXPECT_TRUE(reason(order_a({}, whole(1))).contains("no lines"));
    EXPECT_TRUE(reason(order_a({text("tea")}, whole(1))).contains("no document"));
    EXPECT_TRUE(reason(order_a({good}, whole(1), "Shipped")).contains("status"));
    EXPECT_TRUE(reason(order_a(LegacyArray(101, good), whole(101))).contains("more than 100"));
    LegacyDocument nameless = order_a({good}, whole(1));
    nameless.fields[1].value = text("a b");
    EXPECT_TRUE(reason(nameless).contains("orderId"));
    nameless.fields[1].value = {};
    EXPECT_TRUE(reason(nameless).contains("orderId"));
    LegacyDocument nobodys = order_a({good}, whole(1));
    nobodys.fields[2].value = {};
    EXPECT_TRUE(reason(nobodys).contains("user"));
}

TEST(MovingInOrders, of_system_b_take_their_lines_from_elsewhere_and_keep_their_times) {
    const LegacyDocument found = document({{"_id", id(some_id)},
                                           {"orderId", text("Ab3_x-9Zk0Qw")},
                                           {"userId", id(other_id)},
                                           {"totalAmount", number(3)},
                                           {"status", text("Failed")},
                                           {"createdAt", {from_unix_ms(1'650'000'000'000)}},
                                           {"updatedAt", {from_unix_ms(1'650'000'005'000)}}});
    const auto taken = take_order_b(found, {{ProductId{"p1"}, "", 2, 150}}, terms);
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->row.created_at, from_unix_ms(1'650'000'000'000));
    EXPECT_EQ(taken->row.finished_at, from_unix_ms(1'650'000'005'000));
    EXPECT_EQ(taken->row.lines[0].name, "p1");
    EXPECT_EQ(keys_of_order(found), (std::vector<std::string>{"Ab3_x-9Zk0Qw", some_id}));
    EXPECT_FALSE(take_order_b(found, {}, terms));
}

TEST(MovingInOrders, a_pending_one_has_no_end_until_it_is_failed) {
    const Order pending = take_order_a(order_a({line("p1", whole(1), 1)}, whole(1), "Pending"), terms)->row;
    EXPECT_EQ(pending.status, OrderStatus::pending);
    EXPECT_FALSE(pending.finished_at);
    const Order failed = fail_pending(pending, terms.now);
    EXPECT_EQ(failed.status, OrderStatus::failed);
    EXPECT_EQ(failed.finished_at, terms.now);
    EXPECT_FALSE(failed.reason.empty());
}

TEST(MovingInOrders, items_name_their_order_by_its_id_of_either_kind) {
    EXPECT_EQ(order_key_of(document({{"orderId", id(some_id)}})), some_id);
    EXPECT_EQ(order_key_of(document({{"orderId", text("abc")}})), "abc");
    EXPECT_FALSE(order_key_of(document({{"orderId", whole(3)}})));
    EXPECT_FALSE(order_key_of(document({})));
}

}  // namespace
}  // namespace waybill
