// The commands of the binary. Each returns its exit status: 0, 1 (failed) or 2 (usage).
#pragma once

#include <string>

#include "cli/config.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"

namespace waybill::cli {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;

// What every command gets. The process owns one of each.
struct CommandContext {
    const LoadedConfig& loaded;
    Clock& clock;
    Log& log;
};

struct NewUser {
    std::string email;
    std::string name;
    bool admin = false;
};

struct BenchRequest {
    int seconds = 5;  // of each measurement
    std::size_t connections = 64;
};

struct BackupRequest {
    std::string file;
    bool force = false;
};

// Serves until SIGTERM or SIGINT; a second one exits at once.
[[nodiscard]] int run_serve(const CommandContext& context);
[[nodiscard]] int run_seed(const CommandContext& context);

// The password comes from standard input: a prompt without echo on a terminal, else its first line.
[[nodiscard]] int run_user_create(const CommandContext& context, const NewUser& user);
[[nodiscard]] int run_config(const CommandContext& context, bool env_sample);
[[nodiscard]] int run_doctor(const CommandContext& context);

// Asks the server of --listen whether it is ready (or only alive): its answer on standard output and 0, or
// one sentence and 1. For container engines and supervisors that run a command.
[[nodiscard]] int run_healthcheck(const CommandContext& context, bool only_alive);

// Measures a server of its own in a folder beside the data directory, which it removes; SIGINT and
// SIGTERM end it early with status 1.
[[nodiscard]] int run_bench(const CommandContext& context, const BenchRequest& request);
[[nodiscard]] int run_dead_letters_list(const CommandContext& context);
[[nodiscard]] int run_dead_letters_requeue(const CommandContext& context, const std::string& id);
[[nodiscard]] int run_dead_letters_discard(const CommandContext& context, const std::string& id);

// Of --from, which may hold a password.
inline constexpr const char* import_from_name = "WAYBILL_IMPORT_FROM";

struct ImportRequest {
    std::string from;
    std::string system;  // a, b; empty: by the names of the collections
    std::string location;
    std::string currency;
    std::string pending = "refuse";
    bool dry_run = false;
};

// Takes over the database of one of the two systems that Waybill replaces. 0 only when every document of it
// is here.
[[nodiscard]] int run_import(const CommandContext& context, const ImportRequest& request);

// Of the embedded store; with MongoDB they name the tools of MongoDB.
[[nodiscard]] int run_backup(const CommandContext& context, const BackupRequest& request);
[[nodiscard]] int run_restore(const CommandContext& context, const std::string& file);

// Parses the command line and runs a command; the whole of main.
[[nodiscard]] int run_command_line(int argc, char** argv);

inline constexpr const char* no_more_threads =
    "The system lets this user start no more threads; raise the limit of processes (ulimit -u, TasksMax of the "
    "service, the container's limit of pids).";

// "waybill: <sentence>" on standard error.
void complain(const std::string& sentence);

}  // namespace waybill::cli
