// Every statement that the store has ever prepared is asked how it finds its rows: none may read a
// whole table or sort more than a page.
#include <gmock/gmock.h>

#include <set>

#include "tests/unit/adapters/sqlite_fixture.hpp"

namespace waybill::sqlite {
namespace {

std::vector<std::string> prepared_statements(Connection& db) {
    std::vector<std::string> texts;
    for (sqlite3_stmt* statement = sqlite3_next_stmt(db.handle(), nullptr); statement != nullptr;
         statement = sqlite3_next_stmt(db.handle(), statement)) {
        texts.emplace_back(sqlite3_sql(statement));
    }
    return texts;
}

std::vector<std::string> plan_of(Connection& db, const std::string& text) {
    const std::string question = "EXPLAIN QUERY PLAN " + text;
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db.handle(), question.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
        throw std::runtime_error(sqlite3_errmsg(db.handle()));
    }
    std::vector<std::string> steps;
    while (sqlite3_step(statement) == SQLITE_ROW) {
        steps.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(statement, 3)));
    }
    sqlite3_finalize(statement);
    return steps;
}

// What may be read without a key: one row, two rows, or a table that is small by its limits.
bool is_small_by_nature(const std::string& text) {
    static const std::set<std::string> small{
        "SELECT location FROM locations LIMIT 2", "SELECT 1 FROM products LIMIT 1",
        "SELECT value FROM counters LIMIT 1",     "SELECT name, value FROM counters",
        "SELECT count(*) FROM dead_letters",
    };
    return small.contains(text);
}

// The partial index of what is sent holds one window of the relay, and fresh_orders one batch; anything
// else needs a key.
bool is_bounded(const std::string& step) {
    if (step.starts_with("SCAN")) {
        return step.find("CONSTANT ROW") != std::string::npos || step.find("work_sent") != std::string::npos ||
               step.starts_with("SCAN fresh");
    }
    return !step.starts_with("USE TEMP B-TREE");
}

void expect_bounded(Connection& db) {
    for (const std::string& text : prepared_statements(db)) {
        if (is_small_by_nature(text)) continue;
        for (const std::string& step : plan_of(db, text)) EXPECT_TRUE(is_bounded(step)) << step << "\n  in " << text;
    }
}

class SqlitePlan : public SqliteTest {
protected:
    static void use_orders(Store& store) {
        const PageKey page{waybill::testing::FakeClock::start, "o1"};
        for (const std::string id : {"o1", "o2", "o3", "o4"}) ASSERT_TRUE(place(store, id));
        NewOrder elsewhere = order("o5");
        elsewhere.location = "blr";
        elsewhere.lines = {{ProductId("p1"), 1}};
        ASSERT_TRUE(store.place_orders(std::span(&elsewhere, 1)).front());
        ASSERT_TRUE(store.cancel_order(OrderId("o1"), std::nullopt));
        ASSERT_TRUE(store.find_order(OrderId("o1")));
        for (const auto& user : {std::optional<UserId>{}, std::optional{UserId("u1")}}) {
            for (const auto& status : {std::optional<OrderStatus>{}, std::optional{OrderStatus::failed}}) {
                ASSERT_TRUE(store.list_orders({.user_id = user, .status = status}, page, 10));
            }
        }
    }

    static void use_work(Store& store) {
        const Milliseconds lease{15'000};
        ASSERT_EQ(store.mark_sent(1, 10, lease)->size(), 1u);
        const SentWork sent{process_work_id(OrderId("o2")), OrderId("o2"), 1};
        ASSERT_TRUE(store.return_unsent(std::span(&sent, 1)));
        const auto claimed = store.claim_work(WorkKind::process_order, 2, lease);
        ASSERT_EQ(claimed->size(), 2u);
        const WorkId id = process_work_id(OrderId("o5"));
        ASSERT_TRUE(store.claim_work(std::span(&id, 1), lease).front());
        ASSERT_TRUE(store.extend(std::span(&claimed->at(0).lease, 1), lease).front());
        const OrderSettlement failed{claimed->at(0).lease, claimed->at(0).order.id, false, "no", true, 1};
        ASSERT_TRUE(store.settle_orders(std::span(&failed, 1)).front());
        const Retry retry{claimed->at(1).lease, lease, "later", false};
        ASSERT_TRUE(store.retry_at(std::span(&retry, 1)).front());
        const auto mails = store.claim_work(WorkKind::send_mail, 1, lease);
        ASSERT_EQ(mails->size(), 1u);
        const MailSettlement dead{mails->at(0).lease, true, "no such box", 1};
        ASSERT_TRUE(store.settle_mails(std::span(&dead, 1)).front());
        ASSERT_TRUE(store.list_dead_letters(std::nullopt, 10));
        ASSERT_TRUE(store.requeue_dead_letter(dead.lease.work_id));
        ASSERT_TRUE(store.discard_dead_letter(failed.lease.work_id));
        ASSERT_TRUE(store.stats());
        ASSERT_TRUE(store.sweep({}, 10));
        ASSERT_TRUE(store.ping());
    }

    static void use_users(Store& store) {
        const Milliseconds lifetime{60'000};
        ASSERT_TRUE(store.find_user(UserId("u1")));
        ASSERT_TRUE(store.find_user_by_email("u1@example.com"));
        ASSERT_TRUE(store.rehash_password(UserId("u1"), "h", "i"));
        const Session session{.id = SessionId("s1"), .user_id = UserId("u1")};
        ASSERT_TRUE(store.create_session(session, "i", lifetime));
        ASSERT_TRUE(store.find_session(session.id));
        ASSERT_TRUE(store.rotate_session(session.id, 1, lifetime, lifetime));
        ASSERT_EQ(store.list_sessions(session.user_id)->size(), 1u);
        ASSERT_TRUE(store.revoke_session(session.user_id, session.id));
        ASSERT_TRUE(store.revoke_sessions(session.user_id));
        ASSERT_TRUE(store.change_password(session.user_id, "i", "j", session.id));
        ASSERT_EQ(store.list_revoked_sessions(lifetime)->size(), 1u);
    }

    static void use_catalogue(Store& store) {
        const ProductId id("p2");
        ASSERT_TRUE(store.create_product({.id = id, .name = "Coffee", .description = {}}));
        ASSERT_TRUE(store.update_product(id, {.name = {}, .description = {}, .price = 5, .active = {}}));
        ASSERT_TRUE(store.find_product(id));
        ASSERT_TRUE(store.list_products(std::nullopt, 10));
        ASSERT_TRUE(store.catalogue_version());
        for (const auto& product : {std::optional<ProductId>{}, std::optional{ProductId("p1")}}) {
            for (const auto& location : {std::optional<std::string>{}, std::optional<std::string>{"blr"}}) {
                ASSERT_EQ(store.list_stock({product, location}, std::nullopt, 10)->size(), 1u);
            }
        }
        ASSERT_TRUE(store.change_stock({.user_id = UserId("u1"),
                                        .product_id = id,
                                        .location = "blr",
                                        .set = 3,
                                        .delta = {},
                                        .reason = {},
                                        .idempotency = IdempotencyKey{"stock", {}}}));
    }
};

TEST_F(SqlitePlan, no_statement_reads_or_sorts_a_whole_table) {
    const StorePtr store = open();
    stock_up(*store);
    use_orders(*store);
    use_work(*store);
    use_users(*store);
    use_catalogue(*store);

    ASSERT_GT(prepared_statements(store->database().writer()).size(), 30u);
    expect_bounded(store->database().writer());
    Result<ReadPool::Lease> reader = store->database().readers().lease();
    ASSERT_TRUE(reader);
    ASSERT_GT(prepared_statements(reader->connection()).size(), 15u);
    expect_bounded(reader->connection());
}

TEST_F(SqlitePlan, nor_where_orders_are_processed_at_once) {
    options_.process_at_once = true;
    const StorePtr store = open();
    stock_up(*store);
    ASSERT_TRUE(place(*store, "o1"));
    ASSERT_EQ(store->list_orders({}, std::nullopt, 10)->size(), 1u);

    ASSERT_GT(prepared_statements(store->database().writer()).size(), 5u);
    expect_bounded(store->database().writer());
}

}  // namespace
}  // namespace waybill::sqlite
