#include "adapters/sqlite/reader.hpp"

#include <cstddef>
#include <sqlite3.h>

namespace waybill::sqlite {

namespace {

constexpr int index_region_bytes = 1 << 15;  // SQLite maps the index in pieces of this size

// Where SQLite has mapped the index for this connection: as long as that is open, and reads. Null when
// it has not.
const std::uint32_t* find_log_index(sqlite3* db) {
    if (sqlite3_txn_state(db, "main") == SQLITE_TXN_NONE) return nullptr;
    sqlite3_file* file = nullptr;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK) return nullptr;
    void volatile* region = nullptr;
    const int do_not_extend = 0;
    if (file->pMethods->xShmMap(file, 0, index_region_bytes, do_not_extend, &region) != SQLITE_OK) return nullptr;
    return static_cast<const std::uint32_t*>(const_cast<const void*>(region));
}

}  // namespace

std::optional<Reader::LogState> Reader::log_state() {
    if (log_index_ == nullptr) log_index_ = find_log_index(connection_.handle());
    if (log_index_ == nullptr) return std::nullopt;
    LogState state{};
    for (std::size_t i = 0; i < state.size(); ++i) state[i] = __atomic_load_n(log_index_ + i, __ATOMIC_ACQUIRE);
    return state;
}

// The state is read before the view begins: a commit in between makes the view newer than it is
// taken for, and so it is renewed too early, never too late.
void Reader::renew_view() {
    const std::optional<LogState> newest = log_state();
    if (connection_.in_transaction()) {
        if (newest && newest == begun_at_) return;
        connection_.run("ROLLBACK");
    }
    connection_.run("BEGIN");
    begun_at_ = newest;
}

bool Reader::let_go() noexcept {
    connection_.rollback();
    return !connection_.in_transaction();
}

}  // namespace waybill::sqlite
