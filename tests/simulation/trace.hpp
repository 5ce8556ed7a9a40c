// What happened in a simulation: always as a hash, so that two runs can be compared, and as lines of text
// where somebody wants to read it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "domain/ids.hpp"

namespace waybill::simulation {

// The order that a work item belongs to: its id stands between the kind and the state.
[[nodiscard]] inline OrderId order_of(const WorkId& id) {
    constexpr std::size_t kind_length = 2;
    constexpr std::size_t order_id_length = 36;
    return OrderId(id.text.size() < kind_length ? id.text : id.text.substr(kind_length, order_id_length));
}

class Trace {
public:
    // What only the whole history shows: rounds that may have found nothing to do.
    inline static const OrderId routine{"-"};

    struct Line {
        std::int64_t at_ms = 0;
        std::string about;  // an order's id, or empty
        std::string text;
    };

    explicit Trace(bool keeps_lines) : keeps_lines_(keeps_lines) {}

    void set_time(std::int64_t at_ms) { at_ms_ = at_ms; }

    // `about` is the order that the event touches; empty where it touches none or many.
    template <class... Parts>
    void note(const OrderId& about, const Parts&... parts) {
        ++events_;
        mix(about.text);
        (mix(parts), ...);
        if (!keeps_lines_) return;
        Line line{at_ms_, about.text, {}};
        (append(line.text, parts), ...);
        lines_.push_back(std::move(line));
    }
    template <class... Parts>
    void note(std::string_view first, const Parts&... parts) {
        note(OrderId{}, first, parts...);
    }

    [[nodiscard]] std::uint64_t hash() const { return hash_; }
    [[nodiscard]] std::uint64_t events() const { return events_; }
    [[nodiscard]] const std::vector<Line>& lines() const { return lines_; }

private:
    void mix_byte(unsigned char byte) { hash_ = (hash_ ^ byte) * 0x100000001b3U; }
    void mix(std::string_view text) {
        for (const char c : text) mix_byte(static_cast<unsigned char>(c));
    }
    template <std::integral Number>
    void mix(Number number) {
        hash_ = (hash_ ^ static_cast<std::uint64_t>(number)) * 0x9e3779b97f4a7c15U;
        hash_ ^= hash_ >> 29;
    }
    static void append(std::string& text, std::string_view part) { text += part; }
    template <std::integral Number>
    static void append(std::string& text, Number number) {
        text += std::to_string(number);
    }

    bool keeps_lines_;
    std::int64_t at_ms_ = 0;
    std::uint64_t hash_ = 0xcbf29ce484222325U;
    std::uint64_t events_ = 0;
    std::vector<Line> lines_;
};

}  // namespace waybill::simulation
