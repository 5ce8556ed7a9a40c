// The one source of chance in a simulation: a seed gives the same throws on every machine (SplitMix64).
#pragma once

#include <cstddef>
#include <cstdint>

namespace waybill::simulation {

class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t mixed = (state_ += 0x9e3779b97f4a7c15U);
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
        return mixed ^ (mixed >> 31);
    }

    // 0 to `count` - 1.
    std::size_t below(std::size_t count) { return count == 0 ? 0 : next() % count; }
    std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(below(static_cast<std::size_t>(high - low + 1)));
    }
    // Uniform in [0, 1).
    double fraction() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
    bool chance(double probability) { return probability > 0 && fraction() < probability; }

    template <class List>
    auto& pick(List& list) {
        return list[below(list.size())];
    }

private:
    std::uint64_t state_;
};

}  // namespace waybill::simulation
