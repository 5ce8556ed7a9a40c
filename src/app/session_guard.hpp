// Whether the session of an access token still lives.
//
// Sessions that the store has confirmed are remembered. A revocation in this process counts at once;
// those of other processes are read once a second, and when the last good read began more than
// `stale_after` ago, each check asks the store.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "domain/error.hpp"
#include "domain/ids.hpp"
#include "ports/clock.hpp"
#include "ports/store.hpp"

namespace waybill {

// Thread-safe.
class SessionGuard {
public:
    struct Options {
        std::size_t remembered_max = 100'000;
        Milliseconds overlap{10'000};
        Milliseconds stale_after{2'000};
    };
    SessionGuard(Options options, Store& store, Clock& clock);
    ~SessionGuard();

    // Empty when only the store can tell; never blocks.
    [[nodiscard]] std::optional<bool> is_live_now(const SessionId& id);

    // Asks the store when it must. Errors: token_invalid (revoked, expired or unknown), unavailable.
    [[nodiscard]] Result<void> check(const SessionId& id);

    // After the store has revoked them.
    void forget(std::span<const SessionId> ids);

    // Reads newly revoked sessions; to be called once a second.
    void read_revocations();

private:
    class State;
    std::unique_ptr<State> state_;
};

}  // namespace waybill
