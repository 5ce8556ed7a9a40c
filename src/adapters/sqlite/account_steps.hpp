// What several transactions do when an account's password or sessions change.
#pragma once

#include <optional>
#include <vector>

#include "adapters/sqlite/write_queue.hpp"
#include "domain/ids.hpp"

namespace waybill::sqlite {

// Every session of the user but `keep`; returns those that were not revoked before.
[[nodiscard]] std::vector<SessionId> revoke_all(Transaction& transaction, const UserId& user_id,
                                                const std::optional<SessionId>& keep);

// The open resets of the user: nobody may use them any more, and no mail tells of them.
void use_up_resets(Transaction& transaction, const UserId& user_id);

}  // namespace waybill::sqlite
