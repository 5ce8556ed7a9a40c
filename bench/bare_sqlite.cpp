// The least that the rows of an order cost in SQLite: rows that the product itself made, in its own
// schema, inserted again with their changes of stock in transactions of 256 orders, WAL, FULL. One
// thread, no HTTP, no decision, no reading.
//
// Usage: bare_sqlite FOLDER ORDERS PRODUCTS. Prints "RESULT <orders per second> <orders per second of
// the product's store, called directly>".
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>
#include <sqlite3.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "adapters/local/local.hpp"
#include "adapters/sqlite/sqlite.hpp"
#include "app/id_maker.hpp"

namespace waybill::bench {
namespace {

constexpr std::size_t batch_orders = 256;
constexpr std::size_t customers = 32;
constexpr const char* location = "bench";
constexpr std::array<const char*, 3> tables{"orders", "idempotency", "work"};

template <class T>
T expect(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().detail);
    return *std::move(result);
}

double seconds_since(std::chrono::steady_clock::time_point begun) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

class Statement {
public:
    Statement(sqlite3* db, const std::string& sql) : db_(db) {
        if (sqlite3_prepare_v3(db, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr) != SQLITE_OK)
            fail();
    }
    Statement(Statement&& other) noexcept : db_(other.db_), statement_(std::exchange(other.statement_, nullptr)) {}
    Statement& operator=(Statement&&) = delete;
    ~Statement() { sqlite3_finalize(statement_); }
    [[nodiscard]] sqlite3_stmt* get() const { return statement_; }

    // True while there is a row.
    bool step() {
        const int code = sqlite3_step(statement_);
        if (code != SQLITE_ROW && code != SQLITE_DONE) fail();
        return code == SQLITE_ROW;
    }
    void run() {
        (void)step();
        sqlite3_reset(statement_);
    }

private:
    [[noreturn]] void fail() const { throw std::runtime_error(sqlite3_errmsg(db_)); }

    sqlite3* db_;
    sqlite3_stmt* statement_ = nullptr;
};

class Database {
public:
    explicit Database(const std::filesystem::path& folder) {
        if (sqlite3_open((folder / "waybill.db").c_str(), &db_) != SQLITE_OK) throw std::runtime_error("no database");
        execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32768");
    }
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    ~Database() { sqlite3_close(db_); }
    void execute(const char* sql) {
        if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
            throw std::runtime_error(sqlite3_errmsg(db_));
    }
    [[nodiscard]] Statement prepare(const std::string& sql) { return {db_, sql}; }

private:
    sqlite3* db_ = nullptr;
};

struct FreeValue {
    void operator()(sqlite3_value* value) const { sqlite3_value_free(value); }
};
using Row = std::vector<std::unique_ptr<sqlite3_value, FreeValue>>;

std::vector<NewOrder> make_orders(IdMaker& ids, std::span<const ProductId> products, std::size_t count) {
    std::vector<UserId> users(customers);
    for (UserId& user : users) user = ids.make_user_id();
    std::vector<NewOrder> orders(count);
    for (std::size_t i = 0; i < count; ++i) {
        NewOrder& order = orders[i];
        order.order_id = ids.make_order_id();
        order.user_id = users[i % customers];
        order.location = location;
        const std::size_t first = i * 7'919 % products.size();
        order.lines = {{products[first], 1}, {products[(first + 1 + i % 97) % products.size()], 2}};
        if (i % 2 == 0) order.idempotency = IdempotencyKey{.key = "bare-" + std::to_string(i), .request_hash = {}};
    }
    return orders;
}

std::vector<SeedProduct> make_products(IdMaker& ids, std::size_t count) {
    std::vector<SeedProduct> seeds(count);
    for (std::size_t i = 0; i < count; ++i) {
        seeds[i].product.id = ids.make_product_id();
        seeds[i].product.name = "Product " + std::to_string(i);
        seeds[i].product.price = static_cast<MinorUnits>(100 + i % 50'000);
        seeds[i].stock = {{seeds[i].product.id, location, 1'000'000'000}};
    }
    return seeds;
}

class Bench {
public:
    Bench(std::filesystem::path folder, std::size_t orders, std::size_t products)
        : folder_(std::move(folder)), seeds_(make_products(ids_, products)) {
        std::vector<ProductId> product_ids;
        for (const SeedProduct& seed : seeds_) product_ids.push_back(seed.product.id);
        orders_ = make_orders(ids_, product_ids, orders);
    }

    // Returns the orders per second of the store itself.
    double let_product_make_rows() {
        const auto store = open_seeded("made");
        const auto begun = std::chrono::steady_clock::now();
        for (std::size_t i = 0; i < orders_.size(); i += batch_orders) {
            for (const auto& placed : store->place_orders(batch(i))) {
                if (!placed) throw std::runtime_error(placed.error().detail);
            }
        }
        return static_cast<double>(orders_.size()) / seconds_since(begun);
    }

    double insert_rows() {
        Database made(folder_ / "made");
        open_seeded("bare").reset();
        Database bare(folder_ / "bare");
        std::array<std::vector<Row>, tables.size()> rows;
        std::vector<Statement> inserts;
        for (std::size_t t = 0; t < tables.size(); ++t) {
            rows[t] = read_rows(made, tables[t]);
            inserts.push_back(bare.prepare(insert_into(tables[t], rows[t].at(0).size())));
        }
        Statement begin = bare.prepare("BEGIN IMMEDIATE");
        Statement commit = bare.prepare("COMMIT");
        Statement take = bare.prepare(
            "UPDATE inventory SET available = available - ?3 WHERE product_id = ?1 AND location = ?2 AND available >= "
            "?3");
        const auto begun = std::chrono::steady_clock::now();
        for (std::size_t i = 0; i < orders_.size(); i += batch_orders) {
            begin.run();
            for (std::size_t t = 0; t < tables.size(); ++t) insert_share(inserts[t], rows[t], i);
            for (const NewOrder& order : batch(i)) take_stock(take, order);
            commit.run();
        }
        return static_cast<double>(orders_.size()) / seconds_since(begun);
    }

private:
    [[nodiscard]] std::span<const NewOrder> batch(std::size_t begin) const {
        return std::span(orders_).subspan(begin, std::min(batch_orders, orders_.size() - begin));
    }

    std::unique_ptr<Store> open_seeded(const char* name) {
        std::filesystem::create_directories(folder_ / name);
        auto store = expect(sqlite::open_sqlite_store({.data_dir = folder_ / name}, *clock_, *log_));
        (void)expect(store->seed(seeds_));
        return store;
    }

    static std::vector<Row> read_rows(Database& db, const char* table) {
        std::vector<Row> rows;
        Statement select = db.prepare(std::string("SELECT * FROM ") + table + " ORDER BY order_id");
        while (select.step()) {
            Row& row = rows.emplace_back();
            for (int c = 0; c < sqlite3_column_count(select.get()); ++c) {
                row.emplace_back(sqlite3_value_dup(sqlite3_column_value(select.get(), c)));
            }
        }
        return rows;
    }

    static std::string insert_into(const char* table, std::size_t columns) {
        std::string sql = std::string("INSERT INTO ") + table + " VALUES (?";
        for (std::size_t c = 1; c < columns; ++c) sql += ", ?";
        return sql + ")";
    }

    // Of a table that has fewer rows than there are orders, the batch's share.
    void insert_share(Statement& insert, std::span<const Row> rows, std::size_t begin) const {
        const std::size_t end = std::min(begin + batch_orders, orders_.size());
        for (const Row& row : rows.subspan(begin * rows.size() / orders_.size(),
                                           end * rows.size() / orders_.size() - begin * rows.size() / orders_.size())) {
            for (std::size_t c = 0; c < row.size(); ++c) {
                sqlite3_bind_value(insert.get(), static_cast<int>(c) + 1, row[c].get());
            }
            insert.run();
        }
    }

    static void take_stock(Statement& take, const NewOrder& order) {
        for (const RequestedLine& line : order.lines) {
            sqlite3_bind_text(take.get(), 1, line.product_id.text.data(), static_cast<int>(line.product_id.text.size()),
                              SQLITE_STATIC);
            sqlite3_bind_text(take.get(), 2, location, -1, SQLITE_STATIC);
            sqlite3_bind_int64(take.get(), 3, line.quantity);
            take.run();
        }
    }

    const std::unique_ptr<Clock> clock_ = local::make_system_clock();
    const std::unique_ptr<Log> log_ = local::make_stream_log(stderr, LogLevel::warn, local::LogFormat::text, *clock_);
    IdMaker ids_{*clock_};
    const std::filesystem::path folder_;
    const std::vector<SeedProduct> seeds_;
    std::vector<NewOrder> orders_;
};

}  // namespace
}  // namespace waybill::bench

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fputs("usage: bare_sqlite FOLDER ORDERS PRODUCTS\n", stderr);
        return 2;
    }
    try {
        waybill::bench::Bench bench(argv[1], std::strtoul(argv[2], nullptr, 10), std::strtoul(argv[3], nullptr, 10));
        const double store = bench.let_product_make_rows();
        const double bare = bench.insert_rows();
        std::printf("RESULT %.0f %.0f\n", bare, store);
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "bare_sqlite: %s\n", problem.what());
        return 1;
    }
    return 0;
}
