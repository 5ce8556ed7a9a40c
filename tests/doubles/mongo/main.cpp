// The double as a process of its own, for suites that start several programs.
//
//     mongo_double [--port N] [--topology replica_set|sharded|standalone]
//
// Prints "listening on mongodb://..." when it listens; ends on SIGTERM or SIGINT. The command
// waybillFault, on any database, scripts its faults: {waybillFault: {command, action, code, labels,
// message, collection, nth, times, aborts, stepDownMs}}, or one of the words clear, freeze, release,
// stepUp, expire, counters, resetCounters.
#include <charconv>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <string_view>

#include "adapters/local/local.hpp"
#include "tests/doubles/mongo/mongo_double.hpp"

namespace {

using waybill::testing::MongoDouble;

bool parse_port(std::string_view text, std::uint16_t& port) {
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
    return failed == std::errc{} && end == text.data() + text.size();
}

bool parse_topology(std::string_view text, MongoDouble::Topology& topology) {
    if (text == "replica_set") {
        topology = MongoDouble::Topology::replica_set;
    } else if (text == "sharded") {
        topology = MongoDouble::Topology::sharded;
    } else if (text == "standalone") {
        topology = MongoDouble::Topology::standalone;
    } else {
        return false;
    }
    return true;
}

std::optional<MongoDouble::Options> parse_options(int count, char** words) {
    MongoDouble::Options options;
    for (int i = 1; i < count; i += 2) {
        const std::string_view name = words[i];
        const std::string_view value = i + 1 < count ? words[i + 1] : "";
        const bool known = name == "--port"       ? parse_port(value, options.port)
                           : name == "--topology" ? parse_topology(value, options.topology)
                                                  : false;
        if (!known) return std::nullopt;
    }
    return options;
}

}  // namespace

int main(int count, char** words) {
    const auto options = parse_options(count, words);
    if (!options) {
        std::fputs("usage: mongo_double [--port N] [--topology replica_set|sharded|standalone]\n", stderr);
        return 2;
    }
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    try {
        const auto clock = waybill::local::make_system_clock();
        const MongoDouble server(*clock, *options);
        std::printf("listening on %s\n", server.uri().c_str());
        std::fflush(stdout);
        int signal = 0;
        sigwait(&ends, &signal);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "mongo_double: %s\n", error.what());
        return 1;
    }
}
