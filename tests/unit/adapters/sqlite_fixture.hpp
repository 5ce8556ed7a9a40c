// A SqliteStore in a fresh directory, with a clock of the test's own.
#pragma once

#include <gtest/gtest.h>

#include <sys/file.h>

#include <fcntl.h>
#include <fstream>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "adapters/sqlite/sqlite_store.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/recording_log.hpp"
#include "tests/support/temporary_directory.hpp"

namespace waybill::sqlite {

// Lead back to earlier schemas: before live sessions had an index, before traces, before resets of passwords.
inline constexpr Sql to_schema_4 = R"sql(
DROP INDEX sessions_live; CREATE INDEX sessions_by_user ON sessions (user_id, created_at, session_id);
PRAGMA user_version=4;
)sql";
inline constexpr Sql to_schema_3 = R"sql(
DROP INDEX sessions_live; CREATE INDEX sessions_by_user ON sessions (user_id, created_at, session_id);
ALTER TABLE orders DROP COLUMN trace; PRAGMA user_version=3;
)sql";
inline constexpr Sql to_schema_2 = R"sql(
DROP INDEX sessions_live; CREATE INDEX sessions_by_user ON sessions (user_id, created_at, session_id);
ALTER TABLE orders DROP COLUMN trace; DROP TABLE password_resets; PRAGMA user_version=2;
)sql";

// The lock, held with the name of some process in it.
class ForeignLock {
public:
    ForeignLock(const std::filesystem::path& data_dir, int process, const char* kind = "server") {
        std::filesystem::create_directories(data_dir);
        std::ofstream(data_dir / "waybill.lock") << process << ' ' << kind << '\n';
        file_ = ::open((data_dir / "waybill.lock").c_str(), O_RDWR | O_CLOEXEC);
        if (::flock(file_, LOCK_EX | LOCK_NB) != 0) throw std::runtime_error("not locked");
    }
    ForeignLock(const ForeignLock&) = delete;
    ForeignLock& operator=(const ForeignLock&) = delete;
    ~ForeignLock() { release(); }
    void release() {
        if (file_ >= 0) ::close(file_);
        file_ = -1;
    }

private:
    int file_ = -1;
};

// Keeps every other write waiting until it goes, and so the tables: orders stay in the journal.
class HeldTables {
public:
    explicit HeldTables(SqliteStore& store) {
        holder_ = std::jthread([this, &store] {
            (void)store.write([this](Transaction&) -> Result<void> {
                begun_.count_down();
                may_end_.wait();
                return {};
            });
        });
        begun_.wait();
    }
    ~HeldTables() { may_end_.count_down(); }
    HeldTables(const HeldTables&) = delete;
    HeldTables& operator=(const HeldTables&) = delete;

private:
    std::latch begun_{1};
    std::latch may_end_{1};
    std::jthread holder_;
};

class SqliteTest : public ::testing::Test {
protected:
    using StorePtr = std::unique_ptr<SqliteStore>;

    [[nodiscard]] Result<StorePtr> try_open(Access access = Access::server) {
        options_.data_dir = data_dir();
        options_.access = access;
        return SqliteStore::open(options_, clock_, log_);
    }

    // Fails the test when it cannot be opened.
    [[nodiscard]] StorePtr open(Access access = Access::server) {
        Result<StorePtr> store = try_open(access);
        if (!store) throw std::runtime_error(store.error().detail);
        return *std::move(store);
    }

    [[nodiscard]] std::filesystem::path data_dir() const { return directory_.path() / "data"; }

    static void stock_up(SqliteStore& store) {
        const ProductId id("p1");
        const SeedProduct tea{{.id = id, .name = "Tea", .description = {}, .price = 250}, {{id, "blr", 1'000}}};
        ASSERT_TRUE(store.seed(std::span(&tea, 1)).value());
        ASSERT_TRUE(store.create_user(
            {.id = UserId("u1"), .email = "u1@example.com", .name = "U", .password_hash = "h"}, std::nullopt));
    }

    [[nodiscard]] static NewOrder order(const std::string& id) {
        NewOrder wanted;
        wanted.order_id = OrderId(id);
        wanted.user_id = UserId("u1");
        wanted.lines = {{ProductId("p1"), 2}};
        wanted.idempotency = IdempotencyKey{"key-" + id, {}};
        return wanted;
    }

    [[nodiscard]] static Result<PlacedOrder> place(Store& store, const std::string& id) {
        const NewOrder wanted = order(id);
        return store.place_orders(std::span(&wanted, 1)).front();
    }

    waybill::testing::TemporaryDirectory directory_;
    waybill::testing::FakeClock clock_;
    waybill::testing::RecordingLog log_;
    SqliteOptions options_;
};

}  // namespace waybill::sqlite
