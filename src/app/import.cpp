#include "app/import.hpp"

#include <numeric>

#include "app/import_pass.hpp"

namespace waybill {

std::int64_t ImportReport::skipped() const {
    return std::accumulate(
        collections.begin(), collections.end(), std::int64_t{0},
        [](std::int64_t sum, const CollectionReport& collection) { return sum + collection.skipped; });
}

Result<ImportReport> import_legacy(const ImportOptions& options, LegacySource& source, Store& store, Clock& clock) {
    const Result<std::vector<std::string>> names = source.list_collections();
    if (!names) return std::unexpected(names.error());
    const Result<LegacySystem> system = options.system ? Result<LegacySystem>{*options.system} : detect_system(*names);
    if (!system) return std::unexpected(system.error());
    if (*system == LegacySystem::a && options.location.empty()) {
        return fail(ErrorCode::validation_failed,
                    "The old system knows no places: say with --location where its stock lies.");
    }
    // Only a whole look tells whether there are pending orders.
    if (options.dry_run || options.pending == PendingOrders::refuse) {
        Result<ImportReport> look = ImportPass(options, *system, source, store, clock, ImportMode::look).run();
        if (!look) return look;
        look->was_refused = options.pending == PendingOrders::refuse && look->pending > 0;
        if (options.dry_run || look->was_refused) return look;
    }
    Result<ImportReport> written = ImportPass(options, *system, source, store, clock, ImportMode::write).run();
    if (written) written->was_written = true;
    return written;
}

}  // namespace waybill
