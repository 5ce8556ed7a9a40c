#include "app/work_source.hpp"

#include <utility>

namespace waybill {

bool is_passing(ErrorCode code) {
    return code == ErrorCode::unavailable || code == ErrorCode::outcome_unknown || code == ErrorCode::overloaded;
}

Result<WorkSource::Claimed> StoreWork::claim(std::size_t max, Milliseconds lease) {
    Result<std::vector<ClaimedWork>> claimed = store_.claim_work(kind_, max, lease);
    if (!claimed) return fail(std::move(claimed.error()));
    const bool full = claimed->size() >= max;
    return Claimed{std::move(*claimed), full};
}

std::vector<Result<void>> StoreWork::extend(std::span<const LeaseKey> leases, Milliseconds lease) {
    return store_.extend(leases, lease);
}

void StoreWork::release(const LeaseKey& /*lease*/, bool /*written*/) {}

}  // namespace waybill
