#include "app/catalogue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/support/fake_cache.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/memory_store.hpp"

namespace waybill {
namespace {

using ::testing::ElementsAre;
using testing::FakeCache;
using testing::FakeClock;
using ::testing::IsEmpty;
using testing::MemoryStore;

const ProductId lamp{"67c8830b7ef1b848ac52ebec"};
const ProductId mat{"67c8830b7ef1b848ac52ebed"};
const ProductId stand{"67c8830b7ef1b848ac52ebee"};

// Counts reads, and lets a test do something in the middle of one.
class WatchedStore : public MemoryStore {
public:
    using MemoryStore::MemoryStore;
    int row_reads = 0;
    int version_reads = 0;
    bool version_away = false;
    bool lose_answers = false;                                      // of writes: done, and the answer lost
    std::move_only_function<void()> after_row_read = nullptr;       // once
    std::move_only_function<void()> during_version_read = nullptr;  // once, after the version was read

    [[nodiscard]] Result<std::optional<Product>> find_product(const ProductId& id) override {
        ++row_reads;
        auto row = MemoryStore::find_product(id);
        run(after_row_read);
        return row;
    }
    [[nodiscard]] Result<std::vector<Product>> list_products(const std::optional<PageKey>& after,
                                                             std::size_t limit) override {
        ++row_reads;
        auto rows = MemoryStore::list_products(after, limit);
        run(after_row_read);
        return rows;
    }
    [[nodiscard]] Result<std::uint64_t> catalogue_version() override {
        ++version_reads;
        if (version_away) return fail(ErrorCode::unavailable, "away");
        auto version = MemoryStore::catalogue_version();
        run(during_version_read);
        return version;
    }
    [[nodiscard]] Result<CatalogueWrite> update_product(const ProductId& id, const ProductPatch& patch) override {
        auto write = MemoryStore::update_product(id, patch);
        if (lose_answers) return fail(ErrorCode::outcome_unknown, "lost");
        return write;
    }

private:
    static void run(std::move_only_function<void()>& hook) {
        if (hook) std::exchange(hook, nullptr)();
    }
};

ProductPatch new_price(MinorUnits price) { return {{}, {}, price, {}}; }

class CatalogueTest : public ::testing::Test {
protected:
    CatalogueTest() {
        store.seed(demo_catalogue(clock.now())).value();
        catalogue.read_version();
    }

    MinorUnits lamp_price() { return catalogue.get_product(lamp).value().price; }

    // What another process, or the command line, does.
    void change_elsewhere(MinorUnits price) { store.MemoryStore::update_product(lamp, new_price(price)).value(); }

    std::vector<std::string> listed(std::size_t limit) {
        std::vector<std::string> names;
        const Page<Product> page = catalogue.list_products({}, limit).value();
        for (const Product& product : page.data) names.push_back(product.name);
        return names;
    }

    FakeClock clock;
    WatchedStore store{clock};
    FakeCache cache;
    Metrics metrics;
    Catalogue catalogue{{}, store, cache, clock, metrics};
};

// ---- reads and the cache

TEST_F(CatalogueTest, reads_a_product_from_the_cache_the_second_time) {
    const Product first = catalogue.get_product(lamp).value();
    EXPECT_EQ(catalogue.get_product(lamp).value(), first);
    EXPECT_EQ(first.name, "Desk Lamp");
    EXPECT_EQ(store.row_reads, 1);
    EXPECT_EQ(metrics.cache_hits.Value(), 1);
    EXPECT_EQ(metrics.cache_misses.Value(), 1);
}

TEST_F(CatalogueTest, knows_no_product_under_an_absent_id_or_what_is_no_id) {
    EXPECT_EQ(catalogue.get_product(ProductId{"none"}).error().code, ErrorCode::not_found);
    EXPECT_EQ(store.row_reads, 1);
    EXPECT_EQ(catalogue.get_product(ProductId{"a b"}).error().code, ErrorCode::not_found);
    EXPECT_EQ(store.row_reads, 1);
    EXPECT_EQ(cache.size(), 0u);
}

TEST_F(CatalogueTest, sees_its_own_change_at_once) {
    EXPECT_EQ(lamp_price(), 149'900);
    EXPECT_EQ(catalogue.update_product(lamp, new_price(5)).value().price, 5);
    EXPECT_EQ(lamp_price(), 5);
    EXPECT_EQ(lamp_price(), 5);
    EXPECT_EQ(store.row_reads, 2) << "the new row is cached again";
}

TEST_F(CatalogueTest, sees_the_change_of_another_process_once_the_version_was_read) {
    EXPECT_EQ(lamp_price(), 149'900);
    change_elsewhere(5);
    EXPECT_EQ(lamp_price(), 149'900) << "within the time that is allowed";
    catalogue.read_version();
    EXPECT_EQ(lamp_price(), 5);
}

TEST_F(CatalogueTest, asks_for_the_version_when_the_last_read_of_it_is_too_old) {
    EXPECT_EQ(lamp_price(), 149'900);
    change_elsewhere(5);
    clock.advance(Milliseconds{2'000});
    EXPECT_EQ(lamp_price(), 149'900);
    EXPECT_EQ(store.version_reads, 1);
    clock.advance(Milliseconds{1});
    EXPECT_EQ(lamp_price(), 5);
    EXPECT_EQ(store.version_reads, 2);
    EXPECT_EQ(lamp_price(), 5);
    EXPECT_EQ(store.version_reads, 2) << "that read was a good one";
}

TEST_F(CatalogueTest, counts_the_age_of_a_version_from_the_begin_of_its_read) {
    store.during_version_read = [this] { clock.advance(Milliseconds{2'001}); };
    catalogue.read_version();
    const int reads = store.version_reads;
    lamp_price();
    EXPECT_EQ(store.version_reads, reads + 1);
}

TEST_F(CatalogueTest, asks_for_the_version_before_its_first_lookup) {
    Catalogue fresh({}, store, cache, clock, metrics);
    change_elsewhere(5);
    const int reads = store.version_reads;
    EXPECT_EQ(fresh.get_product(lamp).value().price, 5);
    EXPECT_EQ(store.version_reads, reads + 1);
}

TEST_F(CatalogueTest, believes_nothing_in_the_cache_while_the_version_cannot_be_read) {
    EXPECT_EQ(lamp_price(), 149'900);
    EXPECT_EQ(listed(10).size(), 3u);
    change_elsewhere(5);
    store.MemoryStore::update_product(mat, {"Rug", {}, {}, {}}).value();
    store.version_away = true;
    clock.advance(Milliseconds{2'001});
    catalogue.read_version();
    const int reads = store.version_reads;
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(lamp_price(), 5);
        EXPECT_THAT(listed(10), ElementsAre("Monitor Stand", "Rug", "Desk Lamp"));
    }
    EXPECT_EQ(store.version_reads, reads + 4) << "each lookup asks";
}

TEST_F(CatalogueTest, keeps_no_row_whose_version_it_does_not_know) {
    store.version_away = true;
    clock.advance(Milliseconds{2'001});
    EXPECT_EQ(lamp_price(), 149'900);
    EXPECT_EQ(listed(10).size(), 3u);
    EXPECT_EQ(cache.size(), 0u);
}

TEST_F(CatalogueTest, ignores_a_row_that_was_read_before_a_change_and_kept_after_it) {
    store.after_row_read = [this] { catalogue.update_product(lamp, new_price(5)).value(); };
    EXPECT_EQ(lamp_price(), 149'900) << "this read began before the change";
    EXPECT_EQ(lamp_price(), 5);
}

TEST_F(CatalogueTest, ignores_a_list_that_was_read_before_a_change_and_kept_after_it) {
    store.after_row_read = [this] { catalogue.update_product(lamp, {"Torch", {}, {}, {}}).value(); };
    EXPECT_THAT(listed(10), ElementsAre("Monitor Stand", "Desk Mat", "Desk Lamp"));
    EXPECT_THAT(listed(10), ElementsAre("Monitor Stand", "Desk Mat", "Torch"));
}

TEST_F(CatalogueTest, ignores_an_old_row_that_was_kept_after_another_process_changed_it) {
    store.after_row_read = [this] {
        change_elsewhere(5);
        catalogue.read_version();
    };
    EXPECT_EQ(lamp_price(), 149'900);
    EXPECT_EQ(lamp_price(), 5);
}

TEST_F(CatalogueTest, who_asks_after_a_change_does_not_share_a_read_that_began_before_it) {
    store.after_row_read = [this] {
        catalogue.update_product(lamp, new_price(5)).value();
        EXPECT_EQ(lamp_price(), 5);
    };
    EXPECT_EQ(lamp_price(), 149'900);
    EXPECT_EQ(lamp_price(), 5);
}

TEST_F(CatalogueTest, who_lists_after_a_change_does_not_share_a_read_that_began_before_it) {
    store.after_row_read = [this] {
        catalogue.update_product(lamp, {"Torch", {}, {}, {}}).value();
        EXPECT_THAT(listed(10), ElementsAre("Monitor Stand", "Desk Mat", "Torch"));
    };
    EXPECT_THAT(listed(10), ElementsAre("Monitor Stand", "Desk Mat", "Desk Lamp"));
    EXPECT_EQ(store.row_reads, 2);
}

TEST_F(CatalogueTest, never_goes_back_to_an_older_version) {
    store.during_version_read = [this] { catalogue.update_product(lamp, new_price(5)).value(); };
    EXPECT_EQ(lamp_price(), 149'900);
    catalogue.read_version();  // reads the old version, and ends after the change
    EXPECT_EQ(lamp_price(), 5);
}

TEST_F(CatalogueTest, takes_what_a_process_kept_that_knows_a_newer_version) {
    Catalogue other({}, store, cache, clock, metrics);
    other.update_product(lamp, new_price(5)).value();
    EXPECT_EQ(other.get_product(lamp).value().price, 5);
    const int reads = store.row_reads;
    EXPECT_EQ(lamp_price(), 5);
    EXPECT_EQ(store.row_reads, reads);
}

TEST_F(CatalogueTest, looks_anew_after_a_change_whose_outcome_is_unknown) {
    EXPECT_EQ(lamp_price(), 149'900);
    store.lose_answers = true;
    EXPECT_EQ(catalogue.update_product(lamp, new_price(5)).error().code, ErrorCode::outcome_unknown);
    EXPECT_EQ(lamp_price(), 5);
}

TEST_F(CatalogueTest, takes_rubbish_in_the_cache_for_a_miss) {
    lamp_price();
    const std::string entry = cache.find("product:" + lamp.text).value();
    std::string other = entry;
    other.replace(other.find(lamp.text), lamp.text.size(), mat.text);
    for (const std::string& bad : {std::string(), std::string("x"), entry.substr(0, 8), entry.substr(0, 20), other}) {
        cache.put("product:" + lamp.text, bad, Milliseconds{1'000});
        EXPECT_EQ(catalogue.get_product(lamp).value().id, lamp);
    }
    cache.put("products:10", "rubbish and more", Milliseconds{1'000});
    EXPECT_EQ(listed(10).size(), 3u);
}

// ---- lists

TEST_F(CatalogueTest, lists_in_pages_and_caches_each) {
    for (int i = 0; i < 2; ++i) {
        const Page<Product> first = catalogue.list_products({}, 2).value();
        ASSERT_EQ(first.data.size(), 2u);
        EXPECT_EQ(first.data[0].id, stand);
        EXPECT_EQ(first.data[1].id, mat);
        ASSERT_TRUE(first.next);
        const Page<Product> last = catalogue.list_products(first.next, 2).value();
        ASSERT_EQ(last.data.size(), 1u);
        EXPECT_EQ(last.data[0].id, lamp);
        EXPECT_FALSE(last.next);
    }
    EXPECT_EQ(store.row_reads, 2);
}

TEST_F(CatalogueTest, keeps_pages_of_different_lengths_apart) {
    for (const std::size_t limit : {1u, 3u, 2u, 3u, 1u}) EXPECT_EQ(listed(limit).size(), limit);
}

TEST_F(CatalogueTest, lists_a_new_product_at_once_and_an_inactive_one_never) {
    EXPECT_EQ(listed(10).size(), 3u);
    clock.advance(Milliseconds{1});
    const Product made = catalogue.create_product({"Chair", "", 100, true}).value();
    EXPECT_THAT(listed(10), ElementsAre("Chair", "Monitor Stand", "Desk Mat", "Desk Lamp"));
    catalogue.update_product(made.id, {{}, {}, {}, false}).value();
    EXPECT_THAT(listed(10), ElementsAre("Monitor Stand", "Desk Mat", "Desk Lamp"));
    EXPECT_FALSE(catalogue.get_product(made.id).value().active);
}

TEST_F(CatalogueTest, bounds_the_length_of_a_page) {
    for (std::size_t i = 0; i < page_limit_max; ++i) catalogue.create_product({"Thing", "", 1, true}).value();
    EXPECT_EQ(listed(100'000).size(), page_limit_max);
    EXPECT_EQ(listed(0).size(), 1u);
    EXPECT_EQ(catalogue.list_stock({}, {}, 0).value().data.size(), 1u);
}

TEST_F(CatalogueTest, keeps_no_page_after_a_cursor_that_names_no_product) {
    EXPECT_EQ(catalogue.list_products(PageKey{clock.now(), "a:b"}, 10).value().data.size(), 3u);
    EXPECT_EQ(cache.size(), 0u);
}

// ---- writes

TEST_F(CatalogueTest, creates_a_product_with_an_id_of_its_own) {
    const NewProduct chair{"Chair", "Four legs.", 12'300, false};
    const Product made = catalogue.create_product(chair).value();
    EXPECT_EQ(made.id.text.size(), 24u);
    EXPECT_EQ(made.name, "Chair");
    EXPECT_EQ(made.description, "Four legs.");
    EXPECT_EQ(made.price, 12'300);
    EXPECT_FALSE(made.active);
    EXPECT_EQ(catalogue.get_product(made.id).value(), made);
    EXPECT_NE(catalogue.create_product(chair).value().id, made.id);
}

TEST_F(CatalogueTest, changes_only_what_a_patch_names) {
    const Product before = catalogue.get_product(lamp).value();
    const Product after = catalogue.update_product(lamp, {"Torch", {}, {}, {}}).value();
    EXPECT_EQ(after.name, "Torch");
    EXPECT_EQ(after.description, before.description);
    EXPECT_EQ(after.price, before.price);
    EXPECT_TRUE(after.active);
    EXPECT_EQ(catalogue.update_product(ProductId{"none"}, {}).error().code, ErrorCode::not_found);
    EXPECT_EQ(catalogue.update_product(ProductId{"a b"}, {}).error().code, ErrorCode::not_found);
}

std::string repeat(const std::string& text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) all += text;
    return all;
}

struct FieldCase {
    std::string label;
    NewProduct product;
    std::vector<std::string> pointers;  // of the problems; none: it is accepted
};

void PrintTo(const FieldCase& field_case, std::ostream* out) { *out << field_case.label; }

class ProductFields : public CatalogueTest, public ::testing::WithParamInterface<FieldCase> {};

template <class T>
std::vector<std::string> pointers_of(const Result<T>& result) {
    std::vector<std::string> pointers;
    if (result) return pointers;
    EXPECT_EQ(result.error().code, ErrorCode::validation_failed);
    EXPECT_FALSE(result.error().detail.empty());
    for (const FieldProblem& problem : result.error().fields) pointers.push_back(problem.pointer);
    return pointers;
}

TEST_P(ProductFields, are_checked_when_a_product_is_created_or_changed) {
    const NewProduct& product = GetParam().product;
    EXPECT_EQ(pointers_of(catalogue.create_product(product)), GetParam().pointers);
    const ProductPatch patch{product.name, product.description, product.price, product.active};
    EXPECT_EQ(pointers_of(catalogue.update_product(lamp, patch)), GetParam().pointers);
    EXPECT_EQ(store.catalogue_version().value(), GetParam().pointers.empty() ? 3u : 1u) << "nothing is half-stored";
}

INSTANTIATE_TEST_SUITE_P(
    Rules, ProductFields,
    ::testing::Values(FieldCase{"shortest", {"a", "", 0}, {}}, FieldCase{"empty name", {"", "", 0}, {"/name"}},
                      FieldCase{"longest name", {repeat("é", 200), "", 0}, {}},
                      FieldCase{"name too long", {repeat("é", 201), "", 0}, {"/name"}},
                      FieldCase{"line feed in name", {"a\nb", "", 0}, {"/name"}},
                      FieldCase{"null in name", {std::string("a\0b", 3), "", 0}, {"/name"}},
                      FieldCase{"delete in name", {"a\x7f", "", 0}, {"/name"}},
                      FieldCase{"C1 control in name", {"a\xc2\x9f", "", 0}, {"/name"}},
                      FieldCase{"no-break space in name", {"a\xc2\xa0z", "", 0}, {}},
                      FieldCase{"continuation octets below A0", {"\xe0\xa4\x85\xf0\x9f\x92\xa1", "", 0}, {}},
                      FieldCase{"name not UTF-8", {"a\xff", "", 0}, {"/name"}},
                      FieldCase{"longest description", {"a", repeat("é", 4'000), 0}, {}},
                      FieldCase{"description too long", {"a", repeat("é", 4'001), 0}, {"/description"}},
                      FieldCase{"description with lines", {"a", "b\nc", 0}, {}},
                      FieldCase{"description not UTF-8", {"a", "\xc3", 0}, {"/description"}},
                      FieldCase{"highest price", {"a", "", unit_price_max}, {}},
                      FieldCase{"price too high", {"a", "", unit_price_max + 1}, {"/price"}},
                      FieldCase{"negative price", {"a", "", -1}, {"/price"}},
                      FieldCase{"all at once", {"", "\xc3", -1}, {"/name", "/description", "/price"}}));

// ---- stock

StockChange change_of(std::optional<std::int64_t> set, std::optional<std::int64_t> delta) {
    return {UserId{"root"}, lamp, "bangalore", set, delta, "count", {}};
}

TEST_F(CatalogueTest, sets_and_adjusts_stock) {
    EXPECT_EQ(catalogue.change_stock(change_of(7, {})).value(), (StockChanged{7, 1'000'000, false}));
    EXPECT_EQ(catalogue.change_stock(change_of({}, -3)).value(), (StockChanged{4, 7, false}));
    EXPECT_EQ(catalogue.change_stock(change_of({}, -5)).error().code, ErrorCode::validation_failed);
    EXPECT_EQ(catalogue.change_stock(change_of(stock_max, {})).value().available, stock_max);
    EXPECT_EQ(catalogue.change_stock(change_of(0, {})).value().available, 0);
}

TEST_F(CatalogueTest, refuses_a_stock_change_that_means_nothing) {
    EXPECT_THAT(pointers_of(catalogue.change_stock(change_of({}, {}))), ElementsAre(""));
    EXPECT_THAT(pointers_of(catalogue.change_stock(change_of(1, 1))), ElementsAre(""));
    EXPECT_THAT(pointers_of(catalogue.change_stock(change_of(-1, {}))), ElementsAre("/available"));
    EXPECT_THAT(pointers_of(catalogue.change_stock(change_of(stock_max + 1, {}))), ElementsAre("/available"));
    EXPECT_THAT(pointers_of(catalogue.change_stock(change_of({}, stock_max + 1))), ElementsAre("/delta"));
    EXPECT_THAT(pointers_of(catalogue.change_stock(change_of({}, -stock_max - 1))), ElementsAre("/delta"));
    EXPECT_THAT(pointers_of(catalogue.change_stock(change_of(-1, stock_max + 1))),
                ElementsAre("", "/available", "/delta"));
    EXPECT_EQ(catalogue.list_stock({lamp, {}}, {}, 1).value().data.at(0).available, 1'000'000);
}

TEST_F(CatalogueTest, keeps_stock_only_of_products_and_in_places_that_can_be) {
    StockChange nowhere = change_of(1, {});
    for (const std::string& location : {std::string(), std::string("a b"), std::string(65, 'a')}) {
        nowhere.location = location;
        EXPECT_EQ(catalogue.change_stock(nowhere).error().code, ErrorCode::unknown_location);
    }
    StockChange nothing = change_of(1, {});
    for (const char* id : {"none", "a b", ""}) {
        nothing.product_id = ProductId{id};
        EXPECT_EQ(catalogue.change_stock(nothing).error().code, ErrorCode::unknown_product);
    }
    StockChange elsewhere = change_of(1, {});
    elsewhere.location = "pune";
    EXPECT_EQ(catalogue.change_stock(elsewhere).value().previous, 0);
}

TEST_F(CatalogueTest, lists_stock_in_pages) {
    const Page<StockLevel, StockLevel> first = catalogue.list_stock({}, {}, 2).value();
    ASSERT_TRUE(first.next);
    EXPECT_EQ(*first.next, first.data.back());
    const Page<StockLevel, StockLevel> last = catalogue.list_stock({}, first.next, 2).value();
    EXPECT_EQ(last.data.at(0).product_id, stand);
    EXPECT_FALSE(last.next);
    EXPECT_THAT(catalogue.list_stock({mat, "pune"}, {}, 2).value().data, IsEmpty());
}

// ---- the demo

TEST(DemoCatalogue, makes_the_order_of_the_documentation_cost_4324) {
    const std::vector<SeedProduct> demo = demo_catalogue(FakeClock::start);
    ASSERT_EQ(demo.size(), 3u);
    EXPECT_EQ(demo[0].product.id, lamp);
    EXPECT_EQ(demo[1].product.id, mat);
    EXPECT_EQ(demo[2].product.id, stand);
    EXPECT_EQ(demo[0].product.price + 2 * demo[2].product.price, 432'400);
    for (const SeedProduct& each : demo) {
        EXPECT_TRUE(each.product.active);
        EXPECT_EQ(each.product.created_at, FakeClock::start);
        EXPECT_THAT(each.stock, ElementsAre(StockLevel{each.product.id, "bangalore", 1'000'000}));
    }
}

}  // namespace
}  // namespace waybill
