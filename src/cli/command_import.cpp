#include <algorithm>
#include <cstdio>
#include <string>
#include <unistd.h>

#include "adapters/legacy/legacy.hpp"
#include "app/import.hpp"
#include "cli/commands.hpp"
#include "cli/wiring.hpp"

namespace waybill::cli {

namespace {

constexpr int bar_width = 30;

// One line on a terminal, drawn again and again; nothing elsewhere.
class ProgressBar {
public:
    void draw(const ImportProgress& progress) {
        if (!is_terminal_) return;
        const std::int64_t all = std::max<std::int64_t>({progress.about, progress.documents, 1});
        const auto filled = static_cast<std::size_t>(bar_width * progress.documents / all);
        const std::string bar = std::string(filled, '#') + std::string(bar_width - filled, '.');
        std::fprintf(stderr, "\r%-8s %-12s [%s] %lld of %lld\x1b[K", progress.is_look ? "looking" : "writing",
                     progress.collection.c_str(), bar.c_str(), static_cast<long long>(progress.documents),
                     static_cast<long long>(all));
        is_drawn_ = true;
    }
    void clear() {
        if (is_drawn_) std::fputs("\r\x1b[K", stderr);
    }

private:
    const bool is_terminal_ = ::isatty(STDERR_FILENO) != 0;
    bool is_drawn_ = false;
};

void print_list(const char* what, const std::string& kind, const RemarkList& list) {
    std::printf("\n%s: %s (%lld)\n", what, kind.c_str(), static_cast<long long>(list.count));
    for (const std::string& detail : list.details) std::printf("  %s\n", detail.c_str());
    const auto listed = static_cast<std::int64_t>(list.details.size());
    if (list.count > listed) std::printf("  and %lld more\n", static_cast<long long>(list.count - listed));
}

void print_report(const ImportReport& report) {
    std::printf("old system %s%s\n\n", report.system == LegacySystem::a ? "A" : "B",
                report.was_written ? "" : ", only looked at: nothing was written");
    std::printf("%-14s %10s %10s %10s %10s\n", "", "read", report.was_written ? "imported" : "to import", "unchanged",
                "skipped");
    for (const CollectionReport& collection : report.collections) {
        std::printf("%-14s %10lld %10lld %10lld %10lld\n", collection.name.c_str(),
                    static_cast<long long>(collection.read), static_cast<long long>(collection.imported),
                    static_cast<long long>(collection.unchanged), static_cast<long long>(collection.skipped));
    }
    for (const CollectionReport& collection : report.collections) {
        for (const auto& [kind, list] : collection.skips)
            print_list((collection.name + ", skipped").c_str(), kind, list);
        for (const auto& [kind, list] : collection.remarks) print_list(collection.name.c_str(), kind, list);
    }
}

Result<ImportOptions> make_options(const Config& config, const ImportRequest& request) {
    ImportOptions options;
    if (!request.system.empty()) options.system = request.system == "a" ? LegacySystem::a : LegacySystem::b;
    options.currency = config.edge.currency;
    if (!request.currency.empty()) {
        const auto currency = find_currency(request.currency);
        if (!currency)
            return fail(ErrorCode::validation_failed, "--currency needs an ISO 4217 code such as INR or EUR.");
        options.currency = *currency;
    }
    options.location = request.location.empty() ? config.ordering.default_location.value_or("") : request.location;
    if (!options.location.empty() && !is_valid_location(options.location)) {
        return fail(ErrorCode::validation_failed, "--location needs 1 to 64 characters A-Z a-z 0-9 _ -");
    }
    if (request.pending == "process") options.pending = PendingOrders::process;
    if (request.pending == "fail") options.pending = PendingOrders::fail;
    options.dry_run = request.dry_run;
    options.password_cost = config.auth.password_cost;
    return options;
}

Result<ImportReport> import_into_store(const CommandContext& context, const ImportRequest& request) {
    const Config& config = context.loaded.config;
    Result<ImportOptions> options = make_options(config, request);
    if (!options) return std::unexpected(options.error());
    if (config.has_mongo() && legacy::is_same_database(request.from, config.mongo.uri, config.mongo.database)) {
        return fail(ErrorCode::validation_failed,
                    "The old database and --mongo-database are the same one; give Waybill a database of its own.");
    }
    const auto source = legacy::open_legacy_source({.uri = request.from});
    if (!source) return std::unexpected(source.error());
    const auto store = open_store_for_command(config, ShopUse::begin, context.clock, context.log);
    if (!store) return std::unexpected(store.error());
    ProgressBar bar;
    options->on_progress = [&bar](const ImportProgress& progress) { bar.draw(progress); };
    Result<ImportReport> report = import_legacy(*options, **source, **store, context.clock);
    bar.clear();
    return report;
}

}  // namespace

int run_import(const CommandContext& context, const ImportRequest& request) {
    const Result<ImportReport> report = import_into_store(context, request);
    if (!report) {
        complain(report.error().detail);
        if (report.error().code == ErrorCode::validation_failed) return exit_usage;
        complain("What was put in until then stays; run the import again to go on.");
        return exit_failed;
    }
    print_report(*report);
    std::fflush(stdout);
    if (report->was_refused) {
        complain(std::to_string(report->pending) +
                 " orders are still Pending, so nothing was imported: let the old system finish them, or say "
                 "--pending=process or --pending=fail.");
        return exit_failed;
    }
    if (report->skipped() > 0) {
        complain(std::to_string(report->skipped()) +
                 " documents were skipped, for the reasons above; mend them in the old database and run it again.");
        return exit_failed;
    }
    return exit_ok;
}

}  // namespace waybill::cli
