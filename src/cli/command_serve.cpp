#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <pthread.h>
#include <signal.h>
#include <system_error>
#include <thread>
#include <unistd.h>

#include "cli/commands.hpp"
#include "cli/wiring.hpp"
#include "ports/thread_name.hpp"

namespace waybill::cli {

namespace {

constexpr std::chrono::milliseconds stop_max{9'500};  // the promise is 10 s, after --shutdown-delay

sigset_t stop_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

// Every thread inherits the mask, so that only sigwait sees these signals.
void block_stop_signals() {
    const sigset_t set = stop_signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    signal(SIGPIPE, SIG_IGN);
}

int wait_for_stop_signal() {
    const sigset_t set = stop_signals();
    int received = 0;
    while (sigwait(&set, &received) != 0) {
    }
    return received;
}

// What is durable stays durable however the process ends, so ending at once is always safe.
void end_at_next_signal() {
    std::thread([] {
        name_thread("second-signal");
        wait_for_stop_signal();
        std::fputs("waybill: second signal, stopping at once.\n", stderr);
        ::_exit(exit_ok);
    }).detach();
}

// The last resort for a stop that takes too long.
std::jthread end_after(std::chrono::milliseconds limit) {
    return std::jthread([limit](std::stop_token stop) {
        name_thread("stop-watchdog");
        std::mutex mutex;
        std::condition_variable_any stopped;
        std::unique_lock lock(mutex);
        stopped.wait_for(lock, stop, limit, [] { return false; });
        if (stop.stop_requested()) return;
        std::fputs("waybill: still busy after 9.5 s, stopping; what is in flight is worked again later.\n", stderr);
        ::_exit(exit_ok);
    });
}

// Nothing here needs more than a port above 1023 and a folder of its own.
void warn_of_root(Log& log) {
    if (::geteuid() != 0) return;
    log.write(LogLevel::warn, "runs-as-root",
              {{"advice", "start it as a user of its own, who owns the data directory"}});
}

// What is half started has threads that wait for those that could not be.
void start(Application& application) {
    try {
        application.start();
    } catch (const std::system_error& problem) {
        if (problem.code() != std::errc::resource_unavailable_try_again) throw;
        complain(no_more_threads);
        ::_exit(exit_failed);
    }
}

[[noreturn]] void exit_after_failed_syncs(const std::string& sentence) {
    complain(sentence);
    ::_exit(exit_failed);
}

}  // namespace

int run_serve(const CommandContext& context) {
    block_stop_signals();
    const Config& config = context.loaded.config;
    auto assembled = Application::assemble(config, context.clock, context.log, exit_after_failed_syncs);
    if (!assembled) {
        complain(assembled.error().detail);
        return assembled.error().code == ErrorCode::validation_failed ? exit_usage : exit_failed;
    }
    const std::unique_ptr<Application> application = std::move(*assembled);
    start(*application);
    std::printf("listening on %s\n", application->url().c_str());
    std::fflush(stdout);
    context.log.write(LogLevel::info, "serving", {{"url", application->url()}, {"data_dir", config.data_dir.string()}});
    warn_of_root(context.log);

    wait_for_stop_signal();
    end_at_next_signal();
    context.log.write(LogLevel::info, "stopping", {});
    application->begin_draining();
    context.clock.sleep_for(config.shutdown_delay);
    const std::jthread watchdog = end_after(stop_max);
    application->stop();
    context.log.write(LogLevel::info, "stopped", {});
    return exit_ok;
}

}  // namespace waybill::cli
