// What a run is told on its command line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace waybill::torture {

struct Options {
    enum class Mode { torture, overload, restart };
    enum class Set { embedded, production };

    Mode mode = Mode::torture;
    Set set = Set::embedded;
    std::uint64_t seed = 1;
    int seconds = 60;        // of load
    int round_seconds = 60;  // each round has a store, customers and a seed of its own
    int first_round = 0;
    int kills = 0;                      // at least so many in the whole run, when given
    std::vector<std::string> faults{};  // names or their beginnings; empty: all
    std::filesystem::path binary{};
    std::filesystem::path shim = WAYBILL_SLOW_SYNC;  // overload: what slows a sync
    int sync_ms = 20;                                // overload: what a sync takes
    int orders = 100'000;                            // restart: on disk
};

inline constexpr const char* usage =
    "usage: torture [--set embedded|production] [--minutes N | --seconds N] [--seed S] [--kills N]\n"
    "               [--faults NAME,...] [--round R] [--round-seconds N] [--binary PATH]\n"
    "       torture overload [--seconds N] [--sync-ms N] [--shim PATH] [--binary PATH]\n"
    "       torture restart [--orders N] [--binary PATH]\n";

// Empty when the words make no sense.
[[nodiscard]] std::optional<Options> parse_options(const std::vector<std::string>& words);

}  // namespace waybill::torture
