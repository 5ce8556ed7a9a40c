// What several transactions do when an account's password or sessions change.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapters/mongo/transactions.hpp"
#include "domain/ids.hpp"

namespace waybill::mongo {

// The sessions that the runs of one call have revoked. A run whose commit has no known end may have been the
// one that did it: the next finds them revoked.
class RevokedSessions {
public:
    // Every session of the user but `keep` that was not revoked before.
    void revoke_all(Transaction& transaction, const UserId& user_id, const std::optional<SessionId>& keep);

    // Makes room for `newcomer`, which may be there from before: the oldest live ones.
    void end_oldest(Transaction& transaction, const UserId& user_id, const SessionId& newcomer);

    [[nodiscard]] std::vector<SessionId> list() const { return {ids_.begin(), ids_.end()}; }

private:
    void revoke(Transaction& transaction, const std::vector<SessionId>& ids);

    std::set<SessionId> ids_;
};

// The open resets of the user: nobody may use them any more, and no mail tells of them.
void use_up_resets(Transaction& transaction, const UserId& user_id);

// Whether an earlier run has set this hash. Nobody else has one with its salt.
[[nodiscard]] bool was_set_before(Transaction& transaction, const UserId& user_id, const std::string& new_hash);

}  // namespace waybill::mongo
