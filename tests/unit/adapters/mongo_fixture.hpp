// A store on the MongoDB double, with a shop in it that a test can disturb.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/mongo/mongo.hpp"
#include "adapters/mongo/turns.hpp"
#include "tests/doubles/mongo/mongo_double.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/recording_log.hpp"

namespace waybill::testing {

class MongoTest : public ::testing::Test {
protected:
    using Fault = MongoDouble::Fault;
    using Action = MongoDouble::Action;
    inline static const std::vector<std::string> transient{"TransientTransactionError"};
    inline static const std::vector<std::string> unknown_commit{"UnknownTransactionCommitResult"};

    MongoTest() : MongoTest(MongoDouble::Options{}) {}
    explicit MongoTest(const MongoDouble::Options& server_options) : server(clock, server_options) {}

    [[nodiscard]] waybill::mongo::MongoOptions options() const {
        waybill::mongo::MongoOptions made;
        made.uri = server.uri();
        // A test that waits for these waits in real time.
        made.server_selection_timeout = Milliseconds{1'000};
        made.connect_timeout = Milliseconds{1'000};
        return made;
    }

    [[nodiscard]] std::unique_ptr<Store> open(const waybill::mongo::MongoOptions& with) {
        auto opened = waybill::mongo::open_mongo_store(with, clock, log);
        if (!opened) throw std::runtime_error(opened.error().detail);
        return *std::move(opened);
    }
    [[nodiscard]] std::unique_ptr<Store> open() { return open(options()); }

    // A user ada, and each product with the stock given, at 100 each, in bangalore.
    static void stock_shop(Store& store, std::initializer_list<const char*> product_ids, std::int64_t available) {
        User user;
        user.id = UserId{"ada"};
        user.email = "ada@example.com";
        must(store.create_user(user, std::nullopt));
        for (const char* id : product_ids) {
            Product product;
            product.id = ProductId{id};
            product.name = id;
            product.price = 100;
            must(store.create_product(product));
            StockChange change;
            change.user_id = UserId{"ada"};
            change.product_id = product.id;
            change.location = "bangalore";
            change.set = available;
            must(store.change_stock(change));
        }
    }

    [[nodiscard]] static NewOrder new_order(const std::string& id, const std::string& product_id = "tea",
                                            std::int64_t quantity = 1) {
        NewOrder order;
        order.order_id = OrderId{id};
        order.user_id = UserId{"ada"};
        order.location = "bangalore";
        order.lines.push_back({ProductId{product_id}, quantity});
        return order;
    }
    [[nodiscard]] static NewOrder with_key(NewOrder order, const std::string& key) {
        order.idempotency = IdempotencyKey{key, RequestHash{1}};
        return order;
    }
    [[nodiscard]] static Result<PlacedOrder> place(Store& store, const NewOrder& order) {
        return store.place_orders(std::span(&order, 1)).at(0);
    }
    [[nodiscard]] static std::int64_t stock_of(Store& store, const std::string& product_id = "tea") {
        return must(store.list_stock({ProductId{product_id}, std::nullopt}, std::nullopt, 10)).at(0).available;
    }
    [[nodiscard]] static std::size_t count_orders(Store& store) {
        return must(store.list_orders({}, std::nullopt, 1'000)).size();
    }

    template <class T>
    static T must(Result<T> result) {
        if (!result) throw std::runtime_error(result.error().detail);
        if constexpr (!std::is_void_v<T>) return *std::move(result);
    }
    template <class T>
    [[nodiscard]] static std::optional<ErrorCode> code_of(const Result<T>& result) {
        if (result) return std::nullopt;
        return result.error().code;
    }

    // A fault of the next command of this name.
    void next(const std::string& command, Action action, int code = 0, const std::vector<std::string>& labels = {},
              int times = 1) {
        Fault fault;
        fault.command = command;
        fault.action = action;
        fault.code = code;
        fault.labels = labels;
        fault.times = times;
        server.arm(fault);
    }

    FakeClock clock;
    RecordingLog log;
    MongoDouble server;
};

inline constexpr std::optional<ErrorCode> no_mongo_error = std::nullopt;

}  // namespace waybill::testing
