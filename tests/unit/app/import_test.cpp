// Databases shaped like both old systems, with their quirks, read into a store: every document is accounted
// for, and a second run changes nothing.
#include "app/import.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/support/fake_clock.hpp"
#include "tests/support/flaky_store.hpp"
#include "tests/support/memory_store.hpp"

namespace waybill {
namespace {

using testing::FakeClock;
using testing::FlakyStore;
using ::testing::HasSubstr;
using testing::MemoryStore;

class FakeSource final : public LegacySource {
public:
    std::map<std::string, std::vector<LegacyDocument>> collections;

    Result<std::vector<std::string>> list_collections() override {
        std::vector<std::string> names;
        for (const auto& [name, documents] : collections) names.push_back(name);
        return names;
    }
    Result<std::int64_t> count_documents(const std::string& collection) override {
        return static_cast<std::int64_t>(collections[collection].size());
    }
    Result<void> read(const std::string& collection, const Visit& visit) override {
        for (const LegacyDocument& document : collections[collection]) {
            if (Result<void> visited = visit(document); !visited) return visited;
        }
        return {};
    }
};

using Fields = std::vector<LegacyField>;

LegacyDocument document(Fields fields) { return {std::move(fields)}; }
LegacyValue text(const std::string& value) { return {value}; }
LegacyValue number(double value) { return {value}; }

// 24 hex digits that begin with a time.
std::string hex(int n) {
    const std::string digits = std::to_string(n);
    return "5f5e1000" + std::string(16 - digits.size(), '0') + digits;
}
LegacyValue id(int n) { return {LegacyObjectId{hex(n)}}; }

const std::string bcrypt = "$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

LegacyDocument user(int n, const std::string& email) {
    return document({{"_id", id(n)}, {"name", text("U")}, {"email", text(email)}, {"password", text(bcrypt)}});
}

class Importing : public ::testing::Test {
protected:
    Importing() {
        options.location = "bangalore";
        options.pending = PendingOrders::fail;
    }

    [[nodiscard]] ImportReport run() {
        Result<ImportReport> report = import_legacy(options, source, store, clock);
        if (!report) throw std::runtime_error(report.error().detail);
        for (const CollectionReport& one : report->collections) {
            EXPECT_EQ(one.read, one.imported + one.unchanged + one.skipped) << one.name;
            EXPECT_EQ(one.read, static_cast<std::int64_t>(source.collections[one.name].size())) << one.name;
            std::int64_t reasons = 0;
            for (const auto& [reason, list] : one.skips) reasons += list.count;
            EXPECT_GE(one.skipped, reasons) << one.name;
            EXPECT_EQ(one.skipped == 0, reasons == 0) << one.name;
        }
        return *std::move(report);
    }

    static const CollectionReport& part(const ImportReport& report, const std::string& name) {
        for (const CollectionReport& one : report.collections) {
            if (one.name == name) return one;
        }
        throw std::out_of_range(name);
    }
    // Read, imported, unchanged, skipped.
    static std::vector<std::int64_t> counts(const ImportReport& report, const std::string& name) {
        const CollectionReport& one = part(report, name);
        return {one.read, one.imported, one.unchanged, one.skipped};
    }
    static bool lists(const std::map<std::string, RemarkList>& all, const std::string& kind,
                      const std::string& detail) {
        for (const auto& [name, list] : all) {
            if (!name.contains(kind)) continue;
            for (const std::string& one : list.details) {
                if (one.contains(detail)) return true;
            }
        }
        return false;
    }
    [[nodiscard]] std::int64_t stock_of(const std::string& product, const std::string& location = "bangalore") {
        const auto levels = store.list_stock({ProductId{product}, location}, std::nullopt, 10).value();
        return levels.empty() ? -1 : levels.front().available;
    }

    FakeClock clock;
    MemoryStore store{clock};
    FakeSource source;
    ImportOptions options;
};

using Counts = std::vector<std::int64_t>;

// ---- system A

class ImportingA : public Importing {
protected:
    static LegacyDocument inventory(int n, const std::string& product, const LegacyValue& stock) {
        return document(
            {{"_id", id(n)}, {"productId", text(product)}, {"name", text("P " + product)}, {"stock", stock}});
    }
    static LegacyDocument order(int n, const std::string& order_id, int user_n, const std::string& status,
                                const std::string& product = "p1") {
        return document({{"_id", id(n)},
                         {"orderId", text(order_id)},
                         {"userId", id(user_n)},
                         {"items",
                          {LegacyArray{{document(
                              {{"productId", text(product)}, {"quantity", number(2)}, {"price", number(1.5)}})}}}},
                         {"totalAmount", number(3)},
                         {"status", text(status)}});
    }

    ImportingA() {
        source.collections["users"] = {user(1, "ada@example.com"), user(2, "ADA@example.com"), user(3, "no address"),
                                       document({{"_id", id(4)}, {"email", text("bob@example.com")}})};
        source.collections["inventories"] = {inventory(10, "p1", number(5)), inventory(11, "p1", number(2.5)),
                                             inventory(12, "p2", number(-4)), inventory(13, "p 3", number(1)),
                                             inventory(14, "p4", number(std::nan("")))};
        source.collections["orders"] = {
            order(20, "o-processed", 1, "Processed"), order(21, "o-failed", 4, "Failed"),
            order(22, "o-pending", 1, "Pending"),     order(23, "o-processed", 4, "Processed"),
            order(24, "o-nobodys", 99, "Processed"),  order(25, "o-strange", 1, "Processed", "unknown"),
            order(26, "o odd", 1, "Processed")};
    }
};

TEST_F(ImportingA, every_document_is_accounted_for_and_a_second_run_changes_nothing) {
    const ImportReport first = run();
    EXPECT_TRUE(first.was_written);
    EXPECT_EQ(first.pending, 1);
    EXPECT_EQ(counts(first, "users"), (Counts{4, 2, 0, 2}));
    EXPECT_EQ(counts(first, "inventories"), (Counts{5, 4, 0, 1}));
    EXPECT_EQ(counts(first, "orders"), (Counts{7, 5, 0, 2}));
    EXPECT_EQ(first.skipped(), 5);

    EXPECT_TRUE(lists(part(first, "users").skips, "same e-mail", hex(2) + ": as " + hex(1)));
    EXPECT_TRUE(lists(part(first, "users").remarks, "no password", hex(4)));
    EXPECT_TRUE(lists(part(first, "inventories").remarks, "several times", hex(10) + ", " + hex(11)));
    EXPECT_TRUE(lists(part(first, "inventories").remarks, "cut to a whole", "2.5"));
    EXPECT_TRUE(lists(part(first, "inventories").remarks, "negative", "p2: -4"));
    EXPECT_TRUE(lists(part(first, "inventories").remarks, "no number", "nan"));
    EXPECT_TRUE(lists(part(first, "orders").skips, "same orderId", hex(23)));
    EXPECT_TRUE(lists(part(first, "orders").remarks, "not among the accounts", "o-nobodys"));
    EXPECT_TRUE(lists(part(first, "orders").remarks, "not in the catalogue", "o-strange: unknown"));

    EXPECT_EQ(stock_of("p1"), 7);
    EXPECT_EQ(stock_of("p2"), 0);
    EXPECT_EQ(stock_of("p4"), -1);
    EXPECT_FALSE(store.find_product(ProductId{"p1"}).value()->active);
    EXPECT_EQ(store.find_user(UserId{hex(1)}).value()->password_hash, bcrypt);
    EXPECT_EQ(store.find_order(OrderId{"o-pending"}).value()->status, OrderStatus::failed);
    EXPECT_EQ(store.find_order(OrderId{"o-nobodys"}).value()->total, 300);
    EXPECT_EQ(store.stats()->work[WorkKind::send_mail].count, 0);

    const std::uint64_t version = store.catalogue_version().value();
    const ImportReport second = run();
    EXPECT_EQ(counts(second, "users"), (Counts{4, 0, 2, 2}));
    EXPECT_EQ(counts(second, "inventories"), (Counts{5, 0, 4, 1}));
    EXPECT_EQ(counts(second, "orders"), (Counts{7, 0, 5, 2}));
    EXPECT_TRUE(part(second, "inventories").remarks.empty());
    EXPECT_EQ(store.catalogue_version().value(), version);
    EXPECT_EQ(stock_of("p1"), 7);
}

TEST_F(ImportingA, pending_orders_refuse_everything_by_default) {
    options.pending = PendingOrders::refuse;
    const ImportReport report = run();
    EXPECT_TRUE(report.was_refused);
    EXPECT_FALSE(report.was_written);
    EXPECT_TRUE(lists(part(report, "orders").skips, "still Pending", "o-pending"));
    EXPECT_FALSE(store.find_user(UserId{hex(1)}).value());
    std::erase_if(source.collections["orders"],
                  [](const LegacyDocument& order) { return *order.find("status")->as<std::string>() == "Pending"; });
    EXPECT_TRUE(run().was_written);
    EXPECT_TRUE(store.find_user(UserId{hex(1)}).value());
}

TEST_F(ImportingA, pending_orders_may_be_worked_here) {
    options.pending = PendingOrders::process;
    EXPECT_EQ(counts(run(), "orders"), (Counts{7, 5, 0, 2}));
    const auto claimed = store.claim_work(WorkKind::process_order, 10, Milliseconds{1'000});
    ASSERT_EQ(claimed->size(), 1u);
    EXPECT_EQ(claimed->front().order.id.text, "o-pending");
}

TEST_F(ImportingA, a_dry_run_says_the_same_and_writes_nothing) {
    options.dry_run = true;
    const ImportReport report = run();
    EXPECT_FALSE(report.was_written);
    EXPECT_EQ(counts(report, "users"), (Counts{4, 2, 0, 2}));
    EXPECT_EQ(counts(report, "inventories"), (Counts{5, 4, 0, 1}));
    EXPECT_EQ(counts(report, "orders"), (Counts{7, 5, 0, 2}));
    EXPECT_FALSE(store.find_user(UserId{hex(1)}).value());
    EXPECT_FALSE(store.find_product(ProductId{"p1"}).value());
    EXPECT_EQ(stock_of("p1"), -1);
}

TEST_F(ImportingA, needs_a_place_for_its_stock) {
    options.location = "";
    EXPECT_THAT(import_legacy(options, source, store, clock).error().detail, HasSubstr("--location"));
}

TEST_F(ImportingA, an_address_that_is_taken_here_skips_only_that_user) {
    (void)store.create_user({.id = UserId{"mine"}, .email = "ada@example.com", .name = "A", .password_hash = "h"}, {});
    const ImportReport report = run();
    EXPECT_EQ(counts(report, "users"), (Counts{4, 1, 0, 3}));
    EXPECT_TRUE(lists(part(report, "users").skips, "another account here", hex(1)));
}

TEST_F(ImportingA, goes_on_where_a_failed_run_ended) {
    FlakyStore flaky(store);
    flaky.fail_next("import_orders", 1, FlakyStore::Failure::after);
    const Result<ImportReport> failed = import_legacy(options, source, flaky, clock);
    EXPECT_EQ(failed.error().code, ErrorCode::outcome_unknown);
    const ImportReport report = run();
    EXPECT_EQ(counts(report, "users"), (Counts{4, 0, 2, 2}));
    EXPECT_EQ(counts(report, "orders"), (Counts{7, 0, 5, 2}));
}

TEST_F(ImportingA, of_users_whose_ids_differ_in_their_type_only_the_first_comes_along) {
    auto& users = source.collections["users"];
    users = {user(1, "ada@example.com"), user(2, "ADA@example.com")};
    const auto as_text = [](int n, const std::string& email) {
        return document({{"_id", text(hex(n))}, {"email", text(email)}, {"password", text(bcrypt)}});
    };
    users.push_back(as_text(1, "other@example.com"));
    users.push_back(as_text(2, "bob@example.com"));
    users.push_back(as_text(3, "other@example.com"));
    const ImportReport report = run();
    EXPECT_EQ(counts(report, "users"), (Counts{5, 3, 0, 2}));
    EXPECT_TRUE(lists(part(report, "users").skips, "same _id", hex(1) + ": other@example.com"));
    EXPECT_EQ(store.find_user(UserId{hex(1)}).value()->email, "ada@example.com");
    EXPECT_EQ(store.find_user(UserId{hex(2)}).value()->email, "bob@example.com") << "nobody had it";
    EXPECT_EQ(store.find_user(UserId{hex(3)}).value()->email, "other@example.com") << "nobody had it";
    EXPECT_EQ(counts(run(), "users"), (Counts{5, 0, 3, 2}));
}

TEST_F(ImportingA, what_must_be_held_in_memory_is_bounded) {
    options.rows_held_max = 11;  // 2 users, 4 products with stock, 5 orders
    EXPECT_EQ(counts(run(), "orders"), (Counts{7, 5, 0, 2}));
    for (const std::size_t max : {1UZ, 5UZ, 10UZ}) {
        options.rows_held_max = max;
        const auto refused = import_legacy(options, source, store, clock);
        ASSERT_FALSE(refused) << max;
        EXPECT_EQ(refused.error().code, ErrorCode::validation_failed);
        EXPECT_THAT(refused.error().detail, HasSubstr("more than " + std::to_string(max)));
        EXPECT_THAT(refused.error().detail, HasSubstr("import it in parts"));
    }
}

TEST_F(ImportingA, more_stock_than_a_number_holds_is_as_much_as_a_place_can_hold) {
    auto& stock = source.collections["inventories"];
    stock.assign(10'000, inventory(10, "p1", {std::int64_t{1'000'000'000'000'000}}));
    const ImportReport report = run();
    EXPECT_EQ(stock_of("p1"), stock_max);
    EXPECT_TRUE(lists(part(report, "inventories").remarks, "cut to what a place can hold", "p1"));
    stock.assign(10'000, inventory(10, "p2", {std::int64_t{-1'000'000'000'000'000}}));
    EXPECT_EQ(counts(run(), "inventories"), (Counts{10'000, 10'000, 0, 0}));
    EXPECT_EQ(stock_of("p2"), 0);
}

TEST_F(ImportingA, long_lists_are_cut_and_counted) {
    source.collections["users"].clear();
    for (int n = 100; n < 1'700; ++n) {
        source.collections["users"].push_back(
            user(n, n % 2 == 0 ? "u" + std::to_string(n) + "@example.com" : "no address"));
    }
    const ImportReport report = run();
    EXPECT_EQ(counts(report, "users"), (Counts{1'600, 800, 0, 800}));
    const RemarkList& list = part(report, "users").skips.begin()->second;
    EXPECT_EQ(list.count, 800);
    EXPECT_EQ(list.details.size(), remarks_listed_max);
    EXPECT_TRUE(store.find_user(UserId{hex(1'698)}).value());
}

TEST_F(ImportingA, tells_how_far_it_is) {
    std::vector<std::string> told;
    options.on_progress = [&](const ImportProgress& progress) {
        told.push_back(progress.collection + " " + std::to_string(progress.documents) + "/" +
                       std::to_string(progress.about));
    };
    (void)run();
    EXPECT_THAT(told, ::testing::IsSupersetOf({"users 0/4", "users 4/4", "inventories 5/5", "orders 7/7"}));
}

// ---- system B

class ImportingB : public Importing {
protected:
    static LegacyDocument product(int n, const LegacyValue& price) {
        return document(
            {{"_id", id(n)}, {"name", text("P" + std::to_string(n))}, {"description", text("d")}, {"price", price}});
    }
    static LegacyDocument inventory(int n, int product_n, const std::string& location, const LegacyValue& stock) {
        return document({{"_id", id(n)}, {"productId", id(product_n)}, {"location", text(location)}, {"stock", stock}});
    }
    static LegacyDocument item(int n, const LegacyValue& order, int product_n, const LegacyValue& quantity) {
        return document({{"_id", id(n)},
                         {"orderId", order},
                         {"productId", id(product_n)},
                         {"quantity", quantity},
                         {"price", number(1.5)}});
    }
    static LegacyDocument order(int n, const std::string& order_id, int user_n, const std::string& status,
                                double total) {
        return document({{"_id", id(n)},
                         {"orderId", text(order_id)},
                         {"userId", id(user_n)},
                         {"totalAmount", number(total)},
                         {"status", text(status)},
                         {"createdAt", {from_unix_ms(1'650'000'000'000)}},
                         {"updatedAt", {from_unix_ms(1'650'000'001'000)}}});
    }

    ImportingB() {
        source.collections["User"] = {user(1, "ada@example.com"), user(2, "bob@example.com")};
        source.collections["Product"] = {product(10, number(12.99)), product(11, number(12.995)),
                                         product(12, number(-1))};
        source.collections["Inventory"] = {
            inventory(20, 10, "pune", {std::int64_t{5}}), inventory(21, 10, "pune", {std::int64_t{7}}),
            inventory(22, 10, "New Delhi", {std::int64_t{1}}), inventory(23, 77, "pune", {std::int64_t{1}}),
            inventory(24, 11, "pune", number(std::nan("")))};
        source.collections["OrderItem"] = {item(30, text("ord-1"), 10, {std::int64_t{2}}),
                                           item(31, id(41), 11, {std::int64_t{1}}),
                                           item(32, id(41), 77, {std::int64_t{1}}),
                                           item(33, text("ord-3"), 10, {}),
                                           item(34, text("ord-3"), 10, {std::int64_t{1}}),
                                           item(35, text("gone"), 10, {std::int64_t{1}}),
                                           item(36, {}, 10, {std::int64_t{1}})};
        source.collections["Order"] = {order(40, "ord-1", 1, "Processed", 3), order(41, "ord-2", 2, "Failed", 99.999),
                                       order(42, "ord-3", 1, "Processed", 1.5), order(43, "ord-4", 1, "Processed", 1)};
    }
};

TEST_F(ImportingB, every_document_is_accounted_for_and_a_second_run_changes_nothing) {
    const ImportReport first = run();
    EXPECT_EQ(first.system, LegacySystem::b);
    EXPECT_EQ(counts(first, "User"), (Counts{2, 2, 0, 0}));
    EXPECT_EQ(counts(first, "Product"), (Counts{3, 3, 0, 0}));
    EXPECT_EQ(counts(first, "Inventory"), (Counts{5, 3, 0, 2}));
    EXPECT_EQ(counts(first, "OrderItem"), (Counts{7, 3, 0, 4}));
    EXPECT_EQ(counts(first, "Order"), (Counts{4, 2, 0, 2}));

    EXPECT_TRUE(lists(part(first, "Product").remarks, "rounded", hex(11) + ": 12.995 to 13.00"));
    EXPECT_TRUE(lists(part(first, "Product").remarks, "inactive", hex(12)));
    EXPECT_TRUE(lists(part(first, "Inventory").remarks, "added up", "12 from " + hex(20) + ", " + hex(21)));
    EXPECT_TRUE(lists(part(first, "Inventory").remarks, "renamed", "New Delhi to New-Delhi"));
    EXPECT_TRUE(lists(part(first, "Inventory").skips, "no such product", hex(23)));
    EXPECT_TRUE(lists(part(first, "OrderItem").skips, "quantity", hex(33)));
    EXPECT_TRUE(lists(part(first, "OrderItem").skips, "its order was skipped", hex(42)));
    EXPECT_TRUE(lists(part(first, "OrderItem").skips, "no such order", hex(35) + ": gone"));
    EXPECT_TRUE(lists(part(first, "OrderItem").skips, "names no order", hex(36)));
    EXPECT_TRUE(lists(part(first, "Order").skips, "one of its items", hex(33)));
    EXPECT_TRUE(lists(part(first, "Order").skips, "no lines", hex(43)));
    EXPECT_TRUE(lists(part(first, "Order").remarks, "total was rounded", "ord-2: 99.999 to 100.00"));
    EXPECT_TRUE(lists(part(first, "Order").remarks, "not the sum", "ord-2: 100.00, lines 3.00"));
    EXPECT_TRUE(lists(part(first, "Order").remarks, "not in the catalogue", "ord-2: " + hex(77)));

    EXPECT_EQ(stock_of(hex(10), "pune"), 12);
    EXPECT_EQ(stock_of(hex(10), "New-Delhi"), 1);
    const Order order = *store.find_order(OrderId{"ord-2"}).value();
    ASSERT_EQ(order.lines.size(), 2u);
    EXPECT_EQ(order.lines[0].name, "P11");
    EXPECT_EQ(order.finished_at, from_unix_ms(1'650'000'001'000));

    const ImportReport second = run();
    EXPECT_EQ(counts(second, "User"), (Counts{2, 0, 2, 0}));
    EXPECT_EQ(counts(second, "Product"), (Counts{3, 0, 3, 0}));
    EXPECT_EQ(counts(second, "Inventory"), (Counts{5, 0, 3, 2}));
    EXPECT_EQ(counts(second, "OrderItem"), (Counts{7, 0, 3, 4}));
    EXPECT_EQ(counts(second, "Order"), (Counts{4, 0, 2, 2}));
    EXPECT_EQ(stock_of(hex(10), "pune"), 12);
}

TEST_F(ImportingB, of_products_whose_ids_differ_in_their_type_only_the_first_comes_along) {
    source.collections["Product"].push_back(
        document({{"_id", text(hex(10))}, {"name", text("Another")}, {"price", number(1)}}));
    const ImportReport report = run();
    EXPECT_EQ(counts(report, "Product"), (Counts{4, 3, 0, 1}));
    EXPECT_TRUE(lists(part(report, "Product").skips, "same _id", hex(10) + ": Another"));
    EXPECT_EQ(store.find_product(ProductId{hex(10)}).value()->name, "P10");
    EXPECT_EQ(counts(run(), "Product"), (Counts{4, 0, 3, 1}));
}

TEST_F(ImportingB, more_stock_than_a_number_holds_is_as_much_as_a_place_can_hold) {
    source.collections["Inventory"].assign(10'000, inventory(20, 10, "pune", {std::int64_t{1'000'000'000'000'000}}));
    EXPECT_EQ(counts(run(), "Inventory"), (Counts{10'000, 10'000, 0, 0}));
    EXPECT_EQ(stock_of(hex(10), "pune"), stock_max);
}

TEST_F(ImportingB, what_must_be_held_in_memory_is_bounded) {
    options.rows_held_max = 10;  // 2 users, 3 products, 3 rows of stock, 2 orders
    EXPECT_TRUE(run().was_written);
    for (const std::size_t max : {1UZ, 4UZ, 7UZ, 9UZ}) {
        options.rows_held_max = max;
        EXPECT_FALSE(import_legacy(options, source, store, clock)) << max;
    }
}

TEST_F(ImportingB, both_systems_in_one_database_must_be_told_apart) {
    source.collections["inventories"] = {};
    EXPECT_THAT(import_legacy(options, source, store, clock).error().detail, HasSubstr("--system"));
    options.system = LegacySystem::b;
    EXPECT_EQ(counts(run(), "User"), (Counts{2, 2, 0, 0}));
}

}  // namespace
}  // namespace waybill
