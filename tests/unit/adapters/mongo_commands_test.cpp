// What a batch costs, and what its commands say about durability.
#include <atomic>
#include <functional>

#include "tests/unit/adapters/mongo_fixture.hpp"

namespace waybill::testing {

namespace {

class MongoCommands : public MongoTest {
protected:
    MongoCommands() : store(open()) { stock_shop(*store, {"tea", "cup", "pot"}, 1'000); }

    [[nodiscard]] std::size_t commands_to_place(std::size_t count, const std::string& prefix) {
        std::vector<NewOrder> batch;
        const char* names[] = {"tea", "cup", "pot"};
        for (std::size_t i = 0; i < count; ++i) {
            const std::string id = prefix + std::to_string(i);
            batch.push_back(with_key(new_order(id, names[i % 3], static_cast<std::int64_t>(1 + i % 2)), id));
        }
        server.reset_commands();
        for (const auto& result : store->place_orders(batch)) (void)must(result);
        return server.commands();
    }

    [[nodiscard]] static NewOrder without_location(NewOrder order) {
        order.location.reset();
        return order;
    }

    std::unique_ptr<Store> store;
};

TEST_F(MongoCommands, placing_costs_the_same_for_any_number_of_orders) {
    (void)commands_to_place(1, "first");  // the location is known from here on
    const std::size_t of_one = commands_to_place(1, "one");
    const std::size_t of_many = commands_to_place(256, "many");
    EXPECT_EQ(of_one, 8u);
    EXPECT_EQ(of_many, 8u);
    EXPECT_EQ(server.commands("find", "products"), 1u);
    EXPECT_EQ(server.commands("find", "idempotency"), 1u);
    EXPECT_EQ(server.commands("find", "inventory"), 1u);
    EXPECT_EQ(server.commands("update", "inventory"), 1u);
    EXPECT_EQ(server.commands("insert", "idempotency"), 1u);
    EXPECT_EQ(server.commands("insert", "orders"), 1u);
    EXPECT_EQ(server.commands("insert", "work"), 1u);
    EXPECT_EQ(server.commands("commitTransaction"), 1u);
}

TEST_F(MongoCommands, every_command_is_counted) {
    std::atomic<std::size_t> counted = 0;
    waybill::mongo::MongoOptions counting = options();
    counting.on_command = [&] { ++counted; };
    store = open(counting);
    (void)commands_to_place(1, "first");  // the primary's time is known from here on
    counted = 0;
    const std::size_t seen = commands_to_place(3, "some");
    EXPECT_EQ(counted, seen);
    store.reset();  // it ends its sessions with a command, which is counted too
}

TEST_F(MongoCommands, a_batch_of_any_mixture_of_orders_costs_nine_at_most) {
    using Kind = std::function<NewOrder(const std::string& id)>;
    const std::vector<Kind> kinds{
        [](const std::string& id) { return with_key(new_order(id), id); },
        [](const std::string& id) { return without_location(with_key(new_order(id), id)); },
        [](const std::string& id) { return without_location(new_order(id)); },
        [](const std::string& id) {
            NewOrder order = new_order(id);
            order.location = "nowhere";
            return order;
        },
        [](const std::string& id) { return with_key(new_order(id), "first0"); },  // a replay
        [](const std::string& id) {
            NewOrder order = with_key(new_order(id), "first0");
            order.idempotency->request_hash = RequestHash{2};
            return order;
        },
        [](const std::string&) { return new_order("first0", "tea", 1'000'000); },  // an order that exists
        [](const std::string& id) { return with_key(new_order(id, "none"), id); },
        [](const std::string& id) { return new_order(id, "tea", 1'000'000); }};
    (void)commands_to_place(1, "first");
    for (unsigned mixture = 1; mixture < 1u << kinds.size(); ++mixture) {
        std::vector<NewOrder> batch;
        for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
            if ((mixture >> kind & 1u) == 0) continue;
            batch.push_back(kinds[kind](std::to_string(mixture) + "-" + std::to_string(kind)));
        }
        server.reset_commands();
        (void)store->place_orders(batch);
        EXPECT_LE(server.commands(), 9u) << "mixture " << mixture;
    }
}

TEST_F(MongoCommands, locations_that_are_not_known_yet_cost_nothing_more) {
    StockChange change;
    change.user_id = UserId{"ada"};
    change.product_id = ProductId{"tea"};
    change.location = "mysore";
    change.set = 10;
    must(store->change_stock(change));
    store = open();  // as another process, which knows none
    NewOrder there = with_key(new_order("o-2"), "k-2");
    there.location = "mysore";
    NewOrder nowhere = with_key(new_order("o-3"), "k-3");
    nowhere.location = "nowhere";
    server.reset_commands();
    const auto results = store->place_orders(
        std::vector<NewOrder>{with_key(new_order("o-1"), "k-1"), there, nowhere, without_location(new_order("o-4"))});
    EXPECT_LE(server.commands(), 9u);
    EXPECT_EQ(must(results[0]).order.location, "bangalore");
    EXPECT_EQ(must(results[1]).order.location, "mysore");
    EXPECT_EQ(code_of(results[2]), ErrorCode::unknown_location);
    EXPECT_EQ(code_of(results[3]), ErrorCode::unknown_location) << "there are two";
}

TEST_F(MongoCommands, a_batch_of_unknown_products_still_says_what_is_wrong_with_its_locations) {
    store = open();
    NewOrder nowhere = new_order("o-1", "none");
    nowhere.location = "nowhere";
    const auto results = store->place_orders(
        std::vector<NewOrder>{nowhere, new_order("o-2", "none"), without_location(new_order("o-3", "none"))});
    EXPECT_EQ(code_of(results[0]), ErrorCode::unknown_location);
    EXPECT_EQ(code_of(results[1]), ErrorCode::unknown_product);
    EXPECT_EQ(code_of(results[2]), ErrorCode::unknown_product) << "there is one location";
}

TEST_F(MongoCommands, decrements_are_grouped_by_amount) {
    (void)commands_to_place(9, "some");
    const auto updates = server.seen("update");
    ASSERT_EQ(updates.size(), 1u);
    const auto* statements = mongo::value_at(updates[0].command, "updates").as<mongo::Array>();
    ASSERT_NE(statements, nullptr);
    EXPECT_EQ(statements->size(), 2u) << "tea and pot lose 4 each, cup 5";
}

TEST_F(MongoCommands, claiming_and_settling_cost_the_same_for_any_number) {
    const auto commands_of_a_round = [&](std::size_t count, const std::string& prefix) {
        (void)commands_to_place(count, prefix);
        server.reset_commands();
        const auto claimed = must(store->claim_work(WorkKind::process_order, 1'000, Milliseconds{15'000}));
        EXPECT_EQ(claimed.size(), count);
        const std::size_t to_claim = server.commands();
        std::vector<OrderSettlement> settlements;
        for (const ClaimedWork& work : claimed) {
            settlements.push_back({work.lease, work.order.id, settlements.size() % 2 == 0, "refused", false, 0});
        }
        server.reset_commands();
        for (const auto& result : store->settle_orders(settlements)) must(result);
        return std::pair(to_claim, server.commands());
    };
    EXPECT_EQ(commands_of_a_round(2, "few"), commands_of_a_round(200, "many"));
}

TEST_F(MongoCommands, looking_for_work_in_vain_is_one_find) {
    server.reset_commands();
    EXPECT_TRUE(must(store->claim_work(WorkKind::send_mail, 100, Milliseconds{15'000})).empty());
    EXPECT_EQ(server.commands(), 1u);
    EXPECT_TRUE(must(store->mark_sent(100, 100, Milliseconds{30'000})).empty());
    EXPECT_EQ(server.commands(), 2u);
}

TEST_F(MongoCommands, a_commit_waits_for_a_majority_and_the_journal) {
    (void)commands_to_place(2, "o");
    const auto commits = server.seen("commitTransaction");
    ASSERT_EQ(commits.size(), 1u);
    EXPECT_EQ(mongo::value_at(commits[0].command, "writeConcern.w"), mongo::Value("majority"));
    EXPECT_EQ(mongo::value_at(commits[0].command, "writeConcern.j"), mongo::Value(true));
    for (const auto& insert : server.seen("insert")) {
        EXPECT_FALSE(insert.command.has("writeConcern")) << insert.collection;
    }
}

TEST_F(MongoCommands, everything_is_read_with_majority_and_a_transaction_with_a_snapshot) {
    (void)commands_to_place(2, "o");
    (void)must(store->find_order(OrderId{"o0"}));
    for (const auto& find : server.seen("find")) {
        const bool in_transaction = find.command.has("autocommit");
        const bool continues = in_transaction && !find.command.has("startTransaction");
        EXPECT_EQ(find.command.has("readConcern"), !continues) << find.collection;
        if (continues) continue;
        EXPECT_EQ(mongo::value_at(find.command, "readConcern.level"),
                  mongo::Value(in_transaction ? "snapshot" : "majority"))
            << find.collection;
    }
}

TEST_F(MongoCommands, a_batch_beyond_what_one_transaction_takes_is_several) {
    std::vector<NewOrder> batch;
    for (std::size_t i = 0; i < 1'001; ++i)
        batch.push_back(new_order("o" + std::to_string(i), i % 2 == 0 ? "tea" : "cup"));
    server.reset_commands();
    for (const auto& result : store->place_orders(batch)) (void)must(result);
    EXPECT_EQ(server.commands("commitTransaction"), 2u);
}

}  // namespace

}  // namespace waybill::testing
