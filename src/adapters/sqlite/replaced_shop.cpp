#include "adapters/sqlite/replaced_shop.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

#include "adapters/sqlite/backup_file.hpp"
#include "adapters/sqlite/backup_tables.hpp"
#include "adapters/sqlite/connection.hpp"
#include "adapters/sqlite/copy_shop.hpp"
#include "adapters/sqlite/data_dir.hpp"
#include "adapters/sqlite/order_journal.hpp"
#include "adapters/sqlite/schema.hpp"

namespace waybill::sqlite {

namespace {

using Path = std::filesystem::path;

bool is_there(const Path& file) { return ::access(file.c_str(), F_OK) == 0; }

// A rollback journal is there where a process died before it could keep a log.
std::array<Path, 3> logs_in(const Path& data_dir) {
    const std::string database = database_file(data_dir).string();
    return {log_file(data_dir), database + "-shm", database + "-journal"};
}

std::array<Path, 3> files_in(const Path& data_dir) {
    return {database_file(data_dir), journal_file(data_dir), secret_file(data_dir)};
}

// Of a shop that no server uses.
bool is_whole_journal(const Path& data_dir, std::uint64_t half_bytes, std::uint64_t absorbed) {
    try {
        OrderJournal journal(journal_file(data_dir), half_bytes);
        std::uint64_t newest = absorbed;
        journal.replay([&](const JournaledOrder& order) { newest = std::max(newest, order.sequence); });
        return journal.look_beyond(newest).newest == 0;
    } catch (const SqliteError&) {
        throw;
    } catch (const std::runtime_error&) {
        return false;
    }
}

// SQLite's code.
int copy_log(const Path& database) {
    Connection db(database, Connection::Mode::write);
    const int code = db.checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
    // Closing would copy the rest of it, and hide the error of a failed sync.
    if (code != SQLITE_OK) db.keep_log_on_close();
    return code;
}

}  // namespace

Result<void> ReplacedShop::empty_log() {
    const Path database = database_file(dir_);
    int code = SQLITE_OK;
    try {
        code = copy_log(database);
    } catch (const SqliteError& error) {
        code = error.code();
    }
    if (code == SQLITE_OK) return {};
    is_sound_ = false;
    if (is_damage(code)) return {};
    return fail(ErrorCode::unavailable,
                database.string() + " " + why_unusable(code) +
                    ". Nothing was changed; where this stays so, move the file away and repeat the restore.");
}

bool ReplacedShop::find_sound() const {
    try {
        Connection db(database_file(dir_), Connection::Mode::read);
        if (!check_tables(db, database_file(dir_))) return false;
        const int schema = read_schema_version(db);
        return !is_there(journal_file(dir_)) || schema == 0 ||
               is_whole_journal(dir_, journal_half_bytes_, absorbed_of(db, schema));
    } catch (const SqliteError& error) {
        if (!is_damage(error.code())) throw;
        return false;
    }
}

// A name of its own.
Result<void> ReplacedShop::make_folder() {
    std::string stamp = format_rfc3339(clock_.now()).substr(0, 19);
    std::erase(stamp, ':');
    for (int number = 1;; ++number) {
        const Path folder = dir_ / ("replaced-" + stamp + (number == 1 ? "" : "-" + std::to_string(number)));
        if (::mkdir(folder.c_str(), 0700) == 0) {
            folder_ = folder;
            return {};
        }
        if (errno != EEXIST) return file_trouble(folder, errno);
    }
}

Result<void> ReplacedShop::link(const Path& file) {
    const Path kept = folder_ / file.filename();
    linked_.push_back(kept);
    if (::link(file.c_str(), kept.c_str()) == 0) return {};
    // Not every file system has links.
    std::error_code error;
    std::filesystem::copy_file(file, kept, error);
    if (error) return file_trouble(kept, error.value());
    return sync_file(kept);
}

Result<void> ReplacedShop::keep() {
    if (std::ranges::none_of(files_in(dir_), is_there) && std::ranges::none_of(logs_in(dir_), is_there)) return {};
    if (!is_there(database_file(dir_))) {
        is_sound_ = false;
    } else if (Result<void> emptied = empty_log(); !emptied) {
        return emptied;
    }
    is_sound_ = is_sound_ && find_sound();
    step_();
    if (Result<void> made = make_folder(); !made) return made;
    for (const Path& file : files_in(dir_)) {
        step_();
        if (!is_there(file)) continue;
        if (Result<void> linked = link(file); !linked) return linked;
    }
    if (Result<void> synced = sync_dir(folder_); !synced) return synced;
    return sync_dir(dir_);
}

Result<void> ReplacedShop::take_logs_away() {
    if (folder_.empty()) return {};
    for (const Path& log : logs_in(dir_)) {
        if (!is_there(log)) continue;
        const Path kept = folder_ / log.filename();
        if (::rename(log.c_str(), kept.c_str()) != 0) return file_trouble(log, errno);
        moved_.push_back(log);
    }
    if (Result<void> synced = sync_dir(folder_); !synced) return synced;
    return sync_dir(dir_);
}

std::unexpected<Error> ReplacedShop::take_back(Error why) {
    if (folder_.empty()) return std::unexpected(std::move(why));
    bool done = true;
    for (const Path& log : moved_) done = ::rename((folder_ / log.filename()).c_str(), log.c_str()) == 0 && done;
    for (const Path& kept : linked_) done = (::unlink(kept.c_str()) == 0 || errno == ENOENT) && done;
    done = ::rmdir(folder_.c_str()) == 0 && done;
    if (!done) why.detail += " Files of the shop that was not replaced are left in " + folder_.string() + ".";
    return std::unexpected(std::move(why));
}

}  // namespace waybill::sqlite
