// Where the items of a loop come from, and who hears what becomes of them.
#pragma once

#include <cstddef>
#include <span>
#include <tuple>
#include <vector>

#include "ports/store.hpp"

namespace waybill {

// Whether the same write may succeed later.
[[nodiscard]] bool is_passing(ErrorCode code);

// For maps by lease; the epoch tells one that was lost from a later one of the same item.
struct LeaseOrder {
    bool operator()(const LeaseKey& a, const LeaseKey& b) const {
        return std::tie(a.work_id, a.epoch) < std::tie(b.work_id, b.epoch);
    }
};

// Called by the thread of one loop. May block as long as the store does, and no longer.
class WorkSource {
public:
    struct Claimed {
        std::vector<ClaimedWork> work;
        bool more_wait = false;  // worth asking again at once
    };

    virtual ~WorkSource() = default;

    // What waits now, at most `max` items; never waits for some to come. Errors: the store's.
    [[nodiscard]] virtual Result<Claimed> claim(std::size_t max, Milliseconds lease) = 0;

    // One result for each lease, in order. Errors: lease_lost, and the store's.
    [[nodiscard]] virtual std::vector<Result<void>> extend(std::span<const LeaseKey> leases, Milliseconds lease) = 0;

    // The loop is through with the item. `written`: the store knows what became of it; else it was
    // somebody else's meanwhile, or its lease is left to end.
    virtual void release(const LeaseKey& lease, bool written) = 0;
};

// The store itself hands out what is due.
class StoreWork final : public WorkSource {
public:
    StoreWork(WorkKind kind, Store& store) : kind_(kind), store_(store) {}
    [[nodiscard]] Result<Claimed> claim(std::size_t max, Milliseconds lease) override;
    [[nodiscard]] std::vector<Result<void>> extend(std::span<const LeaseKey> leases, Milliseconds lease) override;
    void release(const LeaseKey& lease, bool written) override;

private:
    WorkKind kind_;
    Store& store_;
};

}  // namespace waybill
