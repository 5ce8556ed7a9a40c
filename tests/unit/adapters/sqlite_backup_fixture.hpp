// A shop in a fresh directory, backed up to a file beside it, and put back anywhere.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/sqlite/backup_file.hpp"
#include "tests/unit/adapters/sqlite_fixture.hpp"

namespace waybill::sqlite {

namespace fs = std::filesystem;

using Ids = std::vector<std::string>;

class SqliteBackup : public SqliteTest {
protected:
    [[nodiscard]] fs::path file() const { return directory_.path() / "shop.backup"; }

    [[nodiscard]] Result<BackupReport> take(bool replace = false) {
        return back_up({.data_dir = data_dir(), .file = file(), .replace = replace}, clock_);
    }
    BackupReport must_take() {
        Result<BackupReport> report = take(true);
        if (!report) throw std::runtime_error(report.error().detail);
        return *report;
    }
    [[nodiscard]] Result<RestoreReport> put(const fs::path& dir, std::function<void()> before_step = {}) {
        return restore(
            {.data_dir = dir, .file = file(), .lock_wait = Milliseconds{100}, .before_step = std::move(before_step)},
            clock_);
    }
    [[nodiscard]] StorePtr open_at(const fs::path& dir) {
        SqliteOptions options = options_;
        options.data_dir = dir;
        options.access = Access::server;
        Result<StorePtr> store = SqliteStore::open(options, clock_, log_);
        if (!store) throw std::runtime_error(store.error().detail);
        return *std::move(store);
    }

    // What the disk holds at this moment, as after a crash.
    [[nodiscard]] fs::path copy_of_disk(const std::string& name) {
        const fs::path copy = directory_.path() / name;
        fs::create_directory(copy);
        for (const char* known : {"orders.journal", "waybill.db", "waybill.db-wal", "secret"}) {
            if (fs::exists(data_dir() / known)) fs::copy(data_dir() / known, copy / known);
        }
        return copy;
    }

    static std::string bytes_of(const fs::path& path) {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static void write_bytes(const fs::path& path, const std::string& bytes) {
        std::ofstream(path, std::ios::binary) << bytes;
    }

    // Beside the lock.
    [[nodiscard]] static Ids names_in(const fs::path& dir) {
        Ids names;
        for (const fs::directory_entry& entry : fs::directory_iterator(dir)) {
            if (entry.path().filename() != "waybill.lock") names.push_back(entry.path().filename());
        }
        std::ranges::sort(names);
        return names;
    }

    // The backup with another content and a seal that fits it.
    void change_backup(Sql script) {
        const Result<SealedFile> sealed = check_seal(file());
        const fs::path bare = directory_.path() / "bare";
        ASSERT_TRUE(copy_database(file(), *sealed, bare));
        {
            Connection db(bare, Connection::Mode::copy);
            db.execute(script);
        }
        ASSERT_TRUE(seal(bare));
        fs::rename(bare, file());
    }

    [[nodiscard]] static std::vector<std::string> orders_of(SqliteStore& store) {
        std::vector<std::string> ids;
        const std::vector<Order> orders = store.list_orders({}, std::nullopt, 1'000).value();
        for (const Order& order : orders) ids.push_back(order.id.text);
        std::ranges::sort(ids);
        return ids;
    }
    [[nodiscard]] static std::int64_t available(SqliteStore& store) {
        return store.list_stock({}, std::nullopt, 1)->at(0).available;
    }
};

}  // namespace waybill::sqlite
