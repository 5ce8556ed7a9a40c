#include "adapters/sqlite/disk_room.hpp"

namespace waybill::sqlite {

namespace {

constexpr Milliseconds quiet_before_end{5'000};

}  // namespace

void DiskRoom::lacked() {
    last_lacked_ = clock_.steady_now();
    if (is_full_.exchange(true)) return;
    log_.write(LogLevel::error, "store-disk-full",
               {{"reason",
                 "The disk of the store is full: make room. Orders are refused until there is some, and none that "
                 "was acknowledged is lost."}});
}

void DiskRoom::end_outage() {
    if (clock_.steady_now() - last_lacked_.load() < quiet_before_end) return;
    if (is_full_.exchange(false)) log_.write(LogLevel::info, "store-disk-has-room", {});
}

}  // namespace waybill::sqlite
