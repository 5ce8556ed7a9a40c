#include "cli/unknown_settings.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "cli/commands.hpp"
#include "cli/config.hpp"

namespace waybill::cli {

namespace {

constexpr std::string_view prefix = "WAYBILL_";
constexpr std::size_t slips_max = 3;

// WAYBILL_SERVICE_HOST, WAYBILL_SERVICE_PORT_HTTP, WAYBILL_PORT=tcp://10.0.0.1:80, WAYBILL_PORT_80_TCP_ADDR; of a
// Service whose name goes on, WAYBILL_METRICS_SERVICE_HOST and so on.
bool is_of_kubernetes(std::string_view name, std::string_view value) {
    if (name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT")) return true;
    static constexpr std::array<std::string_view, 3> protocols{"tcp", "udp", "sctp"};
    if (name.ends_with("_PORT")) {
        return std::ranges::any_of(protocols, [&](std::string_view protocol) {
            return value.starts_with(protocol) && value.substr(protocol.size()).starts_with("://");
        });
    }
    const std::size_t port = name.find("_PORT_");
    if (port == std::string_view::npos) return false;
    const std::string_view after = name.substr(port + 6);
    const std::size_t digits = std::min(after.find_first_not_of("0123456789"), after.size());
    const std::string_view protocol = after.substr(digits);
    return digits > 0 &&
           (protocol.starts_with("_TCP") || protocol.starts_with("_UDP") || protocol.starts_with("_SCTP"));
}

// Letters to put in, to take away or to change (Levenshtein's distance).
std::size_t slips_between(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0u);
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

std::string find_meant(std::string_view name) {
    std::string meant;
    std::size_t fewest = slips_max + 1;
    for (const Setting& setting : all_settings()) {
        const std::string known = environment_name(setting.key);
        if (const std::size_t slips = slips_between(name, known); slips < fewest) {
            fewest = slips;
            meant = known;
        }
        for (const std::string_view other : setting.other_names) {
            if (name.substr(prefix.size()) == other) return std::string{other};
        }
    }
    return meant;
}

}  // namespace

bool is_unknown_setting(std::string_view name, std::string_view value) {
    if (!name.starts_with(prefix) || name == import_from_name || is_of_kubernetes(name, value)) return false;
    return std::ranges::none_of(all_settings(),
                                [&](const Setting& setting) { return environment_name(setting.key) == name; });
}

std::string describe_unknown_setting(std::string_view name, std::string_view where) {
    const std::string meant = find_meant(name);
    return std::string{name} + " (in " + std::string{where} + ") is no setting" +
           (meant.empty() ? "; 'waybill config' lists them all." : "; " + meant + " is one: was it meant?");
}

}  // namespace waybill::cli
