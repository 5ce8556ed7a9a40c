#include "cli/commands.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <termios.h>
#include <unistd.h>

#include "app/operations.hpp"
#include "cli/wiring.hpp"

namespace waybill::cli {

namespace {

constexpr std::size_t letters_per_page = 100;

// Runs `use` on the store; a failure is one sentence.
template <class Use>
int with_store(const CommandContext& context, ShopUse shop_use, Use use) {
    auto store = open_store_for_command(context.loaded.config, shop_use, context.clock, context.log);
    if (!store) {
        complain(store.error().detail);
        return exit_failed;
    }
    const Result<void> used = use(**store);
    if (!used) complain(used.error().detail);
    return used ? exit_ok : exit_failed;
}

termios terminal_before{};  // for the handler, which can be handed nothing

// The default action of the signal, which ends the process, follows when this has returned.
extern "C" void restore_terminal(int signal_number) {
    ::tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
    ::raise(signal_number);
}

// The terminal shows again what is typed when this goes, or when the person ends the process instead.
class NoEcho {
public:
    NoEcho() : is_quiet_(::tcgetattr(STDIN_FILENO, &terminal_before) == 0) {
        if (!is_quiet_) return;
        struct sigaction ending {};
        ending.sa_handler = restore_terminal;
        ending.sa_flags = static_cast<int>(SA_RESETHAND);
        for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &ending, &actions_before_[i]);
        termios quiet = terminal_before;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    ~NoEcho() {
        if (!is_quiet_) return;
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal_before);
        for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &actions_before_[i], nullptr);
    }
    NoEcho(const NoEcho&) = delete;
    NoEcho& operator=(const NoEcho&) = delete;

private:
    static constexpr std::array signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    const bool is_quiet_;
    std::array<struct sigaction, signals.size()> actions_before_{};
};

std::string read_password() {
    std::string password;
    if (::isatty(STDIN_FILENO) == 0) {
        std::getline(std::cin, password);
        return password;
    }
    const NoEcho no_echo;
    std::fputs("Password: ", stderr);
    std::getline(std::cin, password);
    std::fputs("\n", stderr);
    return password;
}

// Every problem of the fields, in words; they say all that the detail does.
std::string describe(const Error& error) {
    if (error.fields.empty()) return error.detail;
    std::string text;
    for (const FieldProblem& field : error.fields) {
        text += (text.empty() ? "" : " ") + field.pointer.substr(std::min<std::size_t>(1, field.pointer.size())) +
                ": " + field.message;
    }
    return text;
}

Result<void> create_user(const CommandContext& context, Store& store, const NewUser& user,
                         const Registration& registration) {
    const Config& config = context.loaded.config;
    const auto secret = obtain_secret(config, context.clock, context.log);
    if (!secret) return fail(secret.error());
    AccessTokens::Options options = config.access;
    options.secret = *secret;
    AccessTokens access(options, context.clock);
    RefreshTokens refresh(*secret);
    ResetTokens reset(*secret);
    SessionGuard sessions({}, store, context.clock);
    Auth auth(config.auth, store, context.clock, context.log, access, refresh, reset, sessions);
    const auto created = auth.create_user(registration, user.admin ? Role::admin : Role::customer);
    if (!created) return fail(created.error().code, describe(created.error()));
    std::printf("created %s %s (%s)\n", std::string{to_text(created->role)}.c_str(), created->email.c_str(),
                created->id.text.c_str());
    return {};
}

Result<void> print_dead_letters(Store& store) {
    std::optional<PageKey> after;
    std::size_t shown = 0;
    for (;;) {
        const auto letters = store.list_dead_letters(after, letters_per_page);
        if (!letters) return fail(letters.error());
        for (const DeadLetter& letter : *letters) {
            std::printf("%s  %s  %s  order %s  %d attempts  %s\n", letter.id.text.c_str(),
                        format_rfc3339(letter.created_at).c_str(), std::string{to_text(letter.kind)}.c_str(),
                        letter.order_id.text.c_str(), letter.attempts, letter.reason.c_str());
        }
        shown += letters->size();
        if (letters->size() < letters_per_page) break;
        after = PageKey{letters->back().created_at, letters->back().id.text};
    }
    if (shown == 0) std::puts("no dead letters");
    return {};
}

}  // namespace

int run_seed(const CommandContext& context) {
    return with_store(context, ShopUse::begin, [&](Store& store) -> Result<void> {
        const auto seeded = store.seed(demo_catalogue(context.clock.now()));
        if (!seeded) return fail(seeded.error());
        std::puts(*seeded ? "put in three demo products with 1,000,000 pieces each in bangalore"
                          : "left alone: the catalogue is not empty");
        return {};
    });
}

int run_user_create(const CommandContext& context, const NewUser& user) {
    const Registration registration{.email = user.email, .password = read_password(), .name = user.name, .agent = {}};
    if (const auto checked = check_registration(registration, context.loaded.config.auth); !checked) {
        complain(describe(checked.error()));
        return exit_failed;
    }
    return with_store(context, ShopUse::begin,
                      [&](Store& store) { return create_user(context, store, user, registration); });
}

int run_config(const CommandContext& context, bool env_sample) {
    std::fputs((env_sample ? render_env_sample() : render_values(context.loaded)).c_str(), stdout);
    return exit_ok;
}

int run_dead_letters_list(const CommandContext& context) {
    return with_store(context, ShopUse::look, [](Store& store) { return print_dead_letters(store); });
}

int run_dead_letters_requeue(const CommandContext& context, const std::string& id) {
    return with_store(context, ShopUse::change, [&](Store& store) -> Result<void> {
        const auto requeued = store.requeue_dead_letter(WorkId{id});
        if (!requeued) return fail(requeued.error());
        std::printf("requeued %s\n", requeued->id.text.c_str());
        return {};
    });
}

int run_dead_letters_discard(const CommandContext& context, const std::string& id) {
    return with_store(context, ShopUse::change, [&](Store& store) -> Result<void> {
        const auto discarded = store.discard_dead_letter(WorkId{id});
        if (!discarded) return fail(discarded.error());
        std::printf("discarded %s\n", discarded->id.text.c_str());
        return {};
    });
}

}  // namespace waybill::cli
