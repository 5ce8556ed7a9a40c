// Rows of another system.
#include "tests/contract/store_contract.hpp"

namespace waybill::testing {

namespace {

const TimePoint long_ago = from_unix_ms(1'400'000'000'123);

User old_user(const std::string& id, const std::string& email) {
    return {.id = UserId{id},
            .email = email,
            .name = "Old " + id,
            .password_hash = "$2b$10$old",
            .role = Role::customer,
            .created_at = long_ago};
}

Product old_product(const std::string& id) {
    return {.id = ProductId{id},
            .name = "Old " + id,
            .description = "from before",
            .price = 1'299,
            .active = true,
            .created_at = long_ago,
            .updated_at = long_ago};
}

Order old_order(const std::string& id, OrderStatus status, const std::string& user = "ada") {
    Order order{.id = OrderId{id},
                .user_id = UserId{user},
                .location = std::string(no_location),
                .lines = {{ProductId{"tea"}, "Tea of old", 3, 250}},
                .total = 700,
                .status = status,
                .created_at = long_ago};
    if (is_terminal(status)) {
        order.processing_at = long_ago + Milliseconds{1};
        order.finished_at = long_ago + Milliseconds{2};
    }
    return order;
}

// Empty for a refusal.
using Answers = std::vector<std::optional<bool>>;

Answers answers_of(const std::vector<Result<bool>>& results) {
    Answers answers;
    for (const Result<bool>& result : results) answers.push_back(result ? std::optional(*result) : std::nullopt);
    return answers;
}

template <class Row>
using Rows = std::vector<Row>;

}  // namespace

WAYBILL_STORE_SUITE(StoreImport);

TEST_P(StoreImport, users_keep_their_id_hash_and_time) {
    const Rows<User> users{old_user("u1", "u1@example.com"), old_user("u2", "u2@example.com")};
    EXPECT_EQ(answers_of(store.import_users(users, ImportMode::write)), (Answers{true, true}));
    const auto found = must(store.find_user_by_email("u2@example.com"));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->id, users[1].id);
    EXPECT_EQ(found->name, "Old u2");
    EXPECT_EQ(found->password_hash, "$2b$10$old");
    EXPECT_EQ(found->created_at, long_ago);
}

TEST_P(StoreImport, a_user_that_is_there_stays_as_it_is) {
    const Rows<User> users{old_user("u1", "u1@example.com")};
    (void)store.import_users(users, ImportMode::write);
    must(store.rehash_password(UserId{"u1"}, "$2b$10$old", "new-hash"));
    EXPECT_EQ(answers_of(store.import_users(users, ImportMode::write)), (Answers{false}));
    EXPECT_EQ(must(store.find_user(UserId{"u1"}))->password_hash, "new-hash");
}

TEST_P(StoreImport, an_address_of_another_account_is_refused_alone_and_leaves_its_neighbours) {
    const Rows<User> users{old_user("u1", "u1@example.com"), old_user("u2", "ada@example.com"),
                           old_user("u3", "u3@example.com")};
    const auto results = store.import_users(users, ImportMode::write);
    EXPECT_EQ(answers_of(results), (Answers{true, std::nullopt, true}));
    EXPECT_EQ(code_of(results[1]), ErrorCode::email_taken);
    EXPECT_FALSE(must(store.find_user(UserId{"u2"})));
    EXPECT_TRUE(must(store.find_user(UserId{"u3"})));
}

TEST_P(StoreImport, products_keep_their_times_and_raise_the_catalogue_version_once) {
    const std::uint64_t before = must(store.catalogue_version());
    const Rows<Product> products{old_product("tea"), old_product("cup")};
    EXPECT_EQ(answers_of(store.import_products(products, ImportMode::write)), (Answers{true, true}));
    EXPECT_EQ(must(store.find_product(ProductId{"cup"})), products[1]);
    EXPECT_EQ(must(store.catalogue_version()), before + 1);
    EXPECT_EQ(answers_of(store.import_products(products, ImportMode::write)), (Answers{false, false}));
    EXPECT_EQ(must(store.catalogue_version()), before + 1);
}

TEST_P(StoreImport, a_product_that_is_there_stays_as_it_is) {
    add_product("tea", 500, 1);
    const Rows<Product> products{old_product("tea")};
    EXPECT_EQ(answers_of(store.import_products(products, ImportMode::write)), (Answers{false}));
    EXPECT_EQ(must(store.find_product(ProductId{"tea"}))->price, 500);
}

TEST_P(StoreImport, stock_is_put_in_once_and_sold_from) {
    const Rows<Product> products{old_product("tea")};
    (void)store.import_products(products, ImportMode::write);
    const Rows<StockLevel> levels{{ProductId{"tea"}, bangalore, 10}, {ProductId{"tea"}, "pune", 0}};
    EXPECT_EQ(answers_of(store.import_stock(levels, ImportMode::write)), (Answers{true, true}));
    (void)must_place("o1", {{"tea", 4}});
    EXPECT_EQ(answers_of(store.import_stock(levels, ImportMode::write)), (Answers{false, false}));
    EXPECT_EQ(stock_of("tea"), 6);
    EXPECT_EQ(stock_of("tea", "pune"), 0);
}

// What an earlier batch found missing must not be remembered as missing.
TEST_P(StoreImport, stock_that_comes_after_a_refusal_is_seen) {
    const Rows<Product> products{old_product("tea"), old_product("cup")};
    (void)store.import_products(products, ImportMode::write);
    set_stock("cup", bangalore, 1);
    EXPECT_EQ(code_of(place(new_order("o1", {{"tea", 1}}))), ErrorCode::insufficient_stock);
    const Rows<StockLevel> levels{{ProductId{"tea"}, bangalore, 1}};
    (void)store.import_stock(levels, ImportMode::write);
    EXPECT_EQ(code_of(place(new_order("o2", {{"tea", 1}}))), no_error);
}

TEST_P(StoreImport, orders_keep_everything) {
    const Rows<Order> orders{old_order("order-1", OrderStatus::processed),
                             old_order("order-2", OrderStatus::failed, "bob")};
    EXPECT_EQ(answers_of(store.import_orders(orders, ImportMode::write)), (Answers{true, true}));
    EXPECT_EQ(order_of("order-1"), orders[0]);
    EXPECT_EQ(order_of("order-2"), orders[1]);
    EXPECT_EQ(answers_of(store.import_orders(orders, ImportMode::write)), (Answers{false, false}));
    EXPECT_EQ(all_orders().size(), 2u);
}

TEST_P(StoreImport, a_terminal_order_sends_no_mail_and_moves_no_stock) {
    add_product("tea", 250, 5);
    const Rows<Order> orders{old_order("order-1", OrderStatus::failed)};
    (void)store.import_orders(orders, ImportMode::write);
    EXPECT_EQ(depth(WorkKind::send_mail), 0);
    EXPECT_EQ(depth(WorkKind::process_order), 0);
    EXPECT_EQ(stock_of("tea"), 5);
}

TEST_P(StoreImport, an_order_id_of_another_user_is_refused) {
    const Rows<Order> orders{old_order("order-1", OrderStatus::failed)};
    const Rows<Order> others{old_order("order-1", OrderStatus::failed, "bob")};
    (void)store.import_orders(orders, ImportMode::write);
    EXPECT_EQ(code_of(store.import_orders(others, ImportMode::write).at(0)), ErrorCode::validation_failed);
    EXPECT_EQ(order_of("order-1").user_id, ada);
}

TEST_P(StoreImport, a_pending_order_is_worked_and_gives_no_stock_back_when_it_fails) {
    add_product("tea", 250, 5);
    const Rows<Order> orders{old_order("order-1", OrderStatus::pending)};
    (void)store.import_orders(orders, ImportMode::write);
    const ClaimedWork work = claim_only();
    EXPECT_EQ(work.order.id, OrderId{"order-1"});
    must(settle(work, false, "out of reach"));
    EXPECT_EQ(order_of("order-1").status, OrderStatus::failed);
    EXPECT_EQ(stock_of("tea"), 5);
    EXPECT_EQ(claim_only(WorkKind::send_mail).mail_to, "ada@example.com");
}

TEST_P(StoreImport, cancelling_a_pending_one_gives_no_stock_back) {
    add_product("tea", 250, 5);
    const Rows<Order> orders{old_order("order-1", OrderStatus::pending)};
    (void)store.import_orders(orders, ImportMode::write);
    EXPECT_EQ(must(store.cancel_order(OrderId{"order-1"}, ada)).status, OrderStatus::cancelled);
    EXPECT_EQ(stock_of("tea"), 5);
}

TEST_P(StoreImport, a_look_answers_the_same_and_writes_nothing) {
    add_product("cup", 100, 5);
    const std::string before = world();
    const std::uint64_t version = must(store.catalogue_version());
    const Rows<User> users{old_user("u1", "u1@example.com"), old_user("ada", "x@y.z"),
                           old_user("u2", "bob@example.com")};
    const Rows<Product> products{old_product("tea"), old_product("cup")};
    const Rows<StockLevel> levels{{ProductId{"cup"}, bangalore, 9}, {ProductId{"cup"}, "pune", 9}};
    const Rows<Order> orders{old_order("o1", OrderStatus::pending)};
    EXPECT_EQ(answers_of(store.import_users(users, ImportMode::look)), (Answers{true, false, std::nullopt}));
    EXPECT_EQ(answers_of(store.import_products(products, ImportMode::look)), (Answers{true, false}));
    EXPECT_EQ(answers_of(store.import_stock(levels, ImportMode::look)), (Answers{false, true}));
    EXPECT_EQ(answers_of(store.import_orders(orders, ImportMode::look)), (Answers{true}));
    EXPECT_EQ(world(), before);
    EXPECT_EQ(must(store.catalogue_version()), version);
    EXPECT_FALSE(must(store.find_user(UserId{"u1"})));
}

TEST_P(StoreImport, nothing_is_no_error) {
    EXPECT_TRUE(store.import_users({}, ImportMode::write).empty());
    EXPECT_TRUE(store.import_orders({}, ImportMode::look).empty());
}

}  // namespace waybill::testing
