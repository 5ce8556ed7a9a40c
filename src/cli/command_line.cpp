#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "cli/commands.hpp"
#include "cli/version.hpp"
#include "libmongoc/start.hpp"

namespace waybill::cli {

namespace {

Variables read_environment() {
    Variables variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text{*entry};
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos) {
            variables.emplace(std::string{text.substr(0, equals)}, std::string{text.substr(equals + 1)});
        }
    }
    return variables;
}

constexpr const char* usual_env_file = ".env";

// One that was named must be there; the usual one need not.
Result<Variables> read_env_file(const std::string& name) {
    std::ifstream file(name);
    if (!file && name == usual_env_file) return Variables{};
    if (!file) {
        return fail(ErrorCode::validation_failed,
                    "--env-file " + name + " cannot be read (" + std::generic_category().message(errno) + ").");
    }
    return parse_env_file(std::string{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()}, name);
}

// Which settings a command takes as flags. serve, config and doctor take them all; healthcheck asks a server at its
// address, and reads nothing else.
enum class Flags { all, beside_a_server, address };

bool takes(Flags flags, std::string_view key) {
    switch (flags) {
        case Flags::all:
            return true;
        case Flags::beside_a_server:
            return key == "data-dir" || key == "log-level" || key == "log-format" || key == "password-length-min" ||
                   key == "password-deny-common";
        case Flags::address:
            return key == "listen";
    }
    std::unreachable();
}

std::string usage_line(const Setting& setting) {
    std::string text{setting.help};
    text += " [" + environment_name(setting.key);
    for (const std::string_view name : setting.other_names) text += ", " + std::string{name};
    return text + "]";
}

void add_settings(CLI::App& command, Variables& flags, Flags taken) {
    for (const Setting& setting : all_settings()) {
        if (!takes(taken, setting.key)) continue;
        const std::string name = "--" + std::string{setting.key};
        const std::string key{setting.key};
        CLI::Option* option = nullptr;
        if (setting.fallback == "false") {
            option = command.add_flag_callback(
                name, [&flags, key] { flags[key] = "true"; }, usage_line(setting));
        } else {
            option = command.add_option_function<std::string>(
                name, [&flags, key](const std::string& value) { flags[key] = value; }, usage_line(setting));
            option->type_name(std::string{setting.placeholder});
            if (!setting.fallback.empty()) option->default_str(std::string{setting.fallback});
        }
        option->group(std::string{title_of(setting.group)});
    }
}

// Loads the configuration around a command; the only boundary where an exception ends a command.
template <class Run>
int with_context(const Variables& flags, const std::string& env_file_name, Run run) {
    const auto env_file = read_env_file(env_file_name);
    const auto loaded = env_file ? load_config(flags, read_environment(), *env_file, env_file_name)
                                 : Result<LoadedConfig>{fail(env_file.error())};
    if (!loaded) {
        complain(loaded.error().detail);
        return exit_usage;
    }
    const auto clock = local::make_system_clock();
    const auto format = loaded->config.log_format.value_or(::isatty(STDERR_FILENO) != 0 ? local::LogFormat::text
                                                                                        : local::LogFormat::json);
    const auto log = local::make_stream_log(stderr, loaded->config.log_level, format, *clock);
    for (const std::string& remark : loaded->remarks) {
        log->write(LogLevel::warn, "unknown-setting", {{"advice", remark}});
    }
    return run(CommandContext{*loaded, *clock, *log});
}

struct CommandLine {
    CLI::App app{"Waybill: an order-processing backend for online shops.", "waybill"};
    Variables flags;
    std::string env_file = usual_env_file;
    NewUser user;
    BenchRequest bench;
    BackupRequest backup;
    ImportRequest import;
    std::string dead_letter_id;
    bool env_sample = false;
    bool only_alive = false;
    int status = exit_ok;

    CommandLine() {
        app.require_subcommand(0, 1);  // none is refused later, so that a mistyped one is named first
        app.set_version_flag("--version", std::string("waybill ") + version);
        app.add_option("--env-file", env_file, "reads settings from this file instead of .env")->type_name("FILE");
        app.footer(
            "Every setting is a flag, an environment variable and a line of .env, in that order.\n"
            "'waybill COMMAND --help' lists them; 'waybill config' shows which value counts and why.");
        app.failure_message(CLI::FailureMessage::simple);
        add("serve", "Serve the API and work the orders, until SIGTERM", Flags::all,
            [](const CommandContext& context) { return run_serve(context); });
        add("seed", "Put the demo products and their stock into an empty catalogue", Flags::beside_a_server,
            [](const CommandContext& context) { return run_seed(context); });
        CLI::App* config = add("config", "Print every effective setting and where it comes from", Flags::all,
                               [this](const CommandContext& context) { return run_config(context, env_sample); });
        config->add_flag("--env-sample", env_sample, "print every setting as a .env file instead");
        add("doctor", "Check everything the server needs, and say what to do", Flags::all,
            [](const CommandContext& context) { return run_doctor(context); });
        CLI::App* healthcheck =
            add("healthcheck", "Ask the running server whether it is ready; exit status 0 or 1", Flags::address,
                [this](const CommandContext& context) { return run_healthcheck(context, only_alive); });
        healthcheck->add_flag("--live", only_alive, "whether it answers at all, also while its store is away");
        add_bench_command();
        add_user_commands();
        add_backup_commands();
        add_import_command();
        add_dead_letter_commands();
    }

    template <class Run>
    CLI::App* add(const std::string& name, const std::string& help, Flags taken, Run run, CLI::App* parent = nullptr) {
        CLI::App* command = (parent != nullptr ? parent : &app)->add_subcommand(name, help);
        add_settings(*command, flags, taken);
        command->callback([this, run] { status = with_context(flags, env_file, run); });
        command->fallthrough();
        return command;
    }

    void add_bench_command() {
        CLI::App* command =
            add("bench", "Measure orders per second on the disk of the data directory", Flags::beside_a_server,
                [this](const CommandContext& context) { return run_bench(context, bench); });
        command->add_option("--seconds", bench.seconds, "of each of the three measurements")
            ->check(CLI::Range(1, 3'600))
            ->capture_default_str()
            ->type_name("N");
        command->add_option("--connections", bench.connections, "clients that order at the same time")
            ->check(CLI::Range(1, 4'096))
            ->capture_default_str()
            ->type_name("N");
        command->footer(
            "Starts a server of its own in a new folder beside the data directory, lets clients on this machine order\n"
            "there over HTTP, and removes the folder, also after Ctrl-C. Your data is not touched, and a server may "
            "run\n"
            "meanwhile (it makes the figures worse). Takes some hundred megabytes of the disk for as long.");
    }

    void add_user_commands() {
        CLI::App* users = app.add_subcommand("user", "Manage accounts");
        users->require_subcommand(1)->fallthrough();
        CLI::App* create = add(
            "create", "Create an account; its password is read from standard input", Flags::beside_a_server,
            [this](const CommandContext& context) { return run_user_create(context, user); }, users);
        create->add_option("--email", user.email, "address to log in with")->required()->type_name("ADDRESS");
        create->add_option("--name", user.name, "name to show")->type_name("NAME");
        create->add_flag("--admin", user.admin, "may manage products, stock and dead letters");
    }

    void add_import_command() {
        CLI::App* command =
            add("import", "Take over users, products, stock and orders of an older system", Flags::beside_a_server,
                [this](const CommandContext& context) { return run_import(context, import); });
        command->add_option("--from", import.from, "its database, named in the path: mongodb://host:port/database")
            ->required()
            ->envname(import_from_name)
            ->type_name("URI");
        command->add_flag("--dry-run", import.dry_run, "only report what would happen");
        command->add_option("--system", import.system, "whose collections to read, if there are those of both")
            ->check(CLI::IsMember({"a", "b"}))
            ->type_name("a|b");
        command
            ->add_option("--location", import.location, "where stock lies that has no place; else --default-location")
            ->type_name("NAME");
        command->add_option("--currency", import.currency, "of the old prices; else that of the shop")
            ->type_name("CODE");
        command
            ->add_option("--pending", import.pending,
                         "orders that are still Pending: nothing is imported while "
                         "there are any, or they are worked here, or failed")
            ->check(CLI::IsMember({"refuse", "process", "fail"}))
            ->capture_default_str()
            ->type_name("refuse|process|fail");
        command->footer(
            "Reads only. May be repeated: what is here already stays as it is. The report accounts for every "
            "document;\nthe exit status is 0 only when each of them is here. docs/MOVING_IN.md tells the whole way.");
    }

    void add_backup_commands() {
        CLI::App* take =
            add("backup", "Write the whole shop to one file, beside a running server or without one",
                Flags::beside_a_server, [this](const CommandContext& context) { return run_backup(context, backup); });
        take->add_option("file", backup.file, "to write; it holds accounts and secrets, so keep it like them")
            ->required()
            ->type_name("FILE");
        take->add_flag("--force", backup.force, "replace a file of that name");
        take->footer(
            "Complete up to the moment that it names: every order acknowledged before is in it. Mails in the mail\n"
            "folder are not. Orders go on meanwhile.");
        CLI::App* put =
            add("restore", "Put a backup in the place of what the data directory holds", Flags::beside_a_server,
                [this](const CommandContext& context) { return run_restore(context, backup.file); });
        put->add_option("file", backup.file, "as 'waybill backup' wrote it, or the folder of a stopped shop")
            ->required()
            ->type_name("FILE");
        put->footer("The server must be stopped. What was there is kept in a folder of the data directory.");
    }

    void add_dead_letter_commands() {
        CLI::App* letters = app.add_subcommand("dead-letters", "Look after work that could not be finished");
        letters->require_subcommand(1)->fallthrough();
        add(
            "ls", "List them, newest first", Flags::beside_a_server,
            [](const CommandContext& context) { return run_dead_letters_list(context); }, letters);
        const auto with_id = [this](const std::string& name, const std::string& help, auto run, CLI::App* parent) {
            CLI::App* command = add(
                name, help, Flags::beside_a_server,
                [this, run](const CommandContext& context) { return run(context, dead_letter_id); }, parent);
            command->add_option("id", dead_letter_id, "as 'waybill dead-letters ls' prints it")->required();
        };
        with_id("requeue", "Try a mail again, with fresh attempts", run_dead_letters_requeue, letters);
        with_id("discard", "Forget one; its order stays as it is", run_dead_letters_discard, letters);
    }
};

}  // namespace

void complain(const std::string& sentence) { std::fprintf(stderr, "waybill: %s\n", sentence.c_str()); }

int run_command_line(int argc, char** argv) {
    libmongoc::forget_shared_memory();
    try {
        CommandLine line;
        try {
            line.app.parse(argc, argv);
            if (line.app.get_subcommands().empty()) throw CLI::RequiredError("A command");
        } catch (const CLI::Success& shown) {
            return line.app.exit(shown);
        } catch (const CLI::ParseError& wrong) {
            complain(std::string{wrong.what()});
            complain("'waybill --help' and 'waybill COMMAND --help' list what can be said.");
            return exit_usage;
        }
        return line.status;
    } catch (const std::exception& problem) {
        const auto* const system = dynamic_cast<const std::system_error*>(&problem);
        if (system != nullptr && system->code() == std::errc::resource_unavailable_try_again) {
            complain(no_more_threads);
            return exit_failed;
        }
        complain(std::string{"stopped by an unexpected error: "} + problem.what() + ". Please report it.");
        return exit_failed;
    }
}

}  // namespace waybill::cli
