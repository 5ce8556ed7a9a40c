// Whether the disk of the store has room for what is written, as the operator hears of it: one ERROR when it
// is full, one INFO when writes have worked again for a while. At the limit a small write may work between
// two that do not.
//
// Thread-safe.
#pragma once

#include <atomic>

#include "ports/clock.hpp"
#include "ports/log.hpp"

namespace waybill::sqlite {

class DiskRoom {
public:
    DiskRoom(Clock& clock, Log& log) : clock_(clock), log_(log) {}

    // A write was refused for want of room.
    void lacked();

    // A write is on the disk.
    void sufficed() {
        if (is_full_.load(std::memory_order_relaxed)) end_outage();
    }

    [[nodiscard]] bool is_full() const { return is_full_; }

private:
    void end_outage();

    Clock& clock_;
    Log& log_;
    std::atomic<bool> is_full_ = false;
    std::atomic<SteadyTime> last_lacked_{};
};

}  // namespace waybill::sqlite
