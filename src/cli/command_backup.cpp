#include <algorithm>
#include <cstdio>
#include <string>

#include "cli/commands.hpp"

namespace waybill::cli {

namespace {

std::string with_commas(std::int64_t number) {
    std::string text = std::to_string(number);
    for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) {
        text.insert(static_cast<std::size_t>(at), 1, ',');
    }
    return text;
}

void print_contents(const sqlite::BackupReport& report) {
    std::printf("  complete up to  %s\n", format_rfc3339(report.complete_until).c_str());
    std::printf("  orders          %s\n", with_commas(report.orders).c_str());
    std::printf("  users           %s\n", with_commas(report.users).c_str());
    std::printf("  products        %s, %s units in stock\n", with_commas(report.products).c_str(),
                with_commas(report.units_of_stock).c_str());
}

int refuse_on_mongo(const char* tool) {
    complain(std::string("The store is MongoDB; use ") + tool +
             " of the MongoDB database tools on the database that --mongo-database names.");
    return exit_failed;
}

}  // namespace

int run_backup(const CommandContext& context, const BackupRequest& request) {
    const Config& config = context.loaded.config;
    if (config.has_mongo()) return refuse_on_mongo("mongodump");
    const SteadyTime began = context.clock.steady_now();
    const auto report = sqlite::back_up({.data_dir = config.data_dir,
                                         .file = request.file,
                                         .replace = request.force,
                                         .journal_half_bytes = config.store.journal_half_bytes},
                                        context.clock);
    if (!report) {
        complain(report.error().detail);
        return exit_failed;
    }
    const std::chrono::duration<double> took = context.clock.steady_now() - began;
    std::printf("backed up %s to %s, and read it again\n", config.data_dir.c_str(), request.file.c_str());
    print_contents(*report);
    std::printf("  size            %s bytes in %.1f s, schema %d\n",
                with_commas(static_cast<std::int64_t>(report->bytes)).c_str(), took.count(), report->schema);
    std::printf("  sha-256         %s\n", report->sha256.c_str());
    if (config.jwt_secret.empty()) {
        std::puts("The file holds password hashes and the secret behind every token: keep it as safe as the shop.");
    } else {
        std::puts("The file holds password hashes, and not JWT_SECRET, which is configured: keep both safe.");
    }
    return exit_ok;
}

int run_restore(const CommandContext& context, const std::string& file) {
    const Config& config = context.loaded.config;
    if (config.has_mongo()) return refuse_on_mongo("mongorestore");
    sqlite::RestoreOptions options;
    options.data_dir = config.data_dir;
    options.file = file;
    options.journal_half_bytes = config.store.journal_half_bytes;
    const auto report = sqlite::restore(options, context.clock);
    if (!report) {
        complain(report.error().detail);
        return exit_failed;
    }
    std::printf("restored %s from %s\n", config.data_dir.c_str(), file.c_str());
    print_contents(report->backup);
    if (report->replaced.empty()) return exit_ok;
    std::printf("What was there is kept in %s\n", report->replaced.c_str());
    if (report->replaced_is_sound) {
        std::printf("To undo this, stop the server and run: waybill restore '%s' --data-dir '%s'\n",
                    report->replaced.c_str(), config.data_dir.c_str());
    } else {
        std::puts(
            "It is damaged or lacks its database, so it cannot be put back: it is kept for whoever wants to look.");
    }
    return exit_ok;
}

}  // namespace waybill::cli
