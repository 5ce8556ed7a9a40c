#include "tests/torture/options.hpp"

#include <charconv>
#include <sstream>

namespace waybill::torture {

namespace {

template <class T>
bool read_number(const std::string& text, T& target) {
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), target);
    return failed == std::errc{} && end == text.data() + text.size();
}

bool read_set(const std::string& word, Options& options) {
    options.set = word == "production" ? Options::Set::production : Options::Set::embedded;
    return word == "production" || word == "embedded";
}

bool read_minutes(const std::string& word, Options& options) {
    if (!read_number(word, options.seconds)) return false;
    options.seconds *= 60;
    return true;
}

bool read_faults(const std::string& words, Options& options) {
    std::istringstream stream(words);
    for (std::string word; std::getline(stream, word, ',');) options.faults.push_back(word);
    return !options.faults.empty();
}

bool read_flag(const std::string& flag, const std::string& value, Options& options) {
    if (flag == "--set") return read_set(value, options);
    if (flag == "--minutes") return read_minutes(value, options);
    if (flag == "--seconds") return read_number(value, options.seconds);
    if (flag == "--seed") return read_number(value, options.seed);
    if (flag == "--kills") return read_number(value, options.kills);
    if (flag == "--round") return read_number(value, options.first_round);
    if (flag == "--round-seconds") return read_number(value, options.round_seconds);
    if (flag == "--sync-ms") return read_number(value, options.sync_ms) && options.sync_ms > 0;
    if (flag == "--orders") return read_number(value, options.orders);
    if (flag == "--faults") return read_faults(value, options);
    if (flag == "--binary") return !(options.binary = value).empty();
    if (flag == "--shim") return !(options.shim = value).empty();
    return false;
}

}  // namespace

std::optional<Options> parse_options(const std::vector<std::string>& words) {
    Options options;
    std::size_t next = 0;
    if (!words.empty() && words[0] == "overload") options.mode = Options::Mode::overload;
    if (!words.empty() && words[0] == "restart") options.mode = Options::Mode::restart;
    if (options.mode != Options::Mode::torture) ++next;
    for (; next < words.size(); next += 2) {
        if (next + 1 == words.size() || !read_flag(words[next], words[next + 1], options)) return std::nullopt;
    }
    if (options.seconds < 1 || options.round_seconds < 1 || options.first_round < 0) return std::nullopt;
    return options;
}

}  // namespace waybill::torture
