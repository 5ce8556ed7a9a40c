#include "tests/contract/store_contract.hpp"

namespace waybill::testing {

namespace {

Product make_product(const std::string& id) {
    Product product;
    product.id = ProductId{id};
    product.name = "Caf\xC3\xA9 \"" + id + "\"";
    product.description = "Line one\nline two\t';--";
    product.price = 149'950;
    return product;
}

WAYBILL_STORE_SUITE(StoreCatalogue);

TEST_P(StoreCatalogue, a_product_is_found_as_it_was_made) {
    const std::uint64_t before = must(store.catalogue_version());
    const CatalogueWrite made = must(store.create_product(make_product("tea")));
    Product expected = make_product("tea");
    expected.created_at = clock.now();
    expected.updated_at = clock.now();
    EXPECT_EQ(made.product, expected);
    EXPECT_GT(made.catalogue_version, before);
    EXPECT_EQ(must(store.find_product(ProductId{"tea"})), expected);
    EXPECT_FALSE(must(store.find_product(ProductId{"none"})).has_value());
}

TEST_P(StoreCatalogue, a_patch_changes_what_it_names) {
    Product expected = must(store.create_product(make_product("tea"))).product;
    clock.advance(Milliseconds{5'000});
    expected.updated_at = clock.now();
    const ProductId id{"tea"};

    ProductPatch price;
    price.price = 0;
    expected.price = 0;
    EXPECT_EQ(must(store.update_product(id, price)).product, expected);
    ProductPatch texts;
    texts.name = "Tea";
    texts.description = "";
    expected.name = "Tea";
    expected.description = "";
    EXPECT_EQ(must(store.update_product(id, texts)).product, expected);
    ProductPatch active;
    active.active = false;
    expected.active = false;
    EXPECT_EQ(must(store.update_product(id, active)).product, expected);
    EXPECT_EQ(must(store.find_product(id)), expected);
}

TEST_P(StoreCatalogue, every_write_raises_the_version) {
    std::uint64_t version = must(store.catalogue_version());
    const std::uint64_t made = must(store.create_product(make_product("tea"))).catalogue_version;
    EXPECT_GT(made, version);
    EXPECT_EQ(must(store.catalogue_version()), made);
    const std::uint64_t patched = must(store.update_product(ProductId{"tea"}, {})).catalogue_version;
    EXPECT_GT(patched, made);
    EXPECT_EQ(must(store.catalogue_version()), patched);
    EXPECT_EQ(code_of(store.update_product(ProductId{"none"}, {})), ErrorCode::not_found);
    EXPECT_EQ(must(store.catalogue_version()), patched);
}

TEST_P(StoreCatalogue, stock_and_orders_leave_the_version_alone) {
    add_product("tea", 100, 10);
    const std::uint64_t version = must(store.catalogue_version());
    set_stock("tea", bangalore, 7);
    must_place("o-1", {{"tea", 1}});
    EXPECT_EQ(must(store.catalogue_version()), version);
}

TEST_P(StoreCatalogue, active_products_are_listed_newest_first_each_once) {
    std::vector<std::string> expected;
    for (std::size_t i = 0; i < 9; ++i) {
        const std::string id = id_of("p", i);
        (void)must(store.create_product(make_product(id)));
        if (i == 4) {
            set_active(id, false);
        } else {
            expected.insert(expected.begin(), id);
        }
        if (i % 3 == 2) clock.advance(Milliseconds{10});
    }
    std::vector<std::string> seen;
    std::optional<PageKey> after;
    for (;;) {
        const auto page = must(store.list_products(after, 3));
        if (page.empty()) break;
        ASSERT_LE(page.size(), 3u);
        ASSERT_LE(seen.size(), plenty) << "the pages never end";
        for (const Product& product : page) seen.push_back(product.id.text);
        after = PageKey{page.back().created_at, page.back().id.text};
    }
    EXPECT_EQ(seen, expected);
}

TEST_P(StoreCatalogue, a_product_that_is_active_again_is_sold_again) {
    add_product("tea", 100, 10);
    set_active("tea", false);
    EXPECT_TRUE(must(store.list_products(std::nullopt, plenty)).empty());
    EXPECT_TRUE(must(store.find_product(ProductId{"tea"})).has_value());
    EXPECT_EQ(code_of(place(new_order("o-1", {{"tea", 1}}))), ErrorCode::unknown_product);
    set_active("tea", true);
    EXPECT_EQ(must(store.list_products(std::nullopt, plenty)).size(), 1u);
    EXPECT_EQ(code_of(place(new_order("o-1", {{"tea", 1}}))), no_error);
}

std::vector<SeedProduct> demo() {
    return {{make_product("tea"), {{ProductId{"tea"}, "bangalore", 1'000'000}, {ProductId{"tea"}, "pune", 5}}},
            {make_product("cup"), {{ProductId{"cup"}, "bangalore", 3}}}};
}

TEST_P(StoreCatalogue, an_empty_catalogue_is_seeded) {
    const std::uint64_t before = must(store.catalogue_version());
    EXPECT_TRUE(must(store.seed(demo())));
    EXPECT_GT(must(store.catalogue_version()), before);
    EXPECT_EQ(must(store.list_products(std::nullopt, plenty)).size(), 2u);
    EXPECT_EQ(must(store.find_product(ProductId{"tea"})).value().price, 149'950);
    EXPECT_EQ(must(store.find_product(ProductId{"tea"})).value().created_at, clock.now());
    EXPECT_EQ(stock_of("tea"), 1'000'000);
    EXPECT_EQ(stock_of("tea", "pune"), 5);
    EXPECT_EQ(code_of(place(new_order("o-1", {{"tea", 1}, {"cup", 3}}))), no_error);

    const std::string seeded = world();
    EXPECT_FALSE(must(store.seed(demo())));
    EXPECT_EQ(world(), seeded);
}

TEST_P(StoreCatalogue, a_catalogue_with_a_product_is_not_seeded) {
    (void)must(store.create_product(make_product("pot")));
    set_active("pot", false);
    const std::string before = world();
    EXPECT_FALSE(must(store.seed(demo())));
    EXPECT_EQ(world(), before);
    EXPECT_FALSE(must(store.find_product(ProductId{"tea"})).has_value());
}

}  // namespace

}  // namespace waybill::testing
