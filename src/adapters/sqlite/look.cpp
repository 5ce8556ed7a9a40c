#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "adapters/sqlite/data_dir.hpp"
#include "adapters/sqlite/schema.hpp"
#include "adapters/sqlite/sqlite.hpp"

namespace waybill::sqlite {

namespace {

std::unexpected<Error> cannot_look(const std::filesystem::path& data_dir, int error) {
    const std::string path = "The data directory " + data_dir.string();
    if (error == ENOTDIR) {
        return fail(ErrorCode::unavailable, path + " is no folder, or lies below a file; choose another --data-dir.");
    }
    const std::string reason = std::generic_category().message(error);
    const std::string step =
        error == EACCES || error == EPERM ? "run this as the user that owns it." : "check the disk.";
    return fail(ErrorCode::unavailable, path + " cannot be read (" + reason + "); " + step);
}

std::unexpected<Error> unusable(const std::filesystem::path& data_dir, const std::string& why) {
    return fail(ErrorCode::unavailable, "The database in " + data_dir.string() + " " + why + ".");
}

// Nothing, where no file has that name. Throws std::system_error.
bool has_content(const std::filesystem::path& file) {
    struct stat found {};
    if (::stat(file.c_str(), &found) == 0) return S_ISDIR(found.st_mode) || found.st_size > 0;
    if (errno == ENOENT) return false;
    throw std::system_error(errno, std::generic_category());
}

}  // namespace

bool ShopFiles::has_secret() const { return std::ranges::find(remains, "secret") != remains.end(); }

Result<ShopFiles> look_for_shop(const std::filesystem::path& data_dir) {
    struct stat folder {};
    if (::stat(data_dir.c_str(), &folder) != 0) {
        if (errno == ENOENT) return ShopFiles{};
        return cannot_look(data_dir, errno);
    }
    if (!S_ISDIR(folder.st_mode)) return cannot_look(data_dir, ENOTDIR);
    try {
        ShopFiles files{.has_folder = true, .has_database = has_content(database_file(data_dir)), .remains = {}};
        for (const std::filesystem::path& file :
             {secret_file(data_dir), journal_file(data_dir), log_file(data_dir), data_dir / "mail"}) {
            if (has_content(file)) files.remains.push_back(file.filename().string());
        }
        return files;
    } catch (const std::system_error& problem) {
        return cannot_look(data_dir, problem.code().value());
    }
}

std::string describe_lost_database(const std::filesystem::path& data_dir, const ShopFiles& files) {
    std::string names;
    for (const std::string& name : files.remains) names += (names.empty() ? "" : ", ") + name;
    return database_file(data_dir).string() + " is gone or empty, and the rest of a shop is there (" + names +
           "); restore it from a backup, or remove these to begin a new shop.";
}

Result<DatabaseLook> look_at_database(const std::filesystem::path& data_dir) {
    try {
        Connection db(database_file(data_dir), Connection::Mode::read);
        if (is_foreign(db)) return unusable(data_dir, no_waybill_database);
        const int schema = read_schema_version(db);
        DatabaseLook look;
        look.is_empty = schema == 0;
        if (look.is_empty) return look;
        if (schema > schema_version()) return unusable(data_dir, describe_newer(schema));
        if (schema < schema_version()) {
            look.older = "The database in " + data_dir.string() + " was made by an older Waybill (schema " +
                         std::to_string(schema) + ", this one has " + std::to_string(schema_version()) +
                         "); start the server once to bring it up to date.";
        }
        look.has_sessions = db.query("SELECT 1 FROM sessions LIMIT 1").next();
        return look;
    } catch (const SqliteError& error) {
        return unusable(data_dir, why_unusable(error.code()));
    }
}

}  // namespace waybill::sqlite
