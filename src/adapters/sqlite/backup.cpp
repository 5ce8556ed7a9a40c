#include "adapters/sqlite/backup_file.hpp"
#include "adapters/sqlite/backup_tables.hpp"
#include "adapters/sqlite/copy_shop.hpp"
#include "adapters/sqlite/data_dir.hpp"
#include "adapters/sqlite/partial_file.hpp"

namespace waybill::sqlite {

namespace {

Result<BackupReport> write_file(const BackupOptions& options, Clock& clock) {
    PartialFile partial(options.file);
    if (Result<void> taken = partial.take(); !taken) return std::unexpected(taken.error());
    Result<BackupReport> report = copy_shop(options.data_dir, options.journal_half_bytes, partial.path, clock);
    if (!report) return report;
    const Result<SealedFile> sealed = seal(partial.path);
    if (!sealed) return std::unexpected(sealed.error());
    const Result<SealedFile> read_again = check_seal(partial.path);
    if (!read_again) return std::unexpected(read_again.error());
    report->sha256 = sealed->sha256;
    report->bytes = std::filesystem::file_size(partial.path);
    if (Result<void> named = partial.rename_to(options.file, options.replace); !named) {
        return std::unexpected(named.error());
    }
    return report;
}

}  // namespace

Result<BackupReport> back_up(const BackupOptions& options, Clock& clock) {
    const Result<ShopFiles> files = look_for_shop(options.data_dir);
    if (!files) return std::unexpected(files.error());
    if (files->lost_database()) {
        return fail(ErrorCode::unavailable, describe_lost_database(options.data_dir, *files));
    }
    std::error_code ignored;
    if (!files->has_database) {
        return fail(ErrorCode::unavailable, "There is no shop in " + options.data_dir.string() + ".");
    }
    if (!options.replace && std::filesystem::exists(options.file, ignored)) {
        return fail(ErrorCode::unavailable, "There is a file " + options.file.string() +
                                                " already; give another name, or --force to replace it.");
    }
    try {
        return write_file(options, clock);
    } catch (const SqliteError& error) {
        if (!is_environment(error.code())) throw;
        return describe_backup_failure(error, options.file);
    } catch (const std::filesystem::filesystem_error& error) {
        return file_trouble(error.path1(), error.code().value());
    }
}

}  // namespace waybill::sqlite
