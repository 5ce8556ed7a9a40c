// `waybill import` from a server with databases shaped like both old systems, into a shop; imported users
// log in with their passwords of old.
#include <gtest/gtest.h>

#include <sys/wait.h>

#include <array>
#include <cmath>
#include <pty.h>
#include <unistd.h>

#include "adapters/local/local.hpp"
#include "domain/hex.hpp"
#include "tests/system/checks.hpp"
#include "tests/system/shop.hpp"
#include "tests/unit/doubles/mongo_driver.hpp"

namespace waybill::system_test {
namespace {

using testing::Driver;
using testing::insert_of;
using testing::is_ok;
using testing::MongoDouble;
using testing::mongo::Array;
using testing::mongo::DateTime;
using testing::mongo::Object;
using testing::mongo::ObjectId;
using testing::mongo::Value;

// Of "moved-in".
const std::string bcrypt = "$2b$04$abcdefghijklmnopqrstuubWsjoAaWrluW2LGWDKonFkk0Z78OK3G";

// Twelve bytes that begin with 2020-09-13T12:26:40Z; in hexadecimal by hex_of.
ObjectId id(int n) {
    std::string bytes("\x5f\x5e\x10\x00", 4);
    const std::string digits = std::to_string(n);
    return {bytes + std::string(8 - digits.size(), '0') + digits};
}
std::string hex_of(int n) { return to_hex(id(n).bytes); }

class OldServer {
public:
    OldServer() {
        add("a", "users",
            {Object{{"_id", id(1)}, {"name", "Ada"}, {"email", "Ada@example.com"}, {"password", bcrypt}},
             Object{{"_id", id(2)}, {"name", "Ada"}, {"email", "ada@example.com"}, {"password", bcrypt}},
             Object{{"_id", id(3)}, {"email", "bob@example.com"}, {"password", "plain"}}});
        add("a", "inventories",
            {Object{{"_id", id(10)}, {"productId", "tea"}, {"name", "Tea"}, {"stock", 5}},
             Object{{"_id", id(11)}, {"productId", "tea"}, {"name", "Tea"}, {"stock", 2.5}},
             Object{{"_id", id(12)}, {"productId", "cup"}, {"name", "Cup"}, {"stock", std::nan("")}}});
        add("a", "orders", {order_a(20, "order-done", "Processed", 2), order_a(21, "order-failed", "Failed", 1)});

        add("b", "User", {Object{{"_id", id(1)}, {"email", "ada@example.com"}, {"password", bcrypt}}});
        add("b", "Product", {Object{{"_id", id(10)}, {"name", "Tea"}, {"description", "hot"}, {"price", 12.995}}});
        add("b", "Inventory",
            {Object{{"_id", id(20)}, {"productId", id(10)}, {"location", "pune"}, {"stock", 5}},
             Object{{"_id", id(21)}, {"productId", id(10)}, {"location", "pune"}, {"stock", 7}}});
        add("b", "Order",
            {Object{{"_id", id(40)},
                    {"orderId", "aB3_x-9Zk0Qw"},
                    {"userId", id(1)},
                    {"totalAmount", 26.0},
                    {"status", "Processed"},
                    {"createdAt", DateTime{1'650'000'000'000}},
                    {"updatedAt", DateTime{1'650'000'001'000}}}});
        add("b", "OrderItem",
            {Object{{"_id", id(30)},
                    {"orderId", "aB3_x-9Zk0Qw"},
                    {"productId", id(10)},
                    {"quantity", 2},
                    {"price", 13.0}}});
    }

    void add(const std::string& database, const std::string& collection, std::vector<Object> documents) {
        if (!is_ok(driver_.run(insert_of(collection, std::move(documents)), nullptr, database))) {
            throw std::runtime_error("the old server took no documents");
        }
    }

    static Object order_a(int n, const std::string& order_id, const std::string& status, int quantity) {
        return {{"_id", id(n)},
                {"orderId", order_id},
                {"userId", id(1)},
                {"items",
                 Array{Value(Object{{"productId", "tea"}, {"name", "Tea"}, {"quantity", quantity}, {"price", 1.5}})}},
                {"totalAmount", 1.5 * quantity},
                {"status", status}};
    }

    [[nodiscard]] std::string uri(const std::string& database) const {
        std::string text = server_.uri();
        return text.insert(text.find('/', 10) + 1, database);
    }

private:
    std::unique_ptr<Clock> clock_ = local::make_system_clock();
    MongoDouble server_{*clock_};
    Driver driver_{server_.uri()};
};

// The numbers of a collection's row: read, imported, unchanged, skipped.
std::string counts(const std::string& report, const std::string& collection) {
    const std::size_t at = report.find("\n" + collection + " ");
    if (at == std::string::npos) return "absent";
    std::string row = report.substr(at + 1 + collection.size(), report.find('\n', at + 1) - at - 1 - collection.size());
    std::string text;
    for (const char c : row) {
        if (c != ' ') {
            text += c;
        } else if (!text.empty() && text.back() != ' ') {
            text += ' ';
        }
    }
    return text;
}

std::string login(std::string_view email, std::string_view password) {
    return R"({"email":")" + std::string(email) + R"(","password":")" + std::string(password) + "\"}";
}

TEST(Import, of_system_a_takes_over_accounts_stock_and_orders_once_and_accounts_for_everything) {
    const OldServer old;
    Shop shop;
    const std::vector<std::string> command{"import", "--from", old.uri("a"), "--location", "bangalore"};
    const auto with_flag = [&](const std::string& flag) {
        std::vector<std::string> arguments = command;
        arguments.push_back(flag);
        return arguments;
    };
    const ProcessResult look = shop.run(with_flag("--dry-run"));
    EXPECT_EQ(counts(look.out, "users"), "3 2 0 1") << look.out << look.err;
    EXPECT_EQ(shop.client().post("/api/v1/auth/login", login("ada@example.com", "moved-in")).status, 401);

    const ProcessResult first = shop.run(command);
    EXPECT_EQ(first.exit_status, 1) << first.err;
    EXPECT_EQ(counts(first.out, "users"), "3 2 0 1") << first.out;
    EXPECT_EQ(counts(first.out, "inventories"), "3 3 0 0") << first.out;
    EXPECT_EQ(counts(first.out, "orders"), "2 2 0 0") << first.out;
    EXPECT_NE(first.out.find(hex_of(2) + ": as " + hex_of(1)), std::string::npos) << first.out;
    EXPECT_EQ(first.out.find("plain"), std::string::npos);
    EXPECT_EQ(first.err.find('\r'), std::string::npos) << "a progress bar where there is no terminal";

    HttpClient http = shop.client();
    const Answer in = http.post("/api/v1/auth/login", login("ada@example.com", "moved-in"));
    ASSERT_EQ(in.status, 200) << in.body;
    const Headers ada{{"Authorization", "Bearer " + in.text("accessToken")}};
    EXPECT_EQ(http.get("/api/v1/me", ada).text("userId"), hex_of(1));
    // Once more, after the hash was replaced.
    EXPECT_EQ(http.post("/api/v1/auth/login", login("ada@example.com", "moved-in")).status, 200);
    EXPECT_EQ(http.post("/api/v1/auth/login", login("ada@example.com", "wrong")).status, 401);
    EXPECT_EQ(http.post("/api/v1/auth/login", login("bob@example.com", "plain")).status, 401);
    const boost::json::array orders = list_all(shop, ada, "/api/v1/orders");
    ASSERT_EQ(orders.size(), 2u);
    const Answer done = http.get("/api/v1/orders/order-done", ada);
    EXPECT_EQ(done.text("status"), "Processed");
    EXPECT_EQ(done.text("createdAt"), "2020-09-13T12:26:40.000Z") << done.body;
    EXPECT_EQ(http.post("/api/v1/orders/order-done/cancel", "", ada).status, 409);

    const Customer admin = shop.make_admin();
    EXPECT_EQ(shop.available(admin, "tea"), 7);
    EXPECT_NE(http.get("/api/v1/products/tea").body.find("\"active\":false"), std::string::npos);
    EXPECT_EQ(http.send("PATCH", "/api/v1/products/tea", R"({"price":3,"active":true})", admin.auth()).status, 200);
    const Answer bought =
        http.post("/api/v1/orders", R"({"items":[{"productId":"tea","quantity":1}],"location":"bangalore"})", ada);
    EXPECT_EQ(bought.status, 201) << bought.body;
    EXPECT_EQ(shop.available(admin, "tea"), 6);
    EXPECT_TRUE(shop.mails("order-").empty());

    const ProcessResult second = shop.run(command);
    EXPECT_EQ(counts(second.out, "users"), "3 0 2 1") << second.out;
    EXPECT_EQ(counts(second.out, "inventories"), "3 0 3 0") << second.out;
    EXPECT_EQ(counts(second.out, "orders"), "2 0 2 0") << second.out;
    EXPECT_EQ(shop.available(admin, "tea"), 6);
}

TEST(Import, of_system_b_takes_over_prices_and_places_and_ends_with_zero_when_all_is_here) {
    const OldServer old;
    Shop shop;
    const std::vector<std::string> command{"import", "--from", old.uri("b")};
    const ProcessResult first = shop.run(command);
    EXPECT_EQ(first.exit_status, 0) << first.err;
    EXPECT_EQ(counts(first.out, "OrderItem"), "1 1 0 0") << first.out;
    EXPECT_EQ(counts(first.out, "Inventory"), "2 2 0 0") << first.out;
    EXPECT_NE(first.out.find("12.995 to 13.00"), std::string::npos) << first.out;
    HttpClient http = shop.client();
    const std::string token = http.post("/api/v1/auth/login", login("ada@example.com", "moved-in")).text("accessToken");
    const Answer order = http.get("/api/v1/orders/aB3_x-9Zk0Qw", {{"Authorization", "Bearer " + token}});
    EXPECT_EQ(order.status, 200) << order.body;
    EXPECT_EQ(order.text("updatedAt"), "2022-04-15T05:20:01.000Z") << order.body;
    EXPECT_NE(http.get("/api/v1/products/" + hex_of(10)).body.find("13.00"), std::string::npos);
    const ProcessResult second = shop.run(command);
    EXPECT_EQ(second.exit_status, 0);
    EXPECT_EQ(counts(second.out, "Order"), "1 0 1 0") << second.out;
}

TEST(Import, pending_orders_hold_everything_back_until_it_is_said_what_becomes_of_them) {
    OldServer old;
    old.add("a", "orders", {OldServer::order_a(22, "order-open", "Pending", 1)});
    Shop shop;
    std::vector<std::string> command{"import", "--from", old.uri("a"), "--location", "bangalore"};
    const ProcessResult refused = shop.run(command);
    EXPECT_EQ(refused.exit_status, 1);
    EXPECT_NE(refused.out.find("order-open"), std::string::npos) << refused.out;
    EXPECT_NE(refused.err.find("--pending=process"), std::string::npos) << refused.err;
    EXPECT_EQ(shop.client().post("/api/v1/auth/login", login("ada@example.com", "moved-in")).status, 401);

    command.emplace_back("--pending=process");
    EXPECT_EQ(counts(shop.run(command).out, "orders"), "3 3 0 0");
    const std::string token =
        shop.client().post("/api/v1/auth/login", login("ada@example.com", "moved-in")).text("accessToken");
    (void)await_status(shop, {{"Authorization", "Bearer " + token}}, "order-open", "Processed");
    EXPECT_NE(await_mail(shop, "order-open", "processed").text.find("order-open"), std::string::npos);
    EXPECT_EQ(shop.mails("order-").size(), 1u);
}

TEST(Import, says_what_is_wrong_with_the_command) {
    const OldServer old;
    Shop shop;
    const auto error_of = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "import");
        const ProcessResult result = shop.run(arguments);
        EXPECT_EQ(result.exit_status, 2) << result.err;
        return result.err;
    };
    EXPECT_NE(error_of({}).find("--from"), std::string::npos);
    EXPECT_NE(error_of({"--from", old.uri("")}).find("names no database"), std::string::npos);
    EXPECT_NE(error_of({"--from", old.uri("nothing")}).find("neither old system"), std::string::npos);
    EXPECT_NE(error_of({"--from", old.uri("a")}).find("--location"), std::string::npos);
    const std::string secret = error_of({"--from", "mongodb://ada:hunter2@/"});
    EXPECT_EQ(secret.find("hunter2"), std::string::npos) << secret;
    const ProcessResult away =
        shop.run({"import", "--from", "mongodb://127.0.0.1:1/a?serverSelectionTimeoutMS=200", "--location", "x"});
    EXPECT_EQ(away.exit_status, 1);
    EXPECT_NE(away.err.find("does not answer"), std::string::npos) << away.err;
}

// What the command writes to a terminal.
std::string run_on_a_terminal(const std::vector<std::string>& arguments) {
    int terminal = -1;
    const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (child == 0) {
        std::vector<char*> words{const_cast<char*>(WAYBILL_BINARY)};
        for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
        words.push_back(nullptr);
        ::execv(WAYBILL_BINARY, words.data());
        ::_exit(127);
    }
    std::string shown;
    std::array<char, 4'096> piece{};
    for (ssize_t size = 0; (size = ::read(terminal, piece.data(), piece.size())) > 0;) {
        shown.append(piece.data(), static_cast<std::size_t>(size));
    }
    ::close(terminal);
    ::waitpid(child, nullptr, 0);
    return shown;
}

TEST(Import, draws_its_progress_on_a_terminal) {
    const OldServer old;
    const std::filesystem::path folder = make_folder();
    const std::string shown = run_on_a_terminal({"import", "--from", old.uri("b"), "--data-dir", folder.string()});
    EXPECT_NE(shown.find("\rlooking  User"), std::string::npos) << shown;
    EXPECT_NE(shown.find("\rwriting  Order"), std::string::npos) << shown;
    EXPECT_NE(shown.find("] 1 of 1"), std::string::npos) << shown;
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace waybill::system_test
