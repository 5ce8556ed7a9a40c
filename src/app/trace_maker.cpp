#include "app/trace_maker.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

namespace waybill {

namespace {

std::uint64_t random_number(Clock& clock) {
    std::array<std::uint8_t, 8> bytes{};
    clock.fill_random(bytes);
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data(), bytes.size());
    return std::max<std::uint64_t>(number, 1);
}

void write(std::uint64_t number, std::span<std::uint8_t, 8> bytes) { std::memcpy(bytes.data(), &number, bytes.size()); }

}  // namespace

TraceMaker::TraceMaker(Clock& clock) : prefix_(random_number(clock)), state_(random_number(clock)) {}

TraceContext TraceMaker::begin(const std::optional<TraceContext>& callers) {
    TraceContext trace;
    if (callers) {
        trace = *callers;
    } else {
        const std::span id(trace.id);
        write(prefix_, id.first<8>());
        write(next(), id.last<8>());
    }
    write(next(), trace.span_id);
    return trace;
}

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): every number
// comes once before any comes again. The zero that is left out would be no id.
std::uint64_t TraceMaker::next() {
    std::uint64_t number = 0;
    do {
        number = state_.fetch_add(0x9e3779b97f4a7c15, std::memory_order_relaxed);
        number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9;
        number = (number ^ number >> 27) * 0x94d049bb133111eb;
        number ^= number >> 31;
    } while (number == 0);
    return number;
}

}  // namespace waybill
