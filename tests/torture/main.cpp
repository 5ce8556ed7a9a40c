// Tortures the binary, and tells what held. Exit status 0: everything; 1: something was violated;
// 2: usage.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/system/server_process.hpp"
#include "tests/torture/options.hpp"
#include "tests/torture/overload.hpp"
#include "tests/torture/private_disk.hpp"
#include "tests/torture/round.hpp"
#include "tests/torture/world.hpp"

namespace {

using namespace waybill::torture;

constexpr std::size_t private_disk_bytes = 512u << 20;

void print_totals(const Options& options, const Totals& totals, const Verdict& verdict) {
    verdict.print_table();
    std::printf("seed %llu: %ld orders accepted, %ld outcomes unknown, %ld kills, %ld faults, lost %ld\n",
                static_cast<unsigned long long>(options.seed), totals.accepted, totals.unknown, totals.kills,
                totals.faults, verdict.lost());
    std::printf("slowest start %d ms, most memory of a process %ld MiB\n", totals.slowest_start_ms,
                totals.memory_max_kib / 1'024);
}

int torture(const Options& options, const std::filesystem::path& disk) {
    const bool embedded = options.set == Options::Set::embedded;
    std::printf("torture --set %s --seed %llu --seconds %d --round-seconds %d --round %d\n",
                embedded ? "embedded" : "production", static_cast<unsigned long long>(options.seed), options.seconds,
                options.round_seconds, options.first_round);
    if (embedded && disk.empty()) std::printf("no full disks: nothing may be mounted here\n");
    if (embedded && !clock_can_jump()) throw std::runtime_error("the clock of the binary cannot be moved");
    Verdict verdict;
    Totals totals;
    const int rounds = std::max(1, options.seconds / options.round_seconds);
    for (int i = 0; i < rounds; ++i) {
        const int number = options.first_round + i;
        RoundOptions round;
        round.set = options.set;
        round.seed = options.seed * 1'000'003u + static_cast<std::uint64_t>(number);
        round.number = number;
        round.seconds = std::min(options.seconds, options.round_seconds);
        round.kills_min = options.kills / rounds;
        round.faults = options.faults;
        // A file system in memory knows no sync, so every second round is on the disk.
        if (embedded && number % 2 == 1) round.tmpfs = disk;
        round.clock_jumps = embedded && number % 2 == 0;
        run_round(round, verdict, totals);
        std::printf("round %d is over: so far %s, %ld orders, %ld kills, lost %ld\n", number,
                    verdict.held() ? "everything held" : "something was VIOLATED", totals.orders, totals.kills,
                    verdict.lost());
        std::fflush(stdout);
    }
    print_totals(options, totals, verdict);
    // What a process said of itself at its end is told through GoogleTest.
    const bool quiet = !::testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed();
    return verdict.held() && quiet ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
    const auto options = parse_options({words + 1, words + count});
    if (!options) {
        std::fputs(usage, stderr);
        return 2;
    }
    const std::filesystem::path disk = mount_private_disk(private_disk_bytes);
    try {
        if (!options->binary.empty()) waybill::system_test::use_binary(std::filesystem::absolute(options->binary));
        switch (options->mode) {
            case Options::Mode::torture:
                return torture(*options, disk);
            case Options::Mode::overload:
                return overload(*options);
            case Options::Mode::restart:
                return restart(*options);
        }
    } catch (const std::exception& error) {
        std::printf("torture stopped: %s\n", error.what());
    }
    return 1;
}
