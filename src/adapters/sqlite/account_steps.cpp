#include "adapters/sqlite/account_steps.hpp"

#include "adapters/sqlite/rows.hpp"

namespace waybill::sqlite {

std::vector<SessionId> revoke_all(Transaction& transaction, const UserId& user_id,
                                  const std::optional<SessionId>& keep) {
    return read_all(transaction.db.query("UPDATE sessions SET revoked_at = ?2 WHERE user_id = ?1 AND revoked_at IS NULL"
                                         " AND session_id IS NOT ?3 RETURNING session_id",
                                         user_id, transaction.now, keep),
                    [](const Rows& row) { return SessionId(row.text(0)); });
}

void use_up_resets(Transaction& transaction, const UserId& user_id) {
    transaction.db.run(
        "UPDATE password_resets SET used_at = ?2, mail_ready_at = NULL WHERE user_id = ?1 AND used_at IS NULL", user_id,
        transaction.now);
}

}  // namespace waybill::sqlite
