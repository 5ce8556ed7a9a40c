// A forgotten password on its way to a new one. The token that its owner gets follows from the id
// (app/tokens), so nothing keeps it.
#pragma once

#include <optional>
#include <string>

#include "domain/ids.hpp"
#include "domain/time.hpp"

namespace waybill {

using ResetId = Id<struct ResetTag>;

// A mail that lets somebody choose a new password.
struct ResetMail {
    ResetId id;
    std::string to;
    TimePoint created_at{};
    TimePoint expires_at{};
    TimePoint leased_until{};  // names the claim
    bool operator==(const ResetMail&) const = default;
};

struct ResetMailSettlement {
    ResetId id;
    TimePoint leased_until{};
    std::optional<Milliseconds> again_after{};  // empty: sent, or refused for good
};

}  // namespace waybill
