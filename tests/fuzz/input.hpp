// Takes the bytes of a fuzzer apart, front to back, and stops the run where a property does not hold.
// Seeds stay readable: choices are letters, words end with their line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace waybill::fuzz {

// Ends the process, so that libFuzzer and a replay both see it.
inline void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "the property does not hold: %s\n", what);
    std::abort();
}

class Input {
public:
    explicit Input(std::string_view bytes) : rest_(bytes) {}

    // 'a' is 0; 0 also when nothing is left.
    [[nodiscard]] std::size_t choice(std::size_t count) {
        if (rest_.empty()) return 0;
        const auto letter = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return static_cast<std::uint8_t>(letter - 'a') % count;
    }

    [[nodiscard]] std::string_view line() {
        const std::string_view taken = rest_.substr(0, rest_.find('\n'));
        rest_.remove_prefix(taken.size() < rest_.size() ? taken.size() + 1 : taken.size());
        return taken;
    }

    [[nodiscard]] std::string word() { return std::string(line()); }

    // Eight bytes, the lowest first; fewer at the end.
    [[nodiscard]] std::int64_t number() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 8) {
            value |= std::uint64_t{static_cast<std::uint8_t>(rest_.front())} << shift;
            rest_.remove_prefix(1);
        }
        return static_cast<std::int64_t>(value);
    }

    [[nodiscard]] std::string_view rest() const { return rest_; }
    [[nodiscard]] bool is_empty() const { return rest_.empty(); }

private:
    std::string_view rest_;
};

}  // namespace waybill::fuzz
