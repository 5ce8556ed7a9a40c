#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <thread>

#include "adapters/local/local.hpp"

namespace waybill::local {

namespace {

// Ids need a few bytes at a time; one system call fetches enough for many of them.
constexpr std::size_t random_buffer_bytes = 256;

void fill_from_kernel(std::span<std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            throw std::system_error(errno, std::generic_category(), "getrandom");
        }
        bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
}

struct RandomBuffer {
    std::array<std::uint8_t, random_buffer_bytes> bytes{};
    std::size_t used = random_buffer_bytes;

    void take(std::span<std::uint8_t> out) {
        if (bytes.size() - used < out.size()) {
            fill_from_kernel(bytes);
            used = 0;
        }
        const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(used);
        const auto end = begin + static_cast<std::ptrdiff_t>(out.size());
        std::copy(begin, end, out.begin());
        std::fill(begin, end, std::uint8_t{0});  // what was handed out is not kept
        used += out.size();
    }
};

class SystemClock final : public Clock {
public:
    TimePoint now() const override { return std::chrono::floor<Milliseconds>(std::chrono::system_clock::now()); }

    SteadyTime steady_now() const override { return std::chrono::steady_clock::now(); }

    void sleep_for(Milliseconds duration) override { std::this_thread::sleep_for(duration); }

    void fill_random(std::span<std::uint8_t> bytes) override {
        thread_local RandomBuffer buffer;
        if (bytes.size() > random_buffer_bytes / 4) return fill_from_kernel(bytes);
        buffer.take(bytes);
    }

    double random_fraction() override {
        std::array<std::uint8_t, 8> bytes{};
        fill_random(bytes);
        std::uint64_t bits = 0;
        std::memcpy(&bits, bytes.data(), bytes.size());
        return static_cast<double>(bits >> 11) * 0x1.0p-53;
    }
};

}  // namespace

std::unique_ptr<Clock> make_system_clock() { return std::make_unique<SystemClock>(); }

}  // namespace waybill::local
